//! The write-ahead log: moved into the database between commits, and grown ahead of them.
//!
//! A commit that lengthens a file costs the disk a second write, of the file's length. So the
//! log is lengthened a chunk at a time, with zeros that the next commits overwrite. SQLite
//! reads a log only as far as its checksums go: zeros are no frames. Nobody else writes to
//! the log meanwhile, because the transaction that calls holds its write lock.

use std::ffi::c_int;
use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rusqlite::config::DbConfig;
use rusqlite::hooks::Wal;
use rusqlite::wal::CheckpointMode;
use rusqlite::{Connection, MAIN_DB};

use crate::opening::beside;

/// A log of this many pages is moved into the database.
const LONGEST: u64 = 1000;

/// A log of fewer pages may be left beside a closed database: opening one is quick.
const LEFT: u64 = 200;

/// The bytes of a log's head, and of one page with its frame's head.
const HEAD: u64 = 32;
const FRAME: u64 = 4096 + 24;

/// How much is free ahead at least.
const AHEAD: u64 = 48 * 1024;

/// How much the log is lengthened by, at least and at most.
const CHUNK: (u64, u64) = (64 * 1024, 1024 * 1024);

/// The log beside a database, as its one writer sees it.
#[derive(Debug, Default)]
pub(crate) struct Log {
    /// How many pages the log held after the last commit.
    pages: Arc<AtomicU64>,
    file: Option<File>,
    /// The file's length when it was last asked for.
    length: u64,
    /// How many pages the log held at the last look; fewer now means that it began anew.
    seen: u64,
    /// Lengthening failed once: commits lengthen it as they go.
    gave_up: bool,
}

impl Log {
    /// Takes over from SQLite when the log is moved.
    pub(crate) fn attach(connection: &mut Connection) -> rusqlite::Result<Self> {
        let log = Self::default();
        let pages = Arc::clone(&log.pages);
        connection.wal_hook(Some(move |_: &mut Wal, count: c_int| {
            pages.store(u64::try_from(count).unwrap_or(0), Ordering::Relaxed);
            Ok(())
        }))?;
        Ok(log)
    }

    /// Makes room for the next commits. Call it inside a write transaction only.
    pub(crate) fn grow(&mut self, database: &Path) {
        let pages = self.pages.load(Ordering::Relaxed);
        let used = HEAD + pages * FRAME;
        if pages < self.seen {
            self.length = 0;
        }
        self.seen = pages;
        // The length is not asked for with every commit: Linux gives a file whose times were
        // looked at a new time with its next write, and the disk has to write that too. A log
        // that others shortened meanwhile is lengthened by the commits themselves.
        if self.gave_up || pages >= LONGEST || self.length >= used + AHEAD {
            return;
        }
        if self.file.is_none() {
            let opened = OpenOptions::new().write(true).open(beside(database, "-wal"));
            self.file = opened.ok();
        }
        let Some(file) = &self.file else {
            self.gave_up = true;
            return;
        };
        let length = file.metadata().map_or(u64::MAX, |metadata| metadata.len());
        self.length = length;
        if length >= used + AHEAD {
            return;
        }
        let zeros = vec![0; used.clamp(CHUNK.0, CHUNK.1) as usize];
        match file.write_all_at(&zeros, length) {
            Ok(()) => self.length += zeros.len() as u64,
            Err(_) => self.gave_up = true,
        }
    }

    /// Whether the log is long enough to be moved.
    pub(crate) fn is_long(&self) -> bool {
        self.pages.load(Ordering::Relaxed) >= LONGEST
    }

    /// The database is about to be closed: has a log moved that would be slow to open again.
    pub(crate) fn close(&self, connection: &Connection) {
        if self.pages.load(Ordering::Relaxed) >= LEFT {
            // Where it does not work the next one to close the database does it.
            let setting = DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE;
            let _ = connection.set_db_config(setting, false);
        }
    }

    /// Moves a long log into the database, as far as no reader still needs it.
    pub(crate) fn settle(&self, connection: &Connection) -> rusqlite::Result<()> {
        if !self.is_long() {
            return Ok(());
        }
        connection.wal_checkpoint_v2(Some(MAIN_DB), CheckpointMode::PASSIVE).map(drop)
    }
}
