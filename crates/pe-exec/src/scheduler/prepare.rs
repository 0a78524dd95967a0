//! From "its dependencies have settled" to "it wants a slot": trigger rules, conditions,
//! loops and consent.

use std::sync::Arc;

use pe_expr::Limits;
use pe_model::{
    ErrorClass, EventKind, IterationPhase, JsonMap, PendingCall, SkipReason, StepError, StepId,
    StepStatus, TriggerRule, WaitingFor, kind_of,
};
use pe_validate::{LoopKind, StepKind};
use serde_json::Value;

use super::board::Stage;
use super::{Refusal, Scheduler};
use crate::CallRule;
use crate::scope::{Locals, RunScope};

/// No loop has more iterations.
const MOST_ITERATIONS: usize = 10_000;

/// What a trigger rule says.
enum Trigger {
    Wait,
    Go,
    Skip(SkipReason),
}

impl Scheduler {
    pub(super) fn consider_all(&mut self) {
        for place in 0..self.plan.steps().len() {
            self.consider(place);
        }
    }

    /// Looks at a step that has not begun, and prepares or skips it when that is decided.
    pub(super) fn consider(&mut self, place: usize) {
        if self.board.stage[place] != Stage::Blocked {
            return;
        }
        let is_fallback = matches!(self.plan.steps()[place].kind, StepKind::Fallback { .. });
        if is_fallback && !self.board.called[place] {
            return;
        }
        if self.board.failing_fast {
            self.skip(place, SkipReason::FailFast);
            return;
        }
        match self.trigger(place) {
            Trigger::Wait => {}
            Trigger::Skip(reason) => self.skip(place, reason),
            Trigger::Go if self.board.ordering[place] > 0 || !self.may_start() => {}
            // What was done in another run is taken over all the same.
            Trigger::Go if self.takeover.is_none() && self.is_held_back(place) => {}
            Trigger::Go => {
                self.board.stage[place] = Stage::Active;
                if let Err(error) = self.prepare(place) {
                    self.fail(place, error);
                }
            }
        }
    }

    /// Whether a step that has not begun could begin, were nothing held back.
    pub(super) fn could_begin(&self, place: usize) -> bool {
        let is_fallback = matches!(self.plan.steps()[place].kind, StepKind::Fallback { .. });
        self.board.stage[place] == Stage::Blocked
            && (!is_fallback || self.board.called[place])
            && self.board.ordering[place] == 0
            && matches!(self.trigger(place), Trigger::Go)
    }

    fn trigger(&self, place: usize) -> Trigger {
        let tally = self.board.tally[place];
        let settled = tally.unsettled == 0;
        let upstream =
            if tally.failed > 0 { SkipReason::UpstreamFailed } else { SkipReason::UpstreamSkipped };
        // A failure decides at once; a skipped dependency only once the others have
        // settled, so that the reason does not depend on who was quicker.
        match self.plan.steps()[place].trigger_rule {
            TriggerRule::AllSuccess | TriggerRule::NoneFailed if tally.failed > 0 => {
                Trigger::Skip(upstream)
            }
            // What may be taken over is decided when all of its dependencies are known.
            TriggerRule::OneSuccess if tally.done > 0 && (settled || self.takeover.is_none()) => {
                Trigger::Go
            }
            _ if !settled => Trigger::Wait,
            TriggerRule::AllSuccess if tally.skipped > 0 => Trigger::Skip(upstream),
            TriggerRule::OneSuccess if tally.failed + tally.skipped > 0 => Trigger::Skip(upstream),
            _ => Trigger::Go,
        }
    }

    /// Evaluates what must be known before the first attempt, then queues the step.
    fn prepare(&mut self, place: usize) -> Result<(), StepError> {
        let kind = self.plan.steps()[place].kind.clone();
        match kind {
            StepKind::Conditional { condition } => {
                let scope = RunScope { state: &self.state, locals: Locals::default() };
                let holds = condition
                    .evaluate_bool(&scope, &Limits::default())
                    .map_err(|error| invalid(format!("condition: {error}")))?;
                if !holds {
                    self.skip(place, SkipReason::ConditionFalse);
                    return Ok(());
                }
            }
            StepKind::Loop(LoopKind::Count { count } | LoopKind::Until { cap: count, .. }) => {
                self.start_loop(place, count, None);
            }
            StepKind::Loop(LoopKind::Over { items, .. }) => {
                let scope = RunScope { state: &self.state, locals: Locals::default() };
                let list = items
                    .evaluate(&scope, &Limits::default())
                    .map_err(|error| invalid(format!("loop_over: {error}")))?;
                let list = elements(list)?;
                let count = list.len() as u32;
                self.start_loop(place, count, Some(Arc::new(list)));
                if count == 0 {
                    self.complete(place);
                    return Ok(());
                }
            }
            StepKind::Normal | StepKind::Parallel | StepKind::Fallback { .. } => {}
        }
        if self.take_over(place) || (self.takeover.is_some() && self.is_held_back(place)) {
            return Ok(());
        }
        self.ask(place)
    }

    /// Asks a person about the calls of a step that need somebody's word, or queues it where
    /// none does.
    pub(super) fn ask(&mut self, place: usize) -> Result<(), StepError> {
        match self.question(place)? {
            Some((waiting_for, calls)) => {
                let (step_id, generation) = self.named(place);
                self.emit(EventKind::StepWaiting { step_id, generation, waiting_for, calls });
                self.board.stage[place] = Stage::Waiting;
                self.board.waiting += 1;
            }
            None => self.board.enqueue(place),
        }
        Ok(())
    }

