//! `apply`: the one place where a run's state changes.

use std::collections::HashSet;

use super::*;
use crate::{AttemptKey, EVENT_FORMAT, EventKind, Resolution, StepType};

impl RunState {
    /// The state after a run's first event.
    ///
    /// # Errors
    /// [`ApplyError::Misplaced`] when it is not `run_started`, [`ApplyError::Format`],
    /// [`ApplyError::Gap`].
    pub fn begin(event: &Event) -> Result<Self, ApplyError> {
        check_format(event)?;
        let EventKind::RunStarted { plan, config, weights, seed, started_at } = &event.kind else {
            return Err(ApplyError::Misplaced {
                run_id: event.run_id.clone(),
                seq: event.seq,
                problem: "comes first where `run_started` is expected",
            });
        };
        if event.seq != 0 {
            return Err(ApplyError::Gap {
                run_id: event.run_id.clone(),
                expected: 0,
                found: event.seq,
            });
        }
        Ok(Self {
            run_id: event.run_id.clone(),
            plan: Arc::clone(plan),
            config: Arc::clone(config),
            weights: weights.clone(),
            seed: *seed,
            started_at: *started_at,
            status: PlanStatus::Running,
            stopping: None,
            next_seq: 1,
            elapsed_ms: event.at_ms,
            revisions: 0,
            attempts_started: 0,
            steps: vec![StepState::default(); plan.steps.len()],
            done: 0,
            index: index_of(plan),
            retired: HashMap::new(),
        })
    }

    /// Applies the next event.
    ///
    /// # Errors
    /// An [`ApplyError`]; the state is as it was.
    pub fn apply(&mut self, event: &Event) -> Result<(), ApplyError> {
        check_format(event)?;
        if event.run_id != self.run_id {
            return Err(ApplyError::OtherRun {
                expected: self.run_id.clone(),
                found: event.run_id.clone(),
            });
        }
        if self.is_finished() && !event.kind.may_reopen() {
            return Err(ApplyError::Misplaced {
                run_id: self.run_id.clone(),
                seq: event.seq,
                problem: "comes after the end of the run",
            });
        }
        if event.seq != self.next_seq {
            return Err(ApplyError::Gap {
                run_id: self.run_id.clone(),
                expected: self.next_seq,
                found: event.seq,
            });
        }
        self.change(event)?;
        self.next_seq += 1;
        self.elapsed_ms = self.elapsed_ms.max(event.at_ms);
        Ok(())
    }

