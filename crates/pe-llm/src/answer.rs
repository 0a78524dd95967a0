//! The final answer, in a model's words, from what the last steps gave.
//!
//! Only outputs that nothing else reads are shown, as the plain answer would show them; they are
//! data, each between tags, and bounded together.

use std::collections::HashSet;

use minijinja::Value as Placed;
use pe_model::{
    ErrorClass, ModelAnswer, ModelError, ModelErrorKind, ModelRequest, Plan, PlanStep, Purpose,
    RunState, StepStatus, StepType,
};
use serde_json::Value;

use crate::adaptation::{needs, reads_whole};
use crate::draft::{Tag, last_close, tag};
use crate::planner::Planner;
use crate::planner::request::goal_block;
use crate::prompts::data::{bounded, defused, line};
use crate::prompts::secrets::secrets_of;
use crate::prompts::{ANSWER_ROOM, DEFAULT_WINDOW, Prompt, Prompts, answer_room, of_messages};
use crate::recording::Secrets;

/// The most bytes of results, whatever the task and the window allow.
const MOST_RESULTS: usize = 2 * 1024 * 1024;
/// The most failures that are told of.
const MOST_FAILURES: usize = 10;

/// What to answer, and from what.
#[derive(Debug, Clone, Copy)]
pub struct AnswerTask<'a> {
    /// What was to be reached.
    pub goal: &'a str,
    /// The plan that was carried out.
    pub plan: &'a Plan,
    /// Where its run stands.
    pub state: &'a RunState,
    /// The most bytes of results in the prompt; the window bounds them as well.
    pub max_bytes: usize,
    /// The model's context window in tokens.
    pub context_tokens: Option<u64>,
}

/// The request for the final answer.
pub(crate) fn request(
    prompts: &Prompts,
    task: &AnswerTask<'_>,
    temperature: Option<f64>,
) -> ModelRequest {
    let mut values = vec![
        ("goal", Placed::from(goal_block(task.goal))),
        ("failures", Placed::from(failures(task.state, &secrets_of(&task.plan.context)))),
    ];
    let bare = of_messages(&prompts.rendered(Prompt::Answer, values.clone()));
    let window = task.context_tokens.unwrap_or(DEFAULT_WINDOW);
    // A token is rarely less than two bytes.
    let room = window.saturating_sub(bare + ANSWER_ROOM).saturating_mul(2);
    let room = usize::try_from(room)
        .unwrap_or(usize::MAX)
        .clamp(256, task.max_bytes.clamp(256, MOST_RESULTS));
    values.push(("results", Placed::from(results(task, room))));
    let messages = prompts.rendered(Prompt::Answer, values);
    ModelRequest {
        max_tokens: Some(answer_room(task.context_tokens, of_messages(&messages))),
        temperature,
        ..ModelRequest::new(Purpose::Answer, messages)
    }
}

pub(crate) async fn answer(planner: &Planner, task: &AnswerTask<'_>) -> Result<String, ModelError> {
    let request = request(planner.prompts(), task, planner.temperature());
    final_words(&planner.client().ask(&request, None).await?)
}

/// The words of an answer that is given as it is: without thinking blocks and the blanks around.
///
/// # Errors
/// A [`ModelErrorKind::Malformed`]: the answer was cut off, or there are no words.
pub fn final_words(answer: &ModelAnswer) -> Result<String, ModelError> {
    if answer.finish.is_truncated() {
        return Err(ModelError::new(
            ModelErrorKind::Malformed,
            ErrorClass::Validation,
            "the model's answer was cut off; the results of the steps are complete without it",
        ));
    }
    let text = without_thinking(&answer.content).to_owned();
    if text.is_empty() {
        return Err(ModelError::new(
            ModelErrorKind::Malformed,
            ErrorClass::Validation,
            "the model wrote an empty answer; the results of the steps are complete without it",
        ));
    }
    Ok(text)
}

/// What follows the last thinking block; nothing where one is still open.
///
/// Some servers put the opening tag into the prompt, so what comes before a closing one is a
/// thought.
fn without_thinking(text: &str) -> &str {
    let rest = last_close(text).map_or(text, |end| &text[end..]).trim();
    let opens = rest.starts_with('<') && matches!(tag(rest, true), Tag::Opens(_));
    if opens { "" } else { rest }
}

/// The outputs of the last steps, each in its place; long ones share the room.
fn results(task: &AnswerTask<'_>, room: usize) -> String {
    let last = last_steps(task.plan, task.state);
    if last.is_empty() {
        return "(no step gave a result)".to_owned();
    }
    let secrets = secrets_of(&task.plan.context);
    // What short outputs leave over is shared by the long ones.
    let texts: Vec<(&PlanStep, String)> =
        last.iter().map(|(step, output)| (*step, as_text(&secrets.without(output)))).collect();
    let mut lengths: Vec<usize> = texts.iter().map(|(_, text)| text.len()).collect();
    lengths.sort_unstable();
    let (mut left, mut each) = (room, room);
    for (place, length) in lengths.iter().enumerate() {
        each = left / (lengths.len() - place);
        if *length > each {
            break;
        }
        left -= length;
    }
    let blocks: Vec<String> = texts
        .iter()
        .map(|(step, text)| {
            let mut head = format!("step {}", line(step.step_id.as_str(), 80));
            if !step.action.is_empty() {
                head.push_str(&format!(", {}", line(&step.action, 200)));
            }
            let shown = if text.len() > each { bounded(text, each) } else { text.clone() };
            format!("{head}:\n<result>\n{}\n</result>", defused(&shown))
        })
        .collect();
    blocks.join("\n\n")
}

fn as_text(output: &Value) -> String {
    match output {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// The completed and recovered steps on which no other step depends, in plan order; what stood
/// in for one is shown at that one's place.
fn last_steps<'a>(plan: &'a Plan, state: &'a RunState) -> Vec<(&'a PlanStep, &'a Value)> {
    let needed: HashSet<String> = plan.steps.iter().flat_map(needs).collect();
    // Who reads all results depends on every step that is listed before.
    let read_as_a_whole = plan.steps.iter().rposition(reads_whole).unwrap_or(0);
    plan.steps
        .iter()
        .enumerate()
        .filter(|(place, step)| {
            let is_last = *place >= read_as_a_whole && !needed.contains(step.step_id.as_str());
            is_last && step.step_type != StepType::Fallback
        })
        .filter_map(|(_, step)| {
            let now = state.step(&step.step_id).filter(|now| now.is_done())?;
            Some((step, now.output.as_deref()?))
        })
        .collect()
}

fn failures(state: &RunState, secrets: &Secrets) -> String {
    let failed = state.plan.steps.iter().zip(state.steps());
    let lines: Vec<String> = failed
        .filter(|(_, now)| now.status == StepStatus::Failed && !now.is_recovered())
        .take(MOST_FAILURES)
        .map(|(step, now)| {
            let error = now.error.as_ref().map(ToString::to_string).unwrap_or_default();
            line(&secrets.without_in(&format!("- step {}: {error}", step.step_id)), 300)
        })
        .collect();
    lines.join("\n")
}
