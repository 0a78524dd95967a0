//! One run being driven: inputs in, durable events, commands carried out, and around again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use pe_model::{
    AttemptKey, Claim, ErrorClass, Event, EventKind, Reason, StepId, StepStatus, StopCause,
    ToolCall, ToolError,
};
use serde_json::Value;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use super::told::Replies;
use super::{Driver, DriverError, Finished, GRACE_MS};
use crate::clock::Clock;
use crate::control::StopLevel;
use crate::failpoint::{crash_at, is_set_off};
use crate::{Answer, ApprovalRequest, Attempt, Command, Control, Decision, Input, Scheduler, Turn};

/// One run being driven.
pub(crate) struct Run<'d> {
    pub(super) driver: &'d Driver,
    pub(super) scheduler: Scheduler,
    clock: Clock,
    /// Held for as long as an attempt of the run is alive.
    claim: Arc<Claim>,
    attempts: JoinSet<Result<Value, ToolError>>,
    under_way: HashMap<Id, AttemptKey>,
    handles: HashMap<AttemptKey, AbortHandle>,
    /// Questions to come, each with the generation of its step.
    to_ask: VecDeque<(u32, ApprovalRequest)>,
    /// The question that is open.
    questions: JoinSet<(StepId, u32, Decision)>,
    /// The step that the open question is about, and its generation.
    asked_about: Option<(StepId, u32)>,
    pub(super) control: Control,
    /// Nobody has a controller any more.
    pub(super) is_abandoned: bool,
    /// Those who told the run something and wait for what came of it.
    pub(super) replies: Replies,
    /// Whether the observer knows that the run is idle.
    pub(super) is_idle_known: bool,
}

type Joined = Result<(Id, Result<Value, ToolError>), JoinError>;

impl<'d> Run<'d> {
    pub(crate) fn new(
        driver: &'d Driver,
        scheduler: Scheduler,
        claim: Claim,
        control: Control,
    ) -> Self {
        let mut run = Self {
            driver,
            scheduler,
            clock: Clock::start(),
            claim: Arc::new(claim),
            attempts: JoinSet::new(),
            under_way: HashMap::new(),
            handles: HashMap::new(),
            to_ask: VecDeque::new(),
            questions: JoinSet::new(),
            asked_about: None,
            control,
            is_abandoned: false,
            replies: Replies::default(),
            is_idle_known: false,
        };
        run.ask_again();
        run
    }

    /// Drives the run from these inputs to its end.
    pub(crate) async fn drive(mut self, first: Vec<Input>) -> Result<Finished, DriverError> {
        let mut inputs = first;
        loop {
            let now = self.clock.now();
            let Turn { events, commands, refused } =
                self.scheduler.handle_all(inputs.drain(..), now);
            let mut commands = Some(commands);
            if is_set_off("driver::intent_after_effect")
                && let Some(commands) = commands.take_if(|commands| !commands.is_empty())
            {
                self.carry_out(commands, &mut inputs).await;
                self.wait(&mut inputs).await;
            }
            if !events.is_empty() {
                crash_at("driver::before_append");
                if let Err(error) = self.driver.journal.append(&events).await {
                    // Nobody else may go on before the last attempt has ended.
                    self.attempts.shutdown().await;
                    return Err(error.into());
                }
                crash_at("driver::after_append");
                if let Some(observer) = &self.driver.observer {
                    observer.observe(&events);
                }
                self.is_idle_known = false;
            }
            self.replies.send(&self.scheduler, &refused);
            self.carry_out(commands.unwrap_or_default(), &mut inputs).await;
            self.ask(&events);
            if self.scheduler.state().is_finished() {
                break;
            }
            self.withdraw_question();
            self.open_question();
            if self.scheduler.is_stalled()
                && self.questions.is_empty()
                && let Some(input) = self.rest()
            {
                inputs.push(input);
                continue;
            }
            self.wait(&mut inputs).await;
        }
        self.attempts.shutdown().await;
        Ok(Finished::new(self.scheduler.plan(), self.scheduler.state().clone()))
    }

