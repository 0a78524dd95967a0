//! Stopping a run from outside, first gently, then at once.

use tokio::sync::watch;

/// Asks a run to stop.
#[derive(Debug, Clone)]
pub struct StopHandle {
    level: watch::Sender<StopLevel>,
}

/// The driver's side of a [`StopHandle`].
#[derive(Debug, Clone)]
pub struct Stop {
    pub(crate) level: watch::Receiver<StopLevel>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum StopLevel {
    Run,
    Graceful,
    Now,
}

impl Stop {
    /// A stop that nobody has asked for yet, and the handle to ask with.
    pub fn new() -> (StopHandle, Self) {
        let (sender, receiver) = watch::channel(StopLevel::Run);
        (StopHandle { level: sender }, Self { level: receiver })
    }

    /// A stop that never comes.
    pub fn never() -> Self {
        Self::new().1
    }
}

impl StopHandle {
    /// Nothing new starts; running attempts get a grace period.
    pub fn request(&self) {
        self.raise(StopLevel::Graceful);
    }

    /// Running attempts are dropped at once.
    pub fn now(&self) {
        self.raise(StopLevel::Now);
    }

    fn raise(&self, to: StopLevel) {
        self.level.send_if_modified(|level| {
            let raised = *level < to;
            *level = to.max(*level);
            raised
        });
    }
}
