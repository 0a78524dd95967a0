//! Where writing happens: one connection, one transaction at a time.
//!
//! Invariant: what is acknowledged has been committed. After a failure that leaves it unknown
//! what is on the disk, nothing more is written through this desk.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use pe_model::{Claim, Durability, JournalError, RunId};
use rusqlite::{Connection, ErrorCode, OptionalExtension};

use crate::clock::now_ms;
use crate::ledger::{self, Author, Trouble};
use crate::lock::{self, LockFile, RunLock};
use crate::log::Log;
use crate::memo::{Known, Memo};
use crate::place::Place;
use crate::store::Failure;
use crate::writer::{Append, Job, Jobs};
use crate::{StoreError, error, failpoint, opening};

/// The one place of a process through which a database is written.
pub(crate) struct Desk {
    path: PathBuf,
    durability: Durability,
    owner: String,
    /// Back to this desk, for whoever has something to say later.
    jobs: Jobs,
    tools: Option<Tools>,
    memos: Memos,
    poison: Option<String>,
    /// How long the last commits took, on average; none before the first.
    pace: Option<Duration>,
}

/// Whoever commits faster than this does not notice that it has waited.
const QUICK: Duration = Duration::from_micros(500);

/// The most events and bytes of a batch that is quickly written.
const SMALL: (usize, usize) = (32, 64 * 1024);

/// Whether to wait for others who write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Patience {
    Wait,
    Leave,
}

type Memos = HashMap<RunId, Memo>;

/// A run's lock, whose end the desk hears of.
struct Held {
    jobs: Jobs,
    run_id: RunId,
    lock: Option<RunLock>,
}

impl Drop for Held {
    fn drop(&mut self) {
        drop(self.lock.take());
        let run_id = self.run_id.clone();
        self.jobs.send(Job::Task(Box::new(move |desk| desk.part(&run_id))));
    }
}

/// What writing takes, opened with the first write.
struct Tools {
    connection: Connection,
    gate: LockFile,
    log: Log,
    place: Place,
}

impl Drop for Tools {
    fn drop(&mut self) {
        self.log.close(&self.connection);
    }
}

impl Desk {
    pub(crate) fn new(path: &Path, durability: Durability, jobs: Jobs) -> Self {
        Self {
            path: path.to_owned(),
            durability,
            owner: format!("process {}", std::process::id()),
            jobs,
            tools: None,
            memos: HashMap::new(),
            poison: None,
            pace: None,
        }
    }

    /// Commits a small batch at once, where that takes no longer than handing it over would;
    /// gives it back where it might.
    pub(crate) fn commit_quickly(&mut self, append: Append) -> Option<Append> {
        let small = append.batch.events.len() <= SMALL.0 && append.batch.text.len() <= SMALL.1;
        let quick = self.pace.is_some_and(|pace| pace < QUICK);
        // Where a run stands is read from its events, however many they are.
        let is_read = self.memos.get(&append.batch.run_id).is_some_and(Memo::is_read);
        if !small || !quick || !is_read || failpoint::is_set("store::lose_batch") {
            return Some(append);
        }
        match self.commit_together(std::slice::from_ref(&append), Patience::Leave) {
            Ok(None) => return Some(append),
            Ok(Some(mut outcomes)) => {
                // Invariant: one batch has one outcome.
                let not_owner = JournalError::NotOwner { run_id: append.batch.run_id.clone() };
                answer(append, outcomes.pop().unwrap_or(Err(not_owner)));
            }
            Err(failure) => refuse(append, &failure.to_string()),
        }
        None
    }

    /// Whether the log is to be moved before long.
    pub(crate) fn is_log_long(&self) -> bool {
        self.tools.as_ref().is_some_and(|tools| tools.log.is_long())
    }

    /// Commits batches together and answers each.
    pub(crate) fn commit(&mut self, group: Vec<Append>) {
        if group.is_empty() {
            return;
        }
        if failpoint::is_set("store::lose_batch") {
            group.into_iter().for_each(|append| answer(append, Ok(())));
            return;
        }
        match self.commit_together(&group, Patience::Wait) {
            Ok(outcomes) => {
                for (append, outcome) in group.into_iter().zip(outcomes.unwrap_or_default()) {
                    answer(append, outcome);
                }
                self.settle();
            }
            // One batch may have spoilt it for the others: each for itself.
            Err(_) if group.len() > 1 && self.poison.is_none() => {
                group.into_iter().for_each(|append| self.commit(vec![append]));
            }
            Err(failure) => {
                let problem = failure.to_string();
                group.into_iter().for_each(|append| refuse(append, &problem));
            }
        }
    }

