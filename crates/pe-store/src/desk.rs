//! Where writing happens: one connection, one transaction at a time.
//!
//! Invariant: what is acknowledged has been committed. After a failure that leaves it unknown
//! what is on the disk, nothing more is written through this desk.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use pe_model::{Claim, Durability, JournalError, RunId};
use rusqlite::{Connection, OptionalExtension};

use crate::clock::now_ms;
use crate::ledger::{self, Author, Trouble};
use crate::lock::{self, LockFile};
use crate::log::Log;
use crate::memo::{Known, Memo};
use crate::store::Failure;
use crate::writer::Append;
use crate::{StoreError, error, failpoint, opening};

/// The one place of a process through which a database is written.
pub(crate) struct Desk {
    path: PathBuf,
    durability: Durability,
    owner: String,
    tools: Option<Tools>,
    memos: Memos,
    poison: Option<String>,
}

type Memos = HashMap<RunId, Memo>;

/// What writing takes, opened with the first write.
struct Tools {
    connection: Connection,
    gate: LockFile,
    log: Log,
}

impl Desk {
    pub(crate) fn new(path: &Path, durability: Durability) -> Self {
        Self {
            path: path.to_owned(),
            durability,
            owner: format!("process {}", std::process::id()),
            tools: None,
            memos: HashMap::new(),
            poison: None,
        }
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
        match self.commit_together(&group) {
            Ok(outcomes) => {
                for (append, outcome) in group.into_iter().zip(outcomes) {
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
                for append in group {
                    let attempted = format!("record events of run {}", append.batch.run_id);
                    let problem = problem.clone();
                    answer(append, Err(JournalError::Unavailable { attempted, problem }));
                }
            }
        }
    }

    /// One transaction; what is refused in it is refused alone.
    fn commit_together(
        &mut self,
        group: &[Append],
    ) -> Result<Vec<Result<(), JournalError>>, StoreError> {
        let owner = std::mem::take(&mut self.owner);
        let author = Author { owner: &owner, now_ms: now_ms(), imports: false };
        let done = self.transact("record events", |connection, memos| {
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
        self.ready()?;
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
        Ok(Claim::new(run_id.clone(), epoch, guard))
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
        let done = self.transact(attempted, |connection, _| work(connection));
        self.settle();
        done
    }

    /// Work that cannot be done within a transaction.
    pub(crate) fn alone<T>(
        &mut self,
        attempted: &str,
        work: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StoreError> {
        let path = self.path.clone();
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
        work: impl FnOnce(&Connection, &mut Memos) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        self.ready()?;
        let Self { path, tools: Some(tools), memos, .. } = self else {
            return Err(self.failed(attempted, rusqlite::Error::InvalidQuery));
        };
        let Tools { connection, gate, log } = tools;
        let gate = gate.gate().map_err(StoreError::io("lock", path))?;
        failpoint::crash("store::before_begin");
        let done = execute(connection, "BEGIN IMMEDIATE").map_err(Failure::Sql).and_then(|()| {
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
                failpoint::crash("store::after_commit");
                Ok(done)
            }
            Err(failure) => {
                let is_poison = matches!(&failure, Failure::Sql(error) if error::is_poison(error));
                let failure = failure.at(attempted, &self.path);
                if committing || is_poison || !clean {
                    self.poison = Some(failure.to_string());
                }
                Err(failure)
            }
        }
    }

    /// Moves the log between commits, after everybody has been answered.
    fn settle(&mut self) {
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
        let mut connection = opening::writer(&self.path, self.durability)
            .map_err(StoreError::sqlite("write", &self.path))?;
        let log = Log::attach(&mut connection).map_err(StoreError::sqlite("write", &self.path))?;
        Ok(Tools { connection, gate, log })
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

/// Somebody who does not wait any more gets no answer.
fn answer(append: Append, outcome: Result<(), JournalError>) {
    let _ = append.reply.send(outcome);
}
