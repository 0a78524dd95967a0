//! Looking after a database: check, back up, tidy, forget.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::{Duration, Instant};

use jiff::Timestamp;
use pe_model::{PlanId, PlanStatus, RunId, RunState};
use rusqlite::backup::{Backup, StepResult};
use rusqlite::{Connection, OpenFlags, ffi};
use serde::Serialize;

use crate::attempts::{self, Attempts};
use crate::memo::event_ids;
use crate::opening::{BUSY_TIMEOUT, beside};
use crate::record::hash;
use crate::store::Failure;
use crate::{RunQuery, RunSummary, SqliteStore, StoreError, event_log, history, lock, versions};

/// What a check found.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct CheckReport {
    /// How many runs were looked at.
    pub runs: u64,
    /// How many events they have.
    pub events: u64,
    /// What is wrong; nothing where all is well.
    pub findings: Vec<CheckFinding>,
}

/// Something that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CheckFinding {
    /// With what, as in "run r" or "the file".
    pub what: String,
    /// What was found.
    pub problem: String,
}

impl CheckReport {
    /// Whether nothing is wrong.
    pub fn is_sound(&self) -> bool {
        self.findings.is_empty()
    }

    fn add(&mut self, what: impl Into<String>, problem: impl Into<String>) {
        self.findings.push(CheckFinding { what: what.into(), problem: problem.into() });
    }
}

/// Which runs are to be forgotten; those that have ended, by default.
///
/// A run that a process owns is never forgotten, and one that could be resumed only when its
/// status is listed.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct PruneOptions {
    /// Begun before then.
    pub older_than: Option<Timestamp>,
    /// Of these statuses; completed and failed where empty.
    pub statuses: Vec<PlanStatus>,
    /// So many of the newest runs are kept, whatever their status.
    pub keep_last: Option<u32>,
    /// Says what would be forgotten, and forgets nothing.
    pub dry_run: bool,
}

/// What was forgotten, or would be.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct PruneReport {
    /// The runs, the newest first.
    pub runs: Vec<RunSummary>,
    /// Plans whose last run is among them; one whose newest version no run made is kept.
    pub plans: Vec<PlanId>,
    /// Long values that nothing refers to any more; not counted in a dry run.
    pub values: usize,
    /// Whether nothing was forgotten in fact.
    pub dry_run: bool,
}

impl SqliteStore {
    /// Looks at everything: the file, references, and every run's events, one by one.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read at all; damage is a finding.
    pub fn check(&self) -> Result<CheckReport, StoreError> {
        self.read("check", |connection| {
            let mut report = CheckReport::default();
            // What makes one of them give up does not keep the others from looking.
            type Look = fn(&Connection, &mut CheckReport) -> Result<(), Failure>;
            let looks: [(&str, Look); 2] =
                [("the file", check_file), ("the long values", check_values)];
            for (what, look) in looks {
                if let Err(failure) = look(connection, &mut report) {
                    report.add(what, failure.at("check", self.path()).to_string());
                }
            }
            let runs = list_runs(connection, &mut report).unwrap_or_else(|failure| {
                report.add("the table runs", failure.at("check", self.path()).to_string());
                Vec::new()
            });
            for run_id in &runs {
                report.runs += 1;
                if let Err(failure) = check_run(connection, run_id, &mut report) {
                    let problem = failure.at("check", self.path()).to_string();
                    report.add(format!("run {run_id}"), problem);
                }
            }
            Ok(report)
        })
    }

