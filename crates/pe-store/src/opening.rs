//! Opening a database: creation, migration, and what is refused.
//!
//! A file that is not ours or was written by a newer program is left alone. An older one is
//! copied aside before it is migrated. Whoever creates or migrates holds the gate, so that
//! any number of processes may open a new database at the same time.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use pe_model::Durability;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, MAIN_DB, OpenFlags, TransactionBehavior};

use crate::StoreError;
use crate::lock::{self, LockFile};
use crate::schema::{APPLICATION_ID, Marks};

/// How long a program that does not know the gate may hold the file.
pub(crate) const BUSY_TIMEOUT: Duration = Duration::from_secs(60);

/// How long to wait for those who look at a new file while it is made.
const CREATION_TIMEOUT: Duration = Duration::from_secs(20);

/// Creating a file closes a handle on it, and with that the system drops all of this
/// process's locks on it: nobody else of this process may have it open at that moment.
static OPENING: Mutex<()> = Mutex::new(());

/// A database that may be used.
pub(crate) struct Opened {
    /// The file, symbolic links resolved.
    pub(crate) path: PathBuf,
    /// A connection that has seen the schema.
    pub(crate) reader: Connection,
}

/// Opens `path`; `None` when there is no such file and `create` is not set.
pub(crate) fn open(
    path: &Path,
    create: bool,
    migrations: &[&str],
) -> Result<Option<Opened>, StoreError> {
    let _alone = OPENING.lock().unwrap_or_else(PoisonError::into_inner);
    if create {
        create_file(path)?;
    }
    let path = match path.canonicalize() {
        Ok(path) => path,
        Err(error) if error.kind() == io::ErrorKind::NotFound && !create => return Ok(None),
        Err(error) => return Err(StoreError::io("open", path)(error)),
    };
    let mut reader = reader(&path)?;
    let marks = marks(&reader, &path)?;
    if must_migrate(&marks, migrations.len(), &path)? {
        let lock_path = lock::path_beside(&path);
        let gate = LockFile::create(&lock_path).map_err(StoreError::io("create", &lock_path))?;
        migrate(&mut reader, &gate, &path, migrations)?;
    }
    Ok(Some(Opened { path, reader }))
}

/// A connection for reading. Where the directory cannot be written the file is read as it
/// stands, which is safe as long as no write-ahead log is waiting beside it; where one is, and
/// its index cannot be used either, the database cannot be read.
pub(crate) fn reader(path: &Path) -> Result<Connection, StoreError> {
    let failed = || StoreError::sqlite("read", path);
    let connection = Connection::open_with_flags(path, flags()).map_err(failed())?;
    configure(&connection).map_err(failed())?;
    let Err(error) = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(()))
    else {
        return Ok(connection);
    };
    let refused = matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied)
    );
    let log = beside(path, "-wal").metadata().is_ok_and(|log| log.len() > 0);
    if !refused || log {
        return if error.sqlite_error_code() == Some(ErrorCode::NotADatabase) {
            let found = "it is no SQLite file".to_owned();
            Err(StoreError::Foreign { path: path.to_owned(), found })
        } else {
            Err(failed()(error))
        };
    }
    let uri = format!("file:{}?immutable=1", escaped(path));
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI;
    let connection = Connection::open_with_flags(uri, flags).map_err(failed())?;
    configure(&connection).map_err(failed())?;
    Ok(connection)
}

/// The connection for writing.
pub(crate) fn writer(path: &Path, durability: Durability) -> rusqlite::Result<Connection> {
    let connection = Connection::open_with_flags(path, flags())?;
    configure(&connection)?;
    connection.execute_batch(match durability {
        Durability::Full => "PRAGMA synchronous = FULL",
        Durability::Normal => "PRAGMA synchronous = NORMAL",
        Durability::Off => "PRAGMA synchronous = OFF",
    })?;
    Ok(connection)
}

/// The name of a file beside the database.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

fn flags() -> OpenFlags {
    OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX
}

