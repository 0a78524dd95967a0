//! What the checks of one step need to know of the others.

use std::collections::HashMap;

use pe_model::{Catalog, Plan, StepId, StepType};

use super::Checker;
use crate::Code;

/// The plan as a whole, looked at once.
pub(super) struct Facts<'p> {
    pub(super) plan: &'p Plan,
    pub(super) catalog: &'p Catalog,
    /// First places by id.
    index: HashMap<&'p str, usize>,
    /// The step that each one stands in for; empty when there are no fallbacks.
    targets: Vec<Option<u32>>,
    /// When a walk over the forest of fallbacks came to each step and left it.
    spans: Vec<(u32, u32)>,
}

impl<'p> Facts<'p> {
    /// Looks at the plan; blank and repeated ids are found.
    pub(super) fn new(plan: &'p Plan, catalog: &'p Catalog, checker: &mut Checker) -> Self {
        let index = index(plan, checker);
        let (mut targets, mut spans) = (Vec::new(), Vec::new());
        if plan.steps.iter().any(|step| step.step_type == StepType::Fallback) {
            let target = |step: &pe_model::PlanStep| {
                let target = step.fallback_for.as_ref().filter(|target| **target != step.step_id);
                let target = target.filter(|_| step.step_type == StepType::Fallback)?;
                index.get(target.as_str()).map(|&place| place as u32)
            };
            targets = plan.steps.iter().map(target).collect();
            spans = walk(&targets);
        }
        Self { plan, catalog, index, targets, spans }
    }

    pub(super) fn place(&self, id: &str) -> Option<usize> {
        self.index.get(id).copied()
    }

    /// The step that a fallback stands in for, when it exists and is another one.
    pub(super) fn target(&self, step: usize) -> Option<u32> {
        self.targets.get(step).copied().flatten()
    }

    /// Whether `step` runs only after `other` has failed or was skipped: it is its fallback, a
    /// fallback of one of its fallbacks, and so on, or comes after it among the fallbacks of
    /// one step. Such a step settles only later, so nothing can wait for it here.
    pub(super) fn stands_in_for(&self, step: usize, other: usize) -> bool {
        if self.targets.is_empty() || step == other {
            return false;
        }
        let at = self.spans[step].0;
        let is_above = |other: usize| self.spans[other].0 < at && at < self.spans[other].1;
        let target = self.target(other).map(|target| target as usize);
        self.target(step) == Some(other as u32)
            || is_above(other)
            || (target.is_some_and(is_above) && self.spans[other].1 <= at)
    }

    pub(super) fn has_fallback(&self, step: usize) -> bool {
        self.spans.get(step).is_some_and(|(start, end)| *end > start + 1)
    }

    /// "did you mean" for a step id.
    pub(super) fn near_step(
        &self,
        checker: &mut Checker,
        name: &str,
        own: &StepId,
    ) -> Option<String> {
        let known = self.plan.steps.iter().map(|step| &step.step_id);
        // The own id is passed over by being the empty name, which is never near.
        let known = known.map(|id| if id == own { "" } else { id.as_str() });
        checker.near(name, self.plan.steps.len(), known)
    }
}

fn index<'p>(plan: &'p Plan, checker: &mut Checker) -> HashMap<&'p str, usize> {
    let mut index = HashMap::with_capacity(plan.steps.len());
    for (place, step) in plan.steps.iter().enumerate() {
        let id = &step.step_id;
        if id.as_str().trim().is_empty() {
            let message = format!("step number {} has no `step_id`", place + 1);
            checker.at_step(Code::BlankId, (place, id), "step_id", message).suggestion =
                Some("give it a short unique name".to_owned());
            continue;
        }
        if let Some(first) = index.get(id.as_str()) {
            let message = format!("step id `{id}` is taken by step number {}", first + 1);
            checker.at_step(Code::DuplicateId, (place, id), "step_id", message).suggestion =
                Some("give one of the two another id".to_owned());
            continue;
        }
        index.insert(id.as_str(), place);
    }
    index
}

/// Numbers the forest of fallbacks so that all stand-ins of a step lie within its span.
///
/// Steps that stand in for each other in a circle are never come to: their spans stay empty.
fn walk(targets: &[Option<u32>]) -> Vec<(u32, u32)> {
    let mut stand_ins = vec![Vec::new(); targets.len()];
    for (step, target) in targets.iter().enumerate() {
        if let Some(target) = target {
            stand_ins[*target as usize].push(step);
        }
    }
    let mut spans = vec![(0, 0); targets.len()];
    let mut clock = 1;
    for root in (0..targets.len()).filter(|&step| targets[step].is_none()) {
        let mut open = vec![(root, 0)];
        while let Some((step, next)) = open.last_mut() {
            if *next == 0 {
                spans[*step].0 = clock;
                clock += 1;
            }
            if let Some(&below) = stand_ins[*step].get(*next) {
                *next += 1;
                open.push((below, 0));
            } else {
                spans[*step].1 = clock;
                open.pop();
            }
        }
    }
    spans
}
