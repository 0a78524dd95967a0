//! Revisions: a new plan is put in force between attempts, and results that still hold stay.
//!
//! An extension only appends steps, or says how far the plan is written. It touches nothing
//! that is there, so it is put in force at once, while attempts run.

use std::collections::HashSet;
use std::sync::Arc;

use pe_model::{EventKind, PlanStage, PlanStep, RevisionCause, StepId, StepState, StepStatus};
use pe_validate::{StepKind, ValidPlan};
use serde_json::Value;

use super::board::Stage;
use super::{Board, Refusal, Refused, Scheduler};

/// A new plan for a run.
///
/// With the cause [`RevisionCause::Extension`], a plan that is the one in force (goal, context
/// and steps, in the same order, doing the same) with any number of steps appended is an
/// *extension*: it is put in force at once and resets nothing. Any other plan is put in force
/// when everything that has begun has ended, and resets what is changed, what follows from
/// that, and what has not ended well; no step begins until then.
#[derive(Debug, Clone)]
pub struct Revision {
    /// The new plan.
    pub plan: ValidPlan,
    /// One scheduling weight a step, in plan order; empty: `ValidPlan::weights`.
    pub weights: Vec<f64>,
    /// What made the new plan.
    pub cause: RevisionCause,
    /// Why, in a sentence.
    pub reason: String,
    /// What was asked to change; null where the plan was given whole.
    pub patch: Value,
    /// How far the new plan is written.
    pub stage: PlanStage,
}

impl Revision {
    /// The plan with what was written since, or the same plan at another stage.
    pub fn extension(plan: ValidPlan, stage: PlanStage) -> Self {
        Self {
            plan,
            weights: Vec::new(),
            cause: RevisionCause::Extension,
            reason: String::new(),
            patch: Value::Null,
            stage,
        }
    }
}

/// A new plan on its way into force.
pub(super) struct Noted {
    pub(super) revision: Revision,
    /// Its place among the inputs of this turn; none when it came in an earlier one.
    pub(super) input: Option<usize>,
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
    /// An extension would stand in for a step whose failure has had its consequences.
    #[error(
        "step `{step_id}` comes too late to stand in for `{target}`: what depends on it has been decided; revise the plan for another reason, so that they run again"
    )]
    TooLate {
        /// The step that is to stand in.
        step_id: StepId,
        /// The step that has failed.
        target: StepId,
    },
    /// An extension would make a draft of a plan whose failures have had their consequences.
    #[error("a plan that is {stage} cannot become a draft again by extension")]
    BackToDraft {
        /// How far the plan in force is written.
        stage: PlanStage,
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

    /// Notes a new plan, and no step begins until it is in force; an extension is at once.
    pub(super) fn revise(&mut self, revision: Revision) {
        let is_extension = self.is_extension(&revision);
        let checked = match is_extension {
            true => self.check_extension(&revision),
            false => self.check_revision(&revision.plan),
        };
        if let Err(error) = checked {
            self.refuse(Refusal::Revision(error));
            return;
        }
        let superseded = self.revision.take();
        if let Some(Noted { input, .. }) = superseded {
            self.turn.refused.push(Refused { input, refusal: Refusal::Superseded });
        }
        if is_extension {
            self.replace_plan(revision, Vec::new());
            self.redraw();
        } else {
            self.revision = Some(Noted { revision, input: self.taking });
        }
    }

    /// Whether a new plan only appends to the one in force.
    fn is_extension(&self, revision: &Revision) -> bool {
        let (old, new) = (&self.state.plan, revision.plan.plan());
        revision.cause == RevisionCause::Extension
            && old.goal == new.goal
            && old.context == new.context
            && old.steps.len() <= new.steps.len()
            && old.steps.iter().zip(&new.steps).all(|(old, new)| old.does_the_same(new))
    }

    fn check_extension(&self, revision: &Revision) -> Result<(), ReviseError> {
        let stage = self.state.stage;
        if revision.stage == PlanStage::Draft && stage != PlanStage::Draft {
            return Err(ReviseError::BackToDraft { stage });
        }
        let steps = revision.plan.steps();
        for step in &steps[self.plan.steps().len()..] {
            let StepKind::Fallback { target } = step.kind else { continue };
            if let Some(target) = self.decided_failure(target) {
                let (step_id, target) = (step.id.clone(), self.id(target));
                return Err(ReviseError::TooLate { step_id, target });
            }
        }
        Ok(())
    }

    /// A failure that would be made good by whatever stands in for this step, though what
    /// depends on it has been decided by it.
    fn decided_failure(&self, place: usize) -> Option<usize> {
        let is_open = |place: usize| {
            self.state.steps().get(place).is_some_and(|step| {
                step.status == StepStatus::Failed && !step.is_recovered() && !step.rejected
            })
        };
        let mut root = place;
        if !is_open(root) {
            return None;
        }
        while let StepKind::Fallback { target } = self.plan.steps()[root].kind
            && is_open(target)
        {
            root = target;
        }
        // With the root, every fallback that failed before is recovered as well.
        let mut failed = vec![root];
        while let Some(place) = failed.pop() {
            if self.board.stage[place] == Stage::Settled && self.has_told(place) {
                return Some(place);
            }
            let fallbacks = self.plan.graph().fallbacks(place).iter().map(|&f| f as usize);
            failed.extend(fallbacks.filter(|&fallback| is_open(fallback)));
        }
        None
    }

    /// Whether anybody who waits for a step that has settled has begun or ended.
    fn has_told(&self, place: usize) -> bool {
        let graph = self.plan.graph();
        let mut seen = vec![false; graph.barrier_count()];
        let mut nodes = vec![place];
        while let Some(node) = nodes.pop() {
            for link in graph.links(node) {
                let to = link.to as usize;
                match to.checked_sub(graph.step_count()) {
                    None if self.board.stage[to] != Stage::Blocked => return true,
                    None => {}
                    Some(barrier) if std::mem::replace(&mut seen[barrier], true) => {}
                    Some(_) => nodes.push(to),
                }
            }
        }
        false
    }

    /// Records a new plan and goes by it from now on.
    fn replace_plan(&mut self, revision: Revision, reset: Vec<StepId>) {
        let Revision { plan, weights, cause, reason, patch, stage } = revision;
        let mut written = plan.plan().definition();
        written.plan_id = written.plan_id.or_else(|| self.state.plan.plan_id.clone());
        written.status = pe_model::PlanStatus::Running;
        let weights =
            if weights.len() == written.steps.len() { weights } else { plan.weights(|_| None) };
        self.emit(EventKind::PlanRevised {
            plan: Arc::new(written),
            weights,
            reset,
            cause,
            reason,
            patch,
            stage,
        });
        self.plan = plan;
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
        let Some(Noted { revision, input }) = self.revision.take() else { return false };
        let reset = match self.reset_by(&revision.plan) {
            Ok(reset) => reset,
            Err(error) => {
                // A step went into doubt meanwhile.
                let refusal = Refusal::Revision(error);
                self.turn.refused.push(Refused { input, refusal });
                self.rebuild();
                return true;
            }
        };
        let in_order =
            |step: &PlanStep| reset.contains(&step.step_id).then(|| step.step_id.clone());
        let reset = revision.plan.plan().steps.iter().filter_map(in_order).collect();
        self.replace_plan(revision, reset);
        self.board = Board::new(&self.plan, &self.state, &*self.rules);
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
            if !self.state.plan.steps[old].does_the_same(step) {
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
