//! Going on with a run that another process left: its attempts have no outcome any more.

use std::sync::Arc;

use jiff::Timestamp;
use pe_model::{
    AttemptKey, Effect, ErrorClass, EventKind, IterationPhase, OrchestratorConfig, PlanStatus,
    StepError,
};

use super::{Refusal, Scheduler};

impl Scheduler {
    /// Takes the run over. What was under way is made again, unless it must not happen twice.
    pub(super) fn resume(&mut self, epoch: u64, config: OrchestratorConfig, resumed_at: Timestamp) {
        let status = self.state.status;
        if matches!(status, PlanStatus::Completed | PlanStatus::Failed) {
            self.refuse(Refusal::Ended { status });
            return;
        }
        if epoch <= self.state.epoch {
            self.refuse(Refusal::Overtaken { epoch, current: self.state.epoch });
            return;
        }
        self.emit(EventKind::RunResumed { epoch, config: Arc::new(config), resumed_at });
        for place in 0..self.plan.steps().len() {
            for number in 0..self.state.step_at(place).iterations.len() {
                let iteration = &self.state.step_at(place).iterations[number];
                if !matches!(iteration.phase, IterationPhase::Running { .. }) {
                    continue;
                }
                let (attempt, effect) = (iteration.attempts, iteration.effect);
                let (step_id, generation) = self.named(place);
                let number = number as u32;
                if effect == Effect::Once {
                    let message = "the process that made the call ended before it answered; \
                                   its effect may have happened";
                    self.doubt(place, number, StepError::new(ErrorClass::Cancelled, message));
                } else {
                    let key = AttemptKey { step_id, generation, iteration: number, attempt };
                    self.emit(EventKind::AttemptInterrupted { key });
                }
            }
        }
    }
}
