//! `pe retry` and `pe fork`: a new run on top of another one, whose history stays as it is.

use std::path::Path;
use std::sync::Arc;

use pe_exec::{NewRun, Reuse};
use pe_model::{Plan, PlanFile, PlanId, PlanStatus, RunState, StepId, StepStatus};
use pe_orchestrator::{Supervision, Task};
use pe_store::SqliteStore;
use pe_validate::Limits;

use super::Context;
use super::conclusion::conclude;
use super::resume::{is_reviewed, root};
use super::run::{origin, reuse};
use crate::args::{ExecuteArgs, ForkVerb, Parameter, RetryVerb};
use crate::database;
use crate::document::{Document, Source};
use crate::execution::Execution;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::Loaded;
use crate::settings::{Flags, Settings};
use crate::tooling::Tooling;

/// A new run that is to begin.
struct Again<'a> {
    document: Document,
    reuse: Reuse,
    parameters: &'a [Parameter],
    execute: &'a ExecuteArgs,
}

/// `pe retry`: the same plan.
pub(super) fn retry(verb: &RetryVerb, context: &mut Context) -> Result<Exit, Failure> {
    let flags = Flags::executing(&verb.execute);
    let settings = context.settings(flags.clone())?;
    database::open_existing(&settings)?;
    let store = database::open(&settings)?;
    let reuse = reuse(&store, &verb.run, &verb.from)?;
    let name = store.run(&reuse.from().run_id)?.name;
    has_plan(&name, reuse.from())?;
    if verb.failed && verb.from.is_empty() && !has_unfinished(reuse.from()) {
        let message = format!("run {name} has nothing that did not succeed");
        return Err(Failure::usage_message(message)
            .hint("`--from STEP` runs a step and its descendants again"));
    }
    let document = written(&name, &reuse.from().plan)?;
    let (parameters, execute) = (&verb.parameters[..], &verb.execute);
    begin(Again { document, reuse, parameters, execute }, &store, &flags, settings, context)
}

/// `pe fork`: a plan of its own, made from that of a run.
pub(super) fn fork(verb: &ForkVerb, context: &mut Context) -> Result<Exit, Failure> {
    let flags = Flags::executing(&verb.execute);
    let settings = context.settings(flags.clone())?;
    database::open_existing(&settings)?;
    let store = database::open(&settings)?;
    let reuse = reuse(&store, &verb.run, &verb.from)?;
    let name = store.run(&reuse.from().run_id)?.name;
    if verb.plan.is_none() {
        has_plan(&name, reuse.from())?;
    }
    let recorded = &reuse.from().plan;
    let document = match (&verb.plan, verb.plan_version, &recorded.plan_id) {
        (Some(path), _, _) => {
            let document = Document::read(&Source::new(path), None)?;
            adopted(document, recorded.plan_id.as_ref())
        }
        (None, Some(version), Some(plan_id)) => {
            written(&name, &child(store.plan(plan_id, Some(version))?))?
        }
        _ => written(&name, &child((**recorded).clone()))?,
    };
    let (parameters, execute) = (&verb.parameters[..], &verb.execute);
    begin(Again { document, reuse, parameters, execute }, &store, &flags, settings, context)
}

/// A run whose plan was never written has nothing to begin from.
fn has_plan(name: &str, state: &RunState) -> Result<(), Failure> {
    if !state.plan.steps.is_empty() {
        return Ok(());
    }
    let failure = Failure::usage_message(format!("run {name} has no plan to run again"));
    Err(match state.status {
        PlanStatus::Completed | PlanStatus::Failed => failure,
        _ => failure.hint(format!("`pe resume {name}` goes on with planning it")),
    })
}

/// A plan of its own: whoever runs it names it.
fn child(plan: Plan) -> Plan {
    Plan { parent: plan.plan_id.clone(), plan_id: None, version: 1, ..plan }
}

/// An edited plan that still bears the name of the one that it was made from is a child of it.
fn adopted(document: Document, parent: Option<&PlanId>) -> Document {
    let plan = document.bytes.as_ref().ok().and_then(|bytes| {
        let file = PlanFile::parse(bytes, document.format).ok()?;
        (file.plan.plan_id.as_ref() == parent && parent.is_some()).then_some(file.plan)
    });
    let bytes = plan.and_then(|plan| serde_json::to_vec(&child(plan)).ok());
    match bytes {
        // What the file holds is kept as it is, so that findings have their places.
        None => document,
        Some(bytes) => Document { bytes: Ok(bytes), format: pe_model::Format::Json, ..document },
    }
}

/// A recorded plan as a document.
fn written(run: &str, plan: &Plan) -> Result<Document, Failure> {
    let bytes = serde_json::to_vec(&plan.definition()).map_err(Failure::usage)?;
    let name = format!("the plan of {run}");
    Ok(Document { name, format: pe_model::Format::Json, bytes: Ok(bytes) })
}

fn has_unfinished(state: &RunState) -> bool {
    state.steps().iter().any(|step| !step.is_done() && step.status != StepStatus::Skipped)
        || state.steps().iter().any(|step| step.status == StepStatus::Failed && !step.is_done())
}

fn begin(
    again: Again<'_>,
    store: &Arc<SqliteStore>,
    flags: &Flags,
    settings: Settings,
    context: &mut Context,
) -> Result<Exit, Failure> {
    let Again { document, reuse, parameters, execute } = again;
    if !reuse.from().stage.is_complete() {
        let message = "the run's plan was never finished, and a part of it is no plan";
        return Err(Failure::usage_message(message)
            .hint("`pe resume` goes on with the run; `pe run GOAL` begins another one"));
    }
    let root = root(execute.root.clone(), reuse.from())?;
    let Tooling { tools, catalog } = Tooling::new(&settings, Some(&root))?;
    let config = flags.over(&reuse.from().config)?;
    let limits = Limits { strictness: config.plan_validation_strictness, ..settings.limits };
    let source = document.name.clone();
    let loaded = Loaded::check(document, &catalog, &limits, parameters);
    let plan = loaded.plan_or_verdict(context).map_err(|invalid| invalid.1)?;
    check_from(reuse.run_again(), &plan)?;
    let mut origin = origin(Some(Path::new(&root)), Some(&source));
    // Who planned it, and what the model does besides, is as it was.
    let before = reuse.from();
    origin.insert("planner".to_owned(), before.planner().into());
    let supervision = Supervision::of(before);
    let reviewed = is_reviewed(before).then(|| store.run(&before.run_id)).transpose()?;
    let run = NewRun { reuse: Some(reuse), origin, ..NewRun::from(plan) };
    let console = context.console.clone();
    let mut execution =
        Execution::new(tools.clone(), Arc::clone(store), &settings, execute, console)?;
    if let Some(before) = reviewed {
        execution = execution.reviewed_as_before(&before.name, false)?;
    }
    let task = Task::Plan { run: Box::new(run), supervision };
    let outcome = execution.run(task, config)?;
    conclude(outcome, execute.output(), store, &tools, context)
}

/// A step that is to run again must still be there.
fn check_from<'a>(
    mut run_again: impl Iterator<Item = &'a StepId>,
    plan: &pe_validate::ValidPlan,
) -> Result<(), Failure> {
    match run_again.find(|id| plan.plan().step(id).is_none()) {
        None => Ok(()),
        Some(gone) => {
            Err(Failure::usage_message(format!("the plan has no step `{gone}` (any more)")))
        }
    }
}
