//! Time and chance: the only place of this crate that reads a clock or draws a number.
//!
//! Durations come from tokio's clock, which is monotonic and which tests can pause.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};

use jiff::Timestamp;
use tokio::time::{Duration, Instant};

use crate::Millis;

/// Milliseconds since it was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    begin: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self { begin: Instant::now() }
    }

    pub(crate) fn now(&self) -> Millis {
        self.begin.elapsed().as_millis() as Millis
    }

    /// The moment that is `at` milliseconds after the begin.
    pub(crate) fn instant(&self, at: Millis) -> Instant {
        // A year is as good as never, and can always be added.
        const LONGEST: Millis = 365 * 24 * 3_600 * 1_000;
        self.begin + Duration::from_millis(at.min(LONGEST))
    }
}

/// The wall clock.
pub(crate) fn wall_clock() -> Timestamp {
    Timestamp::now()
}

/// A number that nobody can foresee; the standard library seeds its hashers with such.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Bytes that nobody can foresee, for ids.
pub(crate) fn random_bytes() -> [u8; 10] {
    let (first, second) = (random().to_le_bytes(), random().to_le_bytes());
    std::array::from_fn(|at| if at < 8 { first[at] } else { second[at - 8] })
}
