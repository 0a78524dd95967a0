//! The sequential loop's requests: the goal, what was called so far, and the tools on offer, cut
//! to the window.
//!
//! Invariant: a request is a pure function of what it is made of.
//!
//! What is deliberately absent: making the calls, and when the loop ends.

use minijinja::Value;
use pe_model::{Catalog, ChatMessage, JsonMap, ModelRequest, Purpose, Speaker};

use crate::meter::estimate;
use crate::planner::request::{context_lines, goal_block};
use crate::prompts::secrets::secrets_of;
use crate::prompts::{ANSWER_ROOM, DEFAULT_WINDOW, Prompt, Prompts, answer_room, estimate_tokens};

mod cutting;
mod offer;

/// Asks for the next call, or for the answer in words.
///
/// `transcript` is what was said since: the model's messages with their calls, and the results.
/// All of it, and an answer, fits `context_tokens` where that is at all possible: the tools take
/// at most half of what the goal leaves, and are shortened rather than left out; of the
/// transcript, what is older is cut first, and says how much of it was.
pub fn sequential_request(
    prompts: &Prompts,
    goal: &str,
    context: &JsonMap,
    catalog: &Catalog,
    transcript: &[ChatMessage],
    context_tokens: Option<u64>,
) -> ModelRequest {
    let values = vec![
        ("goal", Value::from(goal_block(goal))),
        ("context", Value::from(context_lines(context))),
    ];
    let mut messages = prompts.rendered(Prompt::Sequential, values);
    let secrets = secrets_of(context);
    let clean = |message: &ChatMessage| match message.role {
        Speaker::Tool => ChatMessage {
            content: secrets.without_in(&message.content).into_owned(),
            ..message.clone()
        },
        _ => message.clone(),
    };
    let transcript: Vec<ChatMessage> = transcript.iter().map(clean).collect();
    let window = context_tokens.unwrap_or(DEFAULT_WINDOW);
    let room = window.saturating_sub(cutting::tokens(&messages) + ANSWER_ROOM);
    // Independent of the transcript: the same from turn to turn.
    let tools = offer::offered(catalog, room / 2);
    let tools_take = offer::tokens(&tools);
    messages.extend(cutting::shared(&transcript, room.saturating_sub(tools_take)));
    let prompt = cutting::tokens(&messages) + tools_take;
    ModelRequest {
        tools,
        temperature: Some(0.0),
        max_tokens: Some(answer_room(context_tokens, prompt)),
        ..ModelRequest::new(Purpose::Sequential, messages)
    }
}

/// The tokens of a text, by the more cautious of the two estimates that there are.
fn cost(text: &str) -> u64 {
    estimate_tokens(text).max(estimate(text))
}
