//! The port to which a run's events are written.

use crate::{BoxFuture, Event};

/// Why a batch of events could not be made durable.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the journal cannot take events: {message}")]
pub struct JournalError {
    /// What the journal found, and the next move where one is known.
    pub message: String,
}

/// Where events go before anybody acts on them.
///
/// - **Ordering**: batches of one run arrive in order, the next only after the last was
///   acknowledged.
/// - **Durability**: the future resolves when the whole batch is as durable as the journal
///   promises; on an error nothing of the batch may be taken as written.
/// - **Retries**: none by the caller: a failed append stops the run.
/// - **Cancellation**: dropping the future may leave the batch written or not, whole.
pub trait Journal: Send + Sync {
    /// Appends a batch.
    fn append<'a>(&'a self, batch: &'a [Event]) -> BoxFuture<'a, Result<(), JournalError>>;
}
