//! What failed in a run and what was done, bounded, for the model that is to change the plan.

use std::sync::Arc;

use pe_model::{
    JsonMap, PlanStep, Reason, RunState, SkipReason, StepError, StepId, StepState, StepStatus,
};
use serde_json::Value;

use super::fallbacks::Fallbacks;
use crate::notation::write_step;
use crate::prompts::data::{excerpt, line};
use crate::prompts::secrets::secrets_of;
use crate::recording::Secrets;

/// The most failed steps that are told of in full.
const MOST_FAILED: usize = 8;
/// The longest message, arguments and output, in bytes.
const MESSAGE: usize = 400;
const ARGUMENTS: usize = 300;
const OUTPUT: usize = 400;

/// A step that failed.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedStep {
    /// The step.
    pub step_id: StepId,
    /// Its tool.
    pub tool: String,
    /// How it failed.
    pub error: Option<StepError>,
    /// The step's arguments as they are written, in the notation; none where no call was made.
    /// What they were rendered to may hold what no model is to see.
    pub arguments: Option<Arc<JsonMap>>,
    /// Attempts made, over all iterations.
    pub attempts: u32,
    /// The step whose output stands in for it.
    pub recovered_by: Option<StepId>,
    /// What is skipped because of it, in plan order.
    pub skipped: Vec<StepId>,
}

/// What a run's state says about its failures.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct FailureAnalysis {
    /// The failed steps, those without recovery first, each group in plan order.
    pub failed: Vec<FailedStep>,
    /// Completed steps and their outputs, in plan order.
    pub done: Vec<(StepId, Arc<Value>)>,
    /// Steps of which nobody knows whether they had their effect.
    pub in_doubt: Vec<StepId>,
    /// Steps that completed with nothing to show although another step reads them.
    pub empty: Vec<StepId>,
}

impl FailureAnalysis {
    /// Looks at a run's state.
    pub fn of(state: &RunState) -> Self {
        let mut analysis =
            Self { empty: super::deviation::empty_and_read(state), ..Self::default() };
        for (step, now) in state.plan.steps.iter().zip(state.steps()) {
            match now.status {
                StepStatus::Failed => analysis.failed.push(failed(step, now, state)),
                StepStatus::Completed => {
                    if let Some(output) = &now.output {
                        analysis.done.push((step.step_id.clone(), Arc::clone(output)));
                    }
                }
                StepStatus::InDoubt => analysis.in_doubt.push(step.step_id.clone()),
                _ => {}
            }
        }
        analysis.failed.sort_by_key(|step| step.recovered_by.is_some());
        analysis
    }

    /// The failures in words, a paragraph each.
    pub(super) fn failures_text(&self, secrets: &Secrets) -> String {
        let mut lines = Vec::new();
        for step in self.failed.iter().take(MOST_FAILED) {
            let error = match &step.error {
                Some(error) => {
                    let message = line(&secrets.without_in(&error.message), MESSAGE);
                    format!("{}: {message}", error.class)
                }
                None => "unknown".to_owned(),
            };
            let id = line(step.step_id.as_str(), 80);
            let mut text = format!("- step {id} ({}) failed, {error}", line(&step.tool, 80));
            if let Some(arguments) = &step.arguments {
                let arguments = Value::Object((**arguments).clone());
                let arguments = excerpt(&secrets.without(&arguments), ARGUMENTS);
                text.push_str(&format!("\n  its arguments were {arguments}"));
            }
            if step.attempts > 1 {
                text.push_str(&format!("\n  it was tried {} times", step.attempts));
            }
            if let Some(by) = &step.recovered_by {
                text.push_str(&format!("\n  step {} stands in for it", line(by.as_str(), 80)));
            }
            if !step.skipped.is_empty() {
                text.push_str(&format!("\n  skipped because of it: {}", ids(&step.skipped)));
            }
            lines.push(text);
        }
        if self.failed.len() > MOST_FAILED {
            lines.push(format!("- and {} more steps failed", self.failed.len() - MOST_FAILED));
        }
        if !self.empty.is_empty() {
            lines.push(format!("- completed, but with an empty output: {}", ids(&self.empty)));
        }
        if lines.is_empty() {
            lines.push(
                "- the run takes longer, or needs more attempts, than was expected".to_owned(),
            );
        }
        lines.join("\n")
    }

