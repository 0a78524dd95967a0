//! What a run's events say about its attempts, a row each.
//!
//! The rows follow from the events alone, which are durable before anything acts on them. So
//! the table `tool_calls` may lag behind: writing it with every commit would cost a page each
//! time. It is complete whenever a run has ended or paused, when a claim ends, and after every
//! [`LAG`] attempts; what a killed process left out is made up for by the next one that writes
//! to the run. Nothing in this program reads the table to learn what was attempted.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use pe_model::{AttemptKey, Effect, Event, EventKind, JsonMap, StepId};
use rusqlite::{Connection, params};
use sha2::{Digest, Sha256};

use crate::event_log::RecordedEvent;
use crate::memo::{event_id, event_ids, seq_of};

/// How many attempts may have ended before the table learns of them.
pub(crate) const LAG: usize = 64;

/// One attempt.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    /// The event that started it.
    pub(crate) seq: u64,
    pub(crate) key: AttemptKey,
    pub(crate) tool: String,
    pub(crate) tool_version: String,
    pub(crate) effect: Effect,
    pub(crate) arguments: Arc<JsonMap>,
    /// When the event was recorded, in ms since 1970.
    pub(crate) started_at: i64,
    /// None while it is under way.
    pub(crate) outcome: Option<&'static str>,
    /// The event that ended it.
    pub(crate) ended_seq: Option<u64>,
    pub(crate) error_class: Option<&'static str>,
    pub(crate) duration_ms: Option<u64>,
}

/// The attempts of a run that the table need not know of yet.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    /// What will not change any more.
    settled: Vec<Attempt>,
    /// Attempts that may still get an outcome, or another one, by step, generation, iteration.
    open: BTreeMap<(StepId, u32, u32), Attempt>,
}

/// What the table says of an attempt: how it ended, and with which event.
pub(crate) type Stored = (Option<String>, Option<u64>);

impl Attempts {
    /// What a run's events, from the first one on, tell of.
    pub(crate) fn of(events: &[RecordedEvent]) -> Self {
        let mut attempts = Self::default();
        for recorded in events {
            attempts.apply(&recorded.event, recorded.recorded_at.as_millisecond());
        }
        attempts
    }

    /// Goes on with the next event of the run.
    pub(crate) fn apply(&mut self, event: &Event, recorded_at: i64) {
        let seq = event.seq;
        match &event.kind {
            EventKind::AttemptStarted { key, tool, tool_version, effect, arguments } => {
                let attempt = Attempt {
                    seq,
                    key: key.clone(),
                    tool: tool.clone(),
                    tool_version: tool_version.clone(),
                    effect: *effect,
                    arguments: Arc::clone(arguments),
                    started_at: recorded_at,
                    outcome: None,
                    ended_seq: None,
                    error_class: None,
                    duration_ms: None,
                };
                self.settled.extend(self.open.insert(call_of(key), attempt));
            }
            EventKind::AttemptSucceeded { key, duration_ms, .. } => {
                let ended = self.open.remove(&call_of(key)).map(|attempt| Attempt {
                    duration_ms: Some(*duration_ms),
                    ..attempt.ended("succeeded", seq)
                });
                self.settled.extend(ended);
            }
            EventKind::AttemptFailed { key, error, duration_ms, .. } => {
                // It stays open: nobody may know whether it had its effect.
                if let Some(attempt) = self.open.get_mut(&call_of(key)) {
                    attempt.outcome = Some("failed");
                    attempt.ended_seq = Some(seq);
                    attempt.error_class = Some(error.class.as_str());
                    attempt.duration_ms = Some(*duration_ms);
                }
            }
            EventKind::AttemptInterrupted { key } => {
                let ended = self.open.remove(&call_of(key));
                self.settled.extend(ended.map(|attempt| attempt.ended("interrupted", seq)));
            }
            EventKind::StepInDoubt { step_id, generation, iteration, error } => {
                let call = (step_id.clone(), *generation, *iteration);
                let ended = self.open.remove(&call).map(|attempt| Attempt {
                    error_class: Some(error.class.as_str()),
                    ..attempt.ended("in_doubt", seq)
                });
                self.settled.extend(ended);
            }
            _ => {}
        }
    }

