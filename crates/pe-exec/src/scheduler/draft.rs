//! What may start while the plan is still being written and nobody has judged it whole: calls
//! that change nothing, of steps to which it does not matter what else the plan will hold.

use pe_expr::Limits;
use pe_model::PlanStage;
use pe_validate::{LoopKind, StepKind};
use serde_json::Value;

use super::Scheduler;
use crate::CallRule;
use crate::scope::{Locals, RunScope};

impl Scheduler {
    pub(super) fn is_draft(&self) -> bool {
        self.state.stage == PlanStage::Draft
    }

    /// Whether a step that could begin must wait until the plan is whole.
    ///
    /// It is asked when everything that its arguments read is known. What cannot be evaluated
    /// fails its step before it calls anything, so it is not held back.
    pub(super) fn is_held_back(&self, place: usize) -> bool {
        self.is_draft() && (self.waits_for_the_whole(place) || !self.calls_change_nothing(place))
    }

    /// Whether this very call may be made now.
    pub(super) fn may_call(&self, place: usize, rule: &CallRule) -> bool {
        !self.is_draft() || (!self.waits_for_the_whole(place) && changes_nothing(rule))
    }

    fn waits_for_the_whole(&self, place: usize) -> bool {
        self.plan.steps()[place].approval || self.plan.graph().reads_whole(place)
    }

    /// Whether every call that a step is about to make is known to change nothing.
    fn calls_change_nothing(&self, place: usize) -> bool {
        let step = &self.plan.steps()[place];
        let begun = self.state.step_at(place);
        let scope = RunScope { state: &self.state, locals: Locals::default() };
        let items = match &step.kind {
            StepKind::Loop(LoopKind::Over { items, .. }) if begun.items.is_none() => {
                match items.evaluate(&scope, &Limits::default()) {
                    Ok(Value::Array(items)) => Some(items),
                    _ => return true,
                }
            }
            _ => None,
        };
        let items = items.as_ref().or(begun.items.as_deref());
        let (count, is_loop) = match (&step.kind, items) {
            (StepKind::Loop(LoopKind::Over { .. }), items) => (items.map_or(0, Vec::len), true),
            (StepKind::Loop(LoopKind::Count { count }), _) => (*count as usize, true),
            (StepKind::Loop(LoopKind::Until { cap, .. }), _) => (*cap as usize, true),
            _ => (1, false),
        };
        for number in 0..count {
            let item = items.and_then(|items| items.get(number));
            let iteration = is_loop.then_some(number as u32);
            let locals = Locals { item, iteration, result: None };
            let Ok(arguments) = self.rendered(place, locals) else { return true };
            let rule = self.rules.judge(&step.tool, &arguments);
            if !rule.is_some_and(|rule| changes_nothing(&rule)) {
                return false;
            }
        }
        true
    }
}

/// Whether a call may be made without anybody's word, and leaves the world as it is.
fn changes_nothing(rule: &CallRule) -> bool {
    rule.effect.is_safe() && (rule.allowed || !rule.needs_consent)
}
