//! Which failures may still be made good: the fallbacks of a run and how they stand.

use std::collections::HashMap;

use pe_model::{RunState, StepId, StepStatus};

/// Who stands in for whom, by places in the plan.
pub(super) struct Fallbacks<'a> {
    state: &'a RunState,
    targets: Vec<Option<usize>>,
    stand_ins: Vec<Vec<usize>>,
}

impl<'a> Fallbacks<'a> {
    pub(super) fn of(state: &'a RunState) -> Self {
        let steps = &state.plan.steps;
        let places: HashMap<&StepId, usize> =
            steps.iter().enumerate().map(|(place, step)| (&step.step_id, place)).collect();
        let targets: Vec<Option<usize>> = steps
            .iter()
            .map(|step| step.fallback_for.as_ref().and_then(|target| places.get(target).copied()))
            .collect();
        let mut stand_ins = vec![Vec::new(); steps.len()];
        for (place, target) in targets.iter().enumerate() {
            if let Some(target) = target {
                stand_ins[*target].push(place);
            }
        }
        Self { state, targets, stand_ins }
    }

    /// Whether a fallback may still stand in for a failed step: one of its own, one of a fallback
    /// of its, or another one of the failed step that it stands in for, since whoever recovers a
    /// step recovers the fallbacks that failed before as well.
    pub(super) fn is_one_left(&self, place: usize) -> bool {
        let steps = self.state.steps();
        let has_failed = |place: usize| {
            steps[place].status == StepStatus::Failed && !steps[place].is_recovered()
        };
        let mut top = place;
        for _ in 0..steps.len() {
            match self.targets[top].filter(|&target| has_failed(target)) {
                Some(target) => top = target,
                None => break,
            }
        }
        let mut seen = vec![top];
        let mut at = 0;
        while at < seen.len() && seen.len() <= steps.len() {
            for &fallback in &self.stand_ins[seen[at]] {
                match steps[fallback].status {
                    StepStatus::Failed => seen.push(fallback),
                    StepStatus::Skipped | StepStatus::Completed => {}
                    _ => return true,
                }
            }
            at += 1;
        }
        false
    }
}