    /// All of them, in the order in which they started.
    pub(crate) fn into_list(self) -> Vec<Attempt> {
        let mut all = self.settled;
        all.extend(self.open.into_values());
        all.sort_by_key(|attempt| attempt.seq);
        all
    }

    /// Whether so many have ended that the table is to learn of them.
    pub(crate) fn are_many(&self) -> bool {
        self.settled.len() >= LAG
    }

    /// Whether the table lacks anything.
    pub(crate) fn is_empty(&self) -> bool {
        self.settled.is_empty() && self.open.is_empty()
    }

    /// Writes the rows of what is settled.
    pub(crate) fn write_settled(
        &mut self,
        connection: &Connection,
        run: i64,
    ) -> rusqlite::Result<()> {
        for attempt in &self.settled {
            attempt.write(connection, run)?;
        }
        self.settled.clear();
        Ok(())
    }

    /// Writes every row, of what is open as well.
    pub(crate) fn write_all(&mut self, connection: &Connection, run: i64) -> rusqlite::Result<()> {
        self.write_settled(connection, run)?;
        self.open.values().try_for_each(|attempt| attempt.write(connection, run))
    }

    /// Forgets what the table knows already.
    pub(crate) fn forget(&mut self, stored: &HashMap<u64, Stored>) {
        self.settled.retain(|attempt| {
            stored.get(&attempt.seq).is_none_or(|stored| !attempt.is_stored_as(stored))
        });
    }
}

impl Attempt {
    fn ended(self, outcome: &'static str, seq: u64) -> Self {
        Self { outcome: Some(outcome), ended_seq: Some(seq), ..self }
    }

    /// Whether the table says how it ended.
    pub(crate) fn is_stored_as(&self, (outcome, ended_seq): &Stored) -> bool {
        outcome.as_deref() == self.outcome && *ended_seq == self.ended_seq
    }

    fn write(&self, connection: &Connection, run: i64) -> rusqlite::Result<()> {
        let arguments = serde_json::to_vec(self.arguments.as_ref()).unwrap_or_default();
        connection
            .prepare_cached(
                "INSERT OR REPLACE INTO tool_calls (id, step_id, generation, iteration, attempt,
                    tool, tool_version, effect, args_digest, started_at, outcome, ended_seq,
                    error_class, duration_ms)
                VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
            )?
            .execute(params![
                event_id(run, self.seq),
                self.key.step_id.as_str(),
                self.key.generation,
                self.key.iteration,
                self.key.attempt,
                self.tool,
                self.tool_version,
                effect_name(self.effect),
                &Sha256::digest(&arguments)[..16],
                self.started_at,
                self.outcome,
                self.ended_seq,
                self.error_class,
                self.duration_ms.map(|ms| i64::try_from(ms).unwrap_or(i64::MAX)),
            ])
            .map(drop)
    }
}

/// What the table says of a run's attempts, by the event that started each.
pub(crate) fn stored(connection: &Connection, run: i64) -> rusqlite::Result<HashMap<u64, Stored>> {
    let (from, to) = event_ids(run);
    let mut statement = connection.prepare_cached(
        "SELECT id, outcome, ended_seq FROM tool_calls WHERE id BETWEEN ?1 AND ?2",
    )?;
    let rows = statement
        .query_map([from, to], |row| Ok((seq_of(row.get(0)?), (row.get(1)?, row.get(2)?))))?;
    rows.collect()
}

/// What an attempt is filed under until it has an outcome.
fn call_of(key: &AttemptKey) -> (StepId, u32, u32) {
    (key.step_id.clone(), key.generation, key.iteration)
}

/// The effect class as it is written.
fn effect_name(effect: Effect) -> &'static str {
    match effect {
        Effect::Pure => "pure",
        Effect::Read => "read",
        Effect::Idempotent => "idempotent",
        Effect::Once => "once",
    }
}