fn configure(connection: &Connection) -> rusqlite::Result<()> {
    connection.busy_timeout(BUSY_TIMEOUT)?;
    connection.set_prepared_statement_cache_capacity(64);
    // Whoever closes the file last would move the log into it and delete the log, which takes
    // longer than a short run; the one that writes asks for it where the log is long.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    connection.execute_batch(
        "PRAGMA foreign_keys = ON; PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON",
    )
}

fn create_file(path: &Path) -> Result<(), StoreError> {
    if let Some(parent) = path.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(parent);
        made.map_err(StoreError::io("create", parent))?;
    }
    match OpenOptions::new().write(true).create_new(true).mode(0o600).open(path) {
        Ok(_) => Ok(()),
        Err(_) if path.exists() => Ok(()),
        Err(error) => Err(StoreError::io("create", path)(error)),
    }
}

fn marks(connection: &Connection, path: &Path) -> Result<Marks, StoreError> {
    Marks::read(connection).map_err(StoreError::sqlite("read", path))
}

/// Whether the file is ours and older than this program.
fn must_migrate(marks: &Marks, known: usize, path: &Path) -> Result<bool, StoreError> {
    if !marks.is_empty() && marks.application_id != APPLICATION_ID {
        let found = format!("its application id is {:#x}", marks.application_id);
        return Err(StoreError::Foreign { path: path.to_owned(), found });
    }
    let known = u32::try_from(known).unwrap_or(u32::MAX);
    if marks.version > known {
        let path = path.to_owned();
        return Err(StoreError::NewerFile { path, found: marks.version, known });
    }
    Ok(marks.version < known)
}

fn migrate(
    connection: &mut Connection,
    gate: &LockFile,
    path: &Path,
    migrations: &[&str],
) -> Result<(), StoreError> {
    let failed = || StoreError::sqlite("migrate the schema", path);
    let _gate = gate.gate().map_err(StoreError::io("lock", path))?;
    let found = marks(connection, path)?;
    if !must_migrate(&found, migrations.len(), path)? {
        return Ok(());
    }
    if found.is_empty() {
        use_log(connection).map_err(failed())?;
    } else {
        back_up(connection, path, found.version)?;
    }
    let transaction =
        connection.transaction_with_behavior(TransactionBehavior::Immediate).map_err(failed())?;
    for migration in &migrations[found.version as usize..] {
        transaction.execute_batch(migration).map_err(failed())?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID).map_err(failed())?;
    transaction.pragma_update(None, "user_version", migrations.len()).map_err(failed())?;
    transaction.commit().map_err(failed())
}

/// Turns write-ahead logging on, which SQLite refuses at once while others look at the file.
fn use_log(connection: &Connection) -> rusqlite::Result<()> {
    let start = Instant::now();
    loop {
        match connection.execute_batch("PRAGMA journal_mode = WAL") {
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && start.elapsed() < CREATION_TIMEOUT =>
            {
                std::thread::sleep(Duration::from_millis(2));
            }
            done => return done,
        }
    }
}

/// Copies the file aside before it is migrated, under a name that is not taken.
fn back_up(connection: &Connection, path: &Path, version: u32) -> Result<(), StoreError> {
    let mut number = 1;
    let target = loop {
        let suffix = if number == 1 { String::new() } else { format!(".{number}") };
        let target = beside(path, &format!(".v{version}.backup{suffix}"));
        match OpenOptions::new().write(true).create_new(true).mode(0o600).open(&target) {
            Ok(_) => break target,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => number += 1,
            Err(error) => return Err(StoreError::io("create", &target)(error)),
        }
    };
    connection
        .backup(MAIN_DB, &target, None::<fn(rusqlite::backup::Progress)>)
        .map_err(StoreError::sqlite(format!("back up to {}", target.display()), path))
}

/// A path as it stands in a `file:` URI.
fn escaped(path: &Path) -> String {
    use std::fmt::Write as _;
    use std::os::unix::ffi::OsStrExt as _;
    let mut uri = String::new();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'A'..=b'Z' | b'a'..=b'z' => {
                uri.push(char::from(byte));
            }
            // Writing to a string cannot fail.
            _ => drop(write!(uri, "%{byte:02x}")),
        }
    }
    uri
}

#[cfg(test)]
mod tests;
