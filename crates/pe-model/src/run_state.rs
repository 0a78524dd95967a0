//! The state of a run: a pure fold of its events.
//!
//! Nothing else mutates it, so that a run rebuilt from its journal equals the live one.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::Value;

use crate::{
    Effect, Event, JsonMap, OrchestratorConfig, PendingCall, Plan, PlanStage, PlanStatus, RunId,
    SkipReason, StepError, StepId, StepStatus, StopCause, WaitingFor,
};

mod apply;

/// Why an event does not fit the state that it is applied to.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApplyError {
    /// The event is not the next one.
    #[error("event {found} of run {run_id} follows where event {expected} is missing")]
    Gap {
        /// The run.
        run_id: RunId,
        /// The sequence number that comes next.
        expected: u64,
        /// The sequence number found.
        found: u64,
    },
    /// The event belongs to another run.
    #[error("an event of run {found} among those of run {expected}")]
    OtherRun {
        /// The run being folded.
        expected: RunId,
        /// The run found.
        found: RunId,
    },
    /// The event was written by a newer program.
    #[error(
        "event {seq} has format {found}, newer than {known}; use the program that wrote it, or a newer one"
    )]
    Format {
        /// Its sequence number.
        seq: u64,
        /// Its format.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
    /// The first event is not `run_started`, or a later one is.
    #[error("event {seq} of run {run_id} {problem}")]
    Misplaced {
        /// The run.
        run_id: RunId,
        /// Its sequence number.
        seq: u64,
        /// What is wrong about it.
        problem: &'static str,
    },
    /// The event names a step that the plan does not have.
    #[error("event {seq} names step `{step_id}`, which the plan does not define")]
    UnknownStep {
        /// Its sequence number.
        seq: u64,
        /// The step.
        step_id: StepId,
    },
    /// The event is about another generation of the step, or one that has ended.
    #[error("event {seq} does not fit step `{step_id}`: {problem}")]
    Mismatch {
        /// Its sequence number.
        seq: u64,
        /// The step.
        step_id: StepId,
        /// What does not fit.
        problem: &'static str,
    },
}

/// Everything that is known about a run.
#[derive(Debug, Clone, PartialEq)]
pub struct RunState {
    /// The run.
    pub run_id: RunId,
    /// The plan in force.
    pub plan: Arc<Plan>,
    /// How far it is written.
    pub stage: PlanStage,
    /// The configuration in force.
    pub config: Arc<OrchestratorConfig>,
    /// One scheduling weight a step, in plan order.
    pub weights: Vec<f64>,
    /// Seeds the jitter of retries.
    pub seed: u64,
    /// The wall clock at the begin of the run.
    pub started_at: Timestamp,
    /// Where the run comes from and where it runs, in the words of whoever began it.
    pub origin: JsonMap,
    /// Where the run stands.
    pub status: PlanStatus,
    /// Set from the moment the run is being stopped early.
    pub stopping: Option<StopCause>,
    /// The sequence number of the next event.
    pub next_seq: u64,
    /// Milliseconds from the begin to the last event, in which a process owned the run. All
    /// times of this state are on this clock.
    pub elapsed_ms: u64,
    /// What `elapsed_ms` was when the process that owns the run began to count.
    pub base_ms: u64,
    /// Counts the processes that have owned the run, from 1.
    pub epoch: u64,
    /// The run whose finished work this one takes over where it still holds.
    pub from_run: Option<RunId>,
    /// Plan versions put in force after the first.
    pub revisions: u32,
    /// Those of them that repaired the plan.
    pub adaptations: u32,
    /// Attempts started, those of steps that a revision reset or removed included.
    pub attempts_started: u64,
    steps: Vec<StepState>,
    done: usize,
    index: HashMap<StepId, usize>,
    retired: HashMap<StepId, u32>,
}

