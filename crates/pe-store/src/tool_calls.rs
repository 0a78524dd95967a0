//! Every attempt of every call of a run, with what went in and what came out.
//!
//! It is folded from the run's events, so that it is complete at any moment; the table of the
//! same name, which may lag behind, is not asked.

use std::sync::Arc;

use jiff::Timestamp;
use pe_model::{Effect, EventKind, JsonMap, RunId, StepError, StepId};
use serde::Serialize;
use serde_json::Value;

use crate::attempts::{Attempt, Attempts};
use crate::clock::timestamp;
use crate::{SqliteStore, StoreError};

/// One attempt of a tool call.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ToolCallRecord {
    /// The sequence number of the event that started it.
    pub seq: u64,
    /// The step.
    pub step_id: StepId,
    /// How often the step was sent back to pending by a revision of the plan.
    pub generation: u32,
    /// The loop iteration, from 0.
    pub iteration: u32,
    /// The attempt within the iteration, from 1.
    pub attempt: u32,
    /// The tool.
    pub tool: String,
    /// The version of the tool, where it has one.
    pub tool_version: String,
    /// The effect class of the call.
    pub effect: Effect,
    /// Under which the other side may recognise a repeated call.
    pub idempotency_key: String,
    /// When it started.
    pub started_at: Timestamp,
    /// `succeeded`, `failed`, `interrupted` or `in_doubt`; none while it is under way.
    pub outcome: Option<String>,
    /// The sequence number of the event that ended it.
    pub ended_seq: Option<u64>,
    /// How long it took, in milliseconds.
    pub duration_ms: Option<u64>,
    /// The arguments, references resolved.
    pub arguments: Arc<JsonMap>,
    /// What it returned.
    pub output: Option<Arc<Value>>,
    /// How it failed.
    pub error: Option<StepError>,
}

/// An attempt with what the event that ended it says.
fn record(run_id: &RunId, attempt: Attempt, end: Option<&EventKind>) -> ToolCallRecord {
    let (output, error) = match end {
        Some(EventKind::AttemptSucceeded { output, .. }) => (Some(Arc::clone(output)), None),
        Some(EventKind::AttemptFailed { error, .. } | EventKind::StepInDoubt { error, .. }) => {
            (None, Some(error.clone()))
        }
        _ => (None, None),
    };
    ToolCallRecord {
        seq: attempt.seq,
        idempotency_key: attempt.key.idempotency_key(run_id),
        step_id: attempt.key.step_id,
        generation: attempt.key.generation,
        iteration: attempt.key.iteration,
        attempt: attempt.key.attempt,
        tool: attempt.tool,
        tool_version: attempt.tool_version,
        effect: attempt.effect,
        started_at: timestamp(attempt.started_at),
        outcome: attempt.outcome.map(str::to_owned),
        ended_seq: attempt.ended_seq,
        duration_ms: attempt.duration_ms,
        arguments: attempt.arguments,
        output,
        error,
    }
}

impl SqliteStore {
    /// Every attempt of a run, in the order in which they started.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read, the run is not known or damaged.
    pub fn tool_calls(&self, run_id: &RunId) -> Result<Vec<ToolCallRecord>, StoreError> {
        let events = self.recorded_events(run_id)?;
        let end = |seq: Option<u64>| {
            let recorded = events.get(usize::try_from(seq?).ok()?)?;
            Some(&recorded.event.kind)
        };
        let attempts = Attempts::of(&events).into_list().into_iter();
        Ok(attempts
            .map(|attempt| {
                let end = end(attempt.ended_seq);
                record(run_id, attempt, end)
            })
            .collect())
    }
}
