//! Declared dependencies and fallback targets.

use std::collections::{HashMap, HashSet};

use pe_model::{PlanStep, StepId, StepType};

use super::{Checker, near_step};
use crate::Code;
use crate::graph::Needs;

impl Checker {
    pub(super) fn dependencies(
        &mut self,
        place: usize,
        step: &PlanStep,
        index: &HashMap<StepId, usize>,
        need: &mut Needs,
    ) {
        let id = &step.step_id;
        if step.step_type == StepType::Fallback {
            self.fallback_target(place, step, index, need);
        }
        let mut seen = HashSet::new();
        for (number, on) in step.dependencies.iter().enumerate() {
            let field = format!("dependencies/{number}");
            if !seen.insert(on) {
                let message = format!("step `{id}` lists `{on}` twice");
                self.at_step(Code::RepeatedDependency, (place, id), &field, message);
                continue;
            }
            if on == id {
                let message = format!("step `{id}` depends on itself");
                self.at_step(Code::SelfDependency, (place, id), &field, message).suggestion =
                    Some("remove the dependency".to_owned());
                self.report.circular_dependencies.push(vec![id.clone()]);
                continue;
            }
            match index.get(on) {
                Some(&on) => depend(need, on as u32),
                None => {
                    let message =
                        format!("step `{id}` depends on `{on}`, which this plan does not define");
                    self.at_step(Code::UnknownDependency, (place, id), &field, message)
                        .suggestion = near_step(on.as_str(), index, id);
                }
            }
        }
    }

    fn fallback_target(
        &mut self,
        place: usize,
        step: &PlanStep,
        index: &HashMap<StepId, usize>,
        need: &mut Needs,
    ) {
        let id = &step.step_id;
        let (message, suggestion) = match &step.fallback_for {
            None => (
                format!("fallback `{id}` does not say which step it stands in for"),
                Some("set `fallback_for`".to_owned()),
            ),
            Some(target) if target == id => (format!("step `{id}` is its own fallback"), None),
            Some(target) => match index.get(target) {
                Some(&target) => {
                    need.fallback_for = Some(target as u32);
                    return;
                }
                None => (
                    format!(
                        "step `{id}` is a fallback for `{target}`, which this plan does not define"
                    ),
                    near_step(target.as_str(), index, id),
                ),
            },
        };
        self.at_step(Code::FallbackTarget, (place, id), "fallback_for", message).suggestion =
            suggestion;
    }
}

/// A dependency that the trigger rule looks at; a fallback's target plays no part in it.
pub(super) fn depend(need: &mut Needs, on: u32) {
    if need.fallback_for != Some(on) {
        need.triggers.push(on);
    }
}
