//! Revisions: a new plan is put in force between attempts, and results that still hold stay.

use std::collections::HashSet;
use std::sync::Arc;

use pe_model::{EventKind, PlanStep, RevisionCause, StepId, StepState, StepStatus};
use pe_validate::{StepKind, ValidPlan};
use serde_json::Value;

use super::{Board, Refusal, Scheduler};

/// A new plan on its way into force.
pub(super) struct Revision {
    pub(super) plan: Box<ValidPlan>,
    pub(super) weights: Vec<f64>,
    pub(super) cause: RevisionCause,
    pub(super) reason: String,
    pub(super) patch: Value,
}

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
        self.reset_by(plan).map(|_| ())
    }

    /// Notes a new plan; no step begins until it is in force.
    pub(super) fn revise(&mut self, revision: Revision) {
        match self.check_revision(&revision.plan) {
            Ok(()) => self.revision = Some(revision),
            Err(error) => self.refuse(Refusal::Revision(error)),
        }
    }

    /// Puts the noted plan in force once every step that has begun has ended; says whether
    /// it did.
    pub(super) fn put_revision_in_force(&mut self) -> bool {
        let under_way = |step: &StepState| step.status == StepStatus::Running;
        if self.revision.is_none()
            || self.board.running > 0
            || self.state.stopping.is_some()
            || self.state.steps().iter().any(under_way)
        {
            return false;
        }
        let Some(revision) = self.revision.take() else { return false };
        let Revision { plan, weights, cause, reason, patch } = revision;
        let reset = match self.reset_by(&plan) {
            Ok(reset) => reset,
            Err(error) => {
                // A step went into doubt meanwhile.
                self.refuse(Refusal::Revision(error));
                self.rebuild();
                return true;
            }
        };
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
            cause,
            reason,
            patch,
        });
        self.plan = *plan;
        self.board = Board::new(&self.plan, &self.state);
        self.ended.clear();
        self.rebuild();
        true
    }

    /// What a plan would reset, if it may be put in force.
    fn reset_by(&self, plan: &ValidPlan) -> Result<HashSet<StepId>, ReviseError> {
        let reset = self.to_reset(plan);
        let steps = self.state.plan.steps.iter().zip(self.state.steps());
        let doubtful: Vec<&StepId> = steps
            .filter(|(_, state)| state.status == StepStatus::InDoubt)
            .map(|(step, _)| &step.step_id)
            .collect();
        if doubtful.is_empty() {
            return Ok(reset);
        }
        let there: HashSet<&StepId> = plan.plan().steps.iter().map(|step| &step.step_id).collect();
        match doubtful.into_iter().find(|id| !there.contains(id) || reset.contains(*id)) {
            Some(touched) => Err(ReviseError::InDoubt { step_id: touched.clone() }),
            None => Ok(reset),
        }
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
                    let target_id = &plan.steps()[target].id;
                    let stood_in = self.state.step(target_id).is_some_and(|state| {
                        state.recovered_by.as_ref() == Some(&plan.steps()[node].id)
                    });
                    if stood_in {
                        stack.push(target);
                    }
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
pub(super) fn is_changed(old: &PlanStep, new: &PlanStep) -> bool {
    let essence = |step: &PlanStep| PlanStep {
        action: String::new(),
        complexity: 1,
        metadata: pe_model::JsonMap::new(),
        ..step.definition()
    };
    essence(old) != essence(new)
}
