//! Taking over what another run has done: the steps that are as they were, and whose inputs
//! are, are not run again.
//!
//! Everything that can be taken over is, before anything starts: a step is asked when its
//! dependencies have settled, and those of a step that can be taken over were taken over
//! themselves. So it is recorded in one batch with the begin of the run, and a run
//! that is resumed need not look at the other one again.

use std::collections::HashSet;
use std::sync::Arc;

use pe_model::{
    Effect, EventKind, IterationPhase, IterationState, Plan, ReusedCall, RunId, RunState,
    SkipReason, StepId, StepState, StepStatus,
};
use pe_validate::{LoopKind, StepKind, ValidPlan};

use super::Scheduler;

/// Another run whose finished work is taken over where it still holds.
///
/// A step is taken over when it completed there (or was recovered), when its definition, the
/// version of its tool and its resolved arguments are the same, and when nothing that it
/// depends on ran again.
///
/// Invariant: no call of the other run whose outcome nobody knows would be made again.
#[derive(Debug, Clone)]
pub struct Reuse {
    from: RunState,
    run_again: HashSet<StepId>,
}

/// Why a run's work cannot be taken over.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReuseError {
    /// A call that must happen once may have happened there, or be happening now.
    #[error(
        "nobody knows whether step `{step_id}` of run {run_id} happened, and it must not happen twice; decide about it there first"
    )]
    InDoubt {
        /// The run.
        run_id: RunId,
        /// The step.
        step_id: StepId,
    },
    /// A step that is to run again is not there.
    #[error("run {run_id} has no step `{step_id}`")]
    NoSuchStep {
        /// The run.
        run_id: RunId,
        /// The step.
        step_id: StepId,
    },
}

impl Reuse {
    /// The finished work of `from`; the steps of `run_again` run again in any case, and so do
    /// their descendants.
    ///
    /// # Errors
    /// [`ReuseError`], unless a step in doubt is one of `run_again`: then whoever asks knows.
    pub fn new(
        from: RunState,
        run_again: impl IntoIterator<Item = StepId>,
    ) -> Result<Self, ReuseError> {
        let run_again: HashSet<StepId> = run_again.into_iter().collect();
        let run_id = from.run_id.clone();
        if let Some(step_id) = run_again.iter().find(|id| from.place(id).is_none()) {
            return Err(ReuseError::NoSuchStep { run_id, step_id: step_id.clone() });
        }
        let unknown = |call: &IterationState| match call.phase {
            IterationPhase::InDoubt { .. } => true,
            IterationPhase::Running { .. } => call.effect == Effect::Once,
            _ => false,
        };
        let mut steps = from.plan.steps.iter().zip(from.steps());
        let doubtful = steps.find(|(step, state)| {
            state.iterations.iter().any(unknown) && !run_again.contains(&step.step_id)
        });
        match doubtful {
            Some((step, _)) => Err(ReuseError::InDoubt { run_id, step_id: step.step_id.clone() }),
            None => Ok(Self { from, run_again }),
        }
    }

    /// The other run.
    pub fn from(&self) -> &RunState {
        &self.from
    }

    /// The steps that run again in any case.
    pub fn run_again(&self) -> impl Iterator<Item = &StepId> {
        self.run_again.iter()
    }
}

/// What a beginning run knows about the other one.
pub(super) struct Takeover {
    from: RunState,
    run_again: HashSet<StepId>,
    /// Nodes of the graph that come after a step that ran again or ended in another way.
    changed: Vec<bool>,
    /// Whether expressions see the same goal, context and steps.
    same_surroundings: bool,
}

impl Takeover {
    pub(super) fn new(reuse: Reuse, plan: &ValidPlan) -> Self {
        let (old, new) = (&reuse.from.plan, plan.plan());
        let ids = |plan: &Plan| -> Vec<StepId> {
            let mut ids: Vec<_> = plan.steps.iter().map(|step| step.step_id.clone()).collect();
            ids.sort();
            ids
        };
        let nodes = plan.graph().step_count() + plan.graph().barrier_count();
        Self {
            same_surroundings: old.goal == new.goal
                && old.context == new.context
                && ids(old) == ids(new),
            from: reuse.from,
            run_again: reuse.run_again,
            changed: vec![false; nodes],
        }
    }

    /// What follows from something changed is changed.
    pub(super) fn pass_on(&mut self, node: usize, to: usize) {
        self.changed[to] |= self.changed[node];
    }
}

impl Scheduler {
    /// Takes over all that holds; from then on everything else runs.
    pub(super) fn take_over_what_holds(&mut self) {
        if self.takeover.is_some() {
            self.consider_all();
            self.draw_consequences();
            self.takeover = None;
        }
    }

    /// Notes whether a step that has settled ended in another way than in the other run.
    pub(super) fn note_change(&mut self, place: usize) {
        let Some(takeover) = &self.takeover else { return };
        let same = self.ended_as_before(takeover, place);
        if let Some(takeover) = &mut self.takeover {
            takeover.changed[place] |= !same;
        }
    }