    /// One transaction; what is refused in it is refused alone.
    fn commit_together(
        &mut self,
        group: &[Append],
        patience: Patience,
    ) -> Result<Option<Vec<Result<(), JournalError>>>, StoreError> {
        let owner = std::mem::take(&mut self.owner);
        let author = Author { owner: &owner, now_ms: now_ms(), imports: false };
        let done = self.transact("record events", patience, |connection, memos| {
            let each = group.iter().map(|append| {
                let run_id = &append.batch.run_id;
                let Some(memo) = memos.get_mut(run_id).filter(|memo| memo.is_held()) else {
                    return Ok(Err(JournalError::NotOwner { run_id: run_id.clone() }));
                };
                match ledger::write(connection, memo, &append.batch, author) {
                    Ok(()) => Ok(Ok(())),
                    Err(Trouble::Refused(error)) => Ok(Err(error)),
                    Err(Trouble::Failed(error)) => Err(Failure::Sql(error)),
                }
            });
            each.collect()
        });
        self.owner = owner;
        if done.is_err() {
            for append in group {
                if let Some(memo) = self.memos.get_mut(&append.batch.run_id) {
                    memo.known = Known::Unread;
                }
            }
        }
        done
    }

    /// Takes a run for this process.
    pub(crate) fn claim(&mut self, run_id: &RunId) -> Result<Claim, StoreError> {
        failpoint::crash("store::before_claim");
        let here = self.ready()?.place.check();
        self.stays(here)?;
        let lock_path = lock::path_beside(&self.path);
        let taken =
            lock::try_run(&lock_path, run_id).map_err(StoreError::io("lock", &lock_path))?;
        let Some(guard) = taken else {
            let owner = self.owner_of(run_id)?;
            return Err(JournalError::Owned { run_id: run_id.clone(), owner }.into());
        };
        let owner = self.owner.clone();
        let epoch = match self.column(run_id, "epoch")? {
            None::<u64> => 1,
            Some(_) => {
                let id = run_id.clone();
                self.write("claim a run", move |connection| {
                    let sql = "UPDATE runs SET epoch = epoch + 1, owner = ?2 WHERE run_id = ?1
                        RETURNING epoch";
                    Ok(connection.query_row(sql, [id.as_str(), &owner], |row| row.get(0))?)
                })?
            }
        };
        self.memos.retain(|_, memo| memo.is_held());
        self.memos.insert(run_id.clone(), Memo::new(epoch, guard.held(), Known::Unread));
        failpoint::crash("store::after_claim");
        let held = Held { jobs: self.jobs.clone(), run_id: run_id.clone(), lock: Some(guard) };
        Ok(Claim::new(run_id.clone(), epoch, held))
    }

    /// A claim has ended: what the tables lack of the run is written, unless another process
    /// has taken it and will do so.
    fn part(&mut self, run_id: &RunId) {
        let memo = self.memos.get(run_id).filter(|memo| !memo.is_held());
        if !memo.is_some_and(Memo::lags_behind) {
            return;
        }
        if let Some(mut memo) = self.memos.remove(run_id) {
            let done = self.write("list tool calls", |connection| {
                match ledger::catch_up(connection, &mut memo, run_id) {
                    Ok(()) | Err(Trouble::Refused(_)) => Ok(()),
                    Err(Trouble::Failed(error)) => Err(Failure::Sql(error)),
                }
            });
            // Nobody waits for it, and the next owner of the run makes up for it.
            drop(done);
        }
    }

    /// Who was the last to claim a run.
    fn owner_of(&mut self, run_id: &RunId) -> Result<String, StoreError> {
        Ok(self.column(run_id, "owner")?.unwrap_or_else(|| "another process".to_owned()))
    }

    fn column<T: rusqlite::types::FromSql>(
        &mut self,
        run_id: &RunId,
        column: &str,
    ) -> Result<Option<T>, StoreError> {
        let path = self.path.clone();
        let sql = format!("SELECT {column} FROM runs WHERE run_id = ?1");
        self.ready()?
            .connection
            .query_row(&sql, [run_id.as_str()], |row| row.get(0))
            .optional()
            .map_err(|error| Failure::Sql(error).at("claim a run", &path))
    }

    /// One transaction of anything else.
    pub(crate) fn write<T>(
        &mut self,
        attempted: &str,
        work: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let done = self.transact(attempted, Patience::Wait, |connection, _| work(connection));
        self.settle();
        // Invariant: whoever waits comes to an end.
        done?.ok_or_else(|| self.failed(attempted, rusqlite::Error::InvalidQuery))
    }

    /// Work that cannot be done within a transaction.
    pub(crate) fn alone<T>(
        &mut self,
        attempted: &str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let path = self.path.clone();
        let here = self.ready()?.place.check();
        self.stays(here)?;
        let tools = self.ready()?;
        let gate = tools.gate.gate().map_err(StoreError::io("lock", &path))?;
        let done = work(&mut tools.connection);
        drop(gate);
        done.map_err(|source| self.failed(attempted, source))
    }

