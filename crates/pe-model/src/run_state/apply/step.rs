//! What an event changes about one step.

use std::sync::Arc;

use serde_json::Value;

use super::super::{IterationPhase, IterationState, StepState};
use super::mismatch;
use crate::{
    ApplyError, AttemptKey, Effect, Event, JsonMap, ReusedCall, RunId, StepError, StepId,
    StepStatus,
};

impl StepState {
    pub(super) fn start_attempt(
        &mut self,
        key: &AttemptKey,
        tool_version: &str,
        effect: Effect,
        arguments: &Arc<JsonMap>,
        now: u64,
    ) -> Result<(), &'static str> {
        let number = key.iteration as usize;
        let running = IterationPhase::Running { since_ms: now };
        let begun = self.iterations.len();
        match self.iterations.get_mut(number) {
            None if number == begun && key.attempt == 1 => {
                self.iterations.push(IterationState {
                    attempts: 1,
                    failures: 0,
                    tool_version: tool_version.to_owned(),
                    effect,
                    arguments: Arc::clone(arguments),
                    phase: running,
                });
            }
            Some(it)
                if key.attempt == it.attempts + 1
                    && matches!(
                        it.phase,
                        IterationPhase::Backoff { .. } | IterationPhase::Again
                    ) =>
            {
                it.attempts = key.attempt;
                it.effect = effect;
                tool_version.clone_into(&mut it.tool_version);
                it.phase = running;
            }
            _ => return Err("this attempt is not the next one"),
        }
        if self.status != StepStatus::InDoubt {
            self.status = StepStatus::Running;
        }
        self.first_started_ms.get_or_insert(now);
        Ok(())
    }

    pub(super) fn phase(
        &mut self,
        event: &Event,
        step_id: &StepId,
        iteration: u32,
    ) -> Result<&mut IterationPhase, ApplyError> {
        self.iterations
            .get_mut(iteration as usize)
            .map(|it| &mut it.phase)
            .ok_or_else(|| mismatch(event, step_id, "no such iteration has begun"))
    }

    pub(super) fn must_be(
        &self,
        status: StepStatus,
        event: &Event,
        step_id: &StepId,
    ) -> Result<(), ApplyError> {
        if self.status == status {
            return Ok(());
        }
        Err(mismatch(event, step_id, "the step is in another status"))
    }

    /// Whether every iteration that began has completed, and at least one, unless the loop
    /// has none.
    pub(super) fn may_complete(&self) -> bool {
        let completed = self.iteration_outputs().count();
        completed == self.iterations.len() && (completed > 0 || self.loop_count == Some(0))
    }

    pub(super) fn collect_output(&self, over: bool) -> Arc<Value> {
        if over {
            return Arc::new(self.iteration_outputs().map(|output| (**output).clone()).collect());
        }
        self.iteration_outputs().last().cloned().unwrap_or_default()
    }

    /// Notes the calls that were asked about as agreed to.
    pub(super) fn grant(&mut self) {
        let asked = self.pending_calls.iter();
        self.granted_calls.extend(asked.map(|call| (call.iteration, Arc::clone(&call.arguments))));
    }

    pub(super) fn end(&mut self, status: StepStatus, now: u64) {
        self.status = status;
        self.reason = None;
        self.pending_calls = Vec::new();
        self.execution_time_ms = self.first_started_ms.map(|start| now.saturating_sub(start));
    }

    /// Takes over what another run did.
    pub(super) fn reuse(
        &mut self,
        from_run: &RunId,
        calls: &[ReusedCall],
        error: Option<&StepError>,
    ) {
        let made = |call: &ReusedCall| IterationState {
            attempts: call.attempts,
            failures: 0,
            tool_version: call.tool_version.clone(),
            effect: call.effect,
            arguments: Arc::clone(&call.arguments),
            phase: match (&call.output, error) {
                (Some(output), _) => IterationPhase::Completed { output: Arc::clone(output) },
                (None, Some(error)) => IterationPhase::Failed { error: error.clone() },
                (None, None) => IterationPhase::Again,
            },
        };
        self.iterations = calls.iter().map(made).collect();
        self.reused_from = Some(from_run.clone());
        self.error = error.cloned();
        self.status = if error.is_some() { StepStatus::Failed } else { StepStatus::Completed };
        self.reason = None;
    }

    /// Another process goes on at `now`.
    pub(super) fn resume(&mut self, now: u64) {
        if self.status == StepStatus::Pending {
            self.reason = None;
        }
        for iteration in &mut self.iterations {
            if let IterationPhase::Backoff { until_ms, delay_ms } = &mut iteration.phase {
                *until_ms = now.saturating_add(*delay_ms);
            }
        }
    }
}
