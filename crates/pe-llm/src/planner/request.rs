//! Requests: prompts filled in and cut to the window.

use minijinja::Value;
use pe_model::{AnswerFormat, Catalog, ChatMessage, JsonMap, ModelRequest, Plan, Purpose};
use pe_validate::Limits;

use super::PlanTask;
use crate::notation::{plan_schema, write_step};
use crate::prompts::data::{block, excerpt, line};
use crate::prompts::secrets::{is_secret, secrets_of};
use crate::prompts::{
    ANSWER_ROOM, CatalogCut, CatalogText, DEFAULT_WINDOW, NOTATION, NOTE_ROOM, Prompt, Prompts,
    answer_room, estimate_tokens, of_messages, write_catalog,
};

/// The longest goal in a prompt, in bytes; the plan keeps it whole.
pub(crate) const MAX_GOAL: usize = 32 * 1024;
/// The most examples, and the longest one in bytes.
const MAX_EXAMPLES: usize = 3;
const MAX_EXAMPLE: usize = 2_000;
/// The most examples' tokens.
const EXAMPLE_ROOM: u64 = 1_000;
/// The most steps that are asked for where nothing limits them.
const MOST_STEPS: usize = 100;

/// What a planning request takes, in estimated tokens.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PromptSize {
    /// All messages.
    pub prompt: u64,
    /// The tools among them.
    pub tools: u64,
    /// The window that they were cut to fit.
    pub window: u64,
    /// How far the tools were cut.
    pub cut: CatalogCut,
    /// What was left out, in a sentence each; empty when nothing was.
    pub notes: Vec<String>,
}

/// The first planning request.
pub(crate) fn first(
    prompts: &Prompts,
    task: &PlanTask<'_>,
    temperature: Option<f64>,
) -> (ModelRequest, PromptSize) {
    let (messages, size) = messages(prompts, task, 0);
    (finished(Purpose::Plan, messages, task, temperature), size)
}

/// A request that sends an answer back: what was asked, what was answered, what is wrong with it.
pub(super) fn again(
    prompts: &Prompts,
    task: &PlanTask<'_>,
    answered: String,
    values: Vec<(&str, Value)>,
    temperature: Option<f64>,
) -> ModelRequest {
    let mut back = vec![ChatMessage::assistant(answered)];
    back.extend(prompts.rendered(Prompt::Repair, values));
    let (mut messages, _) = messages(prompts, task, of_messages(&back));
    messages.extend(back);
    finished(Purpose::Repair, messages, task, temperature)
}

fn finished(
    purpose: Purpose,
    messages: Vec<ChatMessage>,
    task: &PlanTask<'_>,
    temperature: Option<f64>,
) -> ModelRequest {
    ModelRequest {
        max_tokens: Some(answer_room(task.context_tokens, of_messages(&messages))),
        temperature,
        format: AnswerFormat::Schema {
            name: "plan".to_owned(),
            schema: plan_schema(task.catalog, max_steps(task.limits)),
            described: true,
        },
        ..ModelRequest::new(purpose, messages)
    }
}

