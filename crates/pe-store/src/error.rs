//! What can go wrong outside the journal port, and how SQLite's errors map to both.

use std::io;
use std::path::{Path, PathBuf};

use pe_model::{JournalError, RunId};
use rusqlite::ErrorCode;

use crate::CheckFinding;

/// Why the store did not do what it was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// A file or directory could not be used.
    #[error("cannot {attempted} {}: {source}", path.display())]
    Io {
        /// What was attempted, as in "create".
        attempted: &'static str,
        /// On which file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// SQLite refused.
    #[error("cannot {attempted} in {}: {}", path.display(), explain(source))]
    Sqlite {
        /// What was attempted, as in "list runs".
        attempted: String,
        /// In which database.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
    /// The file is not one of ours.
    #[error("{} is not a database of this program ({found}); name another file", path.display())]
    Foreign {
        /// The file.
        path: PathBuf,
        /// What was found instead.
        found: String,
    },
    /// The file was written by a newer program.
    #[error(
        "{} has schema version {found}, this program knows up to {known}; use a newer program, or name another file",
        path.display()
    )]
    NewerFile {
        /// The file.
        path: PathBuf,
        /// Its schema version.
        found: u32,
        /// The newest schema version known here.
        known: u32,
    },
    /// An earlier failure left it unknown what is on the disk; nothing more is written.
    #[error("nothing more is written to {}: {problem}; open it again", path.display())]
    Poisoned {
        /// The database.
        path: PathBuf,
        /// The failure.
        problem: String,
    },
    /// The file that was opened is not at its path any more; nothing more is written.
    #[error(
        "cannot write {}: the database was removed or replaced under this process",
        path.display()
    )]
    Replaced {
        /// Where the database was.
        path: PathBuf,
    },
    /// A backup was made, and what it is a copy of is damaged.
    #[error("the copy {} was made, but it is not sound: {}", path.display(), first_of(findings))]
    UnsoundCopy {
        /// The copy, which is kept.
        path: PathBuf,
        /// What is wrong with it.
        findings: Vec<CheckFinding>,
    },
    /// What is stored cannot have been written by this program.
    #[error("{what} in {} is damaged: {problem}", path.display())]
    Corrupt {
        /// What is damaged, as in "run r".
        what: String,
        /// The database.
        path: PathBuf,
        /// What was found.
        problem: String,
    },
    /// There is no such thing.
    #[error("{} has no {kind} `{name}`", path.display())]
    NotFound {
        /// What was looked for, as in "run".
        kind: &'static str,
        /// Its name or number.
        name: String,
        /// The database.
        path: PathBuf,
    },
    /// Something exists that must not be overwritten.
    #[error("cannot {attempted}: {existing} exists already")]
    Exists {
        /// What was attempted.
        attempted: String,
        /// What exists.
        existing: String,
    },
    /// A process owns the run.
    #[error("cannot {attempted}: run {run_id} is being run by {owner}")]
    Live {
        /// What was attempted.
        attempted: &'static str,
        /// The run.
        run_id: RunId,
        /// Who owns it.
        owner: String,
    },
    /// What was handed in cannot be stored.
    #[error("cannot {attempted}: {problem}")]
    Invalid {
        /// What was attempted.
        attempted: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The journal refused.
    #[error(transparent)]
    Journal(#[from] JournalError),
}

impl StoreError {
    pub(crate) fn sqlite(
        attempted: impl Into<String>,
        path: &Path,
    ) -> impl FnOnce(rusqlite::Error) -> Self {
        move |source| Self::Sqlite { attempted: attempted.into(), path: path.to_owned(), source }
    }

    pub(crate) fn io(attempted: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { attempted, path: path.to_owned(), source }
    }

    /// The error as the journal port speaks of it.
    pub(crate) fn into_journal(self, run_id: &RunId, attempted: &str) -> JournalError {
        match self {
            Self::Journal(error) => error,
            Self::Corrupt { problem, .. } => {
                JournalError::Corrupt { run_id: run_id.clone(), problem }
            }
            Self::Sqlite { source, .. } if is_damage(&source) => {
                JournalError::Corrupt { run_id: run_id.clone(), problem: source.to_string() }
            }
            Self::Sqlite { path, source, .. } => JournalError::Unavailable {
                attempted: format!("{attempted} of run {run_id}"),
                problem: format!("{}: {}", path.display(), explain(&source)),
            },
            other => JournalError::Unavailable {
                attempted: format!("{attempted} of run {run_id}"),
                problem: other.to_string(),
            },
        }
    }
}

/// The first finding, and how many there are besides.
fn first_of(findings: &[CheckFinding]) -> String {
    let Some(first) = findings.first() else {
        return "nothing was found in it".to_owned();
    };
    let more = match findings.len() {
        1 => String::new(),
        count => format!(" (and {} more)", count - 1),
    };
    format!("{}: {}{more}", first.what, first.problem)
}

/// Whether the error says that the file's content is not what was written.
pub(crate) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase))
        || matches!(
            error,
            rusqlite::Error::FromSqlConversionFailure(..)
                | rusqlite::Error::InvalidColumnType(..)
                | rusqlite::Error::IntegralValueOutOfRange(..)
                | rusqlite::Error::Utf8Error(..)
        )
}

/// Whether it is unknown after this error what is on the disk.
pub(crate) fn is_poison(error: &rusqlite::Error) -> bool {
    matches!(
        error.sqlite_error_code(),
        Some(ErrorCode::SystemIoFailure | ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase)
    )
}

/// What SQLite said, with the next move where one is known.
pub(crate) fn explain(error: &rusqlite::Error) -> String {
    let next = match error.sqlite_error_code() {
        Some(ErrorCode::DiskFull) => "; free some space and go on",
        Some(ErrorCode::ReadOnly) => "; make the file and its directory writable",
        Some(ErrorCode::DatabaseBusy) => "; another program holds the file: end it and try again",
        Some(ErrorCode::SystemIoFailure) => "; check the disk",
        Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase) => "; restore a backup",
        _ => "",
    };
    format!("{error}{next}")
}
