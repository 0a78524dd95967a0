//! The driver: the tokio loop around the scheduler.
//!
//! Each round takes every input that is waiting, makes all their events durable as one
//! batch, publishes them, and only then carries out the commands. What arrives meanwhile is
//! the next round. A failed append stops the run: what is not recorded did not happen.

use std::sync::Arc;

use pe_model::{
    Journal, JournalError, JsonMap, OrchestratorConfig, PlanId, PlanStage, PlanStatus, RunId,
    RunState, ToolSet,
};
use pe_validate::ValidPlan;

use crate::clock::{random, random_bytes, wall_clock};
use crate::{
    Approver, CallRules, Control, Input, MemoryJournal, Millis, Observer, Policy, Reuse,
    RunOptions, Scheduler, ToolRules, answer,
};

mod run;
mod told;

pub(crate) use run::Run;

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

/// A run that is to begin.
#[derive(Debug, Clone)]
pub struct NewRun {
    /// What is run.
    pub plan: ValidPlan,
    /// One scheduling weight a step, in plan order; empty: `ValidPlan::weights`.
    pub weights: Vec<f64>,
    /// Another run whose finished work is taken over where it still holds.
    pub reuse: Option<Reuse>,
    /// Where the run comes from and where it runs; recorded, never interpreted.
    pub origin: JsonMap,
    /// Names the run, where that must be known before it begins: one of [`fresh_run_id`].
    pub run_id: Option<RunId>,
    /// How far the plan is written.
    pub stage: PlanStage,
    /// Whether the run does not end by itself, but when its [`Controller`](crate::Controller)
    /// says so. [`Observer::idle`] tells when it has come to rest. A run whose plan is not whole
    /// is always supervised.
    pub supervised: bool,
}

impl From<ValidPlan> for NewRun {
    fn from(plan: ValidPlan) -> Self {
        Self {
            plan,
            weights: Vec::new(),
            reuse: None,
            origin: JsonMap::new(),
            run_id: None,
            stage: PlanStage::Complete,
            supervised: false,
        }
    }
}

/// A name for a run that is to begin: a UUIDv7 of now.
pub fn fresh_run_id() -> RunId {
    RunId::generate(unix_ms(wall_clock()), random_bytes())
}

fn unix_ms(at: jiff::Timestamp) -> u64 {
    at.as_millisecond().max(0) as u64
}

/// How long running attempts may go on after a stop was asked for.
pub const GRACE_MS: Millis = 5_000;

/// Executes plans. Cheap to clone; one driver can drive many runs.
#[derive(Clone)]
pub struct Driver {
    pub(crate) tools: ToolSet,
    pub(crate) policy: Policy,
    config: OrchestratorConfig,
    pub(crate) journal: Arc<dyn Journal>,
    pub(crate) approver: Option<Arc<dyn Approver>>,
    pub(crate) observer: Option<Arc<dyn Observer>>,
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

    /// Sets the configuration of new runs.
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

    /// Runs a plan until it has ended or only a person can move it on; one that is supervised,
    /// until it is told to end.
    ///
    /// # Errors
    /// [`DriverError::Journal`]; running attempts are dropped and nothing more is started.
    pub async fn run(
        &self,
        run: impl Into<NewRun>,
        control: Control,
    ) -> Result<Finished, DriverError> {
        let NewRun { plan, weights, reuse, origin, run_id, stage, supervised } = run.into();
        let started_at = wall_clock();
        let options = RunOptions {
            run_id: run_id.unwrap_or_else(fresh_run_id),
            plan_id: PlanId::generate(unix_ms(started_at), random_bytes()),
            config: self.config.clone(),
            weights,
            seed: random(),
            started_at,
            reuse,
            origin,
            stage,
        };
        let claim = self.journal.claim(&options.run_id).await?;
        let mut scheduler = Scheduler::new(plan, self.rules(), options);
        if supervised || !stage.is_complete() {
            scheduler = scheduler.supervised();
        }
        Run::new(self, scheduler, claim, control).drive(vec![Input::Begin]).await
    }

    pub(crate) fn rules(&self) -> Arc<dyn CallRules> {
        Arc::new(ToolRules::new(self.tools.clone(), self.policy.clone()))
    }
}

impl Finished {
    pub(crate) fn new(plan: &ValidPlan, state: RunState) -> Self {
        let answer = answer(plan, &state);
        Self { state, answer }
    }

    /// Whether every step ended well.
    pub fn is_success(&self) -> bool {
        self.state.status == PlanStatus::Completed
    }
}
