//! Events in words, one line each.

use std::collections::HashMap;

use pe_model::{
    AttemptKey, Event, EventKind, PlanStage, PlanStatus, Resolution, RevisionCause, RunId,
    RunState, StepError, StepId, StopCause, WaitingFor,
};

use super::Names;
use crate::console::Tone;
use crate::words::{count, duration, fit, one_line};

/// Tells what happens. Remembers only how each step last failed.
pub(crate) struct Narrator {
    names: Names,
    last_errors: HashMap<StepId, StepError>,
}

impl Narrator {
    pub(crate) fn new(names: Names) -> Self {
        Self { names, last_errors: HashMap::new() }
    }

    /// A run as people call it.
    fn named(&self, run_id: &RunId) -> String {
        (self.names)(run_id).unwrap_or_else(|| run_id.to_string())
    }

    /// The line for an event that was just applied to `state`, for whoever wants every event.
    pub(crate) fn tell(&mut self, event: &Event, state: &RunState) -> String {
        if let Some((_, line)) = self.narrate(event, state) {
            return line;
        }
        let attempt = |key: &AttemptKey| {
            let id = one_line(key.step_id.as_str());
            let is_loop = state.step(&key.step_id).is_some_and(|step| step.loop_count.is_some());
            let iteration = if is_loop { format!("[{}]", key.iteration) } else { String::new() };
            format!("{id}{iteration}: attempt {}", key.attempt)
        };
        match &event.kind {
            EventKind::AttemptSucceeded { key, duration_ms, .. } => {
                format!("{} succeeded in {}", attempt(key), duration(*duration_ms))
            }
            EventKind::AttemptFailed { key, error, duration_ms, .. } => {
                let took = duration(*duration_ms);
                format!("{} failed after {took}: {}", attempt(key), said(error))
            }
            EventKind::RunFinished { status } if *status == PlanStatus::Completed => {
                "the run completed".to_owned()
            }
            EventKind::RunFinished { status } => {
                format!("the run ended: {}", status.as_str().replace('_', " "))
            }
            EventKind::PlanRevised { plan, stage: PlanStage::Complete, .. } => {
                format!("the plan is complete: {}", count(plan.steps.len(), "step"))
            }
            EventKind::PlanRevised { plan, .. } => {
                format!("the plan grows: {} so far", count(plan.steps.len(), "step"))
            }
            // Invariant: narrate has words for everything else.
            _ => "something happened".to_owned(),
        }
    }

