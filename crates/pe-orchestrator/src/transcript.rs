//! The conversation of the sequential loop, as the run's state tells it.
//!
//! Each step is one call that the model asked for. Because the conversation is made from the
//! state and from nothing else, a process that goes on with the run asks exactly what the one
//! before it asked, and finds the answer on record.

use pe_model::{
    ChatMessage, JsonMap, PlanStep, RequestedCall, RunState, Speaker, StepId, StepState,
    StepStatus, StepType,
};
use serde_json::Value;

/// The longest part of an output that the model is shown, in bytes.
const EXCERPT: usize = 8 * 1024;

/// A text can hold so many pairs of braces and still be written as a template.
const MOST_BRACES: usize = 900;

/// The arguments under which those are kept that are no JSON object.
pub(crate) const UNREADABLE: &str = "unreadable_arguments";

/// The conversation so far: each call and what came of it.
pub(crate) fn transcript(state: &RunState) -> Vec<ChatMessage> {
    let steps = state.plan.steps.iter().zip(state.steps());
    steps.flat_map(|(step, at)| [asked(step), answered(step, at)]).collect()
}

fn asked(step: &PlanStep) -> ChatMessage {
    let arguments = match step.parameters.get(UNREADABLE) {
        Some(Value::String(text)) => text.clone(),
        _ => Value::Object(unescaped(&step.parameters)).to_string(),
    };
    let call = RequestedCall { id: step.step_id.to_string(), name: step.tool.clone(), arguments };
    ChatMessage { tool_calls: vec![call], ..ChatMessage::assistant(step.action.clone()) }
}

fn answered(step: &PlanStep, at: &StepState) -> ChatMessage {
    let content = match (&at.output, &at.error) {
        (_, Some(error)) if at.status == StepStatus::Failed => format!("error: {error}"),
        (Some(output), _) => match &**output {
            Value::String(text) => cut(text),
            other => cut(&other.to_string()),
        },
        (None, Some(error)) => format!("error: {error}"),
        (None, None) => format!("no result: {}", at.status),
    };
    ChatMessage { role: Speaker::Tool, ..ChatMessage::tool(step.step_id.as_str(), content) }
}

fn cut(text: &str) -> String {
    if text.len() <= EXCERPT {
        return text.to_owned();
    }
    let end = text.floor_char_boundary(EXCERPT);
    format!("{}\n[cut: {} of {} bytes]", &text[..end], end, text.len())
}

/// The step that makes the call numbered `number` (from 1). After failures that nothing made
/// up for, it stands in for the first of them.
pub(crate) fn step_for(
    call: &RequestedCall,
    said: &str,
    number: usize,
    state: &RunState,
) -> PlanStep {
    let mut step = PlanStep::new(format!("call_{number}").as_str(), call.name.trim());
    step.action = said.trim().to_owned();
    step.parameters = match serde_json::from_str::<Value>(&call.arguments) {
        Ok(Value::Object(arguments)) if call.arguments.matches("{{").count() <= MOST_BRACES => {
            escaped(&arguments)
        }
        _ if call.arguments.trim().is_empty() => JsonMap::new(),
        _ => {
            let text = call.arguments.replace("{{", "{\\u007b");
            JsonMap::from_iter([(UNREADABLE.to_owned(), text.into())])
        }
    };
    if let Some(failed) = unrecovered(state) {
        step.step_type = StepType::Fallback;
        step.fallback_for = Some(failed);
    }
    step
}

/// The first failed call that nothing made up for.
pub(crate) fn unrecovered(state: &RunState) -> Option<StepId> {
    let mut steps = state.plan.steps.iter().zip(state.steps());
    let failed = |at: &StepState| at.status == StepStatus::Failed && !at.is_done() && !at.rejected;
    steps.find(|(_, at)| failed(at)).map(|(step, _)| step.step_id.clone())
}

/// A model's own arguments are data: what looks like a template in them is text.
fn escaped(arguments: &JsonMap) -> JsonMap {
    mapped(arguments, &escape)
}

fn unescaped(arguments: &JsonMap) -> JsonMap {
    mapped(arguments, &unescape)
}

/// Two braces, in the language of templates.
const BRACES: &str = "{{ '{{' }}";

fn escape(text: &str) -> String {
    text.replace("{{", BRACES)
}

fn unescape(text: &str) -> String {
    text.replace(BRACES, "{{")
}

fn mapped(arguments: &JsonMap, change: &dyn Fn(&str) -> String) -> JsonMap {
    arguments.iter().map(|(key, value)| (key.clone(), map_value(value, change))).collect()
}

fn map_value(value: &Value, change: &dyn Fn(&str) -> String) -> Value {
    match value {
        Value::String(text) => Value::String(change(text)),
        Value::Array(items) => items.iter().map(|item| map_value(item, change)).collect(),
        Value::Object(fields) => Value::Object(mapped(fields, change)),
        other => other.clone(),
    }
}
