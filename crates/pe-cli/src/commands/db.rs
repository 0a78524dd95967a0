//! `pe db`: looks after the database: check, backup, vacuum, prune.

use std::path::Path;

use pe_store::{CheckReport, SqliteStore, StoreError};
use serde::Serialize;
use serde_json::json;

use super::Context;
use crate::args::{BackupTask, CheckTask, DbTask, DbVerb, VacuumTask};
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Flags;
use crate::words::{count, one_line};

mod prune;

pub(super) fn run(verb: &DbVerb, context: &mut Context) -> Result<Exit, Failure> {
    match &verb.task {
        DbTask::Check(task) => check(task, context),
        DbTask::Backup(task) => backup(task, context),
        DbTask::Vacuum(task) => vacuum(task, context),
        DbTask::Prune(task) => prune::run(task, context),
    }
}

/// What `pe db check --json` prints.
#[derive(Debug, Serialize)]
struct Verdict<'a> {
    is_sound: bool,
    #[serde(flatten)]
    report: &'a CheckReport,
}

fn check(task: &CheckTask, context: &mut Context) -> Result<Exit, Failure> {
    let settings = context.settings(Flags::default())?;
    let store = database::open_existing(&settings)?;
    let report = store.check()?;
    let is_sound = report.is_sound();
    let looked_at =
        format!("{} with {}", plural(report.runs, "run"), plural(report.events, "event"));
    if task.json {
        context.output.json(&Verdict { is_sound, report: &report })?;
    } else if is_sound {
        context.output.lines(&format!("{}: sound, {looked_at}", store.path().display()))?;
    }
    if is_sound {
        return Ok(Exit::Success);
    }
    if !task.json {
        let lines = report.findings.iter().map(|finding| {
            format!("{}: {}\n", one_line(&finding.what), one_line(&finding.problem))
        });
        context.output.text(&lines.collect::<String>())?;
    }
    let found = count(report.findings.len(), "problem");
    let error = anyhow::anyhow!("{} has {found}, {looked_at}", store.path().display());
    Err(Failure::from(error).hint("runs that are not named are whole; a backup has the others"))
}

fn backup(task: &BackupTask, context: &mut Context) -> Result<Exit, Failure> {
    let settings = context.settings(Flags::default())?;
    let store = database::open_existing(&settings)?;
    store.backup(&task.file).map_err(|error| match error {
        error @ StoreError::Exists { .. } => {
            Failure::usage(error).hint("a backup never overwrites; name another file")
        }
        error @ StoreError::UnsoundCopy { .. } => Failure::from(error)
            .hint("it has what can be read; `pe db check` says all that is damaged"),
        error => error.into(),
    })?;
    let (file, bytes) = (task.file.display(), size(&task.file));
    context.console.inform(&format!("{} is backed up to {file}: {bytes} bytes", of(&store)));
    Ok(Exit::Success)
}

fn vacuum(task: &VacuumTask, context: &mut Context) -> Result<Exit, Failure> {
    let settings = context.settings(Flags::default())?;
    // What is tidied has to be there.
    database::open_existing(&settings)?;
    let store = database::open(&settings)?;
    let before = with_log(store.path());
    store.vacuum()?;
    let after = with_log(store.path());
    if task.json {
        context.output.json(&json!({"bytes_before": before, "bytes_after": after}))?;
    }
    context.console.inform(&format!("{}: {before} bytes before, {after} after", of(&store)));
    Ok(Exit::Success)
}

fn of(store: &SqliteStore) -> String {
    store.path().display().to_string()
}

/// The size of the file and of the log beside it.
fn with_log(path: &Path) -> u64 {
    let mut log = path.as_os_str().to_owned();
    log.push("-wal");
    size(path) + size(Path::new(&log))
}

fn size(path: &Path) -> u64 {
    path.metadata().map_or(0, |metadata| metadata.len())
}

fn plural(number: u64, noun: &str) -> String {
    count(usize::try_from(number).unwrap_or(usize::MAX), noun)
}
