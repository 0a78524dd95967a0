//! Who takes part in a run from outside: those who are asked, and those who watch.

use pe_model::{BoxFuture, Event, PendingCall, Resolution, RunState, StepId, WaitingFor};
use serde::{Deserialize, Serialize};

/// What a person is asked.
#[derive(Debug, Clone)]
pub struct ApprovalRequest {
    /// The step.
    pub step_id: StepId,
    /// What the step does, in its author's words.
    pub action: String,
    /// Why the question is asked.
    pub waiting_for: WaitingFor,
    /// The calls that the step would make; each as it will be made.
    pub calls: Vec<PendingCall>,
}

/// What a person answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Decision {
    /// Go on.
    Approve,
    /// Do not; the step fails.
    Reject,
    /// Nobody is there: the step stays waiting.
    Unanswered,
}

/// Asks people. One question of a run is open at a time, in the order in which steps began
/// to wait; the run goes on around it.
pub trait Approver: Send + Sync {
    /// Asks about one step. Dropping the future withdraws the question.
    fn decide(&self, request: ApprovalRequest) -> BoxFuture<'_, Decision>;
}

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

/// Sees what happens, batch by batch, in order, once it is durable. Must not block.
pub trait Observer: Send + Sync {
    /// Takes one batch.
    fn observe(&self, events: &[Event]);

    /// Learns where a run stands that this process goes on with; its first batch follows.
    fn resumed(&self, state: &RunState) {
        let _ = state;
    }

    /// Learns that a supervised run has come to rest: nothing runs or will run by itself, and
    /// what comes next is to be said through its [`Controller`](crate::Controller). Comes after
    /// everything that led there is durable, and once each time: again after a batch that leaves
    /// the run at rest, and after [`Controller::go_on`](crate::Controller::go_on).
    ///
    /// Not called while a question to a person is open, while the run is suspended, or where a
    /// whole plan only waits for people: that run pauses.
    fn idle(&self, state: &RunState) {
        let _ = state;
    }
}