    /// The line for an event that was just applied to `state`; none for what the next event
    /// says better.
    pub(super) fn narrate(&mut self, event: &Event, state: &RunState) -> Option<(Tone, String)> {
        let id = event.kind.step_id().map(|id| one_line(id.as_str())).unwrap_or_default();
        let step = || event.kind.step_id().and_then(|id| state.step(id));
        // Iterations are told apart only in a loop.
        let named = |iteration: u32| match step() {
            Some(step) if step.loop_count.is_some() => format!("{id}[{iteration}]"),
            _ => id.clone(),
        };
        let is_loop = || step().is_some_and(|step| step.loop_count.is_some());
        Some(match &event.kind {
            EventKind::RunStarted { plan, stage, .. } => {
                let goal = one_line(&plan.goal);
                let goal = if goal.is_empty() { "a plan".to_owned() } else { goal };
                let steps = match stage {
                    PlanStage::Complete => format!(" ({})", count(plan.steps.len(), "step")),
                    // How many there will be, nobody knows.
                    PlanStage::Draft | PlanStage::Growing => String::new(),
                };
                (Tone::Faint, format!("run {}: {goal}{steps}", self.named(&event.run_id)))
            }
            EventKind::RunResumed { .. } => {
                let left = state.steps().len() - state.done_count();
                let left = match state.stage {
                    PlanStage::Complete => format!("{} left", count(left, "step")),
                    PlanStage::Draft => "its plan is not complete".to_owned(),
                    PlanStage::Growing => "call by call".to_owned(),
                };
                (Tone::Faint, format!("run {} goes on: {left}", self.named(&event.run_id)))
            }
            EventKind::StepReused { from_run, .. } => {
                (Tone::Good, format!("{id} taken over from run {}", self.named(from_run)))
            }
            EventKind::PlanRevised { plan, cause: RevisionCause::Extension, stage, .. } => {
                match (stage, plan.steps.len()) {
                    (PlanStage::Growing, 0) => {
                        (Tone::Caution, "going on call by call, without a plan".to_owned())
                    }
                    (PlanStage::Complete, 1..) if state.planner() != "sequential" => {
                        (Tone::Good, format!("planned: {}", count(plan.steps.len(), "step")))
                    }
                    // The steps speak for themselves.
                    _ => return None,
                }
            }
            EventKind::PlanRevised { plan, cause, reason, .. } => {
                let what = match cause {
                    RevisionCause::Adaptation => "the model has changed the plan",
                    RevisionCause::Edit | RevisionCause::Extension => "the plan is changed",
                };
                let reason = fit(&one_line(reason), LONGEST).into_owned();
                let reason = if reason.is_empty() { reason } else { format!(": {reason}") };
                let steps = count(plan.steps.len(), "step");
                (Tone::Strong, format!("{what} ({steps}){reason}"))
            }
            EventKind::LoopStarted { count: times, .. } => (
                Tone::Faint,
                format!("{id} loops, {} at most", count(*times as usize, "iteration")),
            ),
            EventKind::AttemptStarted { key, .. } => {
                let name = named(key.iteration);
                let attempt = match key.attempt {
                    1 => String::new(),
                    attempt => format!(" (attempt {attempt})"),
                };
                (Tone::Faint, format!("{name} started{attempt}"))
            }
            EventKind::AttemptSucceeded { key, duration_ms, .. } if is_loop() => {
                let name = named(key.iteration);
                (Tone::Faint, format!("{name} completed in {}", duration(*duration_ms)))
            }
            EventKind::AttemptSucceeded { .. } => return None,
            EventKind::AttemptFailed { key, error, .. } => {
                self.last_errors.insert(key.step_id.clone(), error.clone());
                return None;
            }
            EventKind::AttemptInterrupted { key } => {
                (Tone::Caution, format!("{} interrupted", named(key.iteration)))
            }
            EventKind::RetryScheduled { step_id, iteration, delay_ms, .. } => {
                let after = self.last_errors.get(step_id);
                let after = after.map(|error| format!(" after {}", said(error)));
                let (name, delay) = (named(*iteration), duration(*delay_ms));
                (Tone::Caution, format!("{name} retries in {delay}{}", after.unwrap_or_default()))
            }
            EventKind::StepWaiting { waiting_for, .. } => {
                let what = match waiting_for {
                    WaitingFor::Approval => "approval",
                    WaitingFor::Consent => "consent",
                };
                (Tone::Faint, format!("{id} waits for {what}"))
            }
            EventKind::StepApproved { .. } => (Tone::Faint, format!("{id} approved")),
            EventKind::StepRejected { .. } => (Tone::Caution, format!("{id} rejected")),
            EventKind::StepInDoubt { error, .. } => {
                (Tone::Bad, format!("{id} is in doubt: {}", said(error)))
            }
            EventKind::StepResolved { resolution, .. } => {
                let how = match resolution {
                    Resolution::Done { .. } => "done",
                    Resolution::Failed => "failed",
                    Resolution::Retry => "to be tried again",
                };
                (Tone::Faint, format!("{id} resolved as {how}"))
            }
            EventKind::StepCompleted { .. } => {
                let took = step().and_then(|step| step.execution_time_ms);
                let took = took.map(|ms| format!(" in {}", duration(ms))).unwrap_or_default();
                (Tone::Good, format!("{id} completed{took}"))
            }
            EventKind::StepFailed { error, .. } => {
                (Tone::Bad, format!("{id} failed: {}", said(error)))
            }
            EventKind::StepSkipped { reason, .. } => {
                (Tone::Faint, format!("{id} skipped: {}", reason.as_str()))
            }
            EventKind::StepRecovered { recovered_by, .. } => {
                let by = one_line(recovered_by.as_str());
                (Tone::Caution, format!("{id} recovered by {by}"))
            }
            EventKind::RunStopping { cause } => {
                let why = match cause {
                    StopCause::Interrupted => "interrupted",
                    StopCause::Timeout => "the plan's time is used up",
                    StopCause::Budget => "a budget is used up",
                    StopCause::NoModel => "the model gave no answer that could be used",
                };
                (Tone::Caution, format!("stopping: {why}"))
            }
            // The summary says it.
            EventKind::RunFinished { .. } => return None,
        })
    }
}

/// Longer errors and reasons are cut.
const LONGEST: usize = 400;

/// An error on one line of bearable length.
fn said(error: &StepError) -> String {
    fit(&one_line(&error.to_string()), LONGEST).into_owned()
}

#[cfg(test)]
mod tests;
