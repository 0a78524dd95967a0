//! What was said so far, cut to fit: the newest turns keep the most.
//!
//! A turn is a message of the model's with the results of its calls. Where not all fit, each
//! keeps at least a line of its arguments and results; what room is left goes to the newest
//! first, half of it at most to one. When even lines do not fit, the oldest turns are left out
//! and their number is said.

use pe_model::{ChatMessage, Speaker};
use serde_json::{Map, Value};

use super::cost;

/// What a turn that is cut to lines takes beside its names, in tokens.
const LINES: u64 = 96;
/// An excerpt in less room is a line.
const LEAST_EXCERPT: u64 = 64;
/// What surrounds one message or call, in tokens.
const FRAME: u64 = 8;
/// What the note takes that says how much was cut, in tokens.
const NOTE: u64 = 20;

/// The transcript in at most about `room` tokens.
pub(super) fn shared(transcript: &[ChatMessage], room: u64) -> Vec<ChatMessage> {
    if tokens(transcript) <= room {
        return transcript.to_vec();
    }
    let mut turns: Vec<&[ChatMessage]> =
        transcript.chunk_by(|_, next| next.role == Speaker::Tool).collect();
    let least = |turn: &&[ChatMessage]| tokens(turn).min(LINES + frames(turn));
    let mut spent: u64 = turns.iter().map(least).sum();
    let mut left_out = 0;
    while spent + NOTE + FRAME > room && left_out + 1 < turns.len() {
        spent -= least(&turns[left_out]);
        left_out += 1;
    }
    turns.drain(..left_out);
    let note = if left_out == 0 { 0 } else { NOTE + FRAME };
    let mut spare = room.saturating_sub(spent + note);
    let mut cut: Vec<Vec<ChatMessage>> = Vec::with_capacity(turns.len());
    for turn in turns.iter().rev() {
        let (whole, least) = (tokens(turn), least(turn));
        let most = spare / 2;
        let more = (whole - least).min(if most < LEAST_EXCERPT { 0 } else { most });
        spare -= more;
        cut.push(if least + more >= whole { turn.to_vec() } else { shortened(turn, least + more) });
    }
    let mut messages = Vec::with_capacity(transcript.len());
    if left_out > 0 {
        messages.push(ChatMessage::user(format!("[{left_out} earlier turns are left out]")));
    }
    messages.extend(cut.into_iter().rev().flatten());
    messages
}

/// What messages take of a request, in tokens.
pub(super) fn tokens(messages: &[ChatMessage]) -> u64 {
    let texts = messages.iter().map(|message| {
        let calls = message.tool_calls.iter();
        cost(&message.content) + calls.map(|call| cost(&call.arguments)).sum::<u64>()
    });
    frames(messages) + texts.sum::<u64>()
}

/// What surrounds the texts.
fn frames(messages: &[ChatMessage]) -> u64 {
    let one = |message: &ChatMessage| {
        FRAME + message.tool_calls.iter().map(|call| FRAME + cost(&call.name)).sum::<u64>()
    };
    messages.iter().map(one).sum()
}

/// A turn in at most about `room` tokens: a sixth for words, a third for arguments, and what
/// is left for results.
fn shortened(turn: &[ChatMessage], room: u64) -> Vec<ChatMessage> {
    let mut left = room.saturating_sub(frames(turn));
    let (words, arguments) = (left / 6, left / 3);
    let calls = turn.iter().map(|message| message.tool_calls.len() as u64).sum::<u64>().max(1);
    let mut messages = turn.to_vec();
    for message in messages.iter_mut().filter(|message| message.role != Speaker::Tool) {
        message.content = excerpt(&message.content, words);
        left = left.saturating_sub(cost(&message.content));
        for call in &mut message.tool_calls {
            call.arguments = cut_arguments(&call.arguments, arguments / calls);
            left = left.saturating_sub(cost(&call.arguments));
        }
    }
    let mut results = messages.iter().filter(|it| it.role == Speaker::Tool).count() as u64;
    for message in messages.iter_mut().filter(|message| message.role == Speaker::Tool) {
        message.content = excerpt(&message.content, left / results.max(1));
        left = left.saturating_sub(cost(&message.content));
        results = results.saturating_sub(1);
    }
    messages
}

/// The beginning of a text in at most `room` tokens, and how much of it was cut.
fn excerpt(text: &str, room: u64) -> String {
    if cost(text) <= room {
        return text.to_owned();
    }
    let room = room.saturating_sub(NOTE);
    // No text takes less than a token for three bytes.
    let longest = usize::try_from(room.saturating_mul(3)).unwrap_or(usize::MAX);
    let (mut fits, mut over) = (0, longest.min(text.len()) + 1);
    while fits + 1 < over {
        let middle = fits.midpoint(over);
        if cost(prefix(text, middle)) <= room { fits = middle } else { over = middle }
    }
    let shown = prefix(text, fits);
    let space = if shown.is_empty() { "" } else { " " };
    format!("{shown}{space}[cut: {} of {} bytes]", text.len() - shown.len(), text.len())
}

fn prefix(text: &str, at: usize) -> &str {
    let end = (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0);
    &text[..end]
}

/// Arguments in at most `room` tokens; they stay a JSON object, which some endpoints insist on.
fn cut_arguments(arguments: &str, room: u64) -> String {
    if cost(arguments) <= room {
        return arguments.to_owned();
    }
    if let Ok(Value::Object(map)) = serde_json::from_str::<Value>(arguments) {
        // Quotes and escapes take room as well.
        let each = room / 2 / (map.len() as u64).max(1);
        let cut = |value: Value| match value {
            Value::String(text) => excerpt(&text, each).into(),
            other => {
                let text = other.to_string();
                if cost(&text) <= each { other } else { excerpt(&text, each).into() }
            }
        };
        let cut: Map<String, Value> = map.into_iter().map(|(name, it)| (name, cut(it))).collect();
        let cut = Value::Object(cut).to_string();
        if cost(&cut) <= room {
            return cut;
        }
    }
    let note = format!("[cut: {0} of {0} bytes]", arguments.len());
    Value::Object(Map::from_iter([("arguments".to_owned(), note.into())])).to_string()
}
