//! The run as the loop sees it: its state, and whether it waits for the loop.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pe_exec::Observer;
use pe_model::{Event, RunState};
use tokio::sync::watch;

/// What changed last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Pulse {
    /// Counts the batches of events.
    batch: u64,
    /// Whether nothing runs or will run until the loop says so.
    pub(crate) is_idle: bool,
}

/// Follows a run and wakes the loop.
pub(crate) struct Relay {
    state: Mutex<Option<RunState>>,
    pulse: watch::Sender<Pulse>,
    next: Option<Arc<dyn Observer>>,
}

impl Relay {
    /// A relay that passes everything on to `next`.
    pub(crate) fn new(next: Option<Arc<dyn Observer>>) -> Self {
        Self { state: Mutex::default(), pulse: watch::Sender::default(), next }
    }

    pub(crate) fn pulse(&self) -> watch::Receiver<Pulse> {
        self.pulse.subscribe()
    }

    /// Looks at the state; `None` before the run has begun.
    pub(crate) fn with_state<T>(&self, look: impl FnOnce(&RunState) -> T) -> Option<T> {
        self.state().as_ref().map(look)
    }

    fn state(&self) -> MutexGuard<'_, Option<RunState>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Observer for Relay {
    fn observe(&self, events: &[Event]) {
        {
            let mut state = self.state();
            for event in events {
                match state.as_mut() {
                    // The scheduler has applied the very same event to the very same state.
                    Some(state) => drop(state.apply(event)),
                    None => *state = RunState::begin(event).ok(),
                }
            }
        }
        if let Some(next) = &self.next {
            next.observe(events);
        }
        self.pulse.send_modify(|pulse| *pulse = Pulse { batch: pulse.batch + 1, is_idle: false });
    }

    fn resumed(&self, state: &RunState) {
        *self.state() = Some(state.clone());
        if let Some(next) = &self.next {
            next.resumed(state);
        }
    }

    fn idle(&self, state: &RunState) {
        if let Some(next) = &self.next {
            next.idle(state);
        }
        self.pulse.send_modify(|pulse| pulse.is_idle = true);
    }
}
