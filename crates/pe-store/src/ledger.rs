//! Writes a run's events, and with them everything that follows from them.
//!
//! One call is one batch inside the caller's transaction. Whatever can be refused is refused
//! before the first row is written, so that a refusal leaves the others of a group alone.

use pe_model::{Event, EventKind, JournalError, RunId, RunState};
use rusqlite::{Connection, OptionalExtension, params};

use crate::attempts::Attempts;
use crate::memo::{Known, Memo, Standing, event_id};
use crate::record::{Columns, Record, chain_start, link, references};
use crate::{history, name, versions};

/// A batch as it is handed to the writer.
#[derive(Debug)]
pub(crate) struct Batch {
    pub(crate) run_id: RunId,
    pub(crate) events: Vec<Event>,
    pub(crate) text: String,
    pub(crate) records: Vec<Record>,
}

/// Why a batch was not written.
#[derive(Debug)]
pub(crate) enum Trouble {
    /// It cannot be; nothing of it was written.
    Refused(JournalError),
    /// SQLite failed; some of it may have been written.
    Failed(rusqlite::Error),
}

impl From<rusqlite::Error> for Trouble {
    fn from(error: rusqlite::Error) -> Self {
        Self::Failed(error)
    }
}

/// Who writes, and when.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Author<'a> {
    pub(crate) owner: &'a str,
    pub(crate) now_ms: i64,
    /// Whether the run comes from elsewhere, with its plan versions.
    pub(crate) imports: bool,
}

/// Writes a batch. On an error the memo has to be read again.
pub(crate) fn write(
    connection: &Connection,
    memo: &mut Memo,
    batch: &Batch,
    author: Author<'_>,
) -> Result<(), Trouble> {
    let is_unread = matches!(memo.known, Known::Unread);
    if is_unread {
        memo.known = Known::read(connection, &batch.run_id)?;
    }
    check_owner(connection, memo, &batch.run_id)?;
    check_order(memo, batch)?;
    for (event, record) in batch.events.iter().zip(&batch.records) {
        if let EventKind::RunStarted { .. } = event.kind {
            memo.known = Known::Run(Box::new(begin(connection, event, memo.epoch, author)?));
        }
        let Known::Run(standing) = &mut memo.known else {
            // Invariant: `check_order` lets nothing but a begin come first.
            return Err(Trouble::Refused(JournalError::NotOwner { run_id: batch.run_id.clone() }));
        };
        insert(connection, standing, event, record, &batch.text, author)?;
        project(connection, standing, event, author)?;
        standing.next_seq += 1;
    }
    if let Known::Run(standing) = &mut memo.known {
        let Standing { key, attempts, finished, .. } = standing.as_mut();
        if *finished {
            attempts.write_all(connection, *key)?;
        } else if is_unread || attempts.are_many() {
            attempts.write_settled(connection, *key)?;
        }
    }
    Ok(())
}

/// Writes what the tables lack of a run that nobody goes on with for now.
pub(crate) fn catch_up(
    connection: &Connection,
    memo: &mut Memo,
    run_id: &RunId,
) -> Result<(), Trouble> {
    check_owner(connection, memo, run_id)?;
    if let Known::Run(standing) = &mut memo.known {
        standing.attempts.write_all(connection, standing.key)?;
    }
    Ok(())
}

/// Fencing: another process may have taken the run over, or begun it.
fn check_owner(connection: &Connection, memo: &Memo, run_id: &RunId) -> Result<(), Trouble> {
    let mut statement = connection.prepare_cached("SELECT epoch FROM runs WHERE run_id = ?1")?;
    let found: Option<u64> = statement.query_row([run_id.as_str()], |row| row.get(0)).optional()?;
    let expected = matches!(memo.known, Known::Run(_)).then_some(memo.epoch);
    if found != expected {
        return Err(Trouble::Refused(JournalError::NotOwner { run_id: run_id.clone() }));
    }
    Ok(())
}

/// Only the next events of the run may follow, and only a begin may come first.
fn check_order(memo: &Memo, batch: &Batch) -> Result<(), Trouble> {
    let first = match &memo.known {
        Known::Run(standing) => standing.next_seq,
        _ => 0,
    };
    let refused = |problem| {
        let attempted = format!("record events of run {}", batch.run_id);
        Err(Trouble::Refused(JournalError::Unavailable { attempted, problem }))
    };
    for (expected, event) in (first..).zip(&batch.events) {
        if event.run_id != batch.run_id {
            return refused(format!("event {} belongs to run {}", event.seq, event.run_id));
        }
        if event.seq != expected || expected > u64::from(u32::MAX) {
            return refused(format!("event {} came where event {expected} is next", event.seq));
        }
        if matches!(event.kind, EventKind::RunStarted { .. }) != (expected == 0) {
            return refused(format!("event {expected} cannot be of this kind"));
        }
    }
    Ok(())
}

