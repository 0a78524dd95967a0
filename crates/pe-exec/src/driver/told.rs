//! What a run is told from outside: what came of it, and what the run does when it has come to
//! rest and waits to be told.

use pe_model::StopCause;

use super::Run;
use crate::control::{Reply, Told};
use crate::{Input, Refusal, Refused, Scheduler};

/// Those who wait for what came of what they told a run.
#[derive(Default)]
pub(super) struct Replies {
    /// Each with the place of its input in this turn.
    fresh: Vec<(usize, Kind, Reply)>,
    /// For the new plan that is not in force yet.
    revision: Option<Reply>,
}

/// When a reply is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// With the turn that takes the input.
    AtOnce,
    /// With the turn that takes the input, which ends the run if it has any effect.
    Ending,
    /// When the new plan is in force.
    Revision,
}

impl Replies {
    fn await_outcome(&mut self, place: usize, input: &Input, reply: Reply) {
        let kind = match input {
            Input::Revise(_) => Kind::Revision,
            Input::Pause => Kind::Ending,
            _ => Kind::AtOnce,
        };
        self.fresh.push((place, kind, reply));
    }

    /// Says what came of the inputs of a turn, now that it is durable.
    pub(super) fn send(&mut self, scheduler: &Scheduler, refused: &[Refused]) {
        let refusal_of = |input: Option<usize>| {
            refused.iter().find(|refused| refused.input == input).map(|it| it.refusal.clone())
        };
        if let Some(earlier) = self.revision.take() {
            match refusal_of(None) {
                Some(refusal) => answer(earlier, Err(refusal)),
                None if scheduler.is_revising() => self.revision = Some(earlier),
                None => answer(earlier, Ok(())),
            }
        }
        for (place, kind, reply) in self.fresh.drain(..) {
            match (refusal_of(Some(place)), kind) {
                (Some(refusal), _) => answer(reply, Err(refusal)),
                // Of several, every other one was refused as superseded, or is in force.
                (None, Kind::Revision) if scheduler.is_revising() => {
                    if let Some(before) = self.revision.replace(reply) {
                        answer(before, Ok(()));
                    }
                }
                (None, Kind::Ending) if !scheduler.state().is_finished() => {
                    answer(reply, Err(Refusal::NotStalled));
                }
                (None, _) => answer(reply, Ok(())),
            }
        }
    }
}

fn answer(reply: Reply, outcome: Result<(), Refusal>) {
    // Whoever does not wait for the reply does not need it.
    let _ = reply.send(outcome);
}

impl Run<'_> {
    pub(super) fn note_told(&mut self, told: Told, inputs: &mut Vec<Input>) {
        let Told { input, reply } = told;
        self.replies.await_outcome(inputs.len(), &input, reply);
        // Whoever was told to stand still is idle anew when it may go on.
        self.is_idle_known &= !matches!(input, Input::GoOn);
        inputs.push(input);
    }

    /// The run has come to rest. What follows without anybody's doing, if anything does;
    /// otherwise whoever supervises the run knows that it waits.
    pub(super) fn rest(&mut self) -> Option<Input> {
        let is_suspended = self.scheduler.is_suspended();
        if !is_suspended && !self.scheduler.is_idle() {
            return Some(Input::Pause);
        }
        if !is_suspended
            && !std::mem::replace(&mut self.is_idle_known, true)
            && let Some(observer) = &self.driver.observer
        {
            observer.idle(self.scheduler.state());
        }
        if !self.is_abandoned {
            return None;
        }
        Some(match self.scheduler.state().stage {
            _ if is_suspended => Input::GoOn,
            stage if stage.is_complete() => Input::Conclude,
            _ => Input::Cancel { cause: StopCause::Interrupted, grace_ms: Some(0) },
        })
    }
}
