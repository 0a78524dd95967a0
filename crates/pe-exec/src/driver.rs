//! The driver: the tokio loop around the scheduler.
//!
//! Each round takes every input that is waiting, makes all their events durable as one
//! batch, publishes them, and only then carries out the commands. What arrives meanwhile is
//! the next round. A failed append stops the run: what is not recorded did not happen.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;

use pe_model::{
    AttemptKey, ErrorClass, Event, EventKind, Journal, JournalError, OrchestratorConfig, PlanId,
    PlanStatus, RunId, RunState, StepId, StepStatus, StopCause, ToolCall, ToolError, ToolSet,
};
use pe_validate::ValidPlan;
use serde_json::Value;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};

use crate::clock::{Clock, random, random_bytes, wall_clock};
use crate::stop::StopLevel;
use crate::{
    ApprovalRequest, Approver, Attempt, CallRules, Command, Decision, Input, MemoryJournal, Millis,
    Observer, Policy, RunOptions, Scheduler, Stop, ToolRules, Turn, answer,
};

/// Why a run could not be driven to an end.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DriverError {
    /// The journal refused a batch; nothing of it took effect.
    #[error("the run was stopped")]
    Journal(#[from] JournalError),
}

/// A run that has ended or pauses for a person.
#[derive(Debug, Clone)]
pub struct Finished {
    /// Its state.
    pub state: RunState,
    /// The answer, rendered from the last steps' outputs.
    pub answer: String,
}

/// How long running attempts may go on after a stop was asked for.
pub const GRACE_MS: Millis = 5_000;

/// Executes plans. Cheap to clone; one driver can drive many runs.
#[derive(Clone)]
pub struct Driver {
    tools: ToolSet,
    policy: Policy,
    config: OrchestratorConfig,
    journal: Arc<dyn Journal>,
    approver: Option<Arc<dyn Approver>>,
    observer: Option<Arc<dyn Observer>>,
}

impl Driver {
    /// A driver with default configuration, a journal in memory, and nobody to ask.
    pub fn new(tools: ToolSet) -> Self {
        Self {
            tools,
            policy: Policy::default(),
            config: OrchestratorConfig::default(),
            journal: Arc::new(MemoryJournal::new()),
            approver: None,
            observer: None,
        }
    }

    /// Sets the configuration.
    pub fn config(mut self, config: OrchestratorConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets what the operator allows.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets where events are made durable.
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = journal;
        self
    }

    /// Sets who is asked.
    pub fn approver(mut self, approver: Arc<dyn Approver>) -> Self {
        self.approver = Some(approver);
        self
    }

    /// Sets who sees the events.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Runs a plan until it has ended or only a person can move it on.
    ///
    /// # Errors
    /// [`DriverError::Journal`]; running attempts are dropped and nothing more is started.
    pub async fn run(&self, plan: ValidPlan, stop: Stop) -> Result<Finished, DriverError> {
        let started_at = wall_clock();
        let unix_ms = started_at.as_millisecond().max(0) as u64;
        let options = RunOptions {
            run_id: RunId::generate(unix_ms, random_bytes()),
            plan_id: PlanId::generate(unix_ms, random_bytes()),
            config: self.config.clone(),
            weights: plan.weights(|_| None),
            seed: random(),
            started_at,
        };
        let rules: Arc<dyn CallRules> =
            Arc::new(ToolRules::new(self.tools.clone(), self.policy.clone()));
        let run = Run {
            driver: self,
            scheduler: Scheduler::new(plan, rules, options),
            clock: Clock::start(),
            attempts: JoinSet::new(),
            under_way: HashMap::new(),
            handles: HashMap::new(),
            to_ask: VecDeque::new(),
            questions: JoinSet::new(),
            stop,
        };
        run.drive().await
    }
}

