//! Every attempt of every call of a run, with what went in and what came out.

use std::sync::Arc;

use jiff::Timestamp;
use pe_model::{Effect, EventKind, JsonMap, RunId, StepError, StepId};
use rusqlite::Row;
use serde::Serialize;
use serde_json::Value;

use crate::clock::timestamp;
use crate::memo::{event_ids, seq_of};
use crate::{SqliteStore, StoreError, event_log, history};

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

const COLUMNS: &str = "SELECT id, step_id, generation, iteration, attempt, tool, tool_version,
    effect, started_at, outcome, ended_seq, duration_ms FROM tool_calls
    WHERE id BETWEEN ?1 AND ?2 ORDER BY id";

fn read(row: &Row<'_>, run_id: &RunId) -> rusqlite::Result<ToolCallRecord> {
    let step_id = StepId::new(row.get::<_, String>(1)?);
    let (generation, iteration) = (row.get(2)?, row.get(3)?);
    let attempt = row.get(4)?;
    let key = pe_model::AttemptKey { step_id, generation, iteration, attempt };
    let effect: String = row.get(7)?;
    Ok(ToolCallRecord {
        seq: seq_of(row.get(0)?),
        idempotency_key: key.idempotency_key(run_id),
        step_id: key.step_id,
        generation,
        iteration,
        attempt,
        tool: row.get(5)?,
        tool_version: row.get(6)?,
        effect: serde_json::from_value(effect.into()).unwrap_or_default(),
        started_at: timestamp(row.get(8)?),
        outcome: row.get(9)?,
        ended_seq: row.get(10)?,
        duration_ms: row.get(11)?,
        arguments: Arc::default(),
        output: None,
        error: None,
    })
}

impl SqliteStore {
    /// Every attempt of a run, in the order in which they started.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read, the run is not known or damaged.
    pub fn tool_calls(&self, run_id: &RunId) -> Result<Vec<ToolCallRecord>, StoreError> {
        self.read("list tool calls", |connection| {
            let (from, to) = event_ids(history::key(connection, run_id)?);
            let mut calls: Vec<ToolCallRecord> = connection
                .prepare_cached(COLUMNS)?
                .query_map([from, to], |row| read(row, run_id))?
                .collect::<rusqlite::Result<_>>()?;
            let events = event_log::load(connection, run_id)?;
            let kind = |seq: u64| events.get(usize::try_from(seq).ok()?).map(|it| &it.event.kind);
            for call in &mut calls {
                if let Some(EventKind::AttemptStarted { arguments, .. }) = kind(call.seq) {
                    call.arguments = Arc::clone(arguments);
                }
                match call.ended_seq.and_then(kind) {
                    Some(EventKind::AttemptSucceeded { output, .. }) => {
                        call.output = Some(Arc::clone(output));
                    }
                    Some(
                        EventKind::AttemptFailed { error, .. }
                        | EventKind::StepInDoubt { error, .. },
                    ) => call.error = Some(error.clone()),
                    _ => {}
                }
            }
            Ok(calls)
        })
    }
}
