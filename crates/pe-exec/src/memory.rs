//! A journal that forgets with the process: for tests, and for runs that need no history.

use std::sync::{Mutex, MutexGuard, PoisonError};

use pe_model::{BoxFuture, Event, Journal, JournalError};

/// Keeps every event in memory.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    events: Mutex<Vec<Event>>,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was appended so far.
    pub fn events(&self) -> Vec<Event> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Event>> {
        // A push that panicked leaves the events before it whole.
        self.events.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Journal for MemoryJournal {
    fn append<'a>(&'a self, batch: &'a [Event]) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async move {
            self.lock().extend_from_slice(batch);
            Ok(())
        })
    }
}
