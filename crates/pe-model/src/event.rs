//! Events: the facts of a run, in the order in which they were decided.
//!
//! Invariant: the sequence numbers of one run start at 0 and have no gaps; `RunState` is
//! the fold of the events and nothing else.

use std::fmt;
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{
    Effect, JsonMap, OrchestratorConfig, Outcome, Plan, PlanStatus, RunId, SkipReason, StepError,
    StepId,
};

/// The version of the event format that this program writes.
pub const EVENT_FORMAT: u32 = 1;

/// One fact about one run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Event {
    /// The version of this format.
    pub format: u32,
    /// The run.
    pub run_id: RunId,
    /// Position in the run, from 0, without gaps.
    pub seq: u64,
    /// Milliseconds since this process began (or resumed) the run.
    pub at_ms: u64,
    /// What happened.
    #[serde(flatten)]
    pub kind: EventKind,
}

/// Names one attempt of a run.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct AttemptKey {
    /// The step.
    pub step_id: StepId,
    /// How often the step was sent back to pending by a revision of the plan.
    pub generation: u32,
    /// The loop iteration, from 0; 0 for a step that is not a loop.
    pub iteration: u32,
    /// The attempt within the iteration, from 1.
    pub attempt: u32,
}

impl AttemptKey {
    /// The key under which the other side may recognise a repeated call: the same for
    /// every attempt of one iteration.
    pub fn idempotency_key(&self, run_id: &RunId) -> String {
        format!("{run_id}/{}/{}/{}", self.generation, self.iteration, self.step_id)
    }
}

/// What a waiting step waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum WaitingFor {
    /// The plan says that a person must approve the step.
    Approval,
    /// The operator's policy does not allow the call by itself.
    Consent,
}

/// A call that somebody is asked about.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PendingCall {
    /// The loop iteration that makes it, from 0.
    #[serde(default)]
    pub iteration: u32,
    /// The tool.
    pub tool: String,
    /// The arguments, references resolved.
    pub arguments: Arc<JsonMap>,
}

/// A call of another run, an iteration of a step, whose outcome was taken over.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReusedCall {
    /// The attempts that it took there.
    pub attempts: u32,
    /// The version of the tool that made it.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tool_version: String,
    /// The effect class of the call.
    pub effect: Effect,
    /// The arguments, references resolved.
    pub arguments: Arc<JsonMap>,
    /// What the call returned; none where it did not complete.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub output: Option<Arc<Value>>,
}

/// How far the plan of a run is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum PlanStage {
    /// It is whole.
    #[default]
    Complete,
    /// It is being written, and nobody has judged it whole: only calls that change nothing are
    /// made, and no failure has consequences, because what makes it good may still come.
    Draft,
    /// Steps are appended as the run goes on; what is there runs as if it were whole, but the
    /// run does not end with it.
    Growing,
}

impl PlanStage {
    /// Whether the plan is whole.
    pub fn is_complete(&self) -> bool {
        *self == Self::Complete
    }

    /// The stage's name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::Draft => "draft",
            Self::Growing => "growing",
        }
    }
}

impl fmt::Display for PlanStage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What made a new version of a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RevisionCause {
    /// The plan was repaired where the run had failed or gone astray.
    #[default]
    Adaptation,
    /// The plan was still being written and has grown.
    Extension,
    /// A person changed it.
    Edit,
}

/// What a person decided about a step in doubt.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "decision")]
pub enum Resolution {
    /// The effect happened, with this output.
    Done {
        /// Stands for the call's output.
        output: Arc<Value>,
    },
    /// The effect did not happen and is not to be tried again.
    Failed,
    /// The effect did not happen: make a new attempt.
    Retry,
}

/// Why a run stops before its steps have ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StopCause {
    /// A person or a signal asked for it.
    Interrupted,
    /// `plan_timeout_ms` is used up.
    Timeout,
    /// A budget is used up.
    Budget,
    /// No model could be reached, or it failed, and the run cannot go on without one.
    NoModel,
}

impl StopCause {
    /// The cause's name as it is written.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Interrupted => "interrupted",
            Self::Timeout => "timeout",
            Self::Budget => "budget",
            Self::NoModel => "no_model",
        }
    }
}

