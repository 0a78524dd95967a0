//! Starting attempts: which iteration of which step gets the next free slot.

use std::sync::Arc;

use pe_model::{
    AttemptKey, ErrorClass, EventKind, IterationPhase, JsonMap, StepError, StepStatus, StopCause,
};
use pe_validate::{LoopKind, StepKind};

use super::board::{Due, Stage, Timer, timeout_of};
use super::{Attempt, Command, Scheduler};
use crate::CallRule;

impl Scheduler {
    /// Fills the free slots.
    pub(super) fn start_ready(&mut self) {
        let slots = self.state.config.slots();
        while self.board.running < slots && self.may_go_on() {
            let Some(place) = self.board.dequeue() else { return };
            // While a new plan waits or is asked for, steps that have begun go on; the others
            // are queued again afterwards.
            if self.may_start() || self.state.step_at(place).status == StepStatus::Running {
                self.start_next(place);
            }
            self.board.pass_on(place);
        }
    }

    /// Starts the next iteration of a step, if there is one that may start now.
    fn start_next(&mut self, place: usize) {
        let Some(iteration) = self.next_iteration(place) else { return };
        let begun = self.state.step_at(place).iterations.get(iteration as usize);
        let arguments = match (begun, self.approved_call(place, iteration)) {
            (Some(begun), _) => Ok(Arc::clone(&begun.arguments)),
            (None, Some(approved)) => Ok(approved),
            (None, None) => self.arguments(place, iteration),
        };
        if let Err(error) = arguments.and_then(|arguments| self.start(place, iteration, arguments))
        {
            self.board.broken[place] = true;
            self.board.obstacles.insert(place, error);
            self.finish_broken(place);
        }
    }

    /// Takes the resources again that the running attempts of a step hold.
    pub(super) fn hold_again(&mut self, place: usize) {
        if self.board.running_in[place] == 0 {
            return;
        }
        let step = &self.plan.steps()[place];
        for (number, iteration) in self.state.step_at(place).iterations.iter().enumerate() {
            if matches!(iteration.phase, IterationPhase::Running { .. })
                && let Some(rule) = self.rules.judge(&step.tool, &iteration.arguments)
                && let Some(resource) = held_by(&step.kind, rule)
            {
                self.board.acquire(&resource, place, number as u32);
            }
        }
    }

    fn start(
        &mut self,
        place: usize,
        iteration: u32,
        arguments: Arc<JsonMap>,
    ) -> Result<(), StepError> {
        let step = &self.plan.steps()[place];
        let tool = step.tool.clone();
        let rule = self.rules.judge(&tool, &arguments).ok_or_else(|| {
            StepError::new(ErrorClass::NotFound, format!("there is no tool `{tool}`"))
        })?;
        if !self.may_call(place, &rule) {
            // It is queued again when the plan is whole.
            return Ok(());
        }
        if self.needs_word(place, &rule)
            && self.approved_call(place, iteration).is_none()
            && !self.state.step_at(place).is_granted(iteration, &arguments)
        {
            // Nobody was asked about this very call, or whoever allowed it is not there any more.
            return self.ask(place);
        }
        let limit = self.state.config.budget.tool_calls;
        if limit.is_some_and(|limit| self.state.attempts_started >= limit) {
            self.cancel(StopCause::Budget, None);
            return Ok(());
        }
        let (effect, tool_version) = (rule.effect, rule.tool_version.clone());
        if let Some(resource) = held_by(&step.kind, rule)
            && !self.board.acquire(&resource, place, iteration)
        {
            return Ok(());
        }
        let timeout = timeout_of(step, &*self.rules, &self.state.config);
        let state = self.state.step_at(place);
        let begun = state.iterations.get(iteration as usize);
        let attempt = begun.map_or(0, |begun| begun.attempts) + 1;
        let generation = state.generation;
        let key = AttemptKey { step_id: self.id(place), generation, iteration, attempt };
        if attempt > 1
            && let Some(due) = self.board.due.get_mut(&place)
        {
            due.retain(|number| *number != iteration);
        }
        self.emit(EventKind::AttemptStarted {
            key: key.clone(),
            tool: tool.clone(),
            tool_version,
            effect,
            arguments: Arc::clone(&arguments),
        });
        self.board.running += 1;
        self.board.running_in[place] += 1;
        let at = self.last_seen.saturating_add(timeout);
        self.board.set_timer(Timer {
            at,
            due: Due::Deadline,
            place,
            iteration,
            attempt,
            generation,
        });
        self.turn.commands.push(Command::Start(Attempt { key, tool, arguments }));
        if self.next_iteration(place).is_some() {
            self.board.enqueue(place);
        }
        Ok(())
    }

    /// The iteration of a step that may start now: one that is due again, else a new one.
    pub(super) fn next_iteration(&self, place: usize) -> Option<u32> {
        if self.board.stage[place] != Stage::Active || self.board.broken[place] {
            return None;
        }
        if let Some(&due) = self.board.due.get(&place).and_then(|due| due.front()) {
            return Some(due);
        }
        let begun = self.state.step_at(place).iterations.len() as u32;
        let in_flight = (begun - self.board.completed_in[place]) as usize;
        let at_a_time = match &self.plan.steps()[place].kind {
            StepKind::Loop(LoopKind::Over { parallelism, .. }) => *parallelism,
            _ => 1,
        };
        (begun < self.iteration_count(place) && in_flight < at_a_time).then_some(begun)
    }
}

/// The resource that a call holds while it runs. The author of a parallel step asserts that
/// it is safe beside any other; that is believed of calls that change nothing.
fn held_by(kind: &StepKind, rule: CallRule) -> Option<String> {
    let asserted = matches!(kind, StepKind::Parallel) && rule.effect.is_safe();
    rule.resource.filter(|_| !asserted)
}
