//! Plans that did the same, recognised: so that one that failed does not come back.

use std::fmt::Write as _;

use pe_model::{Plan, PlanStep, RunState, StepStatus};
use serde_json::Value;

use crate::planner::request::notation_of;
use crate::prompts::data::{bounded, defused, line};
use crate::prompts::secrets::secrets_of;

/// What a plan does, as canonical text: equal for plans that would make the same calls in the
/// same order of dependencies.
///
/// Left out is what changes nothing of that: the plan's id, version and times, the words for
/// people, complexity, metadata, the order of steps, of dependencies and of the keys of objects.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct PlanFingerprint(String);

impl PlanFingerprint {
    /// The fingerprint of a plan's definition.
    pub fn of(plan: &Plan) -> Self {
        let mut steps: Vec<String> = plan.steps.iter().map(canonical_step).collect();
        steps.sort_unstable();
        let mut text = canonical(&Value::Object(plan.context.clone()));
        for step in steps {
            text.push('\n');
            text.push_str(&step);
        }
        Self(text)
    }

    /// The canonical text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn canonical_step(step: &PlanStep) -> String {
    let mut essence = PlanStep {
        action: String::new(),
        complexity: 1,
        agent: None,
        metadata: pe_model::JsonMap::new(),
        ..step.definition()
    };
    essence.dependencies.sort();
    essence.dependencies.dedup();
    canonical(&serde_json::to_value(&essence).unwrap_or_default())
}

/// JSON with the keys of objects in order. Recursion ends at the depth that plans are read with.
fn canonical(value: &Value) -> String {
    let mut text = String::new();
    write_canonical(value, &mut text);
    text
}

fn write_canonical(value: &Value, text: &mut String) {
    match value {
        Value::Array(items) => {
            text.push('[');
            for (place, item) in items.iter().enumerate() {
                if place > 0 {
                    text.push(',');
                }
                write_canonical(item, text);
            }
            text.push(']');
        }
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            text.push('{');
            for (place, key) in keys.into_iter().enumerate() {
                let comma = if place > 0 { "," } else { "" };
                // Invariant: writing to a string cannot fail.
                let _ = write!(text, "{comma}{}:", Value::String(key.clone()));
                write_canonical(&map[key], text);
            }
            text.push('}');
        }
        other => text.push_str(&other.to_string()),
    }
}

/// A plan of the same run that failed earlier, and how.
#[derive(Debug, Clone, PartialEq)]
pub struct FailedPlan {
    /// What it did.
    pub fingerprint: PlanFingerprint,
    /// Its steps, short, for the model.
    pub plan: String,
    /// Its unrecovered failures: the step, the class and the message.
    pub failures: Vec<String>,
}

impl FailedPlan {
    /// What is to be remembered of a plan whose run failed or went astray.
    pub fn of(state: &RunState) -> Self {
        const MOST: usize = 5;
        let secrets = secrets_of(&state.plan.context);
        let failed = state.plan.steps.iter().zip(state.steps());
        let failures = failed
            .filter(|(_, state)| state.status == StepStatus::Failed && !state.is_recovered())
            .take(MOST)
            .map(|(step, state)| {
                let error = state.error.as_ref().map(ToString::to_string).unwrap_or_default();
                line(&secrets.without_in(&format!("{}: {error}", step.step_id)), 200)
            })
            .collect();
        Self {
            fingerprint: PlanFingerprint::of(&state.plan),
            plan: bounded(&notation_of(&state.plan), 1_500),
            failures,
        }
    }

    pub(super) fn describe(&self) -> String {
        defused(&format!("- {} failed with {}", self.plan, self.failures.join("; ")))
    }
}
