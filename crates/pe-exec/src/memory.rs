//! A journal that forgets with the process: for tests, and for runs that need no history.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pe_model::{BoxFuture, Claim, Event, Journal, JournalError, RunId};

/// Keeps every event in memory.
#[derive(Debug, Default)]
pub struct MemoryJournal {
    runs: Arc<Mutex<HashMap<RunId, Recorded>>>,
}

#[derive(Debug, Default)]
struct Recorded {
    events: Vec<Event>,
    epoch: u64,
    is_owned: bool,
}

impl MemoryJournal {
    /// An empty journal.
    pub fn new() -> Self {
        Self::default()
    }

    /// What was appended so far, run by run.
    pub fn events(&self) -> Vec<Event> {
        let runs = lock(&self.runs);
        let mut ids: Vec<&RunId> = runs.keys().collect();
        ids.sort();
        ids.into_iter().flat_map(|id| runs[id].events.clone()).collect()
    }
}

type Runs = Mutex<HashMap<RunId, Recorded>>;

fn lock(runs: &Runs) -> MutexGuard<'_, HashMap<RunId, Recorded>> {
    // Whoever panicked left the events before it whole.
    runs.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Gives a run back when it is dropped.
struct Release {
    runs: Arc<Runs>,
    run_id: RunId,
}

impl Drop for Release {
    fn drop(&mut self) {
        if let Some(run) = lock(&self.runs).get_mut(&self.run_id) {
            run.is_owned = false;
        }
    }
}

impl Journal for MemoryJournal {
    fn claim<'a>(&'a self, run_id: &'a RunId) -> BoxFuture<'a, Result<Claim, JournalError>> {
        Box::pin(async move {
            let mut runs = lock(&self.runs);
            let run = runs.entry(run_id.clone()).or_default();
            if run.is_owned {
                let owner = "this process".to_owned();
                return Err(JournalError::Owned { run_id: run_id.clone(), owner });
            }
            run.is_owned = true;
            run.epoch += 1;
            let release = Release { runs: Arc::clone(&self.runs), run_id: run_id.clone() };
            Ok(Claim::new(run_id.clone(), run.epoch, release))
        })
    }

    fn append<'a>(&'a self, batch: &'a [Event]) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async move {
            let Some(first) = batch.first() else { return Ok(()) };
            let mut runs = lock(&self.runs);
            match runs.get_mut(&first.run_id).filter(|run| run.is_owned) {
                Some(run) => run.events.extend_from_slice(batch),
                None => return Err(JournalError::NotOwner { run_id: first.run_id.clone() }),
            }
            Ok(())
        })
    }

    fn load<'a>(&'a self, run_id: &'a RunId) -> BoxFuture<'a, Result<Vec<Event>, JournalError>> {
        Box::pin(async move {
            let runs = lock(&self.runs);
            let events = runs.get(run_id).map(|run| run.events.clone());
            events
                .filter(|events| !events.is_empty())
                .ok_or_else(|| JournalError::NotFound { run_id: run_id.clone() })
        })
    }
}
