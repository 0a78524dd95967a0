//! `pe resume`: a recorded run goes on in this process.

use std::path::PathBuf;
use std::sync::Arc;

use pe_model::{PlanStatus, RunState};
use pe_orchestrator::Task;
use pe_store::RunSummary;
use serde_json::Value;

use super::Context;
use super::conclusion::conclude;
use super::run::ROOT;
use crate::args::ResumeVerb;
use crate::database;
use crate::execution::Execution;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Flags;
use crate::tooling::Tooling;
use crate::words::{one_line, quoted};

pub(super) fn run(verb: &ResumeVerb, context: &mut Context) -> Result<Exit, Failure> {
    let flags = Flags::executing(&verb.execute);
    let settings = context.settings(flags.clone())?;
    database::open_existing(&settings)?;
    let store = database::open(&settings)?;
    let run = database::find_run(&store, &verb.run)?;
    let state = store.state(&run.run_id)?;
    not_imported(&run, &state)?;
    let root = root(verb.execute.root.clone(), &state)?;
    let Tooling { tools, .. } = Tooling::new(&settings, Some(&root))?;
    let config = flags.over(&state.config)?;
    let console = context.console.clone();
    let execution =
        Execution::new(tools.clone(), Arc::clone(&store), &settings, &verb.execute, console)?;
    let execution = match is_reviewed(&state) && !verb.review {
        true => execution.reviewed_as_before(&run.name, has_ended(&run))?,
        false => execution.reviewed(verb.review)?,
    };
    let task = Task::Resume { run_id: run.run_id, config: Some(config.clone()), supervision: None };
    let outcome = execution.run(task, config)?;
    conclude(outcome, verb.execute.output(), &store, &tools, context)
}

/// A run goes on where it began: what a file from elsewhere says was approved, nobody here did.
///
/// # Errors
/// A usage failure for an imported run that has not ended.
pub(super) fn not_imported(run: &RunSummary, state: &RunState) -> Result<(), Failure> {
    let Some(next) = elsewhere(run, state) else { return Ok(()) };
    let message = format!("run {} was imported, and goes on only where it began", run.name);
    Err(Failure::usage_message(message).hint(next))
}

/// The next move for an imported run that has not ended.
pub(super) fn elsewhere(run: &RunSummary, state: &RunState) -> Option<String> {
    if !run.imported || has_ended(run) {
        return None;
    }
    Some(match state.plan.steps.is_empty() {
        true => format!("`pe run {}` plans its goal here", quoted(&one_line(&run.goal))),
        false => {
            format!("`pe retry {} --failed` begins a run here that takes over its work", run.name)
        }
    })
}

/// Whether what a model plans in the run is read by a person first, as was said when it began.
pub(super) fn is_reviewed(state: &RunState) -> bool {
    let kept = state.origin.get("supervision").and_then(|kept| kept.get("review"));
    kept.and_then(Value::as_bool).unwrap_or_default()
}

fn has_ended(run: &RunSummary) -> bool {
    matches!(run.status, PlanStatus::Completed | PlanStatus::Failed)
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
