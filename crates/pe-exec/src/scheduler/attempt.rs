//! Outcomes of attempts: post-conditions, retries, doubt, and the end of iterations.

use std::sync::Arc;

use pe_expr::Limits;
use pe_model::{
    AttemptKey, Effect, ErrorClass, EventKind, IterationPhase, Outcome, Resolution, StepError,
    StepId, StepStatus, StopCause, ToolError,
};
use pe_validate::{LoopKind, StepKind};
use serde_json::Value;

use super::board::{Due, Stage, Timer};
use super::prepare::invalid;
use super::{Command, Millis, Refusal, Scheduler};
use crate::scope::RunScope;

impl Scheduler {
    pub(super) fn succeeded(&mut self, key: &AttemptKey, output: Arc<Value>) {
        let Some((place, since)) = self.under_way(key) else { return };
        if let Err(error) = self.check_expectation(place, key.iteration, &output) {
            let error = ToolError::new(error.class, error.message);
            self.attempt_failed(place, key, since, &error);
            return;
        }
        let duration_ms = self.last_seen - since;
        self.emit(EventKind::AttemptSucceeded { key: key.clone(), output, duration_ms });
        self.free(place, key.iteration);
        self.iteration_completed(place, key.iteration);
    }

    pub(super) fn failed(&mut self, key: &AttemptKey, error: &ToolError) {
        let Some((place, since)) = self.under_way(key) else { return };
        match (error.class, error.outcome) {
            (ErrorClass::Cancelled, Outcome::Known) => self.broken_off(place, key),
            _ => self.attempt_failed(place, key, since, error),
        }
    }

    /// A call had no effect because it would have cost more than the run may spend: the run
    /// stops, and the call is made when it goes on.
    fn broken_off(&mut self, place: usize, key: &AttemptKey) {
        self.emit(EventKind::AttemptInterrupted { key: key.clone() });
        self.free(place, key.iteration);
        self.cancel(StopCause::Budget, None);
    }

    /// Attempts that are out of time fail; retries whose delay is over are queued.
    pub(super) fn fire_timers(&mut self) {
        while let Some(timer) = self.board.due_timer(self.last_seen) {
            let Timer { due, place, iteration, attempt, generation, .. } = timer;
            let Some(step) = self.state.steps().get(place) else { continue };
            let Some(it) = step.iterations.get(iteration as usize) else { continue };
            if it.attempts != attempt || step.generation != generation {
                continue;
            }
            match (due, &it.phase) {
                (Due::Deadline, &IterationPhase::Running { since_ms }) => {
                    let key =
                        AttemptKey { step_id: self.id(place), generation, iteration, attempt };
                    let took = self.last_seen - since_ms;
                    let error = ToolError::new(
                        ErrorClass::Timeout,
                        format!("no answer after {took} ms; raise `timeout_ms` if it needs longer"),
                    );
                    self.turn.commands.push(Command::Cancel(key.clone()));
                    self.failed(&key, &error.outcome_unknown());
                }
                (Due::Retry, IterationPhase::Backoff { .. })
                    if self.board.stage[place] == Stage::Active =>
                {
                    self.board.due.entry(place).or_default().push_back(iteration);
                    self.board.enqueue(place);
                }
                _ => {}
            }
        }
    }

    /// When nothing of a broken step runs any more, it fails.
    pub(super) fn finish_broken(&mut self, place: usize) {
        let step = self.state.step_at(place);
        if self.board.running_in[place] > 0 || step.status == StepStatus::InDoubt {
            return;
        }
        let failure = step.iterations.iter().find_map(|iteration| match &iteration.phase {
            IterationPhase::Failed { error } => Some(error.clone()),
            _ => None,
        });
        let obstacle = self.board.obstacles.remove(&place);
        if let Some(error) = failure.or(obstacle) {
            self.fail(place, error);
        }
    }

    pub(super) fn resolve(
        &mut self,
        step_id: StepId,
        generation: u32,
        (iteration, attempt): (u32, u32),
        resolution: Resolution,
    ) {
        let place = self.state.place(&step_id).filter(|&place| {
            let step = self.state.step_at(place);
            let doubtful = step.iterations.get(iteration as usize).is_some_and(|it| {
                it.attempts == attempt && matches!(it.phase, IterationPhase::InDoubt { .. })
            });
            step.generation == generation && doubtful
        });
        let Some(place) = place else {
            self.refuse(Refusal::NotInDoubt { step_id, generation, iteration, attempt });
            return;
        };
        let outcome = resolution.clone();
        self.emit(EventKind::StepResolved { step_id, generation, iteration, resolution });
        let phases = &self.state.step_at(place).iterations;
        self.board.broken[place] = phases.iter().any(|it| {
            matches!(it.phase, IterationPhase::InDoubt { .. } | IterationPhase::Failed { .. })
        });
        self.board.stage[place] = Stage::Active;
        match outcome {
            Resolution::Done { .. } => self.iteration_completed(place, iteration),
            Resolution::Failed => self.finish_broken(place),
            Resolution::Retry => {
                self.board.due.entry(place).or_default().push_back(iteration);
                // Another iteration may have failed meanwhile; then none starts any more.
                match self.board.broken[place] {
                    true => self.finish_broken(place),
                    false => self.board.enqueue(place),
                }
            }
        }
    }