    /// Copies the database while it is in use.
    ///
    /// # Errors
    /// [`StoreError::Exists`] when there is such a file, [`StoreError::UnsoundCopy`] when the
    /// copy was made and kept but has the damage of the database, or another when it cannot be
    /// written.
    pub fn backup(&self, to: impl AsRef<Path>) -> Result<(), StoreError> {
        let to = to.as_ref();
        if let Err(error) = OpenOptions::new().write(true).create_new(true).mode(0o600).open(to) {
            if error.kind() == std::io::ErrorKind::AlreadyExists {
                return Err(StoreError::Exists {
                    attempted: "write a backup".to_owned(),
                    existing: to.display().to_string(),
                });
            }
            return Err(StoreError::io("create", to)(error));
        }
        let connection = crate::opening::reader(self.path())?;
        let copied = Connection::open_with_flags(to, OpenFlags::SQLITE_OPEN_READ_WRITE)
            .and_then(|mut target| {
                // In one step: a copy in parts begins anew whenever somebody writes.
                let backup = Backup::new(&connection, &mut target)?;
                until_done(|| backup.step(-1), BUSY_TIMEOUT)
            })
            .map_err(StoreError::sqlite(format!("back up to {}", to.display()), self.path()));
        if copied.is_err() {
            // What was copied so far is of no use to anybody.
            let _ = std::fs::remove_file(to);
        }
        copied?;
        let checked = SqliteStore::open_reader(to)
            .and_then(|copy| copy.map(|copy| copy.check()).transpose())
            .map(Option::unwrap_or_default);
        let report = checked.unwrap_or_else(|error| {
            let mut report = CheckReport::default();
            report.add("the file", error.to_string());
            report
        });
        // Looking left a log beside the copy, in which nothing is.
        let log = beside(to, "-wal");
        if log.metadata().is_ok_and(|log| log.len() == 0) {
            let _ = std::fs::remove_file(log);
            let _ = std::fs::remove_file(beside(to, "-shm"));
        }
        if report.is_sound() {
            return Ok(());
        }
        Err(StoreError::UnsoundCopy { path: to.to_owned(), findings: report.findings })
    }

    /// Gives the room of what was deleted back to the system.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be written.
    pub fn vacuum(&self) -> Result<(), StoreError> {
        self.on_writer(|desk| {
            desk.alone("vacuum", |connection| {
                connection.execute_batch("VACUUM; PRAGMA wal_checkpoint(TRUNCATE)")
            })
        })
    }

    /// Forgets runs, and what nothing refers to any more.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be written; nothing is forgotten then.
    pub fn prune(&self, options: &PruneOptions) -> Result<PruneReport, StoreError> {
        let statuses = if options.statuses.is_empty() {
            vec![PlanStatus::Completed, PlanStatus::Failed]
        } else {
            options.statuses.clone()
        };
        let newest =
            RunQuery { limit: Some(options.keep_last.unwrap_or(0)), ..RunQuery::default() };
        let kept: HashSet<RunId> = self.runs(&newest)?.into_iter().map(|run| run.run_id).collect();
        let query = RunQuery { statuses, until: options.older_than, ..RunQuery::default() };
        let mut runs = self.runs(&query)?;
        runs.retain(|run| !run.is_live && !kept.contains(&run.run_id));
        if options.dry_run || runs.is_empty() {
            let plans = self.read("list plans", |connection| would_go(connection, &runs))?;
            return Ok(PruneReport { runs, plans, values: 0, dry_run: options.dry_run });
        }
        let lock_path = lock::path_beside(self.path());
        let mut locks = Vec::with_capacity(runs.len());
        let mut failed = None;
        // Nobody may take a run while it is being forgotten.
        runs.retain(|run| match lock::try_run(&lock_path, &run.run_id) {
            Ok(Some(lock)) => {
                locks.push(lock);
                true
            }
            Ok(None) => false,
            Err(error) => {
                failed = Some(error);
                false
            }
        });
        if let Some(error) = failed {
            return Err(StoreError::io("lock", &lock_path)(error));
        }
        let ids: Vec<(RunId, String, u64)> = runs
            .iter()
            .map(|run| (run.run_id.clone(), run.status.as_str().to_owned(), run.epoch))
            .collect();
        let (gone, plans, values) =
            self.write("forget runs", move |connection| forget(connection, &ids))?;
        drop(locks);
        runs.retain(|run| gone.contains(&run.run_id));
        Ok(PruneReport { runs, plans, values, dry_run: false })
    }
}