/// One run being driven.
struct Run<'d> {
    driver: &'d Driver,
    scheduler: Scheduler,
    clock: Clock,
    attempts: JoinSet<Result<Value, ToolError>>,
    under_way: HashMap<Id, AttemptKey>,
    handles: HashMap<AttemptKey, AbortHandle>,
    /// Questions to come, each with the generation of its step.
    to_ask: VecDeque<(u32, ApprovalRequest)>,
    /// The question that is open.
    questions: JoinSet<(StepId, u32, Decision)>,
    stop: Stop,
}

type Joined = Result<(Id, Result<Value, ToolError>), JoinError>;

impl Run<'_> {
    async fn drive(mut self) -> Result<Finished, DriverError> {
        let mut inputs = vec![Input::Begin];
        loop {
            let now = self.clock.now();
            // Refusals are answers to questions that are no longer open.
            let Turn { events, commands, refused: _ } =
                self.scheduler.handle_all(inputs.drain(..), now);
            if !events.is_empty() {
                self.driver.journal.append(&events).await?;
                if let Some(observer) = &self.driver.observer {
                    observer.observe(&events);
                }
            }
            self.carry_out(commands, &mut inputs).await;
            self.ask(&events);
            if self.scheduler.state().is_finished() {
                break;
            }
            self.open_question();
            if self.scheduler.is_stalled() && self.questions.is_empty() {
                inputs.push(Input::Pause);
                continue;
            }
            self.wait(&mut inputs).await;
        }
        self.attempts.shutdown().await;
        let state = self.scheduler.state().clone();
        let answer = answer(self.scheduler.plan(), &state);
        Ok(Finished { state, answer })
    }

    /// Waits for something to happen, then takes everything that has.
    async fn wait(&mut self, inputs: &mut Vec<Input>) {
        let wake = self.scheduler.next_wake().map(|at| self.clock.instant(at));
        tokio::select! {
            biased;
            Ok(()) = self.stop.level.changed() => self.note_stop(inputs),
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
    }

    fn note_stop(&mut self, inputs: &mut Vec<Input>) {
        let grace_ms = match *self.stop.level.borrow_and_update() {
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
                inputs.push(Input::Approve { step_id, generation });
            }
            Ok((step_id, generation, Decision::Reject)) => {
                inputs.push(Input::Reject { step_id, generation });
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
        let call = ToolCall {
            idempotency_key: key.idempotency_key(&run_id),
            run_id,
            step_id: key.step_id.clone(),
            attempt: key.attempt,
            arguments,
            max_output_bytes: self.driver.config.max_output_bytes,
        };
        let limit = self.driver.config.max_output_bytes;
        let found = self.driver.tools.get(&tool).cloned();
        let handle = self.attempts.spawn(async move {
            let Some(tool) = found else {
                let message = format!("there is no tool `{tool}`");
                return Err(ToolError::new(ErrorClass::NotFound, message));
            };
            check_size(tool.call(call).await?, limit)
        });
        self.under_way.insert(handle.id(), key.clone());
        self.handles.insert(key, handle);
    }

    /// Notes every step that has just begun to wait.
    fn ask(&mut self, events: &[Event]) {
        for event in events {
            let EventKind::StepWaiting { step_id, generation, waiting_for, calls } = &event.kind
            else {
                continue;
            };
            let state = self.scheduler.state();
            let action = state.place(step_id).map(|at| state.plan.steps[at].action.clone());
            let request = ApprovalRequest {
                step_id: step_id.clone(),
                action: action.unwrap_or_default(),
                waiting_for: *waiting_for,
                calls: calls.clone(),
            };
            self.to_ask.push_back((*generation, request));
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
            let step = self.scheduler.state().step(&step_id);
            let open = step.is_some_and(|step| {
                step.status == StepStatus::Waiting && step.generation == generation
            });
            if open && self.scheduler.state().stopping.is_none() {
                let approver = Arc::clone(approver);
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

impl Finished {
    /// Whether every step ended well.
    pub fn is_success(&self) -> bool {
        self.state.status == PlanStatus::Completed
    }
}