    /// Waits for something to happen, then takes everything that has.
    async fn wait(&mut self, inputs: &mut Vec<Input>) {
        let wake = self.scheduler.next_wake().map(|at| self.clock.instant(at));
        tokio::select! {
            biased;
            Ok(()) = self.control.level.changed() => self.note_stop(inputs),
            told = self.control.told.recv(), if !self.is_abandoned => match told {
                Some(told) => self.note_told(told, inputs),
                None => self.is_abandoned = true,
            },
            Some(joined) = self.attempts.join_next_with_id() => self.note_outcome(joined, inputs),
            Some(answered) = self.questions.join_next() => self.note_answer(answered, inputs),
            () = sleep_until(wake) => inputs.push(Input::Tick),
        }
        while let Some(joined) = self.attempts.try_join_next_with_id() {
            self.note_outcome(joined, inputs);
        }
        while let Some(answered) = self.questions.try_join_next() {
            self.note_answer(answered, inputs);
        }
        while let Ok(told) = self.control.told.try_recv() {
            self.note_told(told, inputs);
        }
    }

    fn note_stop(&mut self, inputs: &mut Vec<Input>) {
        let grace_ms = match *self.control.level.borrow_and_update() {
            StopLevel::Run => return,
            StopLevel::Graceful => GRACE_MS,
            StopLevel::Now => 0,
        };
        self.questions.abort_all();
        inputs.push(Input::Cancel { cause: StopCause::Interrupted, grace_ms: Some(grace_ms) });
    }

    fn note_outcome(&mut self, joined: Joined, inputs: &mut Vec<Input>) {
        let (id, result) = match joined {
            Ok((id, result)) => (id, result),
            Err(error) if error.is_panic() => (error.id(), Err(panicked(error))),
            Err(error) => {
                // Dropped on command: the scheduler knows.
                self.under_way.remove(&error.id());
                return;
            }
        };
        let Some(key) = self.under_way.remove(&id) else { return };
        self.handles.remove(&key);
        inputs.push(match result {
            Ok(output) => Input::AttemptSucceeded { key, output: Arc::new(output) },
            Err(error) => Input::AttemptFailed { key, error },
        });
    }

    fn note_answer(
        &mut self,
        answered: Result<(StepId, u32, Decision), JoinError>,
        inputs: &mut Vec<Input>,
    ) {
        // A question that was withdrawn, or whose asker panicked, stays unanswered.
        match answered {
            Ok((step_id, generation, Decision::Approve)) => {
                inputs.push(Input::Answer(Answer::Approve { step_id, generation }));
            }
            Ok((step_id, generation, Decision::Reject)) => {
                inputs.push(Input::Answer(Answer::Reject { step_id, generation }));
            }
            Ok((_, _, Decision::Unanswered)) | Err(_) => {}
        }
    }

    /// Drops what was cancelled, lets it end, and only then starts what may take its place.
    async fn carry_out(&mut self, commands: Vec<Command>, inputs: &mut Vec<Input>) {
        let (mut starts, mut dropped) = (Vec::new(), HashSet::new());
        for command in commands {
            match command {
                Command::Start(attempt) => starts.push(attempt),
                Command::Cancel(key) => {
                    if let Some(handle) = self.handles.remove(&key) {
                        handle.abort();
                        dropped.insert(handle.id());
                    }
                }
            }
        }
        while !starts.is_empty()
            && !dropped.is_empty()
            && let Some(joined) = self.attempts.join_next_with_id().await
        {
            let id = joined.as_ref().map_or_else(JoinError::id, |(id, _)| *id);
            dropped.remove(&id);
            self.note_outcome(joined, inputs);
        }
        for attempt in starts {
            self.start(attempt);
        }
    }