/// Why a step is skipped, is waiting, or did not start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Reason {
    /// It will not run.
    Skipped(SkipReason),
    /// A person is asked.
    Waiting(WaitingFor),
    /// The run was stopped before.
    Stopped(StopCause),
    /// The run pauses until a person has decided about a step in doubt.
    PausedInDoubt,
    /// The run pauses until a person has agreed to a step.
    PausedWaiting,
}

impl Reason {
    /// The reason as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Skipped(reason) => reason.as_str(),
            Self::Waiting(WaitingFor::Approval) => "approval",
            Self::Waiting(WaitingFor::Consent) => "consent",
            Self::Stopped(cause) => cause.as_str(),
            Self::PausedInDoubt => "in_doubt",
            Self::PausedWaiting => "waiting",
        }
    }
}

/// Where one step stands.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StepState {
    /// Its status; `Ready` never occurs here.
    pub status: StepStatus,
    /// Why it is skipped, waiting, or did not start.
    pub reason: Option<Reason>,
    /// How often it was sent back to pending by a revision.
    pub generation: u32,
    /// Whether a person has agreed to this generation.
    pub approved: bool,
    /// Whether a person has refused this generation.
    pub rejected: bool,
    /// The calls that a person was or is asked about; once approved, these very calls are made.
    pub pending_calls: Vec<PendingCall>,
    /// The arguments of every call that a person has agreed to since the step was last defined
    /// anew, by iteration. A revision that leaves the step as it is keeps them, so that nobody
    /// is asked the same thing twice.
    pub granted_calls: BTreeMap<u32, Arc<JsonMap>>,
    /// A loop's number of iterations, once known.
    pub loop_count: Option<u32>,
    /// The elements of `loop_over`, once known.
    pub items: Option<Arc<Vec<Value>>>,
    /// The iterations begun so far, by number.
    pub iterations: Vec<IterationState>,
    /// The run that did the step's work, where it was taken over.
    pub reused_from: Option<RunId>,
    /// The output, once completed or recovered.
    pub output: Option<Arc<Value>>,
    /// The error, once failed or in doubt.
    pub error: Option<StepError>,
    /// The step whose output stands in for this failed one.
    pub recovered_by: Option<StepId>,
    /// When the first attempt started.
    pub first_started_ms: Option<u64>,
    /// From the first attempt to the end, in milliseconds.
    pub execution_time_ms: Option<u64>,
}

/// One iteration of a step; a step that is no loop has one.
#[derive(Debug, Clone, PartialEq)]
pub struct IterationState {
    /// Attempts started.
    pub attempts: u32,
    /// Attempts that failed; those that were interrupted are not among them.
    pub failures: u32,
    /// The version of the tool, where it has one.
    pub tool_version: String,
    /// The effect class of the call.
    pub effect: Effect,
    /// The arguments, fixed with the first attempt.
    pub arguments: Arc<JsonMap>,
    /// Where the iteration stands.
    pub phase: IterationPhase,
}

/// Where an iteration stands.
#[derive(Debug, Clone, PartialEq)]
pub enum IterationPhase {
    /// An attempt is under way.
    Running {
        /// When it started.
        since_ms: u64,
    },
    /// The last attempt failed; what happens next has not been decided yet.
    Failed {
        /// How it failed.
        error: StepError,
    },
    /// The next attempt starts at or after this time.
    Backoff {
        /// When.
        until_ms: u64,
        /// How long the delay is; it starts again when the run is resumed.
        delay_ms: u64,
    },
    /// Stopped without an outcome, or told to try again: to be made again.
    Again,
    /// Nobody knows whether the effect happened.
    InDoubt {
        /// Why.
        error: StepError,
    },
    /// Done.
    Completed {
        /// What it returned.
        output: Arc<Value>,
    },
}

impl StepState {
    /// Whether the step completed, or failed and was recovered.
    pub fn is_done(&self) -> bool {
        self.status == StepStatus::Completed || self.is_recovered()
    }

    /// Whether the step failed and another one stands in for it.
    pub fn is_recovered(&self) -> bool {
        self.status == StepStatus::Failed && self.recovered_by.is_some()
    }

