//! How far a run has gone astray, as one number: the formula of `docs/adaptation.md`.
//!
//! Invariant: pure; the score and each part are in 0.0..=1.0, and none falls when more goes
//! wrong.

use std::collections::BTreeSet;

use pe_expr::{Expr, References, Root, Template};
use pe_model::{
    ErrorClass, IterationPhase, PlanStep, Reason, RunState, SkipReason, StepId, StepState,
    StepStatus,
};
use serde_json::Value;

use super::fallbacks::Fallbacks;

/// What is left of a plan's worth after a failure that nothing recovered.
const AFTER_FAILURE: f64 = 0.4;
/// The same after one that a fallback recovered, or may still recover.
const AFTER_RECOVERY: f64 = 0.85;
/// The same after a retry.
const AFTER_RETRY: f64 = 0.9;
/// The same after an output that was empty or not as expected.
const AFTER_OUTPUT: f64 = 0.6;
/// Being late by less does not count, in milliseconds.
const TOLERANCE_MS: f64 = 1_000.0;

/// How far a run has gone astray.
#[derive(Debug, Clone, PartialEq)]
pub struct Deviation {
    /// 0.0: all as planned; 1.0: nothing works.
    pub score: f64,
    /// The parts: name, value (0.0..=1.0) and weight (0.0..=1.0). The score is
    /// 1 - the product of (1 - weight * value).
    pub parts: Vec<(&'static str, f64, f64)>,
}

/// The deviation score of a run.
pub fn deviation(state: &RunState) -> Deviation {
    let parts = vec![
        ("failures", failures(state), 1.0),
        ("retries", retries(state), 0.5),
        ("time", time(state), 0.4),
        ("outputs", outputs(state), 0.6),
    ];
    let score = 1.0 - parts.iter().map(|(_, value, weight)| 1.0 - weight * value).product::<f64>();
    Deviation { score: score.clamp(0.0, 1.0), parts }
}

/// 1 - 0.4^unrecovered * 0.85^recovered * (1 - blocked / others), where `blocked` of the `others`
/// steps of the plan are skipped because a step failed.
fn failures(state: &RunState) -> f64 {
    let (mut unrecovered, mut recovered, mut blocked) = (0, 0, 0_u32);
    let fallbacks = Fallbacks::of(state);
    for (place, now) in state.steps().iter().enumerate() {
        if now.status == StepStatus::Failed {
            let lives = now.is_recovered() || fallbacks.is_one_left(place);
            *(if lives { &mut recovered } else { &mut unrecovered }) += 1;
        }
        blocked += u32::from(now.reason == Some(Reason::Skipped(SkipReason::UpstreamFailed)));
    }
    if unrecovered + recovered == 0 {
        return 0.0;
    }
    let others = state.plan.steps.len().saturating_sub(1).max(1);
    let free = 1.0 - (f64::from(blocked) / others as f64).min(1.0);
    1.0 - AFTER_FAILURE.powi(unrecovered) * AFTER_RECOVERY.powi(recovered) * free
}

/// 1 - 0.9^retries: attempts that failed and were followed, or will be, by another one.
fn retries(state: &RunState) -> f64 {
    let retries: u32 = state
        .steps()
        .iter()
        .flat_map(|now| &now.iterations)
        .map(|iteration| {
            let last = matches!(
                iteration.phase,
                IterationPhase::Failed { .. } | IterationPhase::InDoubt { .. }
            );
            iteration.failures.saturating_sub(u32::from(last))
        })
        .fold(0, u32::saturating_add);
    1.0 - AFTER_RETRY.powi(i32::try_from(retries).unwrap_or(i32::MAX))
}

/// late / (1 + late), where `late` is by how much the steps that have ended took longer than
/// estimated, a second aside, as a share of the estimate. Without durations in the plan, or
/// learned ones, there is no estimate, and nothing is late.
fn time(state: &RunState) -> f64 {
    let points = |step: &PlanStep| step.complexity.clamp(1, 5) as f64;
    let steps = || state.plan.steps.iter().zip(state.steps()).zip(&state.weights);
    // Where every weight is the step's complexity, no duration is known.
    if steps().all(|((step, _), weight)| *weight == points(step)) {
        return 0.0;
    }
    let (mut taken, mut estimated) = (0.0, 0.0);
    for ((_, now), weight) in steps() {
        if let (Some(ms), true) = (now.execution_time_ms, *weight > 0.0) {
            taken += ms as f64;
            estimated += weight;
        }
    }
    if estimated <= 0.0 {
        return 0.0;
    }
    let late = ((taken - estimated - TOLERANCE_MS) / estimated).max(0.0);
    late / (1.0 + late)
}

/// 1 - 0.6^bad: outputs that are empty although a step reads them, and attempts that did not
/// hold what their `expect` says.
fn outputs(state: &RunState) -> f64 {
    let unexpected: u32 = state
        .plan
        .steps
        .iter()
        .zip(state.steps())
        .filter(|(step, _)| step.expect.is_some())
        .map(|(_, now)| unexpected(now))
        .fold(0, u32::saturating_add);
    let bad =
        unexpected.saturating_add(u32::try_from(empty_and_read(state).len()).unwrap_or(u32::MAX));
    1.0 - AFTER_OUTPUT.powi(i32::try_from(bad).unwrap_or(i32::MAX))
}

/// Iterations that ended with a validation failure: what their output was is not what was
/// expected.
fn unexpected(now: &StepState) -> u32 {
    let of_class = |iteration: &&pe_model::IterationState| matches!(&iteration.phase, IterationPhase::Failed { error } if error.class == ErrorClass::Validation);
    u32::try_from(now.iterations.iter().filter(of_class).count()).unwrap_or(u32::MAX)
}

/// The completed steps whose output is null or empty although another step reads it.
pub(super) fn empty_and_read(state: &RunState) -> Vec<StepId> {
    let steps = || state.plan.steps.iter().zip(state.steps());
    let empty: Vec<&StepId> = steps()
        .filter(|(_, now)| now.status == StepStatus::Completed)
        .filter(|(_, now)| now.output.as_deref().is_some_and(is_empty))
        .map(|(step, _)| &step.step_id)
        .collect();
    if empty.is_empty() {
        return Vec::new();
    }
    let mut read: BTreeSet<String> = BTreeSet::new();
    for step in &state.plan.steps {
        each_reference(step, &mut |references| {
            let results =
                references.steps.iter().filter(|reference| reference.root == Root::Results);
            read.extend(results.map(|reference| reference.step.clone()));
        });
    }
    empty.into_iter().filter(|id| read.contains(id.as_str())).cloned().collect()
}

fn is_empty(output: &Value) -> bool {
    match output {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(map) => map.is_empty(),
        Value::Bool(_) | Value::Number(_) => false,
    }
}

/// What a step depends on: what it says, and what it reads through `results`.
pub(crate) fn needs(step: &PlanStep) -> BTreeSet<String> {
    let mut needs: BTreeSet<String> =
        step.dependencies.iter().map(|id| id.as_str().to_owned()).collect();
    each_reference(step, &mut |references| {
        needs.extend(references.steps.iter().filter(|it| !it.guarded).map(|it| it.step.clone()));
    });
    needs
}

/// Whether a step reads `results` or `steps` as a whole.
pub(crate) fn reads_whole(step: &PlanStep) -> bool {
    let mut whole = false;
    each_reference(step, &mut |references| whole |= !references.whole.is_empty());
    whole
}

/// Calls `on` with what each expression and template of a step reads.
fn each_reference(step: &PlanStep, on: &mut dyn FnMut(&References)) {
    let mut open: Vec<&Value> = step.parameters.values().collect();
    while let Some(value) = open.pop() {
        match value {
            Value::String(text) if text.contains("{{") => {
                if let Ok(template) = Template::parse(text) {
                    on(template.references());
                }
            }
            Value::Array(items) => open.extend(items),
            Value::Object(map) => open.extend(map.values()),
            _ => {}
        }
    }
    let expressions = [&step.condition, &step.loop_over, &step.loop_until, &step.expect];
    for source in expressions.into_iter().flatten() {
        if let Ok(expression) = Expr::parse(source) {
            on(expression.references());
        }
    }
}
