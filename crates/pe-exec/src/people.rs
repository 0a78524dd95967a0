//! Who takes part in a run from outside: those who are asked, and those who watch.

use pe_model::{BoxFuture, Event, PendingCall, RunState, StepId, WaitingFor};

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

/// Sees what happens, batch by batch, in order, once it is durable. Must not block.
pub trait Observer: Send + Sync {
    /// Takes one batch.
    fn observe(&self, events: &[Event]);

    /// Learns where a run stands that this process goes on with; its first batch follows.
    fn resumed(&self, state: &RunState) {
        let _ = state;
    }
}
