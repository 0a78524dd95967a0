//! Revisions: a new plan is put in force between attempts, and results that still hold stay.

use std::collections::HashSet;
use std::sync::Arc;

use pe_model::{EventKind, PlanStep, StepId, StepStatus};
use pe_validate::{StepKind, ValidPlan};

use super::{Board, Scheduler};

/// Why a plan cannot replace the one in force.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReviseError {
    /// A step in doubt would be changed, removed, or run after a changed step.
    #[error("step `{step_id}` is in doubt and may not be touched; decide about it first")]
    InDoubt {
        /// The step.
        step_id: StepId,
    },
}

impl Scheduler {
    /// Says whether a plan could replace the one in force.
    ///
    /// # Errors
    /// A [`ReviseError`] that names the step in the way.
    pub fn check_revision(&self, plan: &ValidPlan) -> Result<(), ReviseError> {
        let reset = self.to_reset(plan);
        for (step, state) in self.state.plan.steps.iter().zip(self.state.steps()) {
            let kept = plan.plan().steps.iter().any(|new| new.step_id == step.step_id)
                && !reset.contains(&step.step_id);
            if state.status == StepStatus::InDoubt && !kept {
                return Err(ReviseError::InDoubt { step_id: step.step_id.clone() });
            }
        }
        Ok(())
    }

    /// Notes a new plan; nothing starts until it is in force. One that may not be put in
    /// force is left alone: ask [`check_revision`](Self::check_revision) first.
    pub(super) fn revise(&mut self, plan: Box<ValidPlan>, weights: Vec<f64>) {
        if self.check_revision(&plan).is_ok() {
            self.revision = Some((plan, weights));
        }
    }

    /// Puts the noted plan in force once nothing runs; says whether it did.
    pub(super) fn put_revision_in_force(&mut self) -> bool {
        if self.board.running > 0 || self.state.stopping.is_some() {
            return false;
        }
        let Some((plan, weights)) = self.revision.take() else { return false };
        let reset = self.to_reset(&plan);
        let mut written = plan.plan().definition();
        written.plan_id = written.plan_id.or_else(|| self.state.plan.plan_id.clone());
        written.status = pe_model::PlanStatus::Running;
        let weights =
            if weights.len() == written.steps.len() { weights } else { plan.weights(|_| None) };
        let in_order =
            |step: &PlanStep| reset.contains(&step.step_id).then(|| step.step_id.clone());
        self.emit(EventKind::PlanRevised {
            reset: written.steps.iter().filter_map(in_order).collect(),
            plan: Arc::new(written),
            weights,
        });
        self.plan = *plan;
        self.board = Board::new(&self.plan, &self.state);
        self.ended.clear();
        self.rebuild();
        true
    }

    /// The steps of both plans that must go back to pending: changed ones, what follows
    /// from them, and everything that has not ended well.
    fn to_reset(&self, plan: &ValidPlan) -> HashSet<StepId> {
        let new = &plan.plan().steps;
        let mut stack: Vec<usize> = Vec::new();
        for (place, step) in new.iter().enumerate() {
            let Some(old) = self.state.place(&step.step_id) else {
                stack.push(place);
                continue;
            };
            if is_changed(&self.state.plan.steps[old], step) {
                stack.push(place);
            }
        }
        let graph = plan.graph();
        let mut reached = vec![false; graph.step_count() + graph.barrier_count()];
        while let Some(node) = stack.pop() {
            if std::mem::replace(&mut reached[node], true) {
                continue;
            }
            stack.extend(graph.links(node).iter().map(|link| link.to as usize));
            if node < graph.step_count() {
                stack.extend(graph.fallbacks(node).iter().map(|&fallback| fallback as usize));
                // What stood in for a step is part of that step's result.
                if let StepKind::Fallback { target } = plan.steps()[node].kind {
                    stack.push(target);
                }
            }
        }
        new.iter()
            .enumerate()
            .filter(|(place, step)| {
                self.state.step(&step.step_id).is_some_and(|state| {
                    let stays = state.is_done() || state.status == StepStatus::InDoubt;
                    reached[*place] || !stays
                })
            })
            .map(|(_, step)| step.step_id.clone())
            .collect()
    }
}

/// Whether a step would do something else: any field but those for people differs.
fn is_changed(old: &PlanStep, new: &PlanStep) -> bool {
    let essence = |step: &PlanStep| PlanStep {
        action: String::new(),
        complexity: 1,
        metadata: pe_model::JsonMap::new(),
        ..step.definition()
    };
    essence(old) != essence(new)
}