    /// Everything inside the gate and one `BEGIN IMMEDIATE`.
    fn transact<T>(
        &mut self,
        attempted: &str,
        patience: Patience,
        work: impl FnOnce(&Connection, &mut Memos) -> Result<T, Failure>,
    ) -> Result<Option<T>, StoreError> {
        self.ready()?;
        let Self { path, tools: Some(tools), memos, .. } = self else {
            return Err(self.failed(attempted, rusqlite::Error::InvalidQuery));
        };
        let Tools { connection, gate, log, place } = tools;
        let start = Instant::now();
        let gate = match patience {
            Patience::Wait => gate.gate().map(Some),
            Patience::Leave => gate.try_gate(),
        };
        let Some(gate) = gate.map_err(StoreError::io("lock", path))? else {
            return Ok(None);
        };
        failpoint::crash("store::before_begin");
        let begun = begin(connection, patience);
        if patience == Patience::Leave && begun.as_ref().is_err_and(is_busy) {
            return Ok(None);
        }
        let done = begun.map_err(Failure::Sql).and_then(|()| {
            // Before the log is grown, which may be that of another database by now.
            place.check()?;
            log.grow(path);
            work(connection, memos)
        });
        let (done, committing) = match done {
            Ok(done) => {
                failpoint::crash("store::before_commit");
                (execute(connection, "COMMIT").map(|()| done).map_err(Failure::Sql), true)
            }
            Err(failure) => (Err(failure), false),
        };
        let clean = connection.is_autocommit() || execute(connection, "ROLLBACK").is_ok();
        drop(gate);
        match done {
            Ok(done) => {
                let last = start.elapsed();
                self.pace = Some(self.pace.map_or(last, |pace| (pace * 7 + last) / 8));
                failpoint::crash("store::after_commit");
                Ok(Some(done))
            }
            Err(failure) => {
                let is_poison = match &failure {
                    Failure::Sql(error) => error::is_poison(error),
                    Failure::Store(error) => matches!(error, StoreError::Replaced { .. }),
                    _ => false,
                };
                let failure = failure.at(attempted, &self.path);
                if committing || is_poison || !clean {
                    self.poison = Some(failure.to_string());
                }
                Err(failure)
            }
        }
    }

    /// Moves the log between commits, after everybody has been answered.
    pub(crate) fn settle(&mut self) {
        let Some(tools) = &self.tools else { return };
        if let Err(error) = tools.log.settle(&tools.connection)
            && error::is_poison(&error)
        {
            self.poison = Some(error::explain(&error));
        }
    }

    /// Opens what writing takes, unless it is known that nothing may be written.
    fn ready(&mut self) -> Result<&mut Tools, StoreError> {
        if let Some(problem) = self.poison.clone() {
            return Err(StoreError::Poisoned { path: self.path.clone(), problem });
        }
        let tools = match self.tools.take() {
            Some(tools) => tools,
            None => self.open()?,
        };
        Ok(self.tools.insert(tools))
    }

    fn open(&self) -> Result<Tools, StoreError> {
        let lock_path = lock::path_beside(&self.path);
        let gate = LockFile::create(&lock_path).map_err(StoreError::io("write", &lock_path))?;
        let place = Place::note(&self.path).map_err(StoreError::io("write", &self.path))?;
        let mut connection = opening::writer(&self.path, self.durability)
            .map_err(StoreError::sqlite("write", &self.path))?;
        let log = Log::attach(&mut connection).map_err(StoreError::sqlite("write", &self.path))?;
        Ok(Tools { connection, gate, log, place })
    }

    /// Nothing more is written where the database is not in its place any more.
    fn stays(&mut self, here: Result<(), StoreError>) -> Result<(), StoreError> {
        here.inspect_err(|error| self.poison = Some(error.to_string()))
    }

    fn failed(&mut self, attempted: &str, source: rusqlite::Error) -> StoreError {
        let is_poison = error::is_poison(&source);
        let failure = Failure::Sql(source).at(attempted, &self.path);
        if is_poison {
            self.poison = Some(failure.to_string());
        }
        failure
    }
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute([]).map(drop)
}

/// Takes SQLite's own lock, for which programs that do not know the gate may be waited.
fn begin(connection: &Connection, patience: Patience) -> rusqlite::Result<()> {
    if patience == Patience::Wait {
        return execute(connection, "BEGIN IMMEDIATE");
    }
    connection.busy_timeout(Duration::ZERO)?;
    let begun = execute(connection, "BEGIN IMMEDIATE");
    connection.busy_timeout(opening::BUSY_TIMEOUT)?;
    begun
}

fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

fn refuse(append: Append, problem: &str) {
    let attempted = format!("record events of run {}", append.batch.run_id);
    answer(append, Err(JournalError::Unavailable { attempted, problem: problem.to_owned() }));
}

/// Somebody who does not wait any more gets no answer.
fn answer(append: Append, outcome: Result<(), JournalError>) {
    let _ = append.reply.send(outcome);
}
