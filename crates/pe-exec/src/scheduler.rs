//! The scheduler: a pure state machine that decides everything about a run.
//!
//! It reads no clock, starts nothing and waits for nothing. Inputs say what happened, with
//! the time; the answer is a [`Turn`]: events to be recorded, then commands to be carried
//! out. Everything beside the [`RunState`] is derived from it, so that a scheduler rebuilt
//! from the journal equals the live one.
//!
//! Invariant: between two calls of `handle`, every consequence of the state is drawn: no
//! step could start, be skipped or settle that has not.

use std::collections::{BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;

use jiff::Timestamp;
use pe_model::{
    AttemptKey, EVENT_FORMAT, Event, EventKind, JsonMap, OrchestratorConfig, PlanId, PlanStage,
    PlanStatus, RunId, RunState, StepId, StopCause, ToolError,
};
use pe_validate::ValidPlan;
use serde_json::Value;

use crate::{Answer, CallRules};

mod attempt;
mod board;
mod draft;
mod iteration;
mod prepare;
mod resume;
mod reuse;
mod revise;
mod settle;
mod stop;
mod supervise;

use board::{Board, Stage};
use reuse::Takeover;
pub use reuse::{Reuse, ReuseError};
use revise::Noted;
pub use revise::{ReviseError, Revision};

/// Milliseconds since this process began or resumed the run.
pub type Millis = u64;

/// What happened outside.
#[derive(Debug, Clone)]
pub enum Input {
    /// Go.
    Begin,
    /// An attempt returned.
    AttemptSucceeded {
        /// Which attempt.
        key: AttemptKey,
        /// What it returned.
        output: Arc<Value>,
    },
    /// An attempt failed.
    AttemptFailed {
        /// Which attempt.
        key: AttemptKey,
        /// How.
        error: ToolError,
    },
    /// This process goes on with a run that another one began, or that had paused: attempts
    /// that are under way in the state have no outcome and never will.
    Resume {
        /// Counts the processes that have owned the run.
        epoch: u64,
        /// The configuration in force from now on.
        config: OrchestratorConfig,
        /// The wall clock now.
        resumed_at: Timestamp,
    },
    /// Start nothing in this process; only what was decided is to be recorded.
    Hold,
    /// Time has passed.
    Tick,
    /// Stop early: start nothing more, and give running attempts a while to end.
    Cancel {
        /// Why.
        cause: StopCause,
        /// How long running attempts may go on; `None`: until they end by themselves.
        grace_ms: Option<Millis>,
    },
    /// Nobody will answer now: end the run as waiting or in doubt where that is all that is
    /// left of it.
    Pause,
    /// Put a new plan in force: at once where it only extends the one in force, else when the
    /// running attempts have ended.
    Revise(Box<Revision>),
    /// Begin no step until [`Input::GoOn`]; what has begun goes on, its retries and iterations
    /// included.
    Suspend,
    /// Steps may begin again.
    GoOn,
    /// Nobody supervises the run any more: it ends by itself when everything has settled.
    Conclude,
    /// A person has decided about a step.
    Answer(Answer),
}

/// What is to be done outside, once the events of the turn are durable.
#[derive(Debug, Clone)]
pub enum Command {
    /// Make an attempt.
    Start(Attempt),
    /// Drop an attempt; its outcome, should one still come, is ignored.
    Cancel(AttemptKey),
}

/// An attempt to be made.
#[derive(Debug, Clone)]
pub struct Attempt {
    /// Which attempt.
    pub key: AttemptKey,
    /// The tool.
    pub tool: String,
    /// The arguments, references resolved.
    pub arguments: Arc<JsonMap>,
}

/// The answer to one input.
#[derive(Debug, Clone, Default)]
pub struct Turn {
    /// What was decided; applied to the scheduler's own state already.
    pub events: Vec<Event>,
    /// What is to be done once the events are durable.
    pub commands: Vec<Command>,
    /// Inputs that did not fit the state of the run; nothing came of them. Outcomes that come
    /// too late are not among them: they are expected.
    pub refused: Vec<Refused>,
}

/// An input from which nothing came, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused {
    /// Its place among the inputs of the turn; `None` for a revision that an earlier turn took.
    pub input: Option<usize>,
    /// Why.
    pub refusal: Refusal,
}