    fn change(&mut self, event: &Event) -> Result<(), ApplyError> {
        let now = event.at_ms;
        match &event.kind {
            EventKind::RunStarted { .. } => {
                return Err(ApplyError::Misplaced {
                    run_id: self.run_id.clone(),
                    seq: event.seq,
                    problem: "starts a run that has started already",
                });
            }
            EventKind::PlanRevised { plan, weights, reset } => self.revise(plan, weights, reset),
            EventKind::StepWaiting { step_id, generation, waiting_for, calls } => {
                let step = self.current(event, step_id, *generation)?;
                step.status = StepStatus::Waiting;
                step.reason = Some(Reason::Waiting(*waiting_for));
                step.pending_calls.clone_from(calls);
            }
            EventKind::StepApproved { step_id, generation } => {
                let step = self.current(event, step_id, *generation)?;
                step.must_be(StepStatus::Waiting, event, step_id)?;
                step.status = StepStatus::Pending;
                step.reason = None;
                step.approved = true;
                self.reopen();
            }
            EventKind::StepRejected { step_id, generation } => {
                let step = self.current(event, step_id, *generation)?;
                step.must_be(StepStatus::Waiting, event, step_id)?;
                step.status = StepStatus::Pending;
                step.rejected = true;
                step.pending_calls = Vec::new();
                self.reopen();
            }
            EventKind::LoopStarted { step_id, generation, count, items } => {
                let step = self.current(event, step_id, *generation)?;
                if step.loop_count.is_some() || !step.iterations.is_empty() {
                    return Err(mismatch(event, step_id, "the loop has begun"));
                }
                step.loop_count = Some(*count);
                step.items.clone_from(items);
            }
            EventKind::AttemptStarted { key, effect, arguments, .. } => {
                let step = self.current(event, &key.step_id, key.generation)?;
                let started = step.start_attempt(key, *effect, arguments, now);
                started.map_err(|problem| ApplyError::Mismatch {
                    seq: event.seq,
                    step_id: key.step_id.clone(),
                    problem,
                })?;
                self.attempts_started += 1;
            }
            EventKind::AttemptSucceeded { key, output, .. } => {
                *self.running(event, key)? =
                    IterationPhase::Completed { output: Arc::clone(output) };
            }
            EventKind::AttemptFailed { key, error, .. } => {
                *self.running(event, key)? = IterationPhase::Failed { error: error.clone() };
            }
            EventKind::AttemptInterrupted { key } => {
                *self.running(event, key)? = IterationPhase::Again;
            }
            EventKind::RetryScheduled { step_id, generation, iteration, delay_ms } => {
                let step = self.current(event, step_id, *generation)?;
                let phase = step.phase(event, step_id, *iteration)?;
                if !matches!(phase, IterationPhase::Failed { .. }) {
                    return Err(mismatch(event, step_id, "no attempt has failed"));
                }
                *phase = IterationPhase::Backoff { until_ms: now.saturating_add(*delay_ms) };
            }
            EventKind::StepInDoubt { step_id, generation, iteration, error } => {
                let step = self.current(event, step_id, *generation)?;
                let phase = step.phase(event, step_id, *iteration)?;
                if !matches!(phase, IterationPhase::Failed { .. } | IterationPhase::Running { .. })
                {
                    return Err(mismatch(event, step_id, "no attempt is without an outcome"));
                }
                *phase = IterationPhase::InDoubt;
                step.status = StepStatus::InDoubt;
                step.error = Some(error.clone());
            }
            EventKind::StepResolved { step_id, generation, iteration, resolution } => {
                let step = self.current(event, step_id, *generation)?;
                let phase = step.phase(event, step_id, *iteration)?;
                if *phase != IterationPhase::InDoubt {
                    return Err(mismatch(event, step_id, "the iteration is not in doubt"));
                }
                match resolution {
                    Resolution::Done { output } => {
                        *phase = IterationPhase::Completed { output: Arc::clone(output) };
                        step.error = None;
                    }
                    Resolution::Failed => {
                        let error = step.error.clone().unwrap_or_else(|| {
                            StepError::new(crate::ErrorClass::Execution, "resolved as failed")
                        });
                        *step.phase(event, step_id, *iteration)? = IterationPhase::Failed { error };
                    }
                    Resolution::Retry => {
                        *phase = IterationPhase::Again;
                        step.error = None;
                    }
                }
                let doubtful = step.iterations.iter().any(|it| it.phase == IterationPhase::InDoubt);
                if !doubtful {
                    step.status = StepStatus::Pending;
                }
                self.reopen();
            }
            EventKind::StepCompleted { step_id, generation } => {
                let over =
                    self.place(step_id).is_some_and(|place| is_loop_over(&self.plan.steps[place]));
                let step = self.current(event, step_id, *generation)?;
                if !step.may_complete() {
                    return Err(mismatch(event, step_id, "an iteration has not completed"));
                }
                step.output = Some(step.collect_output(over));
                step.end(StepStatus::Completed, now);
                self.done += 1;
            }
            EventKind::StepFailed { step_id, generation, error } => {
                let step = self.current(event, step_id, *generation)?;
                step.error = Some(error.clone());
                step.end(StepStatus::Failed, now);
            }
            EventKind::StepSkipped { step_id, generation, reason } => {
                let step = self.current(event, step_id, *generation)?;
                step.end(StepStatus::Skipped, now);
                step.reason = Some(Reason::Skipped(*reason));
            }
            EventKind::StepRecovered { step_id, generation, recovered_by } => {
                let output = match self.step(recovered_by) {
                    Some(step) if step.is_done() => step.output.clone(),
                    Some(_) => return Err(mismatch(event, recovered_by, "has not completed")),
                    None => return Err(unknown(event, recovered_by)),
                };
                let place = self.place(step_id).ok_or_else(|| unknown(event, step_id))?;
                let step = &mut self.steps[place];
                if step.status != StepStatus::Failed || step.generation != *generation {
                    return Err(mismatch(event, step_id, "has not failed"));
                }
                let first = step.recovered_by.replace(recovered_by.clone()).is_none();
                step.output = output;
                self.done += usize::from(first);
            }
            EventKind::RunStopping { cause } => self.stopping = Some(*cause),
            EventKind::RunFinished { status: PlanStatus::Created | PlanStatus::Running } => {
                return Err(ApplyError::Misplaced {
                    run_id: self.run_id.clone(),
                    seq: event.seq,
                    problem: "says that a run ended which goes on",
                });
            }
            EventKind::RunFinished { status } => self.finish(*status),
        }
        Ok(())
    }