/// What happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum EventKind {
    /// The run began. Always first.
    RunStarted {
        /// The plan, as validated.
        plan: Arc<Plan>,
        /// The configuration in force.
        config: Arc<OrchestratorConfig>,
        /// One scheduling weight a step, in plan order.
        weights: Vec<f64>,
        /// Seeds the jitter of retries.
        seed: u64,
        /// The wall clock at `at_ms` 0.
        #[schemars(with = "String")]
        started_at: Timestamp,
        /// The run whose finished work this one takes over where it still holds.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        from_run: Option<RunId>,
        /// Where the run comes from and where it runs, in the words of whoever began it; kept
        /// for whoever goes on with it, never interpreted here.
        #[serde(default, skip_serializing_if = "JsonMap::is_empty")]
        origin: JsonMap,
        /// How far the plan is written.
        #[serde(default, skip_serializing_if = "PlanStage::is_complete")]
        stage: PlanStage,
    },
    /// A process goes on with the run; from here on `at_ms` counts from its begin. Attempts
    /// that an earlier process left under way are ended by the events that follow.
    RunResumed {
        /// Counts the processes that have owned the run, from 1.
        epoch: u64,
        /// The configuration in force from now on.
        config: Arc<OrchestratorConfig>,
        /// The wall clock at `at_ms` 0.
        #[schemars(with = "String")]
        resumed_at: Timestamp,
    },
    /// The plan was replaced by a new version.
    PlanRevised {
        /// The new plan.
        plan: Arc<Plan>,
        /// One scheduling weight a step, in plan order.
        weights: Vec<f64>,
        /// Steps of both plans that go back to pending, one generation up.
        reset: Vec<StepId>,
        /// What made the new plan.
        cause: RevisionCause,
        /// Why, in a sentence.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        reason: String,
        /// What was asked to change; null where the plan was given whole.
        #[serde(default, skip_serializing_if = "Value::is_null")]
        patch: Value,
        /// How far the plan is written now.
        #[serde(default, skip_serializing_if = "PlanStage::is_complete")]
        stage: PlanStage,
    },
    /// The outcome of the same step in another run was taken over; nothing was called.
    StepReused {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
        /// The run that did the work.
        from_run: RunId,
        /// The calls that were made there, by iteration.
        iterations: Vec<ReusedCall>,
        /// How long the step took there.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        execution_time_ms: Option<u64>,
        /// How the step failed there, if another one stands in for it.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        error: Option<StepError>,
    },
    /// A step waits for a person.
    StepWaiting {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
        /// What for.
        waiting_for: WaitingFor,
        /// Every call that needs an answer, as it will be made.
        calls: Vec<PendingCall>,
    },
    /// A person agreed.
    StepApproved {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
    },
    /// A person refused; the step fails, and no fallback runs for it.
    StepRejected {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
    },
    /// A loop's iterations are known.
    LoopStarted {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
        /// How many iterations there are at most.
        count: u32,
        /// The elements of `loop_over`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        items: Option<Arc<Vec<Value>>>,
    },
    /// An attempt is about to be made; recorded before its effect.
    AttemptStarted {
        /// Which attempt.
        #[serde(flatten)]
        key: AttemptKey,
        /// The tool.
        tool: String,
        /// The version of the tool, where it has one.
        #[serde(default, skip_serializing_if = "String::is_empty")]
        tool_version: String,
        /// The effect class of this call.
        effect: Effect,
        /// The arguments, references resolved; the same for every attempt of an iteration.
        arguments: Arc<JsonMap>,
    },
    /// An attempt ended well and its post-condition holds.
    AttemptSucceeded {
        /// Which attempt.
        #[serde(flatten)]
        key: AttemptKey,
        /// What the call returned.
        output: Arc<Value>,
        /// How long it took.
        duration_ms: u64,
    },
    /// An attempt failed.
    AttemptFailed {
        /// Which attempt.
        #[serde(flatten)]
        key: AttemptKey,
        /// How.
        error: StepError,
        /// Whether its effect is known.
        outcome: Outcome,
        /// How long it took.
        duration_ms: u64,
    },
    /// An attempt was stopped before it had an outcome; it will be made again on resume.
    AttemptInterrupted {
        /// Which attempt.
        #[serde(flatten)]
        key: AttemptKey,
    },
    /// Another attempt follows after a delay.
    RetryScheduled {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
        /// The iteration.
        iteration: u32,
        /// The delay from `at_ms` on; it starts again on resume.
        delay_ms: u64,
    },
    /// Nobody knows whether an attempt had its effect, and it must not be repeated.
    StepInDoubt {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
        /// The iteration in doubt.
        iteration: u32,
        /// Why.
        error: StepError,
    },
    /// A person decided about an iteration in doubt.
    StepResolved {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
        /// The iteration.
        iteration: u32,
        /// What was decided.
        #[serde(flatten)]
        resolution: Resolution,
    },
    /// A step completed; its output is that of its iterations.
    StepCompleted {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
    },
    /// A step failed for good.
    StepFailed {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
        /// How.
        error: StepError,
    },
    /// A step will not run.
    StepSkipped {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
        /// Why.
        reason: SkipReason,
    },
    /// A failed step's place was taken by another step, output and all.
    StepRecovered {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
        /// The step that stands in for it.
        recovered_by: StepId,
    },
    /// The run is being stopped early; nothing new starts.
    RunStopping {
        /// Why.
        cause: StopCause,
    },
    /// The run ended, or paused until a person decides.
    RunFinished {
        /// How it ended.
        status: PlanStatus,
    },
}

impl EventKind {
    /// Whether the event may follow the end of a run, which then goes on.
    pub fn may_reopen(&self) -> bool {
        matches!(
            self,
            Self::RunResumed { .. }
                | Self::StepApproved { .. }
                | Self::StepRejected { .. }
                | Self::StepResolved { .. }
                | Self::PlanRevised { .. }
        )
    }

    /// The step that the event is about.
    pub fn step_id(&self) -> Option<&StepId> {
        match self {
            Self::AttemptStarted { key, .. }
            | Self::AttemptSucceeded { key, .. }
            | Self::AttemptFailed { key, .. }
            | Self::AttemptInterrupted { key } => Some(&key.step_id),
            Self::StepWaiting { step_id, .. }
            | Self::StepApproved { step_id, .. }
            | Self::StepRejected { step_id, .. }
            | Self::LoopStarted { step_id, .. }
            | Self::StepReused { step_id, .. }
            | Self::RetryScheduled { step_id, .. }
            | Self::StepInDoubt { step_id, .. }
            | Self::StepResolved { step_id, .. }
            | Self::StepCompleted { step_id, .. }
            | Self::StepFailed { step_id, .. }
            | Self::StepSkipped { step_id, .. }
            | Self::StepRecovered { step_id, .. } => Some(step_id),
            Self::RunStarted { .. }
            | Self::RunResumed { .. }
            | Self::PlanRevised { .. }
            | Self::RunStopping { .. }
            | Self::RunFinished { .. } => None,
        }
    }
}