/// The messages that ask for a plan, cut so that `reserve` tokens of a conversation and an
/// answer fit after them.
fn messages(
    prompts: &Prompts,
    task: &PlanTask<'_>,
    reserve: u64,
) -> (Vec<ChatMessage>, PromptSize) {
    let window = task.context_tokens.unwrap_or(DEFAULT_WINDOW);
    let mut values = vec![
        ("goal", Value::from(goal_block(task.goal))),
        ("notation", Value::from(NOTATION)),
        ("context", Value::from(context_lines(task.context))),
        ("max_steps", Value::from(max_steps(task.limits))),
    ];
    let bare = of_messages(&prompts.rendered(Prompt::Plan, values.clone()));
    let room = window.saturating_sub(bare + reserve + NOTE_ROOM + ANSWER_ROOM);
    let catalog = write_catalog(task.catalog, task.goal, room);
    let tools = estimate_tokens(&catalog.text);
    let (examples, left_out) =
        examples(task.examples, room.saturating_sub(tools).min(EXAMPLE_ROOM));
    values.extend([
        ("tools", Value::from(catalog.text.trim_end().to_owned())),
        ("tools_note", Value::from(catalog.note.clone())),
        ("examples", Value::from(examples)),
    ]);
    let messages = prompts.rendered(Prompt::Plan, values);
    let mut notes = notes_of(&catalog);
    if left_out > 0 {
        notes.push(format!("{left_out} example plans are left out to fit the context window"));
    }
    let prompt = of_messages(&messages);
    if prompt + reserve + ANSWER_ROOM > window {
        notes.push(format!(
            "the prompt takes about {prompt} of {window} tokens; use a model with a larger context \
             window, or fewer tools"
        ));
    }
    (messages, PromptSize { prompt, tools, window, cut: catalog.cut, notes })
}

/// What was left out of a catalog, as a list of at most one.
fn notes_of(catalog: &CatalogText) -> Vec<String> {
    if catalog.note.is_empty() { Vec::new() } else { vec![catalog.note.clone()] }
}

/// A goal in its place.
pub(crate) fn goal_block(goal: &str) -> String {
    block("goal", &crate::prompts::data::bounded(goal, MAX_GOAL))
}

/// The tools for a prompt whose other parts take `taken` tokens.
pub(crate) fn tools_beside(
    catalog: &Catalog,
    goal: &str,
    window: Option<u64>,
    taken: u64,
) -> CatalogText {
    let room = window.unwrap_or(DEFAULT_WINDOW).saturating_sub(taken + NOTE_ROOM + ANSWER_ROOM);
    write_catalog(catalog, goal, room)
}

/// A plan as a model would write it: what the references imply is not said.
pub(crate) fn notation_of(plan: &Plan) -> String {
    let steps: Vec<serde_json::Value> = plan
        .steps
        .iter()
        .map(|step| {
            let mut written = write_step(step);
            if let Some(fields) = written.as_object_mut() {
                fields.retain(|name, value| {
                    name != "after" || value.as_array().is_none_or(|ids| !ids.is_empty())
                });
            }
            written
        })
        .collect();
    serde_json::json!({"steps": steps}).to_string()
}

/// The most steps that may be asked for.
pub(crate) fn max_steps(limits: &Limits) -> usize {
    limits.max_steps.unwrap_or(MOST_STEPS).max(1)
}

/// Given values, a line each: the name that expressions use, and the value, short. What looks
/// like a secret by its name is not shown.
pub(crate) fn context_lines(context: &JsonMap) -> String {
    const MOST: usize = 40;
    const LONGEST: usize = 120;
    let secrets = secrets_of(context);
    let mut lines: Vec<String> = context
        .iter()
        .take(MOST)
        .map(|(name, value)| {
            let shown = match is_secret(name) {
                true => "(not shown)".to_owned(),
                false => excerpt(&secrets.without(value), LONGEST),
            };
            format!("context.{}: {shown}", line(name, 64))
        })
        .collect();
    if context.len() > MOST {
        lines.push(format!("and {} more", context.len() - MOST));
    }
    lines.join("\n")
}

/// Example plans in at most `room` tokens, and how many were left out.
fn examples(plans: &[Plan], room: u64) -> (String, usize) {
    let mut text = String::new();
    let mut shown = 0;
    for plan in plans.iter().take(MAX_EXAMPLES) {
        let written = notation_of(plan);
        if written.len() > MAX_EXAMPLE {
            continue;
        }
        let entry = format!(
            "{}\n{}\n",
            block("example_goal", &line(&plan.goal, 200)),
            crate::prompts::data::defused(&written)
        );
        if estimate_tokens(&text) + estimate_tokens(&entry) > room {
            continue;
        }
        text.push_str(&entry);
        shown += 1;
    }
    (text, plans.len().min(MAX_EXAMPLES) - shown)
}