/// Writes the rows that a run begins with.
fn begin(
    connection: &Connection,
    event: &Event,
    epoch: u64,
    author: Author<'_>,
) -> Result<Standing, Trouble> {
    let EventKind::RunStarted { plan, started_at, from_run, .. } = &event.kind else {
        let attempted = format!("begin run {}", event.run_id);
        let problem = "it does not begin".to_owned();
        return Err(Trouble::Refused(JournalError::Unavailable { attempted, problem }));
    };
    let plan_id = plan.plan_id.clone().unwrap_or_else(|| event.run_id.as_str().into());
    let plan_version = versions::find_or_add(connection, &plan_id, plan, author.now_ms)?;
    connection.execute(
        "INSERT INTO runs (run_id, name, plan_id, plan_version, goal, status, epoch, owner,
            started_at, changed_at, steps_total, from_run)
        VALUES (?1, ?2, ?3, ?4, ?5, 'running', ?6, ?7, ?8, ?9, ?10, ?11)",
        params![
            event.run_id.as_str(),
            name::free(connection, &event.run_id)?,
            plan_id.as_str(),
            plan_version,
            plan.goal,
            epoch,
            author.owner,
            started_at.as_millisecond(),
            author.now_ms,
            plan.steps.len(),
            from_run.as_ref().map(RunId::as_str),
        ],
    )?;
    Ok(Standing {
        key: connection.last_insert_rowid(),
        next_seq: 0,
        crc: chain_start(&event.run_id),
        finished: false,
        plan_id,
        plan_version,
        attempts: Attempts::default(),
        state: None,
    })
}

fn insert(
    connection: &Connection,
    standing: &mut Standing,
    event: &Event,
    record: &Record,
    text: &str,
    author: Author<'_>,
) -> rusqlite::Result<()> {
    for blob in &record.blobs {
        versions::keep(connection, &blob.hash, &blob.content)?;
    }
    let blobs = references(&record.blobs);
    let row = Columns {
        id: event_id(standing.key, event.seq),
        format: event.format,
        at_ms: event.at_ms,
        recorded_at: author.now_ms,
        payload: &text[record.payload.clone()],
        blobs: blobs.as_deref(),
    };
    standing.crc = link(standing.crc, row);
    connection
        .prepare_cached(
            "INSERT INTO events (id, format, at_ms, recorded_at, payload, blobs, crc)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            row.id,
            row.format,
            row.at_ms.cast_signed(),
            row.recorded_at,
            row.payload,
            row.blobs,
            standing.crc
        ])?;
    Ok(())
}

/// Brings the other tables up to the event.
fn project(
    connection: &Connection,
    standing: &mut Standing,
    event: &Event,
    author: Author<'_>,
) -> rusqlite::Result<()> {
    fold(standing, event);
    standing.attempts.apply(event, author.now_ms);
    if standing.finished && event.kind.may_reopen() {
        standing.finished = false;
        history::set_running(connection, standing.key, author.now_ms)?;
    }
    match &event.kind {
        EventKind::PlanRevised { plan, cause, reason, patch, .. } => {
            let reason = if reason.is_empty() { versions::cause_name(*cause) } else { reason };
            let change = versions::Change {
                parent_version: Some(standing.plan_version),
                patch: (!patch.is_null()).then_some(patch),
                reason,
                by_hand: false,
            };
            let plan_id = &standing.plan_id;
            standing.plan_version = if author.imports {
                versions::find_or_add(connection, plan_id, plan, author.now_ms)?
            } else {
                versions::add(connection, plan_id, plan, change, author.now_ms)?
            };
            history::set_plan(connection, standing, plan, author.now_ms)
        }
        EventKind::RunFinished { status } => {
            standing.finished = true;
            history::set_finished(connection, standing, *status, event.seq, author.now_ms)
        }
        _ => Ok(()),
    }
}

/// Goes on with the fold; events that do not fit end it.
fn fold(standing: &mut Standing, event: &Event) {
    if event.seq == 0 {
        standing.state = RunState::begin(event).ok();
    } else if standing.state.as_mut().is_some_and(|state| state.apply(event).is_err()) {
        standing.state = None;
    }
}