    fn ended_as_before(&self, takeover: &Takeover, place: usize) -> bool {
        let step = self.state.step_at(place);
        let before = takeover.from.step(self.id(place));
        let stood_in = step.recovered_by.as_ref().and_then(|by| self.state.step(by));
        match step.status {
            StepStatus::Skipped => {
                // A fallback that is not needed changes nothing for anybody.
                step.reason == Some(pe_model::Reason::Skipped(SkipReason::NotNeeded))
                    || before.is_some_and(|before| before.status == StepStatus::Skipped)
            }
            // A loop over nothing calls nothing, then and now.
            StepStatus::Completed if step.loop_count == Some(0) => {
                before.is_some_and(|before| before.loop_count == Some(0) && before.is_done())
            }
            _ => {
                (step.reused_from.is_some() || self.failed_as_before(takeover, place))
                    && stood_in.is_none_or(|stand_in| stand_in.reused_from.is_some())
            }
        }
    }

    /// Takes a prepared step over from the other run, if it still holds; says whether it did.
    pub(super) fn take_over(&mut self, place: usize) -> bool {
        let Some(takeover) = &self.takeover else { return false };
        let Some((calls, before)) = self.reusable(takeover, place) else { return false };
        let error = before.error.clone().filter(|_| before.status == StepStatus::Failed);
        let (execution_time_ms, from_run) =
            (before.execution_time_ms, takeover.from.run_id.clone());
        let (step_id, generation) = self.named(place);
        self.emit(EventKind::StepReused {
            step_id,
            generation,
            from_run,
            iterations: calls,
            execution_time_ms,
            error,
        });
        self.end(place);
        true
    }

    fn reusable<'a>(
        &self,
        takeover: &'a Takeover,
        place: usize,
    ) -> Option<(Vec<ReusedCall>, &'a StepState)> {
        let id = &self.plan.steps()[place].id;
        let before = takeover.from.step(id).filter(|before| before.is_done())?;
        let now = self.state.step_at(place);
        let waits = self.board.tally[place].unsettled > 0 || self.board.ordering[place] > 0;
        let holds = !waits
            && !takeover.changed[place]
            && self.is_defined_as_before(takeover, id)
            && before
                .recovered_by
                .as_ref()
                .is_none_or(|by| self.is_defined_as_before(takeover, by))
            && self.target_was_taken_over(takeover, place)
            && before.loop_count == now.loop_count
            && before.items == now.items
            && before
                .iterations
                .iter()
                .zip(0..)
                .all(|(call, iteration)| self.is_same_call(takeover, place, iteration, call));
        if !holds {
            return None;
        }
        let made = |call: &IterationState| ReusedCall {
            attempts: call.attempts,
            tool_version: call.tool_version.clone(),
            effect: call.effect,
            arguments: Arc::clone(&call.arguments),
            output: match &call.phase {
                IterationPhase::Completed { output } => Some(Arc::clone(output)),
                _ => None,
            },
        };
        Some((before.iterations.iter().map(made).collect(), before))
    }

    fn is_defined_as_before(&self, takeover: &Takeover, id: &StepId) -> bool {
        let step = |state: &RunState| state.place(id).map(|at| state.plan.steps[at].clone());
        match (step(&takeover.from), step(&self.state)) {
            (Some(old), Some(new)) => !takeover.run_again.contains(id) && old.does_the_same(&new),
            _ => false,
        }
    }

    /// A fallback's work holds only where the failure that it makes good does.
    fn target_was_taken_over(&self, takeover: &Takeover, place: usize) -> bool {
        match self.plan.steps()[place].kind {
            StepKind::Fallback { target } => {
                self.state.step_at(target).reused_from.is_some()
                    || self.failed_as_before(takeover, target)
            }
            _ => true,
        }
    }

    /// Whether a step failed before it called anything, then and now.
    fn failed_as_before(&self, takeover: &Takeover, place: usize) -> bool {
        let now = self.state.step_at(place);
        let failed = |step: &StepState| {
            step.status == StepStatus::Failed
                && step.iterations.is_empty()
                && step.error == now.error
        };
        failed(now) && takeover.from.step(self.id(place)).is_some_and(failed)
    }

    fn is_same_call(
        &self,
        takeover: &Takeover,
        place: usize,
        iteration: u32,
        call: &IterationState,
    ) -> bool {
        let step = &self.plan.steps()[place];
        let Ok(arguments) = self.arguments(place, iteration) else { return false };
        let version = self.rules.judge(&step.tool, &arguments).map(|rule| rule.tool_version);
        if arguments != call.arguments || version.as_ref() != Some(&call.tool_version) {
            return false;
        }
        match &call.phase {
            _ if takeover.same_surroundings => true,
            _ if matches!(step.kind, StepKind::Loop(LoopKind::Until { .. })) => false,
            IterationPhase::Completed { output } => {
                self.check_expectation(place, iteration, output).is_ok()
            }
            _ => true,
        }
    }
}
