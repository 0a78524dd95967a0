//! What the writer remembers about the runs that are claimed through it.
//!
//! A memo is a cache of the database: after a failure it is dropped and read again.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pe_model::{PlanId, RunId, RunState};
use rusqlite::{Connection, OptionalExtension};

use crate::attempts::{self, Attempts};
use crate::event_log;
use crate::record::chain_start;
use crate::store::Failure;

/// One claimed run.
#[derive(Debug)]
pub(crate) struct Memo {
    pub(crate) epoch: u64,
    pub(crate) known: Known,
    held: Arc<AtomicBool>,
}

/// What is known about the run's rows.
#[derive(Debug)]
pub(crate) enum Known {
    /// They have to be read.
    Unread,
    /// There are none yet.
    Nothing,
    /// Where the run stands.
    Run(Box<Standing>),
}

/// Where a run stands in the database.
#[derive(Debug)]
pub(crate) struct Standing {
    pub(crate) key: i64,
    pub(crate) next_seq: u64,
    pub(crate) crc: u32,
    pub(crate) finished: bool,
    pub(crate) plan_id: PlanId,
    pub(crate) plan_version: u32,
    /// What the table of tool calls does not know yet, or not for good.
    pub(crate) attempts: Attempts,
    /// The fold of the run's events, where they fold.
    pub(crate) state: Option<RunState>,
}

/// The row id of an event.
pub(crate) fn event_id(key: i64, seq: u64) -> i64 {
    key << 32 | seq as i64
}

/// The row ids that a run's events may have.
pub(crate) fn event_ids(key: i64) -> (i64, i64) {
    (event_id(key, 0), event_id(key, u64::from(u32::MAX)))
}

/// The sequence number in a row id.
pub(crate) fn seq_of(id: i64) -> u64 {
    id as u64 & u64::from(u32::MAX)
}

impl Memo {
    pub(crate) fn new(epoch: u64, held: Arc<AtomicBool>, known: Known) -> Self {
        Self { epoch, known, held }
    }

    /// Whether it is known where the run stands.
    pub(crate) fn is_read(&self) -> bool {
        !matches!(self.known, Known::Unread)
    }

    /// Whether rows that follow from the run's events are not written yet.
    pub(crate) fn lags_behind(&self) -> bool {
        match &self.known {
            Known::Run(standing) => !standing.finished && !standing.attempts.is_empty(),
            Known::Unread | Known::Nothing => false,
        }
    }

    /// Whether the claim still stands.
    pub(crate) fn is_held(&self) -> bool {
        self.held.load(Ordering::SeqCst)
    }
}

impl Known {
    /// Reads where the run stands.
    pub(crate) fn read(connection: &Connection, run_id: &RunId) -> rusqlite::Result<Self> {
        let row = connection
            .prepare_cached(
                "SELECT key, finished_at IS NOT NULL, plan_id, plan_version FROM runs
                WHERE run_id = ?1",
            )?
            .query_row([run_id.as_str()], |row| {
                Ok((row.get(0)?, row.get(1)?, row.get::<_, String>(2)?, row.get(3)?))
            })
            .optional()?;
        let Some((key, finished, plan_id, plan_version)) = row else {
            return Ok(Self::Nothing);
        };
        let (from, to) = event_ids(key);
        let last: Option<(i64, u32)> = connection
            .prepare_cached(
                "SELECT id, crc FROM events WHERE id BETWEEN ?1 AND ?2 ORDER BY id DESC LIMIT 1",
            )?
            .query_row([from, to], |row| Ok((row.get(0)?, row.get(1)?)))
            .optional()?;
        let (state, attempts) = fold(connection, run_id, key)?;
        Ok(Self::Run(Box::new(Standing {
            key,
            next_seq: last.map_or(0, |(id, _)| seq_of(id) + 1),
            crc: last.map_or_else(|| chain_start(run_id), |(_, crc)| crc),
            finished,
            plan_id: PlanId::new(plan_id),
            plan_version,
            attempts,
            state,
        })))
    }
}

/// The folds of everything that is stored of a run, and with it the rows of tool calls that a
/// process before this one did not get to write. Damaged events fold into nothing.
fn fold(
    connection: &Connection,
    run_id: &RunId,
    key: i64,
) -> rusqlite::Result<(Option<RunState>, Attempts)> {
    let events = match event_log::load_by_key(connection, run_id, key) {
        Ok(events) => events,
        Err(Failure::Sql(error)) => return Err(error),
        Err(_) => return Ok((None, Attempts::default())),
    };
    let state = RunState::fold(events.iter().map(|recorded| &recorded.event)).ok().flatten();
    let mut attempts = Attempts::of(&events);
    attempts.forget(&attempts::stored(connection, key)?);
    Ok((state, attempts))
}
