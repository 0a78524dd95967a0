//! Ends: of a run that is through, that pauses for a person, or that is stopped early.

use pe_model::{
    AttemptKey, Effect, ErrorClass, EventKind, IterationPhase, PlanStatus, StepError, StepStatus,
    StopCause,
};

use super::{Command, Millis, Scheduler};

impl Scheduler {
    pub(super) fn cancel(&mut self, cause: StopCause, grace_ms: Option<Millis>) {
        if self.state.is_finished() {
            return;
        }
        if self.state.stopping.is_none_or(|before| rank(cause) > rank(before)) {
            self.emit(EventKind::RunStopping { cause });
        }
        if let Some(grace) = grace_ms {
            let deadline = self.last_seen.saturating_add(grace);
            self.stop_deadline = Some(self.stop_deadline.map_or(deadline, |at| at.min(deadline)));
            self.check_deadlines();
        }
    }

    pub(super) fn pause(&mut self) {
        if !self.is_stalled() || self.state.stopping.is_some() || self.is_draft() {
            return;
        }
        // What was only held back goes on in the next process.
        let steps = 0..self.plan.steps().len();
        if self.on_hold && (self.board.has_queued() || { steps }.any(|at| self.could_begin(at))) {
            return;
        }
        let doubtful = self.state.steps().iter().any(|step| step.status == StepStatus::InDoubt);
        let waiting = self.board.waiting > 0;
        let is_told = self.supervised || self.suspended || !self.state.stage.is_complete();
        debug_assert!(
            doubtful || waiting || self.on_hold || is_told,
            "a run that stalls waits for somebody"
        );
        if doubtful || waiting {
            let status = if doubtful { PlanStatus::InDoubt } else { PlanStatus::Waiting };
            self.emit(EventKind::RunFinished { status });
        }
    }

    /// Whether something runs or will run by itself.
    pub(super) fn is_active(&self) -> bool {
        self.is_busy() || (self.board.has_queued() && self.may_start())
    }

    fn is_busy(&self) -> bool {
        self.board.running > 0 || self.board.has_timers()
    }

    /// Moves the present on. Time in which the run only waits for a person is not counted
    /// against the plan's timeout.
    pub(super) fn spend_time(&mut self, now: Millis) {
        let now = now.max(self.last_seen);
        if self.is_busy() {
            self.active_ms += now - self.last_seen;
        }
        self.last_seen = now;
    }

    pub(super) fn plan_deadline(&self) -> Option<Millis> {
        let timeout = self.state.config.plan_timeout_ms;
        let counts = timeout > 0 && self.stop_deadline.is_none() && self.is_busy();
        counts.then(|| self.last_seen.saturating_add(timeout.saturating_sub(self.active_ms)))
    }

    pub(super) fn check_deadlines(&mut self) {
        let timeout = self.state.config.plan_timeout_ms;
        if timeout > 0 && self.active_ms >= timeout && self.stop_deadline.is_none() {
            self.cancel(StopCause::Timeout, Some(0));
        }
        if self.stop_deadline.is_some_and(|deadline| deadline <= self.last_seen) {
            self.interrupt_running();
        }
    }

    /// Drops every attempt that is under way.
    fn interrupt_running(&mut self) {
        for place in 0..self.plan.steps().len() {
            if self.board.running_in[place] == 0 {
                continue;
            }
            for number in 0..self.state.step_at(place).iterations.len() {
                let step = self.state.step_at(place);
                let iteration = &step.iterations[number];
                if !matches!(iteration.phase, IterationPhase::Running { .. }) {
                    continue;
                }
                let (attempt, effect) = (iteration.attempts, iteration.effect);
                let (step_id, generation) = self.named(place);
                let key = AttemptKey { step_id, generation, iteration: number as u32, attempt };
                self.turn.commands.push(Command::Cancel(key.clone()));
                if effect == Effect::Once {
                    self.board.broken[place] = true;
                    let message = "stopped before it answered; its effect may have happened";
                    let error = StepError::new(ErrorClass::Cancelled, message);
                    self.doubt(place, key.iteration, error);
                } else {
                    self.emit(EventKind::AttemptInterrupted { key });
                }
                self.free(place, number as u32);
            }
        }
    }

    /// Ends the run when there is nothing left to do, or nothing that may still be done.
    pub(super) fn conclude(&mut self) {
        if self.state.is_finished() {
            return;
        }
        let is_lost =
            |step: &pe_model::StepState| step.status == StepStatus::Failed && !step.is_done();
        let lost = self.board.unsettled == 0 && self.state.steps().iter().any(is_lost);
        // Who supervises a run may still mend a failure or write its answer, and so may whoever
        // resumes it after a stop.
        let may_end = self.state.stage.is_complete() && !self.supervised;
        let status = if self.board.unsettled == 0 && may_end {
            if lost { PlanStatus::Failed } else { PlanStatus::Completed }
        } else if self.state.stopping.is_some() && self.board.running == 0 {
            PlanStatus::Cancelled
        } else {
            return;
        };
        self.emit(EventKind::RunFinished { status });
    }
}

/// Which cause a run that stops for several reasons is said to stop for.
fn rank(cause: StopCause) -> u8 {
    match cause {
        StopCause::NoModel => 0,
        StopCause::Budget => 1,
        StopCause::Timeout => 2,
        StopCause::Interrupted => 3,
    }
}
