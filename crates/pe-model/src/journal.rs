//! The port to which a run's events are written, and from which they are read again.

use std::any::Any;
use std::fmt;

use crate::{BoxFuture, Event, RunId};

/// Why a journal did not do what it was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum JournalError {
    /// The journal cannot be read or written now: no space, no rights, a broken disk.
    #[error("the journal cannot {attempted}: {problem}")]
    Unavailable {
        /// What was attempted, as in "record events of run r".
        attempted: String,
        /// What was found, and the next move where one is known.
        problem: String,
    },
    /// Another process, or another handle of this one, owns the run.
    #[error("run {run_id} is being run by {owner}; stop it there first, or wait until it ends")]
    Owned {
        /// The run.
        run_id: RunId,
        /// Who owns it, as in "process 4711".
        owner: String,
    },
    /// The run was not claimed, or somebody else has claimed it since.
    #[error("run {run_id} does not belong to this process (any more); nothing was recorded")]
    NotOwner {
        /// The run.
        run_id: RunId,
    },
    /// There is no such run.
    #[error("the journal has no run {run_id}")]
    NotFound {
        /// The run.
        run_id: RunId,
    },
    /// What is recorded cannot have been written by this program.
    #[error("the journal of run {run_id} is damaged: {problem}")]
    Corrupt {
        /// The run.
        run_id: RunId,
        /// What was found, and where.
        problem: String,
    },
    /// What is recorded was written by a newer program.
    #[error(
        "the journal of run {run_id} has format {found}, newer than {known}; use the program that wrote it, or a newer one"
    )]
    Newer {
        /// The run.
        run_id: RunId,
        /// The format found.
        found: u32,
        /// The newest format known here.
        known: u32,
    },
}

/// The right to write a run's events, until it is dropped.
pub struct Claim {
    run_id: RunId,
    epoch: u64,
    _guard: Box<dyn Any + Send + Sync>,
}

impl Claim {
    /// A claim that ends when `guard` is dropped.
    pub fn new(run_id: RunId, epoch: u64, guard: impl Any + Send + Sync) -> Self {
        Self { run_id, epoch, _guard: Box::new(guard) }
    }

    /// The run.
    pub fn run_id(&self) -> &RunId {
        &self.run_id
    }

    /// Counts the owners that the run has had, from 1.
    pub fn epoch(&self) -> u64 {
        self.epoch
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Claim").field("run_id", &self.run_id).field("epoch", &self.epoch).finish()
    }
}

/// Where events go before anybody acts on them.
///
/// - **Ownership**: one claim on a run at a time, in all processes; it ends with its owner,
///   however that ends. Only its holder may append.
/// - **Ordering**: batches of one run arrive in order, the next only after the last was
///   acknowledged.
/// - **Durability**: `append` resolves when the whole batch is as durable as the journal
///   promises; on an error nothing of the batch may be taken as written.
/// - **Retries**: none by the caller: a failed append stops the run.
/// - **Cancellation**: dropping a future may leave the batch written or not, whole.
pub trait Journal: Send + Sync {
    /// Takes a run, one that exists or one that is to begin, for this process alone. The
    /// claim's epoch is greater than that of every claim before.
    fn claim<'a>(&'a self, run_id: &'a RunId) -> BoxFuture<'a, Result<Claim, JournalError>>;

    /// Appends a batch of one run's events.
    fn append<'a>(&'a self, batch: &'a [Event]) -> BoxFuture<'a, Result<(), JournalError>>;

    /// All events of a run, in order; [`JournalError::NotFound`] when there are none.
    fn load<'a>(&'a self, run_id: &'a RunId) -> BoxFuture<'a, Result<Vec<Event>, JournalError>>;
}
