//! What the writer remembers about the runs that are claimed through it.
//!
//! A memo is a cache of the database: after a failure it is dropped and read again.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use pe_model::{AttemptKey, PlanId, RunId, RunState, StepId};
use rusqlite::{Connection, OptionalExtension};

use crate::record::chain_start;

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
    /// The rows of attempts that may still get an outcome, by step, generation, iteration.
    pub(crate) calls: HashMap<(StepId, u32, u32), i64>,
    /// The fold of the run's events, where all of them were seen here.
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
        let mut calls = HashMap::new();
        let mut statement = connection.prepare_cached(
            "SELECT id, step_id, generation, iteration FROM tool_calls
            WHERE id BETWEEN ?1 AND ?2 AND (outcome IS NULL OR outcome = 'failed') ORDER BY id",
        )?;
        let mut rows = statement.query([from, to])?;
        while let Some(row) = rows.next()? {
            let step_id: String = row.get(1)?;
            calls.insert((StepId::new(step_id), row.get(2)?, row.get(3)?), row.get(0)?);
        }
        Ok(Self::Run(Box::new(Standing {
            key,
            next_seq: last.map_or(0, |(id, _)| seq_of(id) + 1),
            crc: last.map_or_else(|| chain_start(run_id), |(_, crc)| crc),
            finished,
            plan_id: PlanId::new(plan_id),
            plan_version,
            calls,
            state: None,
        })))
    }
}

/// What an attempt is filed under until it has an outcome.
pub(crate) fn call_of(key: &AttemptKey) -> (StepId, u32, u32) {
    (key.step_id.clone(), key.generation, key.iteration)
}
