//! The database of runs: opened when a verb needs it, and runs found by what people type.

use std::path::PathBuf;
use std::sync::Arc;

use pe_model::{JournalError, PlanId};
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
    let missing = |path: PathBuf| {
        let path = path.display();
        let message = format!("there is no database at {path} yet: nothing has been run");
        Failure::usage_message(message).hint(ELSEWHERE)
    };
    open_if_there(settings)?.ok_or_else(|| path(settings).map_or_else(|error| error, missing))
}

/// The database, where there is one; nothing is created.
///
/// # Errors
/// When it cannot be read.
pub(crate) fn open_if_there(settings: &Settings) -> Result<Option<Arc<SqliteStore>>, Failure> {
    let opened = SqliteStore::open_reader(path(settings)?);
    let store = opened.map_err(|error| Failure::from(error).hint(ELSEWHERE))?;
    Ok(store.map(Arc::new))
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

/// The plan that a word of the command line means: its id, the beginning of one, or a run that
/// used it.
///
/// # Errors
/// A usage failure when it means none, or several.
pub(crate) fn find_plan(store: &SqliteStore, word: &str) -> Result<PlanId, Failure> {
    let usage = |error: FindError| match error {
        FindError::Store(error) => error.into(),
        other => Failure::usage(other).hint("`pe ls --json` has the plan ids of runs"),
    };
    match (store.find_plan(word), store.find_run(word)) {
        // A plan's whole id, and a run's whole name, win over the beginnings of others.
        (Ok(plan_id), Ok(run)) if plan_id.as_str() != word && is_called(&run, word) => {
            Ok(run.plan_id)
        }
        (Ok(plan_id), _) => Ok(plan_id),
        (Err(FindError::NotFound { .. }), Ok(run)) => Ok(run.plan_id),
        (Err(FindError::Ambiguous { .. }), Ok(run)) if is_called(&run, word) => Ok(run.plan_id),
        (Err(FindError::NotFound { .. }), Err(error @ FindError::Ambiguous { .. })) => {
            Err(usage(error))
        }
        (Err(FindError::NotFound { text, nearest, .. }), Err(other)) => {
            let nearest = nearest.or(match other {
                FindError::NotFound { nearest, .. } => nearest,
                _ => None,
            });
            Err(usage(FindError::NotFound { kind: "plan or run", text, nearest }))
        }
        (Err(error), _) => Err(usage(error)),
    }
}

fn is_called(run: &RunSummary, word: &str) -> bool {
    [run.name.as_str(), run.run_id.as_str(), "last"].contains(&word)
}

/// What the store cannot do is nobody's usage; what it does not have is.
impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { .. } => Self::usage(error),
            StoreError::Corrupt { .. } => {
                Self { exit: Exit::Failed, error: error.into(), hint: None }
                    .hint("`pe db check` says what else is damaged")
            }
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
