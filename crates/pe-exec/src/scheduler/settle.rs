//! Settling: what the end of one step means for its fallbacks, its target and its dependents.

use pe_model::{EventKind, PlanStage, Reason, SkipReason, StepError, StepStatus};
use pe_validate::StepKind;

use super::board::{Stage, Verdict};
use super::{Scheduler, VecDeque};

/// A fallback that was not needed, which trigger rules leave out.
const NOT_NEEDED: Reason = Reason::Skipped(SkipReason::NotNeeded);

impl Scheduler {
    /// Draws the consequences of every step that has ended.
    pub(super) fn draw_consequences(&mut self) {
        while let Some(place) = self.ended.pop_front() {
            self.on_end(place);
        }
    }

    pub(super) fn complete(&mut self, place: usize) {
        let (step_id, generation) = self.named(place);
        self.emit(EventKind::StepCompleted { step_id, generation });
        self.end(place);
    }

    pub(super) fn fail(&mut self, place: usize, error: StepError) {
        let (step_id, generation) = self.named(place);
        self.emit(EventKind::StepFailed { step_id, generation, error });
        self.end(place);
    }

    pub(super) fn skip(&mut self, place: usize, reason: SkipReason) {
        let (step_id, generation) = self.named(place);
        self.emit(EventKind::StepSkipped { step_id, generation, reason });
        self.end(place);
    }

    pub(super) fn end(&mut self, place: usize) {
        if self.board.stage[place] == Stage::Waiting {
            self.board.waiting -= 1;
        }
        self.board.stage[place] = Stage::Ended;
        self.ended.push_back(place);
    }

    fn on_end(&mut self, place: usize) {
        if self.board.stage[place] == Stage::Settled {
            return;
        }
        let step = self.state.step_at(place);
        match step.status {
            StepStatus::Completed => {
                self.dismiss_fallbacks(place, SkipReason::NotNeeded);
                self.stand_in(place);
                self.settle(place);
            }
            StepStatus::Skipped => {
                self.dismiss_fallbacks(place, SkipReason::NotNeeded);
                self.settle(place);
                self.hand_on(place);
            }
            StepStatus::Failed if step.is_recovered() => {
                self.dismiss_fallbacks(place, SkipReason::NotNeeded);
                self.stand_in(place);
                self.settle(place);
            }
            StepStatus::Failed => self.call_fallback(place),
            _ => {}
        }
    }

    /// The step that a step stands in for.
    fn target(&self, place: usize) -> Option<usize> {
        match self.plan.steps()[place].kind {
            StepKind::Fallback { target } => Some(target),
            _ => None,
        }
    }

    /// Skips the fallbacks of a step that have not begun.
    fn dismiss_fallbacks(&mut self, place: usize, reason: SkipReason) {
        for at in 0..self.plan.graph().fallbacks(place).len() {
            let fallback = self.plan.graph().fallbacks(place)[at] as usize;
            if matches!(self.board.stage[fallback], Stage::Blocked | Stage::Waiting) {
                self.skip(fallback, reason);
            }
        }
    }

    /// A step failed: the first of its fallbacks that has not had its turn gets it.
    fn call_fallback(&mut self, mut place: usize) {
        loop {
            if self.state.step_at(place).rejected {
                // Whoever refuses the step does not want it done in another way either.
                self.dismiss_fallbacks(place, SkipReason::UpstreamFailed);
            }
            let fallbacks = self.plan.graph().fallbacks(place);
            let next = fallbacks.iter().map(|&fallback| fallback as usize).find(|&fallback| {
                match self.state.step_at(fallback).status {
                    StepStatus::Skipped => false,
                    StepStatus::Failed => !self.board.lost[fallback],
                    _ => true,
                }
            });
            if let Some(fallback) = next {
                if !std::mem::replace(&mut self.board.called[fallback], true) {
                    self.consider(fallback);
                }
                return;
            }
            if self.is_draft() {
                // One that stands in may still be written, before or after those that are there.
                return;
            }
            self.board.lost[place] = true;
            match self.target(place) {
                // A failed fallback settles with its target: it may still count as recovered.
                Some(target) if self.state.step_at(target).status == StepStatus::Failed => {
                    place = target;
                }
                _ => {
                    self.settle(place);
                    return;
                }
            }
        }
    }

    /// A fallback was skipped: the next one is tried.
    fn hand_on(&mut self, place: usize) {
        if let Some(target) = self.target(place)
            && self.board.called[place]
            && self.board.stage[target] == Stage::Ended
            && self.state.step_at(target).status == StepStatus::Failed
            && !self.state.step_at(target).is_recovered()
        {
            self.call_fallback(target);
        }
    }