    /// The place of an attempt that is under way, and when it started; `None` when the
    /// outcome comes too late.
    pub(super) fn under_way(&self, key: &AttemptKey) -> Option<(usize, Millis)> {
        let place = self.state.place(&key.step_id)?;
        let step = self.state.step_at(place);
        let iteration = step.iterations.get(key.iteration as usize)?;
        match iteration.phase {
            IterationPhase::Running { since_ms }
                if iteration.attempts == key.attempt && step.generation == key.generation =>
            {
                Some((place, since_ms))
            }
            _ => None,
        }
    }

    /// Gives back the slot and whatever the attempt holds.
    pub(super) fn free(&mut self, place: usize, iteration: u32) {
        self.board.running -= 1;
        self.board.running_in[place] -= 1;
        self.board.release(place, iteration);
    }

    fn attempt_failed(&mut self, place: usize, key: &AttemptKey, since: Millis, error: &ToolError) {
        let step_error = error.to_step_error();
        self.emit(EventKind::AttemptFailed {
            key: key.clone(),
            error: step_error.clone(),
            outcome: error.outcome,
            duration_ms: self.last_seen - since,
        });
        self.free(place, key.iteration);
        let iteration = &self.state.step_at(place).iterations[key.iteration as usize];
        let (effect, failures) = (iteration.effect, iteration.failures);
        let retry = &self.plan.steps()[place].retry;
        if effect == Effect::Once && error.outcome == Outcome::Unknown {
            self.board.broken[place] = true;
            self.doubt(place, key.iteration, step_error);
        } else if error.is_retryable() && failures <= retry.max_retries && !self.board.broken[place]
        {
            let delay = retry.delay_ms(failures, chance(self.state.seed, key));
            let delay_ms = delay.max(error.retry_after_ms.unwrap_or(0));
            self.schedule_retry(place, key, delay_ms);
        } else {
            self.board.broken[place] = true;
            self.finish_broken(place);
        }
    }

    pub(super) fn doubt(&mut self, place: usize, iteration: u32, error: StepError) {
        let (step_id, generation) = self.named(place);
        self.emit(EventKind::StepInDoubt { step_id, generation, iteration, error });
    }

    fn schedule_retry(&mut self, place: usize, key: &AttemptKey, delay_ms: Millis) {
        let AttemptKey { generation, iteration, attempt, .. } = *key;
        let step_id = key.step_id.clone();
        self.emit(EventKind::RetryScheduled { step_id, generation, iteration, delay_ms });
        let at = self.last_seen.saturating_add(delay_ms);
        self.board.set_timer(Timer { at, due: Due::Retry, place, iteration, attempt, generation });
        // Its slot is free for others meanwhile.
    }

    fn iteration_completed(&mut self, place: usize, iteration: u32) {
        self.board.completed_in[place] += 1;
        if self.board.broken[place] {
            self.finish_broken(place);
            return;
        }
        let total = self.iteration_count(place);
        if let StepKind::Loop(LoopKind::Until { .. }) = self.plan.steps()[place].kind {
            match self.loop_is_over(place, iteration) {
                Ok(true) => self.complete(place),
                Ok(false) if iteration + 1 < total => self.board.enqueue(place),
                Ok(false) => self.fail(
                    place,
                    invalid(format!("loop_until was not true after {total} iterations")),
                ),
                Err(error) => self.fail(place, error),
            }
        } else if self.board.completed_in[place] == total {
            self.complete(place);
        } else {
            self.board.enqueue(place);
        }
    }

    fn loop_is_over(&self, place: usize, iteration: u32) -> Result<bool, StepError> {
        let StepKind::Loop(LoopKind::Until { condition, .. }) = &self.plan.steps()[place].kind
        else {
            return Ok(false);
        };
        let phase = &self.state.step_at(place).iterations[iteration as usize].phase;
        let IterationPhase::Completed { output } = phase else { return Ok(false) };
        let locals = self.locals(place, iteration, Some(output));
        condition
            .evaluate_bool(&RunScope { state: &self.state, locals }, &Limits::default())
            .map_err(|error| invalid(format!("loop_until: {error}")))
    }

    pub(super) fn check_expectation(
        &self,
        place: usize,
        iteration: u32,
        output: &Value,
    ) -> Result<(), StepError> {
        let Some(expect) = &self.plan.steps()[place].expect else { return Ok(()) };
        let locals = self.locals(place, iteration, Some(output));
        match expect.evaluate_bool(&RunScope { state: &self.state, locals }, &Limits::default()) {
            Ok(true) => Ok(()),
            Ok(false) => {
                Err(invalid(format!("the output does not meet `expect`: `{}`", expect.source())))
            }
            Err(error) => Err(invalid(format!("expect: {error}"))),
        }
    }
}

/// A number in 0.0..1.0 that depends on the run's seed and the attempt alone.
///
/// Hash: FNV-1a over the key, then the finalizer of SplitMix64, whose low bits are even.
fn chance(seed: u64, key: &AttemptKey) -> f64 {
    let numbers = [key.generation, key.iteration, key.attempt].map(u32::to_le_bytes).concat();
    let mut hash = seed ^ 0xcbf2_9ce4_8422_2325;
    for byte in key.step_id.as_str().bytes().chain(numbers) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
    }
    hash = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ (hash >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((hash ^ (hash >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}
