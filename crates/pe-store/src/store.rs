//! One database: connections for reading, a thread for writing.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, OnceLock, PoisonError};

use pe_model::{Durability, EVENT_FORMAT, JournalError, RunId};
use rusqlite::Connection;

use crate::lock::{self, Census};
use crate::schema::MIGRATIONS;
use crate::writer::{Append, Job, Writer};
use crate::{StoreError, error, opening};

/// How many idle connections for reading are kept.
const IDLE_READERS: usize = 4;

/// A database of runs, plans and sessions.
///
/// Reading and writing may be done from any number of threads and processes at once: readers
/// wait for nobody, writers queue. The thread that writes begins with the first write, so
/// that opening a database only to look at it costs little.
pub struct SqliteStore {
    path: PathBuf,
    durability: Durability,
    readers: Mutex<Vec<Connection>>,
    watcher: Mutex<Option<Connection>>,
    writer: OnceLock<Result<Writer, String>>,
}

/// Why work on a connection failed; [`StoreError`] says it with the file's name.
#[derive(Debug)]
pub(crate) enum Failure {
    Sql(rusqlite::Error),
    NotFound(&'static str, String),
    Corrupt(String, String),
    Newer(RunId, u32),
    Store(StoreError),
}

impl From<rusqlite::Error> for Failure {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sql(error)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Failure {
    /// The failure of an attempt on a database.
    pub(crate) fn at(self, attempted: &str, path: &Path) -> StoreError {
        let path = path.to_owned();
        match self {
            Self::Sql(source) if error::is_damage(&source) => {
                let what = "what is stored".to_owned();
                StoreError::Corrupt { what, path, problem: source.to_string() }
            }
            Self::Sql(source) => {
                StoreError::Sqlite { attempted: attempted.to_owned(), path, source }
            }
            Self::NotFound(kind, name) => StoreError::NotFound { kind, name, path },
            Self::Corrupt(what, problem) => StoreError::Corrupt { what, path, problem },
            Self::Newer(run_id, found) => {
                JournalError::Newer { run_id, found, known: EVENT_FORMAT }.into()
            }
            Self::Store(error) => error,
        }
    }
}

impl SqliteStore {
    /// Opens a database, which is created, with its directories, where it is missing.
    ///
    /// `durability` says what an acknowledged write survives.
    ///
    /// # Errors
    /// A [`StoreError`]: the file is foreign, newer, or cannot be opened.
    pub fn open(path: impl AsRef<Path>, durability: Durability) -> Result<Self, StoreError> {
        let opened = opening::open(path.as_ref(), true, MIGRATIONS)?;
        opened.map(|opened| Self::of(opened, durability)).ok_or_else(|| StoreError::Io {
            attempted: "open",
            path: path.as_ref().to_owned(),
            source: std::io::ErrorKind::NotFound.into(),
        })
    }

    /// Opens a database only if there is one; nothing is created, and a file on read-only
    /// media is fine. Writing through it is possible where the file allows it.
    ///
    /// # Errors
    /// A [`StoreError`]: the file is foreign, newer, or cannot be opened.
    pub fn open_reader(path: impl AsRef<Path>) -> Result<Option<Self>, StoreError> {
        let opened = opening::open(path.as_ref(), false, MIGRATIONS)?;
        Ok(opened.map(|opened| Self::of(opened, Durability::Full)))
    }

    fn of(opened: opening::Opened, durability: Durability) -> Self {
        Self {
            path: opened.path,
            durability,
            readers: Mutex::new(vec![opened.reader]),
            watcher: Mutex::default(),
            writer: OnceLock::new(),
        }
    }

    /// The database's file, symbolic links resolved.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The number of the schema, which every open brings up to date.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read.
    pub fn format(&self) -> Result<u32, StoreError> {
        self.read("read the format", |connection| {
            Ok(connection.query_row("PRAGMA user_version", [], |row| row.get(0))?)
        })
    }

