//! Reads a run's events back, and refuses whatever is not what was written.

use std::path::Path;

use jiff::Timestamp;
use pe_model::{Event, RunId, RunState};
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};

use crate::clock::timestamp;
use crate::memo::{event_ids, seq_of};
use crate::record::{Columns, chain_start, decode, hash, is_known, join, link};
use crate::store::Failure;
use crate::{SqliteStore, StoreError, opening};

/// An event and when it was recorded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RecordedEvent {
    /// The wall clock when it was recorded.
    pub recorded_at: Timestamp,
    /// The event.
    pub event: Event,
}

/// All events of a run, in order, each checked.
pub(crate) fn load(connection: &Connection, run_id: &RunId) -> Result<Vec<RecordedEvent>, Failure> {
    let key = connection
        .prepare_cached("SELECT key, ended_seq FROM runs WHERE run_id = ?1")?
        .query_row([run_id.as_str()], |row| Ok((row.get(0)?, row.get::<_, Option<u64>>(1)?)))
        .optional()?;
    let Some((key, ended_seq)) = key else {
        return Err(Failure::NotFound("run", run_id.to_string()));
    };
    let events = load_by_key(connection, run_id, key)?;
    let last = events.len() as u64;
    let (from, to) = event_ids(key);
    let (started, ended): (Option<i64>, Option<u64>) = connection
        .prepare_cached(
            "SELECT max(id), max(ended_seq) FROM tool_calls WHERE id BETWEEN ?1 AND ?2",
        )?
        .query_row([from, to], |row| Ok((row.get(0)?, row.get(1)?)))?;
    // Other tables tell of events that a torn end lacks.
    for beyond in [started.map(seq_of), ended, ended_seq].into_iter().flatten() {
        if beyond >= last {
            return Err(damaged(run_id, format!("event {beyond} is missing, of {last} found")));
        }
    }
    if events.is_empty() {
        return Err(damaged(run_id, "event 0 is missing".to_owned()));
    }
    Ok(events)
}

/// The events under a key, each checked; whether there ought to be more is the caller's.
pub(crate) fn load_by_key(
    connection: &Connection,
    run_id: &RunId,
    key: i64,
) -> Result<Vec<RecordedEvent>, Failure> {
    let mut crc = chain_start(run_id);
    let mut events = Vec::new();
    scan(connection, key, 0, u32::MAX, |row, stored| {
        let seq = seq_of(row.id);
        if seq != events.len() as u64 {
            return Err(damaged(run_id, format!("event {} is missing", events.len())));
        }
        if !is_known(row.format) {
            return Err(Failure::Newer(run_id.clone(), row.format));
        }
        crc = link(crc, row);
        if crc != stored {
            return Err(damaged(run_id, format!("event {seq} does not have its checksum")));
        }
        events.push(read(connection, run_id, row)?);
        Ok(())
    })?;
    Ok(events)
}

/// Hands the rows of a run from `seq` on to `each`, at most `limit`.
fn scan(
    connection: &Connection,
    key: i64,
    seq: u64,
    limit: u32,
    mut each: impl FnMut(Columns<'_>, u32) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (first, to) = event_ids(key);
    let mut statement = connection.prepare_cached(
        "SELECT id, format, at_ms, recorded_at, payload, blobs, crc FROM events
        WHERE id BETWEEN ?1 AND ?2 ORDER BY id LIMIT ?3",
    )?;
    let mut rows = statement.query(params![first.saturating_add(seq as i64), to, limit])?;
    while let Some(row) = rows.next()? {
        let text = |at: usize| -> Result<Option<&str>, Failure> {
            row.get_ref(at)?
                .as_str_or_null()
                .map_err(|error| Failure::Corrupt("an event".to_owned(), error.to_string()))
        };
        let columns = Columns {
            id: row.get(0)?,
            format: row.get(1)?,
            at_ms: row.get::<_, i64>(2)?.cast_unsigned(),
            recorded_at: row.get(3)?,
            payload: text(4)?.unwrap_or_default(),
            blobs: text(5)?,
        };
        each(columns, row.get(6)?)?;
    }
    Ok(())
}

/// A row as an event, long values put back.
fn read(
    connection: &Connection,
    run_id: &RunId,
    row: Columns<'_>,
) -> Result<RecordedEvent, Failure> {
    let seq = seq_of(row.id);
    let kind = match row.blobs {
        None => decode(row.payload),
        Some(blobs) => {
            decode(&join(row.payload, blobs, |wanted| blob(connection, run_id, seq, wanted))?)
        }
    };
    let kind = kind.map_err(|problem| damaged(run_id, format!("event {seq}: {problem}")))?;
    let event = Event { format: row.format, run_id: run_id.clone(), seq, at_ms: row.at_ms, kind };
    Ok(RecordedEvent { recorded_at: timestamp(row.recorded_at), event })
}

fn blob(
    connection: &Connection,
    run_id: &RunId,
    seq: u64,
    wanted: &str,
) -> Result<String, Failure> {
    let content: Option<String> = connection
        .prepare_cached("SELECT content FROM blobs WHERE hash = ?1")?
        .query_row([wanted], |row| row.get(0))
        .optional()?;
    let content =
        content.ok_or_else(|| damaged(run_id, format!("a value of event {seq} is missing")))?;
    if hash(content.as_bytes()) != wanted {
        return Err(damaged(run_id, format!("a value of event {seq} does not have its hash")));
    }
    Ok(content)
}

fn damaged(run_id: &RunId, problem: String) -> Failure {
    Failure::Corrupt(format!("run {run_id}"), problem)
}

impl SqliteStore {
    /// The events of a run from `seq` on, at most `limit`; none when there are none yet.
    ///
    /// Meant for watching: rows are decoded, but the chain of checksums is not followed.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read or the run is not known.
    pub fn events_since(
        &self,
        run_id: &RunId,
        seq: u64,
        limit: u32,
    ) -> Result<Vec<RecordedEvent>, StoreError> {
        self.read("read events", |connection| {
            let key = crate::history::key(connection, run_id)?;
            let mut events = Vec::new();
            scan(connection, key, seq, limit, |row, _| {
                if !is_known(row.format) {
                    return Err(Failure::Newer(run_id.clone(), row.format));
                }
                events.push(read(connection, run_id, row)?);
                Ok(())
            })?;
            Ok(events)
        })
    }

    /// All events of a run with the times of their recording, checked as on a resume.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read, the run is not known or damaged.
    pub fn recorded_events(&self, run_id: &RunId) -> Result<Vec<RecordedEvent>, StoreError> {
        self.read("read events", |connection| load(connection, run_id))
    }

    /// Where a run stands: the fold of its events, checked as on a resume.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read, the run is not known or damaged.
    pub fn state(&self, run_id: &RunId) -> Result<RunState, StoreError> {
        let events = self.recorded_events(run_id)?;
        let corrupt = |problem| damaged(run_id, problem).at("read events", self.path());
        RunState::fold(events.iter().map(|recorded| &recorded.event))
            .map_err(|error| corrupt(error.to_string()))?
            .ok_or_else(|| corrupt("it has no event".to_owned()))
    }
}

/// All events of a run, over a connection of its own.
pub(crate) fn load_from(path: &Path, run_id: &RunId) -> Result<Vec<RecordedEvent>, StoreError> {
    let attempted = "read events";
    let connection = opening::reader(path)?;
    let snapshot =
        connection.unchecked_transaction().map_err(StoreError::sqlite(attempted, path))?;
    load(&snapshot, run_id).map_err(|failure| failure.at(attempted, path))
}