/// An input that did not fit the state of the run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A new plan cannot be put in force.
    #[error("the plan cannot be revised")]
    Revision(#[source] ReviseError),
    /// Another process has owned the run since.
    #[error("owner {epoch} of the run was followed by owner {current}")]
    Overtaken {
        /// The owner that wants to go on.
        epoch: u64,
        /// The owner on record.
        current: u64,
    },
    /// A run that has ended cannot be resumed.
    #[error("the run has ended: it is {status}")]
    Ended {
        /// How it ended.
        status: PlanStatus,
    },
    /// An answer to a question that is not open, or no longer.
    #[error("step `{step_id}` does not wait for an answer of generation {generation}")]
    NotWaiting {
        /// The step.
        step_id: StepId,
        /// The generation that the answer speaks of.
        generation: u32,
    },
    /// The run cannot end as completed or failed yet.
    #[error("the plan of the run is still being written: it is {stage}")]
    Unfinished {
        /// How far it is written.
        stage: PlanStage,
    },
    /// Another new plan came before this one was in force.
    #[error("another new plan came before this one was in force")]
    Superseded,
    /// The run cannot pause for a person.
    #[error("the run does not wait for a person, or not only")]
    NotStalled,
    /// A decision about an attempt that is not in doubt.
    #[error(
        "attempt {attempt} of iteration {iteration} of step `{step_id}` is not in doubt in generation {generation}"
    )]
    NotInDoubt {
        /// The step.
        step_id: StepId,
        /// The generation that the decision speaks of.
        generation: u32,
        /// The iteration that the decision speaks of.
        iteration: u32,
        /// The attempt that the decision speaks of.
        attempt: u32,
    },
}

/// What a run is given besides its plan.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// Names the run.
    pub run_id: RunId,
    /// Names the plan when it has no name of its own.
    pub plan_id: PlanId,
    /// The configuration in force.
    pub config: OrchestratorConfig,
    /// One scheduling weight a step, in plan order; empty: `ValidPlan::weights`.
    pub weights: Vec<f64>,
    /// Seeds the jitter of retries.
    pub seed: u64,
    /// The wall clock at `Millis` 0.
    pub started_at: Timestamp,
    /// Another run whose finished work is taken over where it still holds.
    pub reuse: Option<Reuse>,
    /// Where the run comes from and where it runs; recorded, never interpreted.
    pub origin: JsonMap,
    /// How far the plan is written.
    pub stage: PlanStage,
}

/// Decides what a run does next. See the module's head.
pub struct Scheduler {
    plan: ValidPlan,
    rules: Arc<dyn CallRules>,
    state: RunState,
    board: Board,
    /// Steps that ended and whose consequences are not drawn yet.
    ended: VecDeque<usize>,
    /// Recorded with `Begin`.
    begin: Option<Event>,
    /// A new plan, put in force when nothing is running.
    revision: Option<Noted>,
    /// Finished work of another run, until everything that still holds was taken over.
    takeover: Option<Takeover>,
    /// Nothing starts in this process.
    on_hold: bool,
    /// Somebody outside says when the run ends.
    supervised: bool,
    /// No step begins.
    suspended: bool,
    /// Made from a state whose consequences are not drawn yet.
    is_restored: bool,
    /// The place of the input that is being taken.
    taking: Option<usize>,
    stop_deadline: Option<Millis>,
    /// Time spent with an attempt or a retry pending, for the plan's timeout.
    active_ms: Millis,
    /// The present on the run's clock, which goes on from process to process.
    last_seen: Millis,
    /// What the run's clock showed when this process began to count.
    offset: Millis,
    turn: Turn,
}

impl Scheduler {
    /// A scheduler for a new run; it waits for [`Input::Begin`].
    pub fn new(plan: ValidPlan, rules: Arc<dyn CallRules>, options: RunOptions) -> Self {
        let mut written = plan.plan().definition();
        written.plan_id.get_or_insert(options.plan_id);
        written.status = PlanStatus::Running;
        let weights = if options.weights.len() == written.steps.len() {
            options.weights
        } else {
            plan.weights(|_| None)
        };
        let begin = Event {
            format: EVENT_FORMAT,
            run_id: options.run_id,
            seq: 0,
            at_ms: 0,
            kind: EventKind::RunStarted {
                plan: Arc::new(written),
                config: Arc::new(options.config),
                weights,
                seed: options.seed,
                started_at: options.started_at,
                origin: options.origin,
                stage: options.stage,
                from_run: options.reuse.as_ref().map(|reuse| reuse.from().run_id.clone()),
            },
        };
        let state = RunState::begin(&begin).expect("because it starts with `run_started`");
        let mut scheduler = Self::assemble(plan, rules, state);
        scheduler.begin = Some(begin);
        scheduler.takeover = options.reuse.map(|reuse| Takeover::new(reuse, &scheduler.plan));
        scheduler
    }