/// Steps until everything is copied, waiting for whoever holds one of the files, but not longer
/// than `patience`.
fn until_done(
    mut step: impl FnMut() -> rusqlite::Result<StepResult>,
    patience: Duration,
) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        let code = match step()? {
            StepResult::Done => return Ok(()),
            StepResult::Busy => ffi::SQLITE_BUSY,
            StepResult::Locked => ffi::SQLITE_LOCKED,
            // A part was copied: it goes on at once.
            _ => continue,
        };
        if start.elapsed() >= patience {
            return Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The plans that would go with these runs.
fn would_go(connection: &Connection, runs: &[RunSummary]) -> Result<Vec<PlanId>, Failure> {
    let mut counts: BTreeMap<&PlanId, u64> = BTreeMap::new();
    for run in runs {
        *counts.entry(&run.plan_id).or_default() += 1;
    }
    let mut plans = Vec::new();
    for (plan_id, count) in counts {
        let all: u64 = connection
            .prepare_cached("SELECT count(*) FROM runs WHERE plan_id = ?1")?
            .query_row([plan_id.as_str()], |row| row.get(0))?;
        if all <= count && versions::goes_with_runs(connection, plan_id.as_str())? {
            plans.push(plan_id.clone());
        }
    }
    Ok(plans)
}

/// Deletes runs that still are as they were seen, then what is left without a reader.
fn forget(
    connection: &Connection,
    runs: &[(RunId, String, u64)],
) -> Result<(HashSet<RunId>, Vec<PlanId>, usize), Failure> {
    let mut gone = HashSet::new();
    let mut bereft = BTreeSet::new();
    for (run_id, status, epoch) in runs {
        let mut statement = connection.prepare_cached(
            "DELETE FROM runs WHERE run_id = ?1 AND status = ?2 AND epoch = ?3
            RETURNING key, plan_id",
        )?;
        let values = rusqlite::params![run_id.as_str(), status, epoch];
        let rows =
            statement.query_map(values, |row| Ok((row.get(0)?, row.get::<_, String>(1)?)))?;
        for (key, plan_id) in rows.collect::<rusqlite::Result<Vec<_>>>()? {
            let (from, to) = event_ids(key);
            for table in ["events", "tool_calls"] {
                let sql = format!("DELETE FROM {table} WHERE id BETWEEN ?1 AND ?2");
                connection.prepare_cached(&sql)?.execute([from, to])?;
            }
            gone.insert(run_id.clone());
            bereft.insert(plan_id);
        }
    }
    let mut plans = Vec::new();
    for plan_id in bereft {
        if !versions::goes_with_runs(connection, &plan_id)? {
            continue;
        }
        let sql = "DELETE FROM plans WHERE plan_id = ?1
            AND NOT EXISTS (SELECT 1 FROM runs WHERE plan_id = ?1)";
        if connection.prepare_cached(sql)?.execute([&plan_id])? > 0 {
            plans.push(PlanId::new(plan_id));
        }
    }
    let values = connection.execute(
        "DELETE FROM blobs WHERE hash NOT IN (
            SELECT content FROM plan_versions
            UNION SELECT request FROM model_calls
            UNION SELECT response FROM model_calls WHERE response IS NOT NULL
            UNION SELECT value FROM events,
                json_each(CASE WHEN json_valid(events.blobs) THEN events.blobs ELSE '[]' END))",
        [],
    )?;
    Ok((gone, plans, values))
}

fn check_file(connection: &Connection, report: &mut CheckReport) -> Result<(), Failure> {
    let mut statement = connection.prepare("PRAGMA integrity_check(100)")?;
    let lines = statement.query_map([], |row| row.get::<_, String>(0))?;
    for line in lines {
        let line = line?;
        if line != "ok" {
            report.add("the file", line);
        }
    }
    let mut statement = connection.prepare("PRAGMA foreign_key_check")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (table, parent): (String, String) = (row.get(0)?, row.get(2)?);
        report.add(format!("a row of {table}"), format!("refers to {parent} that are not there"));
    }
    let mut statement = connection.prepare(
        "SELECT DISTINCT id >> 32 FROM events WHERE id >> 32 NOT IN (SELECT key FROM runs)",
    )?;
    let orphans = statement.query_map([], |row| row.get::<_, i64>(0))?;
    for key in orphans {
        report.add(format!("the events under key {}", key?), "belong to no run");
    }
    Ok(())
}

