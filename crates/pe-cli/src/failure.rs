//! How commands fail: an exit code, the chain of what went wrong, and the next move.

use std::fmt;

use pe_exec::ResumeError;
use pe_orchestrator::OrchestratorError;

use crate::exit::Exit;

/// An error on its way to the terminal.
#[derive(Debug)]
pub(crate) struct Failure {
    /// How the program ends.
    pub(crate) exit: Exit,
    /// What was attempted, on what, and what was found.
    pub(crate) error: anyhow::Error,
    /// The next move, where one is known.
    pub(crate) hint: Option<String>,
}

impl Failure {
    /// The command line, the configuration or a path is wrong.
    pub(crate) fn usage(error: impl Into<anyhow::Error>) -> Self {
        Self { exit: Exit::Usage, error: error.into(), hint: None }
    }

    /// The same, from a message.
    pub(crate) fn usage_message(message: impl fmt::Display) -> Self {
        Self::usage(anyhow::anyhow!("{message}"))
    }

    /// The plan cannot be used.
    pub(crate) fn invalid(message: impl fmt::Display) -> Self {
        Self { exit: Exit::Invalid, error: anyhow::anyhow!("{message}"), hint: None }
    }

    /// Names the next move.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }
}

/// Why a recorded run cannot be gone on with.
impl From<ResumeError> for Failure {
    fn from(error: ResumeError) -> Self {
        match error {
            ResumeError::Journal(error) => error.into(),
            error @ ResumeError::Damaged { .. } => {
                Self { exit: Exit::Failed, error: error.into(), hint: None }
                    .hint("`pe db check` says what else is damaged")
            }
            // Another catalog, or an answer that came too late: nothing was done.
            error => Self::usage(error),
        }
    }
}

/// Why a run could not be brought to an end.
impl From<OrchestratorError> for Failure {
    fn from(error: OrchestratorError) -> Self {
        match error {
            OrchestratorError::Run(error) => error.into(),
            error => Self { exit: Exit::Failed, error: error.into(), hint: None },
        }
    }
}

/// What went wrong while doing what was asked for: neither the user's nor the plan's fault.
impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self { exit: Exit::Failed, error, hint: None }
    }
}
