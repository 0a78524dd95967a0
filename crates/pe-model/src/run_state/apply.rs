//! `apply`: the one place where a run's state changes.

use std::collections::HashSet;

use super::*;
use crate::{AttemptKey, EVENT_FORMAT, EventKind, Resolution, RevisionCause, StepType};

mod step;

impl RunState {
    /// The state after a run's first event.
    ///
    /// # Errors
    /// [`ApplyError::Misplaced`] when it is not `run_started`, [`ApplyError::Format`],
    /// [`ApplyError::Gap`].
    pub fn begin(event: &Event) -> Result<Self, ApplyError> {
        check_format(event)?;
        let EventKind::RunStarted {
            plan,
            config,
            weights,
            seed,
            started_at,
            from_run,
            origin,
            stage,
        } = &event.kind
        else {
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
            stage: *stage,
            config: Arc::clone(config),
            weights: weights.clone(),
            seed: *seed,
            started_at: *started_at,
            status: PlanStatus::Running,
            stopping: None,
            next_seq: 1,
            elapsed_ms: event.at_ms,
            base_ms: 0,
            epoch: 1,
            from_run: from_run.clone(),
            origin: origin.clone(),
            revisions: 0,
            adaptations: 0,
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
        self.elapsed_ms = self.elapsed_ms.max(self.base_ms.saturating_add(event.at_ms));
        Ok(())
    }

    fn change(&mut self, event: &Event) -> Result<(), ApplyError> {
        let now = self.base_ms.saturating_add(event.at_ms);
        match &event.kind {
            EventKind::RunStarted { .. } => {
                return Err(ApplyError::Misplaced {
                    run_id: self.run_id.clone(),
                    seq: event.seq,
                    problem: "starts a run that has started already",
                });
            }
            EventKind::RunResumed { epoch, config, .. } => self.resume(event, *epoch, config)?,
            EventKind::PlanRevised { plan, weights, reset, cause, stage, .. } => {
                self.revise(plan, weights, reset);
                self.stage = *stage;
                self.adaptations += u32::from(*cause == RevisionCause::Adaptation);
            }
            EventKind::StepReused {
                step_id,
                generation,
                from_run,
                iterations,
                execution_time_ms,
                error,
            } => {
                let over =
                    self.place(step_id).is_some_and(|place| is_loop_over(&self.plan.steps[place]));
                let step = self.current(event, step_id, *generation)?;
                if !step.iterations.is_empty() {
                    return Err(mismatch(event, step_id, "the step has begun"));
                }
                step.reuse(from_run, iterations, error.as_ref());
                step.execution_time_ms = *execution_time_ms;
                if error.is_none() {
                    if !step.may_complete() {
                        return Err(mismatch(event, step_id, "there is nothing to take over"));
                    }
                    step.output = Some(step.collect_output(over));
                    self.done += 1;
                }
            }
            EventKind::StepWaiting { step_id, generation, waiting_for, calls } => {
                let step = self.current(event, step_id, *generation)?;
                step.status = StepStatus::Waiting;
                step.approved = false;
                step.reason = Some(Reason::Waiting(*waiting_for));
                step.pending_calls.clone_from(calls);
            }
            EventKind::StepApproved { step_id, generation } => {
                let step = self.current(event, step_id, *generation)?;
                step.must_be(StepStatus::Waiting, event, step_id)?;
                step.status = StepStatus::Pending;
                step.reason = None;
                step.approved = true;
                step.grant();
                self.reopen();
            }
            EventKind::StepRejected { step_id, generation } => {
                let step = self.current(event, step_id, *generation)?;
                step.must_be(StepStatus::Waiting, event, step_id)?;
                step.status = StepStatus::Pending;
                step.rejected = true;
                step.pending_calls = Vec::new();
                step.granted_calls.clear();
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
            EventKind::AttemptStarted { key, tool_version, effect, arguments, .. } => {
                let step = self.current(event, &key.step_id, key.generation)?;
                let started = step.start_attempt(key, tool_version, *effect, arguments, now);
                started.map_err(|problem| ApplyError::Mismatch {
                    seq: event.seq,
                    step_id: key.step_id.clone(),
                    problem,
                })?;
                self.attempts_started += 1;
            }
            EventKind::AttemptSucceeded { key, output, .. } => {
                self.running(event, key)?.phase =
                    IterationPhase::Completed { output: Arc::clone(output) };
            }
            EventKind::AttemptFailed { key, error, .. } => {
                let iteration = self.running(event, key)?;
                iteration.phase = IterationPhase::Failed { error: error.clone() };
                iteration.failures += 1;
            }
            EventKind::AttemptInterrupted { key } => {
                self.running(event, key)?.phase = IterationPhase::Again;
            }
            EventKind::RetryScheduled { step_id, generation, iteration, delay_ms } => {
                let step = self.current(event, step_id, *generation)?;
                let phase = step.phase(event, step_id, *iteration)?;
                if !matches!(phase, IterationPhase::Failed { .. }) {
                    return Err(mismatch(event, step_id, "no attempt has failed"));
                }
                *phase = IterationPhase::Backoff {
                    until_ms: now.saturating_add(*delay_ms),
                    delay_ms: *delay_ms,
                };
            }
            EventKind::StepInDoubt { step_id, generation, iteration, error } => {
                let step = self.current(event, step_id, *generation)?;
                let phase = step.phase(event, step_id, *iteration)?;
                if !matches!(phase, IterationPhase::Failed { .. } | IterationPhase::Running { .. })
                {
                    return Err(mismatch(event, step_id, "no attempt is without an outcome"));
                }
                *phase = IterationPhase::InDoubt { error: error.clone() };
                step.status = StepStatus::InDoubt;
                step.error = Some(error.clone());
            }
            EventKind::StepResolved { step_id, generation, iteration, resolution } => {
                let step = self.current(event, step_id, *generation)?;
                let phase = step.phase(event, step_id, *iteration)?;
                let IterationPhase::InDoubt { error } = phase else {
                    return Err(mismatch(event, step_id, "the iteration is not in doubt"));
                };
                *phase = match resolution {
                    Resolution::Done { output } => {
                        IterationPhase::Completed { output: Arc::clone(output) }
                    }
                    Resolution::Failed => IterationPhase::Failed { error: error.clone() },
                    Resolution::Retry => IterationPhase::Again,
                };
                step.error = step.iterations.iter().find_map(|it| match &it.phase {
                    IterationPhase::InDoubt { error } | IterationPhase::Failed { error } => {
                        Some(error.clone())
                    }
                    _ => None,
                });
                let doubtful = step
                    .iterations
                    .iter()
                    .any(|it| matches!(it.phase, IterationPhase::InDoubt { .. }));
                if !doubtful {
                    let runs = step
                        .iterations
                        .iter()
                        .any(|it| matches!(it.phase, IterationPhase::Running { .. }));
                    step.status = if runs { StepStatus::Running } else { StepStatus::Pending };
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
            EventKind::RunFinished { status: PlanStatus::Completed | PlanStatus::Failed }
                if !self.stage.is_complete() =>
            {
                return Err(ApplyError::Misplaced {
                    run_id: self.run_id.clone(),
                    seq: event.seq,
                    problem: "ends a run whose plan is still being written",
                });
            }
            EventKind::RunFinished { status } => self.finish(*status),
        }
        Ok(())
    }

    /// Another process goes on: its clock begins where the last one's ended, and delays
    /// begin anew.
    fn resume(
        &mut self,
        event: &Event,
        epoch: u64,
        config: &Arc<OrchestratorConfig>,
    ) -> Result<(), ApplyError> {
        let problem = match self.status {
            PlanStatus::Completed | PlanStatus::Failed => "resumes a run that has ended",
            _ if epoch <= self.epoch => "is of an owner that another one has followed",
            _ => {
                self.epoch = epoch;
                self.config = Arc::clone(config);
                self.base_ms = self.elapsed_ms;
                self.status = PlanStatus::Running;
                self.stopping = None;
                for step in &mut self.steps {
                    step.resume(self.base_ms);
                }
                return Ok(());
            }
        };
        Err(ApplyError::Misplaced { run_id: self.run_id.clone(), seq: event.seq, problem })
    }

    fn revise(&mut self, plan: &Arc<Plan>, weights: &[f64], reset: &[StepId]) {
        let reset: HashSet<&StepId> = reset.iter().collect();
        let old_index = std::mem::replace(&mut self.index, index_of(plan));
        let old_plan = std::mem::replace(&mut self.plan, Arc::clone(plan));
        let mut old: Vec<Option<StepState>> =
            std::mem::take(&mut self.steps).into_iter().map(Some).collect();
        self.steps = plan
            .steps
            .iter()
            .map(|step| {
                let id = &step.step_id;
                let kept = old_index
                    .get(id)
                    .and_then(|&place| Some((&old_plan.steps[place], old[place].take()?)));
                match kept {
                    Some((_, state)) if !reset.contains(id) => state,
                    Some((before, state)) => StepState {
                        generation: state.generation + 1,
                        granted_calls: match before.does_the_same(step) {
                            true => state.granted_calls,
                            false => BTreeMap::new(),
                        },
                        ..StepState::default()
                    },
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
    ) -> Result<&mut IterationState, ApplyError> {
        let step = self.current(event, &key.step_id, key.generation)?;
        step.iterations
            .get_mut(key.iteration as usize)
            .filter(|it| it.attempts == key.attempt)
            .filter(|it| matches!(it.phase, IterationPhase::Running { .. }))
            .ok_or_else(|| mismatch(event, &key.step_id, "no such attempt is under way"))
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
