//! Going on with a recorded run, and recording decisions about one that nobody runs.
//!
//! A run is the fold of its journal. To go on is to claim it, fold it, compile its plan
//! again, tell the scheduler that the attempts under way have no outcome any more, and drive
//! on. Completed steps never run again.

use pe_model::{
    ApplyError, Journal, JournalError, OrchestratorConfig, PlanStatus, RunId, RunState, StepStatus,
    StopCause, Strictness,
};
use pe_validate::{Limits, ValidPlan, check};

use crate::clock::wall_clock;
use crate::driver::Run;
use crate::{Answer, CallRules, Control, Driver, DriverError, Finished, Input, Refusal, Scheduler};

/// Why a recorded run cannot be gone on with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ResumeError {
    /// The journal could not be read, or somebody else owns the run.
    #[error(transparent)]
    Journal(#[from] JournalError),
    /// What the journal holds is no run.
    #[error("the journal of run {run_id} is damaged")]
    Damaged {
        /// The run.
        run_id: RunId,
        /// The event that does not fit.
        #[source]
        source: ApplyError,
    },
    /// The recorded plan does not hold in this program.
    #[error("the plan of run {run_id} cannot be executed by this program: {problem}")]
    Plan {
        /// The run.
        run_id: RunId,
        /// What is wrong with it.
        problem: String,
    },
    /// Steps that are still to run call tools that are not there.
    #[error(
        "run {run_id} still calls {}, which this program does not have; give it the tools that the run began with", tools.join(", ")
    )]
    MissingTools {
        /// The run.
        run_id: RunId,
        /// The tools, in plan order.
        tools: Vec<String>,
    },
    /// The plan of the run is not whole, and nobody would write on.
    #[error(
        "the plan of run {run_id} is still being written; only whoever writes it can go on with the run"
    )]
    Unfinished {
        /// The run.
        run_id: RunId,
    },
    /// A decision does not fit the run; nothing was recorded.
    #[error("the decision does not fit run {run_id}")]
    Refused {
        /// The run.
        run_id: RunId,
        /// Why.
        #[source]
        refusal: Refusal,
    },
}

impl From<DriverError> for ResumeError {
    fn from(error: DriverError) -> Self {
        match error {
            DriverError::Journal(error) => Self::Journal(error),
        }
    }
}

/// A run as its journal tells it.
#[derive(Debug, Clone)]
pub struct Recorded {
    /// Where it stands.
    pub state: RunState,
    /// Its plan, compiled again.
    pub plan: ValidPlan,
}

impl Recorded {
    /// Reads a run.
    ///
    /// # Errors
    /// A [`ResumeError`] that names what is wrong with the journal or the plan.
    pub async fn load(journal: &dyn Journal, run_id: &RunId) -> Result<Self, ResumeError> {
        let events = journal.load(run_id).await?;
        let state = RunState::fold(&events)
            .map_err(|source| ResumeError::Damaged { run_id: run_id.clone(), source })?
            .ok_or_else(|| JournalError::NotFound { run_id: run_id.clone() })?;
        Self::compile(state)
    }

    /// Compiles the plan of a run. Tools are not looked at.
    ///
    /// # Errors
    /// [`ResumeError::Plan`] when the plan does not hold.
    pub fn compile(state: RunState) -> Result<Self, ResumeError> {
        if state.plan.steps.is_empty() {
            let plan =
                ValidPlan::without_steps(state.plan.goal.clone(), state.plan.context.clone());
            return Ok(Self { state, plan });
        }
        let limits = Limits { strictness: Strictness::Lenient, ..Limits::default() };
        let checked = check((*state.plan).clone(), &pe_model::Catalog::default(), &limits);
        match checked.plan {
            Some(plan) => Ok(Self { state, plan }),
            None => Err(ResumeError::Plan {
                run_id: state.run_id.clone(),
                problem: checked.report.render("plan"),
            }),
        }
    }

    /// The run as it would be reported had it ended here.
    pub fn finished(self) -> Finished {
        Finished::new(&self.plan, self.state)
    }

    /// Waiting steps all of whose calls the operator allows by now.
    fn allowed(&self, rules: &dyn CallRules) -> Vec<Input> {
        let steps = self.state.plan.steps.iter().zip(self.state.steps());
        let waiting = steps.filter(|(_, step)| step.status == StepStatus::Waiting);
        let allowed = waiting.filter(|(_, step)| {
            let mut calls = step.pending_calls.iter();
            calls.all(|call| rules.judge(&call.tool, &call.arguments).is_some_and(|r| r.allowed))
        });
        allowed
            .map(|(step, state)| Answer::Approve {
                step_id: step.step_id.clone(),
                generation: state.generation,
            })
            .map(Input::Answer)
            .collect()
    }
}

impl Driver {
    /// Goes on with a run until it has ended or only a person can move it on. A run that has
    /// ended, or that pauses for a person whom nobody can ask now, is returned as it is, and
    /// nothing is recorded.
    ///
    /// `config` takes the place of the recorded configuration.
    ///
    /// # Errors
    /// A [`ResumeError`]; one process owns a run, a second is refused. A run whose plan is still
    /// being written is [`ResumeError::Unfinished`].
    pub async fn resume(
        &self,
        run_id: &RunId,
        config: Option<OrchestratorConfig>,
        control: Control,
    ) -> Result<Finished, ResumeError> {
        self.go_on_with(run_id, config, control, false).await
    }