    fn revise(&mut self, plan: &Arc<Plan>, weights: &[f64], reset: &[StepId]) {
        let reset: HashSet<&StepId> = reset.iter().collect();
        let old_index = std::mem::replace(&mut self.index, index_of(plan));
        let mut old: Vec<Option<StepState>> =
            std::mem::take(&mut self.steps).into_iter().map(Some).collect();
        self.steps = plan
            .steps
            .iter()
            .map(|step| {
                let id = &step.step_id;
                let kept = old_index.get(id).and_then(|&place| old[place].take());
                match kept {
                    Some(state) if !reset.contains(id) => state,
                    Some(state) => {
                        StepState { generation: state.generation + 1, ..StepState::default() }
                    }
                    None => StepState {
                        generation: self.retired.get(id).map_or(0, |last| last + 1),
                        ..StepState::default()
                    },
                }
            })
            .collect();
        for (id, place) in old_index {
            if let Some(gone) = old[place].take() {
                self.retired.insert(id, gone.generation);
            }
        }
        self.done = self.steps.iter().filter(|step| step.is_done()).count();
        self.plan = Arc::clone(plan);
        self.weights = weights.to_vec();
        self.revisions += 1;
        self.reopen();
    }

    /// A paused run goes on: what was said about its pending steps no longer holds.
    fn reopen(&mut self) {
        if self.status == PlanStatus::Running {
            return;
        }
        self.status = PlanStatus::Running;
        self.stopping = None;
        for step in &mut self.steps {
            if step.status == StepStatus::Pending {
                step.reason = None;
            }
        }
    }

    fn finish(&mut self, status: PlanStatus) {
        self.status = status;
        let reason = match (status, self.stopping) {
            (_, Some(cause)) => Reason::Stopped(cause),
            (PlanStatus::InDoubt, _) => Reason::PausedInDoubt,
            (PlanStatus::Waiting, _) => Reason::PausedWaiting,
            _ => return,
        };
        for step in &mut self.steps {
            if step.status == StepStatus::Running {
                step.status = StepStatus::Pending;
            }
            if step.status == StepStatus::Pending {
                step.reason = Some(reason);
            }
        }
    }

    /// The step of an event, in the generation that the event speaks of, not ended yet.
    fn current(
        &mut self,
        event: &Event,
        step_id: &StepId,
        generation: u32,
    ) -> Result<&mut StepState, ApplyError> {
        let place = self.place(step_id).ok_or_else(|| unknown(event, step_id))?;
        let step = &mut self.steps[place];
        if step.generation != generation {
            return Err(mismatch(event, step_id, "another generation is in force"));
        }
        if step.is_ended() {
            return Err(mismatch(event, step_id, "the step has ended"));
        }
        Ok(step)
    }

