//! Declared dependencies and fallback targets.

use std::collections::HashSet;

use pe_model::{PlanStep, StepId, StepType};

use super::{Checker, Facts};
use crate::Code;
use crate::graph::Needs;

impl Checker {
    pub(super) fn dependencies(&mut self, place: usize, facts: &Facts<'_>, need: &mut Needs) {
        let step = &facts.plan.steps[place];
        let id = &step.step_id;
        if step.step_type == StepType::Fallback && need.fallback_for.is_none() {
            self.fallback_target(place, facts);
        }
        let mut seen = Seen::new(&step.dependencies);
        for (number, on) in step.dependencies.iter().enumerate() {
            let field = || format!("dependencies/{number}");
            if seen.before(number) {
                let message = format!("step `{id}` lists `{on}` twice");
                self.at_step(Code::RepeatedDependency, (place, id), &field(), message).suggestion =
                    Some("remove one of the two".to_owned());
                continue;
            }
            if on == id {
                let message = format!("step `{id}` depends on itself");
                self.at_step(Code::SelfDependency, (place, id), &field(), message).suggestion =
                    Some("remove the dependency".to_owned());
                self.report.circular_dependencies.push(vec![id.clone()]);
                continue;
            }
            match facts.place(on.as_str()) {
                Some(on) => depend(facts, need, place, on),
                None => {
                    let suggestion = facts.near_step(self, on.as_str(), id);
                    let message =
                        format!("step `{id}` depends on `{on}`, which this plan does not define");
                    self.at_step(Code::UnknownDependency, (place, id), &field(), message)
                        .suggestion = suggestion;
                }
            }
        }
    }

    fn fallback_target(&mut self, place: usize, facts: &Facts<'_>) {
        let step: &PlanStep = &facts.plan.steps[place];
        let id = &step.step_id;
        let (message, suggestion) = match &step.fallback_for {
            None => (
                format!("fallback `{id}` does not say which step it stands in for"),
                Some("set `fallback_for`".to_owned()),
            ),
            Some(target) if target == id => (
                format!("step `{id}` is its own fallback"),
                Some("name the step that it stands in for".to_owned()),
            ),
            Some(target) => (
                format!(
                    "step `{id}` is a fallback for `{target}`, which this plan does not define"
                ),
                facts.near_step(self, target.as_str(), id),
            ),
        };
        self.at_step(Code::FallbackTarget, (place, id), "fallback_for", message).suggestion =
            suggestion;
    }
}

/// A dependency that the trigger rule looks at. What a fallback stands in for plays no part
/// in it, nor what that one stands in for: they have failed when the fallback starts, and
/// settle only with it.
pub(super) fn depend(facts: &Facts<'_>, need: &mut Needs, place: usize, on: usize) {
    if !facts.stands_in_for(place, on) {
        need.triggers.push(on as u32);
    }
}

/// Which of a list's elements stood there before; short lists need no set.
pub(super) struct Seen<'l> {
    list: &'l [StepId],
    set: Option<HashSet<&'l StepId>>,
}

impl<'l> Seen<'l> {
    pub(super) fn new(list: &'l [StepId]) -> Self {
        const SHORT: usize = 8;
        Self { list, set: (list.len() > SHORT).then(HashSet::new) }
    }

    /// Asked once for each element, in order.
    pub(super) fn before(&mut self, number: usize) -> bool {
        let element = &self.list[number];
        match &mut self.set {
            Some(set) => !set.insert(element),
            None => self.list[..number].contains(element),
        }
    }
}
