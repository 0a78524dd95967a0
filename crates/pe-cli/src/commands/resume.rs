//! `pe resume`: a recorded run goes on in this process.

use std::path::PathBuf;
use std::sync::Arc;

use pe_model::{PlanStatus, RunState};
use pe_store::RunSummary;

use super::Context;
use super::run::{ROOT, conclude};
use crate::args::ResumeVerb;
use crate::database;
use crate::execution::{Execution, Work};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::tool_config;
use crate::settings::Flags;

pub(super) fn run(verb: &ResumeVerb, context: &mut Context) -> Result<Exit, Failure> {
    let flags = Flags::executing(&verb.execute);
    let settings = context.settings(flags.clone())?;
    database::open_existing(&settings)?;
    let store = database::open(&settings)?;
    let run = database::find_run(&store, &verb.run)?;
    not_imported(&run)?;
    let state = store.state(&run.run_id)?;
    let root = root(verb.execute.root.clone(), &state)?;
    let tools = pe_tools::builtin(&tool_config(&settings, Some(&root))).map_err(Failure::usage)?;
    let config = flags.over(&state.config)?;
    let console = context.console.clone();
    let execution =
        Execution::new(tools.clone(), Arc::clone(&store), &settings, &verb.execute, console)?;
    let finished = execution.run(Work::GoOn(run.run_id, config))?;
    conclude(finished, verb.execute.output(), &store, &tools, context)
}

/// A run goes on where it began: what a file from elsewhere says was approved, nobody here did.
///
/// # Errors
/// A usage failure for an imported run that has not ended.
pub(super) fn not_imported(run: &RunSummary) -> Result<(), Failure> {
    if !run.imported || matches!(run.status, PlanStatus::Completed | PlanStatus::Failed) {
        return Ok(());
    }
    let name = &run.name;
    let message = format!("run {name} was imported, and goes on only where it began");
    Err(Failure::usage_message(message)
        .hint(format!("`pe retry {name} --failed` begins a run here that takes over its work")))
}

/// Where the calls of a recorded run are made: where the command line says, else where the run
/// began.
pub(super) fn root(given: Option<PathBuf>, state: &RunState) -> Result<PathBuf, Failure> {
    let recorded = state.origin.get(ROOT).and_then(|root| root.as_str()).map(PathBuf::from);
    let Some(root) = given.or(recorded) else { return Ok(PathBuf::from(".")) };
    if root.is_dir() {
        return Ok(root);
    }
    let message = format!("the run's root directory {} is not there (any more)", root.display());
    Err(Failure::usage_message(message).hint("`--root DIR` names another one"))
}