    /// Goes on with a run that is supervised from now on, as [`NewRun`](crate::NewRun) says it;
    /// its plan may be still being written. One that has ended as completed or failed is returned
    /// as it is, and so is a whole plan that pauses for a person whom nobody can ask now.
    ///
    /// # Errors
    /// As [`Driver::resume`].
    pub async fn resume_supervised(
        &self,
        run_id: &RunId,
        config: Option<OrchestratorConfig>,
        control: Control,
    ) -> Result<Finished, ResumeError> {
        self.go_on_with(run_id, config, control, true).await
    }

    async fn go_on_with(
        &self,
        run_id: &RunId,
        config: Option<OrchestratorConfig>,
        control: Control,
        supervised: bool,
    ) -> Result<Finished, ResumeError> {
        let recorded = self.load_to_go_on(run_id, supervised).await?;
        if self.is_idle(&recorded) {
            return Ok(recorded.finished());
        }
        let claim = self.journal.claim(run_id).await?;
        // It may have moved on before it was claimed.
        let recorded = self.load_to_go_on(run_id, supervised).await?;
        if self.is_idle(&recorded) {
            return Ok(recorded.finished());
        }
        self.check_tools(&recorded)?;
        let config = config.unwrap_or_else(|| (*recorded.state.config).clone());
        let mut first =
            vec![Input::Resume { epoch: claim.epoch(), config, resumed_at: wall_clock() }];
        first.extend(recorded.allowed(&*self.rules()));
        if let Some(observer) = &self.observer {
            observer.resumed(&recorded.state);
        }
        let mut scheduler = Scheduler::restore(recorded.plan, self.rules(), recorded.state);
        if supervised {
            scheduler = scheduler.supervised();
        }
        Ok(Run::new(self, scheduler, claim, control).drive(first).await?)
    }

    /// Records answers about a run that no process runs, and what follows from them without
    /// any call being made. [`Driver::resume`] then goes on.
    ///
    /// # Errors
    /// [`ResumeError::Refused`] when one does not fit, and nothing is recorded; otherwise as
    /// [`Driver::resume`].
    pub async fn decide(
        &self,
        run_id: &RunId,
        answers: Vec<Answer>,
    ) -> Result<RunState, ResumeError> {
        self.record(run_id, answers.into_iter().map(Input::Answer).collect()).await
    }

    /// Records that a run which no process runs is not to go on by itself.
    ///
    /// # Errors
    /// As [`Driver::decide`].
    pub async fn cancel(&self, run_id: &RunId) -> Result<RunState, ResumeError> {
        let cancel = Input::Cancel { cause: StopCause::Interrupted, grace_ms: Some(0) };
        self.record(run_id, vec![cancel]).await
    }

    async fn record(&self, run_id: &RunId, inputs: Vec<Input>) -> Result<RunState, ResumeError> {
        let claim = self.journal.claim(run_id).await?;
        let Recorded { state, plan } = Recorded::load(&*self.journal, run_id).await?;
        let config = (*state.config).clone();
        let resume = Input::Resume { epoch: claim.epoch(), config, resumed_at: wall_clock() };
        let mut scheduler = Scheduler::restore(plan, self.rules(), state);
        let all = [Input::Hold, resume].into_iter().chain(inputs).chain([Input::Pause]);
        let turn = scheduler.handle_all(all, 0);
        if let Some(refused) = turn.refused.into_iter().next() {
            let refusal = refused.refusal;
            return Err(ResumeError::Refused { run_id: run_id.clone(), refusal });
        }
        self.journal.append(&turn.events).await?;
        drop(claim);
        Ok(scheduler.state().clone())
    }

    async fn load_to_go_on(
        &self,
        run_id: &RunId,
        supervised: bool,
    ) -> Result<Recorded, ResumeError> {
        let recorded = Recorded::load(&*self.journal, run_id).await?;
        match supervised || recorded.state.stage.is_complete() {
            true => Ok(recorded),
            false => Err(ResumeError::Unfinished { run_id: run_id.clone() }),
        }
    }

    /// Whether a process could do nothing for the run now.
    fn is_idle(&self, recorded: &Recorded) -> bool {
        match recorded.state.status {
            PlanStatus::Completed | PlanStatus::Failed => true,
            PlanStatus::Waiting | PlanStatus::InDoubt if recorded.state.stage.is_complete() => {
                let waiting = |step: &pe_model::StepState| step.status == StepStatus::Waiting;
                let can_ask = self.approver.is_some() && recorded.state.steps().iter().any(waiting);
                !can_ask && recorded.allowed(&*self.rules()).is_empty()
            }
            _ => false,
        }
    }

    /// A tool that was there when the run began must not fail its steps because it is not
    /// there now.
    fn check_tools(&self, recorded: &Recorded) -> Result<(), ResumeError> {
        let Recorded { state, .. } = recorded;
        if state.config.plan_validation_strictness == Strictness::Lenient {
            return Ok(());
        }
        let mut tools: Vec<String> = Vec::new();
        for (step, at) in state.plan.steps.iter().zip(state.steps()) {
            let ended = matches!(
                at.status,
                StepStatus::Completed | StepStatus::Failed | StepStatus::Skipped
            );
            if !ended && self.tools.get(&step.tool).is_none() && !tools.contains(&step.tool) {
                tools.push(step.tool.clone());
            }
        }
        match tools.is_empty() {
            true => Ok(()),
            false => Err(ResumeError::MissingTools { run_id: state.run_id.clone(), tools }),
        }
    }
}