    fn start_loop(&mut self, place: usize, count: u32, items: Option<Arc<Vec<Value>>>) {
        let (step_id, generation) = self.named(place);
        self.emit(EventKind::LoopStarted { step_id, generation, count, items });
    }

    /// What a person must be asked before the step's calls are made, or made again: every call
    /// that needs a word, if there is one among them that nobody has agreed to yet.
    fn question(&self, place: usize) -> Result<Option<(WaitingFor, Vec<PendingCall>)>, StepError> {
        let step = &self.plan.steps()[place];
        if !step.approval && !self.rules.may_need_consent(&step.tool) {
            return Ok(None);
        }
        let (mut calls, mut is_new) = (Vec::new(), false);
        for iteration in 0..self.iteration_count(place) {
            let arguments = match self.state.step_at(place).iterations.get(iteration as usize) {
                Some(begun) if matches!(begun.phase, IterationPhase::Completed { .. }) => continue,
                Some(begun) => Arc::clone(&begun.arguments),
                None => self.arguments(place, iteration)?,
            };
            // A tool that does not exist fails its step when the call is made.
            let Some(rule) = self.rules.judge(&step.tool, &arguments) else { return Ok(None) };
            if self.needs_word(place, &rule) {
                is_new |= !self.state.step_at(place).is_granted(iteration, &arguments);
                calls.push(PendingCall { iteration, tool: step.tool.clone(), arguments });
            }
        }
        let waiting_for = if step.approval { WaitingFor::Approval } else { WaitingFor::Consent };
        Ok(is_new.then_some((waiting_for, calls)))
    }

    /// Whether a call of a step needs somebody's word that the policy does not give.
    pub(super) fn needs_word(&self, place: usize, rule: &CallRule) -> bool {
        !rule.allowed && (self.plan.steps()[place].approval || rule.needs_consent)
    }

    /// The arguments of an iteration as a person has approved them.
    pub(super) fn approved_call(&self, place: usize, iteration: u32) -> Option<Arc<JsonMap>> {
        let step = self.state.step_at(place);
        let calls = step.pending_calls.iter();
        let mut asked = calls.filter(|call| step.approved && call.iteration == iteration);
        asked.next().map(|call| Arc::clone(&call.arguments))
    }

    /// How many iterations a prepared step has at most; 1 for a step that is no loop.
    pub(super) fn iteration_count(&self, place: usize) -> u32 {
        self.state.step_at(place).loop_count.unwrap_or(1)
    }

    /// The variables of one iteration.
    pub(super) fn locals<'a>(
        &'a self,
        place: usize,
        iteration: u32,
        result: Option<&'a Value>,
    ) -> Locals<'a> {
        let step = self.state.step_at(place);
        let item = step.items.as_ref().and_then(|items| items.get(iteration as usize));
        Locals { item, iteration: step.loop_count.map(|_| iteration), result }
    }

    /// The arguments of one iteration, rendered.
    pub(super) fn arguments(
        &self,
        place: usize,
        iteration: u32,
    ) -> Result<Arc<JsonMap>, StepError> {
        self.rendered(place, self.locals(place, iteration, None)).map(Arc::new)
    }

    /// The arguments that these variables give.
    pub(super) fn rendered(&self, place: usize, locals: Locals<'_>) -> Result<JsonMap, StepError> {
        let scope = RunScope { state: &self.state, locals };
        let rendered = self.plan.steps()[place]
            .parameters
            .render(&scope, &Limits::default())
            .map_err(|error| invalid(format!("parameters: {error}")))?;
        match rendered {
            Value::Object(arguments) => Ok(arguments),
            _ => Err(invalid("parameters: expected an object".to_owned())),
        }
    }

    pub(super) fn approve(&mut self, step_id: StepId, generation: u32) {
        let Some(place) = self.waiting_place(&step_id, generation) else { return };
        self.emit(EventKind::StepApproved { step_id, generation });
        self.board.waiting -= 1;
        self.board.stage[place] = Stage::Active;
        self.board.enqueue(place);
    }

    pub(super) fn reject(&mut self, step_id: StepId, generation: u32) {
        let Some(place) = self.waiting_place(&step_id, generation) else { return };
        self.emit(EventKind::StepRejected { step_id, generation });
        self.fail(place, StepError::new(ErrorClass::Permission, "rejected by a person"));
    }

    fn waiting_place(&mut self, step_id: &StepId, generation: u32) -> Option<usize> {
        let place = self.state.place(step_id).filter(|&place| {
            let step = self.state.step_at(place);
            step.status == StepStatus::Waiting && step.generation == generation
        });
        if place.is_none() {
            let step_id = step_id.clone();
            self.refuse(Refusal::NotWaiting { step_id, generation });
        }
        place
    }
}

/// A step error for something that the plan itself got wrong.
pub(super) fn invalid(message: String) -> StepError {
    StepError::new(ErrorClass::Validation, message)
}

fn elements(list: Value) -> Result<Vec<Value>, StepError> {
    match list {
        Value::Array(list) if list.len() <= MOST_ITERATIONS => Ok(list),
        Value::Array(list) => Err(invalid(format!(
            "loop_over gives {} elements, more than {MOST_ITERATIONS}",
            list.len()
        ))),
        other => Err(invalid(format!("loop_over must give a list, found {}", kind_of(&other)))),
    }
}