    fn start(&mut self, Attempt { key, tool, arguments }: Attempt) {
        let run_id = self.scheduler.state().run_id.clone();
        let limit = self.scheduler.state().config.max_output_bytes;
        let call = ToolCall {
            idempotency_key: key.idempotency_key(&run_id),
            run_id,
            step_id: key.step_id.clone(),
            attempt: key.attempt,
            arguments,
            max_output_bytes: limit,
        };
        let found = self.driver.tools.get(&tool).cloned();
        let claim = Arc::clone(&self.claim);
        let handle = self.attempts.spawn(async move {
            let _held = claim;
            let Some(tool) = found else {
                let message = format!("there is no tool `{tool}`");
                return Err(ToolError::new(ErrorClass::NotFound, message));
            };
            crash_at("driver::before_call");
            let output = tool.call(call).await;
            crash_at("driver::after_call");
            check_size(output?, limit)
        });
        self.under_way.insert(handle.id(), key.clone());
        self.handles.insert(key, handle);
    }

    /// Notes every step that has just begun to wait.
    fn ask(&mut self, events: &[Event]) {
        for event in events {
            if let EventKind::StepWaiting { step_id, .. } = &event.kind {
                self.to_ask.extend(self.question(step_id));
            }
        }
    }

    /// Notes every step that waits already: the question was open when a process ended.
    fn ask_again(&mut self) {
        let state = self.scheduler.state();
        let steps = state.plan.steps.iter().zip(state.steps());
        let waiting = steps.filter(|(_, step)| step.status == StepStatus::Waiting);
        self.to_ask = waiting.filter_map(|(step, _)| self.question(&step.step_id)).collect();
    }

    /// What is asked about a step that waits, with the step's generation.
    fn question(&self, step_id: &StepId) -> Option<(u32, ApprovalRequest)> {
        let state = self.scheduler.state();
        let place = state.place(step_id)?;
        let step = state.step_at(place);
        let Some(Reason::Waiting(waiting_for)) = step.reason else { return None };
        let request = ApprovalRequest {
            step_id: step_id.clone(),
            action: state.plan.steps[place].action.clone(),
            waiting_for,
            calls: step.pending_calls.clone(),
        };
        Some((step.generation, request))
    }

    fn is_open(&self, step_id: &StepId, generation: u32) -> bool {
        let state = self.scheduler.state();
        state.stopping.is_none()
            && state.step(step_id).is_some_and(|step| {
                step.status == StepStatus::Waiting && step.generation == generation
            })
    }

    /// Withdraws the open question when it was answered from outside.
    fn withdraw_question(&mut self) {
        if let Some((step_id, generation)) = &self.asked_about
            && !self.is_open(step_id, *generation)
        {
            self.asked_about = None;
            self.questions.abort_all();
        }
    }

    /// Asks the next question that still matters, if none is open: people are asked one
    /// thing at a time, in the order in which the steps began to wait.
    fn open_question(&mut self) {
        let Some(approver) = &self.driver.approver else { return };
        while self.questions.is_empty()
            && let Some((generation, request)) = self.to_ask.pop_front()
        {
            let step_id = request.step_id.clone();
            if self.is_open(&step_id, generation) {
                let approver = Arc::clone(approver);
                self.asked_about = Some((step_id.clone(), generation));
                self.questions
                    .spawn(async move { (step_id, generation, approver.decide(request).await) });
            }
        }
    }
}

/// Sleeps until then; without a time, for ever.
async fn sleep_until(wake: Option<tokio::time::Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake).await,
        None => std::future::pending().await,
    }
}

/// A panic fails its attempt, which is not tried again: the next one would panic too.
fn panicked(error: JoinError) -> ToolError {
    let payload = error.into_panic();
    let text = payload
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| payload.downcast_ref::<&str>().copied())
        .unwrap_or("no message");
    ToolError::new(ErrorClass::Internal, format!("the tool panicked: {text}")).retryable(false)
}

fn check_size(output: Value, limit: usize) -> Result<Value, ToolError> {
    /// Counts what it is given.
    struct Counter(usize);
    impl std::io::Write for Counter {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut counter = Counter(0);
    if serde_json::to_writer(&mut counter, &output).is_ok() && counter.0 <= limit {
        return Ok(output);
    }
    let message = format!(
        "the output has {} bytes, more than the {limit} of `max_output_bytes`; ask for less, or raise the limit",
        counter.0
    );
    Err(ToolError::new(ErrorClass::Validation, message))
}