    /// What SQLite waits for before a commit returns: 0 nothing, 1 the log's checkpoints, 2 the
    /// disk (`PRAGMA synchronous` of the connection that writes).
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be written.
    pub fn synchronous(&self) -> Result<u8, StoreError> {
        self.write("read a setting", |connection| {
            Ok(connection.query_row("PRAGMA synchronous", [], |row| row.get(0))?)
        })
    }

    /// Changes whenever somebody has written, in this process or another; cheap enough to be
    /// asked many times a second.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read.
    pub fn change_counter(&self) -> Result<u64, StoreError> {
        let mut watcher = self.watcher.lock().unwrap_or_else(PoisonError::into_inner);
        let connection = match watcher.take() {
            Some(connection) => connection,
            None => opening::reader(&self.path)?,
        };
        let counter = connection
            .prepare_cached("PRAGMA data_version")
            .and_then(|mut statement| statement.query_row([], |row| row.get(0)))
            .map_err(StoreError::sqlite("watch for changes", &self.path))?;
        *watcher = Some(connection);
        Ok(counter)
    }

    /// Reads in one snapshot.
    pub(crate) fn read<T>(
        &self,
        attempted: &str,
        work: impl FnOnce(&Connection) -> Result<T, Failure>,
    ) -> Result<T, StoreError> {
        let idle = self.readers.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => opening::reader(&self.path)?,
        };
        let done = {
            let snapshot = connection
                .unchecked_transaction()
                .map_err(StoreError::sqlite(attempted, &self.path))?;
            work(&snapshot).map_err(|failure| failure.at(attempted, &self.path))
        };
        let mut readers = self.readers.lock().unwrap_or_else(PoisonError::into_inner);
        if connection.is_autocommit() && readers.len() < IDLE_READERS {
            readers.push(connection);
        }
        done
    }

    /// Writes in one transaction on the writing thread, and waits until it is durable.
    pub(crate) fn write<T: Send + 'static>(
        &self,
        attempted: &'static str,
        work: impl FnOnce(&Connection) -> Result<T, Failure> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.on_writer(move |desk| desk.write(attempted, work))
    }

    /// Runs something on the writing thread, and waits for its result.
    pub(crate) fn on_writer<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut crate::desk::Desk) -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (reply, answer) = std::sync::mpsc::sync_channel(1);
        self.send(Job::Task(Box::new(move |desk| {
            // Nobody waits any more: the work is done all the same.
            let _ = reply.send(work(desk));
        })))?;
        answer.recv().unwrap_or_else(|_| Err(self.stopped()))
    }

    /// Hands a job to the writing thread.
    pub(crate) fn send(&self, job: Job) -> Result<(), StoreError> {
        self.with_writer(|writer| writer.send(job))
    }

    /// Has a batch appended.
    pub(crate) fn append_batch(&self, append: Append) -> Result<(), StoreError> {
        self.with_writer(|writer| writer.append(append))
    }

    /// The writer, which begins with the first thing that it is handed.
    fn with_writer(&self, hand: impl FnOnce(&Writer) -> bool) -> Result<(), StoreError> {
        let writer = self.writer.get_or_init(|| {
            Writer::start(&self.path, self.durability).map_err(|error| error.to_string())
        });
        match writer {
            Ok(writer) if hand(writer) => Ok(()),
            Ok(_) => Err(self.stopped()),
            Err(problem) => {
                let path = self.path.clone();
                Err(StoreError::Poisoned { path, problem: problem.clone() })
            }
        }
    }

    /// The writing thread is gone.
    pub(crate) fn stopped(&self) -> StoreError {
        let problem = "the thread that writes has stopped".to_owned();
        StoreError::Poisoned { path: self.path.clone(), problem }
    }

    /// Who owns which run now.
    pub(crate) fn census(&self) -> Census {
        Census::open(&lock::path_beside(&self.path))
    }
}

impl fmt::Debug for SqliteStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SqliteStore")
            .field("path", &self.path)
            .field("durability", &self.durability)
            .finish_non_exhaustive()
    }
}
