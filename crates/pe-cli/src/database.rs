//! The database of runs: opened when a verb needs it, and runs found by what people type.

use std::path::PathBuf;
use std::sync::Arc;

use pe_model::JournalError;
use pe_store::{FindError, RunSummary, SqliteStore, StoreError};

use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Settings;

/// Opens the database for a verb that records something; made where there is none.
///
/// # Errors
/// When it cannot be opened, with the way round it.
pub(crate) fn open(settings: &Settings) -> Result<Arc<SqliteStore>, Failure> {
    let path = path(settings)?;
    let store = SqliteStore::open(&path, settings.orchestrator.durability);
    store.map(Arc::new).map_err(|error| Failure::from(error).hint(ELSEWHERE))
}

/// Opens the database for a verb that looks at what is there.
///
/// # Errors
/// When there is none, or it cannot be read.
pub(crate) fn open_existing(settings: &Settings) -> Result<Arc<SqliteStore>, Failure> {
    let path = path(settings)?;
    match SqliteStore::open_reader(&path)? {
        Some(store) => Ok(Arc::new(store)),
        None => Err(Failure::usage_message(format!(
            "there is no database at {} yet: nothing has been run",
            path.display()
        ))
        .hint(ELSEWHERE)),
    }
}

const ELSEWHERE: &str = "`--db FILE` (or PE_DB) names another database";

/// Where the database lies.
///
/// # Errors
/// When nothing says so.
pub(crate) fn path(settings: &Settings) -> Result<PathBuf, Failure> {
    settings.database.clone().ok_or_else(|| {
        Failure::usage_message("there is no place for the database: HOME is not set")
            .hint(ELSEWHERE)
    })
}

/// The run that a word of the command line means.
///
/// # Errors
/// A usage failure when it means none, or several.
pub(crate) fn find_run(store: &SqliteStore, word: &str) -> Result<RunSummary, Failure> {
    store.find_run(word).map_err(|error| match error {
        FindError::Store(error) => error.into(),
        other => Failure::usage(other).hint("`pe ls` lists the runs"),
    })
}

/// What the store cannot do is nobody's usage; what it does not have is.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::usage(error),
            error => Self { exit: Exit::Failed, error: error.into(), hint: None },
        }
    }
}

impl From<JournalError> for Failure {
    fn from(error: JournalError) -> Self {
        match error {
            JournalError::Owned { .. } | JournalError::NotFound { .. } => Self::usage(error),
            error => Self { exit: Exit::Failed, error: error.into(), hint: None },
        }
    }
}
