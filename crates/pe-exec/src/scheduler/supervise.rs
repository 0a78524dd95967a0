//! Runs that somebody supervises: they stand still until they are told, and end when they are.
//!
//! Supervision belongs to a process and is not recorded. Whoever supervises appends steps, asks
//! for a patch while nothing new begins, and says when the run ends.

use super::{Refusal, Scheduler};

impl Scheduler {
    /// The same scheduler for a run that somebody supervises: when every step has settled it
    /// does not end by itself, but is idle until it is given a new plan or
    /// [`Input::Conclude`](crate::Input::Conclude).
    pub fn supervised(mut self) -> Self {
        self.supervised = true;
        self
    }

    /// Whether nothing runs or will run by itself, and whoever supervises the run or writes its
    /// plan has to say what comes next.
    ///
    /// A whole plan in which only people can move the run on is not idle, nor is a run that was
    /// told to stand still.
    pub fn is_idle(&self) -> bool {
        let is_through = self.supervised && self.board.unsettled == 0;
        self.is_stalled() && !self.suspended && (is_through || !self.state.stage.is_complete())
    }

    /// Whether no step begins until it is told to go on.
    pub fn is_suspended(&self) -> bool {
        self.suspended
    }

    /// Whether a new plan waits for the running attempts to end.
    pub fn is_revising(&self) -> bool {
        self.revision.is_some()
    }

    pub(super) fn go_on(&mut self) {
        // What was not to begin is queued again.
        if std::mem::replace(&mut self.suspended, false) {
            self.redraw();
        }
    }

    pub(super) fn end_supervision(&mut self) {
        match self.state.stage {
            stage if stage.is_complete() => self.supervised = false,
            stage => self.refuse(Refusal::Unfinished { stage }),
        }
    }
}