/// The runs whose ids can be read.
fn list_runs(connection: &Connection, report: &mut CheckReport) -> Result<Vec<RunId>, Failure> {
    let mut statement = connection.prepare("SELECT key, run_id FROM runs ORDER BY key")?;
    let mut rows = statement.query([])?;
    let mut runs = Vec::new();
    while let Some(row) = rows.next()? {
        match row.get::<_, String>(1) {
            Ok(run_id) => runs.push(RunId::new(run_id)),
            Err(error) => {
                let key: i64 = row.get(0)?;
                report.add(format!("row {key} of runs"), error.to_string());
            }
        }
    }
    Ok(runs)
}

/// Looks at long values and payloads, row by row; one that cannot be read does not end it.
fn check_values(connection: &Connection, report: &mut CheckReport) -> Result<(), Failure> {
    let mut statement = connection.prepare("SELECT id, hash, content FROM blobs")?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let id: i64 = row.get(0)?;
        let read = row.get(1).and_then(|hash: String| Ok((hash, row.get::<_, String>(2)?)));
        match read {
            Ok((expected, content)) if hash(content.as_bytes()) != expected => {
                report.add(format!("value {expected}"), "does not have its hash");
            }
            Ok(_) => {}
            Err(error) => report.add(format!("row {id} of blobs"), error.to_string()),
        }
    }
    let sql = "SELECT id, json_valid(payload), blobs IS NULL OR json_valid(blobs) FROM events
        WHERE NOT json_valid(payload) OR (blobs IS NOT NULL AND NOT json_valid(blobs))";
    let mut statement = connection.prepare(sql)?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (id, payload): (i64, bool) = (row.get(0)?, row.get(1)?);
        let column = if payload { "blobs" } else { "payload" };
        report.add(format!("row {id} of events"), format!("its {column} is no JSON"));
    }
    Ok(())
}

fn check_run(
    connection: &Connection,
    run_id: &RunId,
    report: &mut CheckReport,
) -> Result<(), Failure> {
    let events = event_log::load(connection, run_id)?;
    report.events += events.len() as u64;
    let what = || format!("run {run_id}");
    let key = history::key(connection, run_id)?;
    let finished: bool = connection.query_row(
        "SELECT finished_at IS NOT NULL FROM runs WHERE key = ?1",
        [key],
        |row| row.get(0),
    )?;
    let mut stored = attempts::stored(connection, key)?;
    let mut wrong = 0;
    for attempt in Attempts::of(&events).into_list() {
        let fits = match stored.remove(&attempt.seq) {
            // Rows may lag behind as long as the run has no end.
            None => !finished,
            Some((_, None)) if !finished => true,
            Some(row) => attempt.is_stored_as(&row),
        };
        wrong += u32::from(!fits);
    }
    if wrong > 0 || !stored.is_empty() {
        let strange = stored.len();
        let problem = format!(
            "has {wrong} tool calls listed otherwise than its events say, and {strange} more"
        );
        report.add(what(), problem);
    }
    match RunState::fold(events.iter().map(|recorded| &recorded.event)) {
        Err(error) => report.add(what(), format!("does not fold: {error}")),
        Ok(None) => report.add(what(), "has no events"),
        Ok(Some(state)) => {
            let status: String =
                connection
                    .query_row("SELECT status FROM runs WHERE key = ?1", [key], |row| row.get(0))?;
            if status != state.status.as_str() {
                let problem =
                    format!("is listed as {status} where its events say {}", state.status);
                report.add(what(), problem);
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes of a copy whose steps end like this; the last one goes on for ever.
    fn check(steps: &[StepResult], expected: Option<i32>) {
        let mut at = 0;
        let step = || {
            at += 1;
            Ok(steps[(at - 1).min(steps.len() - 1)])
        };
        let done = until_done(step, Duration::from_millis(20));
        let code = done.err().and_then(|error| error.sqlite_error().map(|it| it.extended_code));
        assert_eq!(code, expected, "{steps:?}");
    }

    #[test]
    fn a_copy_is_done_when_all_of_it_is_copied() {
        use StepResult::{Busy, Done, Locked, More};
        check(&[Done], None);
        check(&[Busy, More, Locked, More, Done], None);
        check(&[Busy], Some(ffi::SQLITE_BUSY));
        check(&[More, Locked], Some(ffi::SQLITE_LOCKED));
    }
}