    /// What was done in words, a line each, in about `room` bytes.
    pub(super) fn done_text(&self, room: usize, secrets: &Secrets) -> String {
        let each = (room / self.done.len().max(1)).clamp(60, OUTPUT);
        let mut text = String::new();
        for (place, (id, output)) in self.done.iter().enumerate() {
            let output = excerpt(&secrets.without(output), each);
            let entry = format!("- {}: {output}\n", line(id.as_str(), 80));
            if text.len() + entry.len() > room + OUTPUT {
                text.push_str(&format!("- and {} more\n", self.done.len() - place));
                break;
            }
            text.push_str(&entry);
        }
        text.trim_end().to_owned()
    }
}

/// The failures that nothing has made good and nothing is left to make good, a line each in plan
/// order: the step, the class and the message, without secrets of the context.
///
/// A failed step that a fallback recovered, or whose fallback may still have its turn, is none.
pub fn unrecovered_failures(state: &RunState) -> Vec<String> {
    let secrets = secrets_of(&state.plan.context);
    let fallbacks = Fallbacks::of(state);
    let steps = state.plan.steps.iter().zip(state.steps()).enumerate();
    steps
        .filter(|(place, (_, now))| {
            now.status == StepStatus::Failed
                && !now.is_recovered()
                && !fallbacks.is_one_left(*place)
        })
        .map(|(_, (step, now))| {
            let id = line(step.step_id.as_str(), 80);
            match &now.error {
                Some(error) => {
                    let message = line(&secrets.without_in(&error.message), MESSAGE);
                    format!("{id}: {}: {message}", error.class)
                }
                None => format!("{id}: failed"),
            }
        })
        .collect()
}

fn ids(ids: &[StepId]) -> String {
    const MOST: usize = 20;
    let mut shown: Vec<String> = ids.iter().take(MOST).map(|id| line(id.as_str(), 80)).collect();
    if ids.len() > MOST {
        shown.push(format!("and {} more", ids.len() - MOST));
    }
    shown.join(", ")
}

fn failed(step: &PlanStep, now: &StepState, state: &RunState) -> FailedStep {
    FailedStep {
        step_id: step.step_id.clone(),
        tool: step.tool.clone(),
        error: now.error.clone(),
        arguments: (!now.iterations.is_empty()).then(|| Arc::new(written_arguments(step))),
        attempts: now.attempts(),
        recovered_by: now.recovered_by.clone(),
        skipped: skipped_after(&step.step_id, state),
    }
}

fn written_arguments(step: &PlanStep) -> JsonMap {
    match write_step(step).get_mut("args").map(Value::take) {
        Some(Value::Object(arguments)) => arguments,
        _ => JsonMap::new(),
    }
}

/// The steps that are skipped because of a failed one: those that depend on it and were skipped
/// for that reason, and so on.
fn skipped_after(step_id: &StepId, state: &RunState) -> Vec<StepId> {
    let skipped: Vec<&PlanStep> = state
        .plan
        .steps
        .iter()
        .zip(state.steps())
        .filter(|(_, now)| now.reason == Some(Reason::Skipped(SkipReason::UpstreamFailed)))
        .map(|(step, _)| step)
        .collect();
    let needs: Vec<_> = skipped.iter().map(|step| super::deviation::needs(step)).collect();
    let mut reached: Vec<&str> = vec![step_id.as_str()];
    let mut found = vec![false; skipped.len()];
    let mut at = 0;
    while at < reached.len() {
        for (place, step) in skipped.iter().enumerate() {
            if !found[place] && needs[place].contains(reached[at]) {
                found[place] = true;
                reached.push(step.step_id.as_str());
            }
        }
        at += 1;
    }
    skipped
        .into_iter()
        .zip(found)
        .filter(|(_, found)| *found)
        .map(|(step, _)| step.step_id.clone())
        .collect()
}
