//! Moving a run from outside: stopping it, first gently, then at once, and answering for it.

use pe_model::{Resolution, StepId};
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot, watch};

use crate::{Input, Refusal};

/// What a person decides about a run from outside. The generation is that of the step as the
/// person has seen it: an answer to an older one is refused.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Answer {
    /// A waiting step may go on.
    Approve {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
    },
    /// A waiting step fails.
    Reject {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
    },
    /// A step in doubt is decided about.
    Resolve {
        /// The step.
        step_id: StepId,
        /// Its generation.
        generation: u32,
        /// The iteration in doubt; 0 for a step that is no loop.
        iteration: u32,
        /// The attempt in doubt, so that a decision never means a later one.
        attempt: u32,
        /// What was decided.
        #[serde(flatten)]
        resolution: Resolution,
    },
}

/// Why an answer had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AnswerError {
    /// It did not fit the state of the run.
    #[error("the answer does not fit the run")]
    Refused(#[source] Refusal),
    /// The run ended before it could take the answer.
    #[error("the run ended before it could take the answer")]
    Ended,
}

/// Moves a run from outside.
#[derive(Debug, Clone)]
pub struct Controller {
    level: watch::Sender<StopLevel>,
    answers: mpsc::UnboundedSender<Asked>,
}

/// The driver's side of a [`Controller`].
#[derive(Debug)]
pub struct Control {
    pub(crate) level: watch::Receiver<StopLevel>,
    pub(crate) answers: mpsc::UnboundedReceiver<Asked>,
}

/// An answer, and where to say what came of it.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) answer: Answer,
    pub(crate) reply: oneshot::Sender<Result<(), AnswerError>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StopLevel {
    Run,
    Graceful,
    Now,
}

impl Control {
    /// A control that nobody has used yet, and the handle to use it with.
    pub fn new() -> (Controller, Self) {
        let (level, level_receiver) = watch::channel(StopLevel::Run);
        let (answers, answer_receiver) = mpsc::unbounded_channel();
        (Controller { level, answers }, Self { level: level_receiver, answers: answer_receiver })
    }

    /// A control that nobody has.
    pub fn none() -> Self {
        Self::new().1
    }
}

impl Controller {
    /// Nothing new starts; running attempts get a grace period.
    pub fn stop(&self) {
        self.raise(StopLevel::Graceful);
    }

    /// Running attempts are dropped at once.
    pub fn stop_now(&self) {
        self.raise(StopLevel::Now);
    }

    /// Answers for a person; resolves once the answer is durable.
    ///
    /// # Errors
    /// [`AnswerError`] when nothing came of it.
    pub async fn answer(&self, answer: Answer) -> Result<(), AnswerError> {
        let (reply, answered) = oneshot::channel();
        self.answers.send(Asked { answer, reply }).map_err(|_| AnswerError::Ended)?;
        answered.await.map_err(|_| AnswerError::Ended)?
    }

    fn raise(&self, to: StopLevel) {
        self.level.send_if_modified(|level| {
            let raised = *level < to;
            *level = to.max(*level);
            raised
        });
    }
}

impl From<Answer> for Input {
    fn from(answer: Answer) -> Self {
        match answer {
            Answer::Approve { step_id, generation } => Self::Approve { step_id, generation },
            Answer::Reject { step_id, generation } => Self::Reject { step_id, generation },
            Answer::Resolve { step_id, generation, iteration, attempt, resolution } => {
                Self::Resolve { step_id, generation, iteration, attempt, resolution }
            }
        }
    }
}