    /// A scheduler that goes on where `state` stands; `plan` is `state.plan`, compiled. What
    /// follows from the state is drawn, and recorded, with the first input.
    ///
    /// Attempts that are under way in `state` are taken to be under way still, and time to be
    /// counted by the same clock: another process gives [`Input::Resume`] first.
    pub fn restore(plan: ValidPlan, rules: Arc<dyn CallRules>, state: RunState) -> Self {
        let mut scheduler = Self::assemble(plan, rules, state);
        scheduler.board.drop_dead_timers(&scheduler.state);
        scheduler.is_restored = true;
        scheduler
    }

    fn assemble(plan: ValidPlan, rules: Arc<dyn CallRules>, state: RunState) -> Self {
        Self {
            board: Board::new(&plan, &state, &*rules),
            plan,
            rules,
            last_seen: state.elapsed_ms,
            offset: state.base_ms,
            state,
            ended: VecDeque::new(),
            begin: None,
            revision: None,
            takeover: None,
            on_hold: false,
            supervised: false,
            suspended: false,
            is_restored: false,
            taking: None,
            stop_deadline: None,
            active_ms: 0,
            turn: Turn::default(),
        }
    }

    /// The run's state.
    pub fn state(&self) -> &RunState {
        &self.state
    }

    /// The plan in force.
    pub fn plan(&self) -> &ValidPlan {
        &self.plan
    }

    /// Whether nothing runs or will run by itself, and only somebody outside can move the run
    /// on.
    pub fn is_stalled(&self) -> bool {
        self.begin.is_none() && !self.state.is_finished() && !self.is_active()
    }

    /// Takes one input. `now` must not go backwards.
    pub fn handle(&mut self, input: Input, now: Millis) -> Turn {
        self.handle_all([input], now)
    }

    /// Takes inputs that came together: all of them before any deadline is looked at, and
    /// outcomes before everything else, so that none is lost to a stop or a timeout that it
    /// beat.
    pub fn handle_all(&mut self, inputs: impl IntoIterator<Item = Input>, now: Millis) -> Turn {
        let inputs: Vec<(usize, Input)> = inputs.into_iter().enumerate().collect();
        let resumes = inputs.iter().any(|(_, input)| matches!(input, Input::Resume { .. }));
        if resumes {
            self.offset = self.state.elapsed_ms;
        }
        self.spend_time(now.saturating_add(self.offset));
        if self.is_restored && !resumes && !self.state.is_finished() {
            self.rebuild();
        }
        let pauses = inputs.iter().any(|(_, input)| matches!(input, Input::Pause));
        let is_outcome = |(_, input): &(usize, Input)| {
            matches!(input, Input::AttemptSucceeded { .. } | Input::AttemptFailed { .. })
        };
        let (outcomes, others): (Vec<_>, Vec<_>) = inputs.into_iter().partition(is_outcome);
        for (place, input) in outcomes.into_iter().chain(others) {
            self.taking = Some(place);
            if let (Input::Begin, Some(begin)) = (&input, &self.begin) {
                let begin = Event { at_ms: now, ..begin.clone() };
                self.state = RunState::begin(&begin).expect("because it starts with `run_started`");
                self.turn.events.push(begin);
                self.begin = None;
                self.take_over_what_holds();
                self.consider_all();
            } else if self.begin.is_none() {
                let was_finished = self.state.is_finished();
                let epoch = self.state.epoch;
                self.take(input);
                if was_finished && !self.state.is_finished() || epoch < self.state.epoch {
                    self.reopen();
                }
            }
        }
        self.taking = None;
        if self.begin.is_none() && !(self.is_restored && self.state.is_finished()) {
            self.advance();
            if pauses {
                self.pause();
            }
        }
        if let Some(noted) = &mut self.revision {
            noted.input = None;
        }
        std::mem::take(&mut self.turn)
    }