    /// A step is done: if it stands in for a failed one, that one is recovered, and so on up.
    fn stand_in(&mut self, mut place: usize) {
        while let Some(target) = self.target(place) {
            let failed = self.state.step_at(target).status == StepStatus::Failed
                && !self.state.step_at(target).is_recovered();
            if !failed {
                return;
            }
            self.recover(target, place);
            self.dismiss_fallbacks(target, SkipReason::NotNeeded);
            self.ended.push_back(target);
            place = target;
        }
    }

    /// Records that `by` took the place of `place` and of the fallbacks that failed before.
    fn recover(&mut self, place: usize, by: usize) {
        let recovered_by = self.id(by);
        let mut places = VecDeque::from([place]);
        while let Some(place) = places.pop_front() {
            let step = self.state.step_at(place);
            if step.status != StepStatus::Failed || step.is_recovered() {
                continue;
            }
            let (step_id, generation) = self.named(place);
            let recovered_by = recovered_by.clone();
            self.emit(EventKind::StepRecovered { step_id, generation, recovered_by });
            places.extend(self.plan.graph().fallbacks(place).iter().map(|&f| f as usize));
        }
    }

    /// Tells everybody who waits for a step how it ended.
    fn settle(&mut self, place: usize) {
        let mut places = VecDeque::from([place]);
        while let Some(place) = places.pop_front() {
            if self.board.stage[place] == Stage::Settled {
                continue;
            }
            self.board.stage[place] = Stage::Settled;
            self.board.unsettled -= 1;
            let verdict = self.verdict(place);
            // What comes next in a growing plan may make up for it.
            let may_end = self.state.stage != PlanStage::Growing;
            if verdict == Verdict::Failed && self.state.config.fail_fast && may_end {
                self.fail_fast();
            }
            self.notify(place, verdict);
            if verdict == Verdict::Done {
                // One that settles with its target may have been given another fallback since.
                self.dismiss_fallbacks(place, SkipReason::NotNeeded);
            }
            // Failed fallbacks settle with their target; one that was skipped has fallbacks of
            // its own to dismiss first.
            let fallbacks = self.plan.graph().fallbacks(place).iter().map(|&f| f as usize);
            places.extend(fallbacks.filter(|&fallback| {
                self.board.stage[fallback] == Stage::Ended
                    && self.state.step_at(fallback).status == StepStatus::Failed
            }));
        }
    }

    fn verdict(&self, place: usize) -> Verdict {
        let step = self.state.step_at(place);
        match step.status {
            StepStatus::Skipped if step.reason == Some(NOT_NEEDED) => Verdict::LeftOut,
            StepStatus::Skipped => Verdict::Skipped,
            _ if step.is_done() => Verdict::Done,
            _ => Verdict::Failed,
        }
    }

    /// Counts a settled node off at all who wait for it; barriers pass it on.
    fn notify(&mut self, place: usize, verdict: Verdict) {
        let steps = self.plan.graph().step_count();
        let mut nodes = VecDeque::from([place]);
        let mut touched = Vec::new();
        self.note_change(place);
        while let Some(node) = nodes.pop_front() {
            for link in self.plan.graph().links(node) {
                let to = link.to as usize;
                if let Some(takeover) = &mut self.takeover {
                    takeover.pass_on(node, to);
                }
                if link.is_trigger {
                    let tally = &mut self.board.tally[to];
                    tally.unsettled -= 1;
                    match verdict {
                        Verdict::Done => tally.done += 1,
                        Verdict::Failed => tally.failed += 1,
                        Verdict::Skipped => tally.skipped += 1,
                        Verdict::LeftOut => {}
                    }
                    touched.push(to);
                } else {
                    self.board.ordering[to] -= 1;
                    if to < steps {
                        touched.push(to);
                    } else if self.board.ordering[to] == 0 {
                        nodes.push_back(to);
                    }
                }
            }
        }
        for place in touched {
            self.consider(place);
        }
    }

    /// The first unrecovered failure ends the run: what has not begun is skipped.
    fn fail_fast(&mut self) {
        if std::mem::replace(&mut self.board.failing_fast, true) {
            return;
        }
        for place in 0..self.plan.steps().len() {
            let step = self.state.step_at(place);
            let begun = !step.iterations.is_empty();
            let open =
                matches!(self.board.stage[place], Stage::Blocked | Stage::Waiting | Stage::Active);
            if open && !begun {
                self.skip(place, SkipReason::FailFast);
            }
        }
    }
}