    fn running(
        &mut self,
        event: &Event,
        key: &AttemptKey,
    ) -> Result<&mut IterationPhase, ApplyError> {
        let step = self.current(event, &key.step_id, key.generation)?;
        let iteration = step
            .iterations
            .get_mut(key.iteration as usize)
            .filter(|it| it.attempts == key.attempt)
            .filter(|it| matches!(it.phase, IterationPhase::Running { .. }))
            .ok_or_else(|| mismatch(event, &key.step_id, "no such attempt is under way"))?;
        Ok(&mut iteration.phase)
    }
}

impl StepState {
    fn start_attempt(
        &mut self,
        key: &AttemptKey,
        effect: Effect,
        arguments: &Arc<JsonMap>,
        now: u64,
    ) -> Result<(), &'static str> {
        let number = key.iteration as usize;
        let running = IterationPhase::Running { since_ms: now };
        let begun = self.iterations.len();
        match self.iterations.get_mut(number) {
            None if number == begun && key.attempt == 1 => {
                self.iterations.push(IterationState {
                    attempts: 1,
                    effect,
                    arguments: Arc::clone(arguments),
                    phase: running,
                });
            }
            Some(it)
                if key.attempt == it.attempts + 1
                    && matches!(
                        it.phase,
                        IterationPhase::Backoff { .. } | IterationPhase::Again
                    ) =>
            {
                it.attempts = key.attempt;
                it.effect = effect;
                it.phase = running;
            }
            _ => return Err("this attempt is not the next one"),
        }
        if self.status != StepStatus::InDoubt {
            self.status = StepStatus::Running;
        }
        self.first_started_ms.get_or_insert(now);
        Ok(())
    }

    fn phase(
        &mut self,
        event: &Event,
        step_id: &StepId,
        iteration: u32,
    ) -> Result<&mut IterationPhase, ApplyError> {
        self.iterations
            .get_mut(iteration as usize)
            .map(|it| &mut it.phase)
            .ok_or_else(|| mismatch(event, step_id, "no such iteration has begun"))
    }

    fn must_be(
        &self,
        status: StepStatus,
        event: &Event,
        step_id: &StepId,
    ) -> Result<(), ApplyError> {
        if self.status == status {
            return Ok(());
        }
        Err(mismatch(event, step_id, "the step is in another status"))
    }

    /// Whether every iteration that began has completed, and at least one, unless the loop
    /// has none.
    fn may_complete(&self) -> bool {
        let completed = self.iteration_outputs().count();
        completed == self.iterations.len() && (completed > 0 || self.loop_count == Some(0))
    }

    fn collect_output(&self, over: bool) -> Arc<Value> {
        if over {
            return Arc::new(self.iteration_outputs().map(|output| (**output).clone()).collect());
        }
        self.iteration_outputs().last().cloned().unwrap_or_default()
    }

    fn end(&mut self, status: StepStatus, now: u64) {
        self.status = status;
        self.reason = None;
        self.pending_calls = Vec::new();
        self.execution_time_ms = self.first_started_ms.map(|start| now.saturating_sub(start));
    }
}

fn index_of(plan: &Plan) -> HashMap<StepId, usize> {
    plan.steps.iter().enumerate().map(|(place, step)| (step.step_id.clone(), place)).collect()
}

fn is_loop_over(step: &crate::PlanStep) -> bool {
    step.step_type == StepType::Loop && step.loop_over.is_some()
}

fn check_format(event: &Event) -> Result<(), ApplyError> {
    if event.format > EVENT_FORMAT {
        return Err(ApplyError::Format {
            seq: event.seq,
            found: event.format,
            known: EVENT_FORMAT,
        });
    }
    Ok(())
}

fn unknown(event: &Event, step_id: &StepId) -> ApplyError {
    ApplyError::UnknownStep { seq: event.seq, step_id: step_id.clone() }
}

fn mismatch(event: &Event, step_id: &StepId, problem: &'static str) -> ApplyError {
    ApplyError::Mismatch { seq: event.seq, step_id: step_id.clone(), problem }
}