    /// A run that had ended or paused goes on: everything is derived anew, and no deadline
    /// of before holds.
    fn reopen(&mut self) {
        self.stop_deadline = None;
        self.active_ms = 0;
        self.redraw();
    }

    /// Derives everything anew from the state; attempts under way, their deadlines, slots and
    /// resources are as they were.
    fn redraw(&mut self) {
        let obstacles = std::mem::take(&mut self.board.obstacles);
        self.board = Board::new(&self.plan, &self.state, &*self.rules);
        for &place in obstacles.keys() {
            self.board.broken[place] = true;
        }
        self.board.obstacles = obstacles;
        self.ended.clear();
        self.rebuild();
    }

    /// When the next `Tick` is due, if no other input comes first.
    pub fn next_wake(&self) -> Option<Millis> {
        if self.begin.is_some() || self.state.is_finished() {
            return None;
        }
        let timer = self.board.next_timer();
        let next = [timer, self.plan_deadline(), self.stop_deadline].into_iter().flatten().min();
        next.map(|at| at.saturating_sub(self.offset))
    }

    fn take(&mut self, input: Input) {
        match input {
            // A pause is taken when everything else has been.
            Input::Begin | Input::Tick | Input::Pause => {}
            Input::Resume { epoch, config, resumed_at } => self.resume(epoch, config, resumed_at),
            Input::Hold => self.on_hold = true,
            Input::AttemptSucceeded { key, output } => self.succeeded(&key, output),
            Input::AttemptFailed { key, error } => self.failed(&key, &error),
            Input::Cancel { cause, grace_ms } => self.cancel(cause, grace_ms),
            Input::Revise(revision) => self.revise(*revision),
            Input::Suspend => self.suspended = true,
            Input::GoOn => self.go_on(),
            Input::Conclude => self.end_supervision(),
            Input::Answer(answer) => self.answer(answer),
        }
    }

    fn answer(&mut self, answer: Answer) {
        match answer {
            Answer::Approve { step_id, generation } => self.approve(step_id, generation),
            Answer::Reject { step_id, generation } => self.reject(step_id, generation),
            Answer::Resolve { step_id, generation, iteration, attempt, resolution } => {
                self.resolve(step_id, generation, (iteration, attempt), resolution);
            }
        }
    }

    /// Draws every consequence of the state at the present time.
    fn advance(&mut self) {
        self.fire_timers();
        self.check_deadlines();
        loop {
            self.draw_consequences();
            if self.put_revision_in_force() {
                continue;
            }
            self.start_ready();
            if self.ended.is_empty() {
                break;
            }
        }
        self.board.drop_dead_timers(&self.state);
        self.conclude();
    }

    /// Draws the consequences of everything that the state holds already.
    fn rebuild(&mut self) {
        self.is_restored = false;
        for place in 0..self.plan.steps().len() {
            self.hold_again(place);
            match self.board.stage[place] {
                Stage::Ended => self.ended.push_back(place),
                // Those that were to end before it fails were interrupted.
                Stage::Active if self.board.broken[place] => self.finish_broken(place),
                Stage::Active => self.board.enqueue(place),
                _ => {}
            }
        }
        self.draw_consequences();
        self.consider_all();
        self.draw_consequences();
        self.board.drop_dead_timers(&self.state);
    }

    /// Records a fact and applies it.
    fn emit(&mut self, kind: EventKind) {
        let event = Event {
            format: EVENT_FORMAT,
            run_id: self.state.run_id.clone(),
            seq: self.state.next_seq,
            at_ms: self.last_seen.saturating_sub(self.offset),
            kind,
        };
        self.state.apply(&event).expect("because the scheduler decides only what fits the state");
        self.turn.events.push(event);
    }

    fn refuse(&mut self, refusal: Refusal) {
        self.turn.refused.push(Refused { input: self.taking, refusal });
    }

    /// Whether steps may begin.
    fn may_start(&self) -> bool {
        self.revision.is_none() && !self.suspended && self.may_go_on()
    }

    /// Whether attempts may start.
    fn may_go_on(&self) -> bool {
        self.begin.is_none()
            && !self.on_hold
            && self.state.stopping.is_none()
            && !self.state.is_finished()
    }

    fn id(&self, place: usize) -> StepId {
        self.plan.steps()[place].id.clone()
    }

    /// Id and generation, as most events carry them.
    fn named(&self, place: usize) -> (StepId, u32) {
        (self.id(place), self.state.step_at(place).generation)
    }
}
