//! What a run came to.

use pe_exec::{ControlError, ResumeError};
use pe_llm::{AdaptError, PlanningError};
use pe_model::{JournalError, ModelError, RunReport, RunState};

use crate::LedgerError;

/// A run that has ended or pauses for a person.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The run as it is reported.
    pub report: RunReport,
    /// Its state.
    pub state: RunState,
    /// What kept the loop from going on, where something did.
    pub trouble: Option<Trouble>,
}

/// What kept the loop from going on. The run is recorded and can be resumed.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum Trouble {
    /// The model could not be reached, or gave no answer.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model wrote no plan that could be executed.
    #[error(transparent)]
    Planning(PlanningError),
    /// The failed run was not adapted.
    #[error(transparent)]
    Adaptation(AdaptError),
    /// The adaptations that are allowed are used up, or lead nowhere.
    #[error("{0}")]
    NotAdapted(String),
    /// A person refused the plan.
    #[error("the plan was rejected; nothing of it was executed")]
    Rejected,
    /// The sequential loop ended without an answer.
    #[error(
        "{turns} turns of the sequential loop led to no answer; `--max-iterations` allows more"
    )]
    NoAnswer {
        /// The turns.
        turns: u32,
    },
    /// The call that the model asked for cannot be a step.
    #[error("the call that the model asked for cannot be a step:\n{0}")]
    NoStep(String),
    /// The run did not take what the loop told it, say because somebody else moved it as well.
    #[error("the run did not take what it was told")]
    Refused(#[source] ControlError),
    /// The sequential loop ended in words after a failure that nothing made up for.
    #[error("the model made up for the failure with no other call; it says: {0}")]
    LastWords(String),
    /// The model wrote no final answer.
    #[error("no answer was written, and the results are given as they are: {0}")]
    NotAnswered(#[source] ModelError),
    /// Calls to the model could not be recorded.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// Why a run could not be brought to an end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OrchestratorError {
    /// No model is set up, and one is needed.
    #[error("{attempted} needs a model, and none is set up")]
    NoModel {
        /// What needs one.
        attempted: &'static str,
    },
    /// What the model plans in the run is to be reviewed, and nobody is there to do it.
    #[error("what a model plans in run {run_id} is to be reviewed, and nobody is there to do it")]
    NoReviewer {
        /// The run.
        run_id: pe_model::RunId,
    },
    /// A model is needed and did not answer.
    #[error(transparent)]
    Model(#[from] ModelError),
    /// The model wrote no plan that could be executed.
    #[error(transparent)]
    Planning(#[from] PlanningError),
    /// The model wrote no patch that could be applied.
    #[error(transparent)]
    Adaptation(#[from] AdaptError),
    /// The plan cannot be executed.
    #[error("the plan does not hold:\n{}", .0.render("plan"))]
    Invalid(Box<pe_validate::ValidationReport>),
    /// The run could not be recorded or gone on with.
    #[error(transparent)]
    Run(#[from] ResumeError),
    /// Calls to the model could not be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
    /// The task that drives the run ended early.
    #[error("the task that drives the run ended early: {0}")]
    Lost(String),
}

impl From<JournalError> for OrchestratorError {
    fn from(error: JournalError) -> Self {
        Self::Run(ResumeError::Journal(error))
    }
}
