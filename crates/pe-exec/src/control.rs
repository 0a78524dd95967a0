//! Moving a run from outside: stopping it, first gently, then at once; answering for a person;
//! and, for whoever supervises it, new plans and when it stands still, goes on and ends.

use pe_model::StopCause;
use tokio::sync::{mpsc, oneshot, watch};

use crate::{Answer, GRACE_MS, Input, Refusal, Revision};

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

/// Why what a run was told had no effect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ControlError {
    /// It did not fit the state of the run.
    #[error("the run cannot do what it was told")]
    Refused(#[source] Refusal),
    /// The run ended first.
    #[error("the run ended before it could do what it was told")]
    Ended,
}

/// Moves a run from outside. A run that is supervised goes on only as long as somebody has one:
/// when the last is dropped, a whole plan is run to its end as if nobody had supervised it, and
/// one that is still being written is stopped as soon as nothing runs; it can be resumed.
///
/// What returns a future takes effect when the future is first polled, and resolves when it is
/// durable; whoever drops it then does not take it back.
#[derive(Debug, Clone)]
pub struct Controller {
    level: watch::Sender<StopLevel>,
    told: mpsc::UnboundedSender<Told>,
}

/// The driver's side of a [`Controller`].
#[derive(Debug)]
pub struct Control {
    pub(crate) level: watch::Receiver<StopLevel>,
    pub(crate) told: mpsc::UnboundedReceiver<Told>,
}

/// What a run is told, and where to say what came of it.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) input: Input,
    pub(crate) reply: Reply,
}

/// Where somebody waits for what came of an input.
pub(crate) type Reply = oneshot::Sender<Result<(), Refusal>>;

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
        let (told, told_receiver) = mpsc::unbounded_channel();
        (Controller { level, told }, Self { level: level_receiver, told: told_receiver })
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

    /// As [`Controller::stop`], for another reason than that a person asked for it. A
    /// supervised run ends as cancelled, and can be resumed; so does any other of which a step is
    /// left.
    ///
    /// # Errors
    /// [`ControlError::Ended`].
    pub async fn stop_for(&self, cause: StopCause) -> Result<(), ControlError> {
        // Only who interrupts wants an end soon.
        let grace_ms = (cause == StopCause::Interrupted).then_some(GRACE_MS);
        self.tell(Input::Cancel { cause, grace_ms }).await
    }

    /// Answers for a person; resolves once the answer is durable.
    ///
    /// # Errors
    /// [`AnswerError`] when nothing came of it.
    pub async fn answer(&self, answer: Answer) -> Result<(), AnswerError> {
        self.tell(Input::Answer(answer)).await.map_err(|error| match error {
            ControlError::Refused(refusal) => AnswerError::Refused(refusal),
            ControlError::Ended => AnswerError::Ended,
        })
    }

    /// Gives the run a new plan; resolves once it is in force. That is at once for one that only
    /// extends the plan in force, and else when everything that has begun has ended, until which
    /// no step begins. A later one takes the place of one that is not in force yet.
    ///
    /// # Errors
    /// [`ControlError`]; the plan in force stays in force.
    pub async fn revise(&self, revision: Revision) -> Result<(), ControlError> {
        self.tell(Input::Revise(Box::new(revision))).await
    }

    /// No step begins until [`Controller::go_on`]; what has begun goes on, its retries and
    /// iterations included. A new plan is put in force all the same.
    ///
    /// # Errors
    /// [`ControlError::Ended`].
    pub async fn suspend(&self) -> Result<(), ControlError> {
        self.tell(Input::Suspend).await
    }

    /// Steps may begin again.
    ///
    /// # Errors
    /// [`ControlError::Ended`].
    pub async fn go_on(&self) -> Result<(), ControlError> {
        self.tell(Input::GoOn).await
    }

    /// Ends the supervision of a run whose plan is whole: it completes or fails now, or as soon
    /// as every step has settled, and pauses for people as any other run does.
    ///
    /// # Errors
    /// [`ControlError`]; refused while the plan is not whole.
    pub async fn conclude(&self) -> Result<(), ControlError> {
        self.tell(Input::Conclude).await
    }

    /// Ends the run as waiting or in doubt, because nobody will answer now.
    ///
    /// # Errors
    /// [`ControlError`]; refused where something runs, where no step waits for a person, and in
    /// a draft.
    pub async fn pause(&self) -> Result<(), ControlError> {
        self.tell(Input::Pause).await
    }

    async fn tell(&self, input: Input) -> Result<(), ControlError> {
        let (reply, came_of_it) = oneshot::channel();
        self.told.send(Told { input, reply }).map_err(|_| ControlError::Ended)?;
        let came_of_it = came_of_it.await.map_err(|_| ControlError::Ended)?;
        came_of_it.map_err(ControlError::Refused)
    }

    fn raise(&self, to: StopLevel) {
        self.level.send_if_modified(|level| {
            let raised = *level < to;
            *level = to.max(*level);
            raised
        });
    }
}