    /// Whether a person has agreed to this very call of the step.
    pub fn is_granted(&self, iteration: u32, arguments: &JsonMap) -> bool {
        self.granted_calls.get(&iteration).is_some_and(|granted| **granted == *arguments)
    }

    /// Attempts started, over all iterations.
    pub fn attempts(&self) -> u32 {
        self.iterations.iter().map(|iteration| iteration.attempts).sum()
    }

    /// The outputs of the iterations that completed, by number.
    pub fn iteration_outputs(&self) -> impl Iterator<Item = &Arc<Value>> {
        self.iterations.iter().filter_map(|iteration| match &iteration.phase {
            IterationPhase::Completed { output } => Some(output),
            _ => None,
        })
    }

    fn is_ended(&self) -> bool {
        matches!(self.status, StepStatus::Completed | StepStatus::Failed | StepStatus::Skipped)
    }
}

impl RunState {
    /// Folds a run's events.
    ///
    /// # Errors
    /// An [`ApplyError`] at the first event that does not fit; `None` when there is none.
    pub fn fold<'a>(
        events: impl IntoIterator<Item = &'a Event>,
    ) -> Result<Option<Self>, ApplyError> {
        let mut events = events.into_iter();
        let Some(first) = events.next() else {
            return Ok(None);
        };
        let mut state = Self::begin(first)?;
        for event in events {
            state.apply(event)?;
        }
        Ok(Some(state))
    }

    /// The steps in plan order.
    pub fn steps(&self) -> &[StepState] {
        &self.steps
    }

    /// How many steps are completed or recovered.
    pub fn done_count(&self) -> usize {
        self.done
    }

    /// A step by its place in the plan.
    ///
    /// # Panics
    /// When the plan has no such place.
    pub fn step_at(&self, place: usize) -> &StepState {
        &self.steps[place]
    }

    /// A step by its id.
    pub fn step(&self, step_id: impl AsRef<str>) -> Option<&StepState> {
        self.place(step_id).map(|place| &self.steps[place])
    }

    /// A step's place in the plan.
    pub fn place(&self, step_id: impl AsRef<str>) -> Option<usize> {
        self.index.get(step_id.as_ref()).copied()
    }

    /// Where the plan came from, in the words of whoever began the run: `file`, `model`,
    /// `sequential` or `template`; `file` where it was not said.
    pub fn planner(&self) -> &str {
        let planned_by = self.origin.get("planner").and_then(Value::as_str).unwrap_or("file");
        let instead = self.plan.metadata.get("planner").and_then(Value::as_str);
        // A model's plan is never without steps; a goal may be answered without a single call.
        let is_bare = self.plan.steps.is_empty() && self.stage != PlanStage::Draft;
        match (planned_by, instead) {
            // The metadata of a person's own plan say what they like.
            ("model", Some("sequential")) => "sequential",
            ("model", _) if is_bare => "sequential",
            _ => planned_by,
        }
    }

    /// Whether the run has ended or is paused.
    pub fn is_finished(&self) -> bool {
        !matches!(self.status, PlanStatus::Created | PlanStatus::Running)
    }

    /// The plan as executed: definitions with their state filled in.
    pub fn executed_plan(&self) -> Plan {
        let mut plan = (*self.plan).clone();
        plan.status = self.status;
        for (step, state) in plan.steps.iter_mut().zip(&self.steps) {
            step.status = state.status;
            step.reason = state.reason.map(|reason| reason.as_str().to_owned());
            step.recovered_by = state.recovered_by.clone();
            step.attempts = state.attempts();
            step.execution_time_ms = state.execution_time_ms;
            step.error = state.error.as_ref().map(|error| error.message.clone());
            step.result = state.is_ended().then(|| {
                Box::new(crate::StepResult {
                    success: state.is_done(),
                    data: state.output.as_deref().cloned().unwrap_or(Value::Null),
                    error: step.error.clone(),
                })
            });
            if state.status == StepStatus::Skipped {
                step.result = None;
            }
        }
        plan
    }
}
