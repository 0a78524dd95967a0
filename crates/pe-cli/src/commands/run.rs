//! `pe run` and `pe apply`: a plan file from its bytes to its answer.

use std::path::Path;
use std::sync::Arc;

use pe_exec::{NewRun, Reuse, ReuseError, simulate};
use pe_model::{JsonMap, RunState, StepId, nearest};
use pe_orchestrator::{Supervision, Task};
use pe_store::{REDACTED, SqliteStore};
use pe_validate::ValidPlan;

use super::conclusion::conclude;
use super::simulate::summary as simulation_summary;
use super::{Context, goal};
use crate::args::{ApplyVerb, OutputKind, RunArgs, RunVerb};
use crate::database;
use crate::document::{Document, Source};
use crate::execution::Execution;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::Loaded;
use crate::settings::{Flags, Settings};
use crate::tooling::Tooling;
use crate::words::{one_line, quoted};

/// `pe run`: a goal needs a model, a file does not.
pub(super) fn run(verb: &RunVerb, context: &mut Context) -> Result<Exit, Failure> {
    if Source::is_named_by(&verb.target) {
        if verb.target.to_str().is_some_and(|text| text.contains(' ')) && !verb.target.exists() {
            let message =
                format!("there is no file `{}`", one_line(&verb.target.to_string_lossy()));
            return Err(Failure::usage_message(message).hint(
                "what ends in .json, .yaml or .yml is taken for a plan file; end a goal otherwise, \
                 with a full stop for one",
            ));
        }
        return file(&verb.target, &verb.run, context);
    }
    match verb.target.to_str() {
        Some(goal) if !goal.trim().is_empty() => goal::run(goal, &verb.run, context),
        _ => Err(Failure::usage_message("the goal is empty, or no text")),
    }
}

/// `pe apply`: a file, whatever its name.
pub(super) fn apply(verb: &ApplyVerb, context: &mut Context) -> Result<Exit, Failure> {
    if verb.run.adapt {
        return Err(Failure::usage_message("`apply` runs exactly the file, and never adapts")
            .hint("`pe run FILE --adapt` does"));
    }
    file(&verb.file, &verb.run, context)
}

fn file(path: &Path, args: &RunArgs, context: &mut Context) -> Result<Exit, Failure> {
    let kind = args.execute.output();
    if args.review && !args.adapt {
        return Err(Failure::usage_message(
            "`--review` shows what a model writes, not a plan file",
        )
        .hint("`--dry-run` shows this one, and `--adapt --review` the model's changes to it"));
    }
    if args.dry_run && kind == OutputKind::Jsonl {
        return Err(Failure::usage_message(
            "`--output jsonl` prints events, and a dry run has none; use `--json`",
        ));
    }
    let settings = context.settings(Flags::running(args))?;
    let root = args.execute.root.as_deref();
    let Tooling { tools, catalog } = Tooling::new(&settings, root)?;
    let document = Document::read(&Source::new(path), args.format.map(Into::into))?;
    let loaded = Loaded::check(document, &catalog, &settings.limits, &args.parameters);
    let plan = match loaded.plan_or_verdict(context) {
        Ok(plan) => plan,
        Err(invalid) => {
            let (report, failure) = *invalid;
            if kind == OutputKind::Json {
                context.output.json(&report)?;
            }
            return Err(failure);
        }
    };
    if args.dry_run {
        return dry_run(&plan, &settings, kind, context);
    }
    if args.reuse.is_some() {
        database::open_existing(&settings)?;
    }
    let store = database::open(&settings)?;
    let reuse = args.reuse.as_deref().map(|word| reuse(&store, word, &[])).transpose()?;
    let source = Source::new(path).name();
    let run = NewRun { reuse, origin: origin(root, Some(&source)), ..NewRun::from(plan) };
    let console = context.console.clone();
    let execution =
        Execution::new(tools.clone(), Arc::clone(&store), &settings, &args.execute, console)?
            .reviewed(args.review)?;
    let supervision = Supervision { adapt: args.adapt, answer: args.answer };
    let task = Task::Plan { run: Box::new(run), supervision };
    let outcome = execution.run(task, settings.orchestrator)?;
    conclude(outcome, kind, &store, &tools, context)
}

/// What is recorded about where a run comes from.
pub(super) fn origin(root: Option<&Path>, source: Option<&str>) -> JsonMap {
    let root = root.unwrap_or(Path::new("."));
    let root = root.canonicalize().unwrap_or_else(|_| root.to_owned());
    let mut origin = JsonMap::new();
    origin.insert(ROOT.to_owned(), root.to_string_lossy().into());
    origin.extend(source.map(|source| ("source".to_owned(), source.into())));
    origin
}

/// The key of the root directory in a run's origin.
pub(super) const ROOT: &str = "root";

/// The finished work of a run, to be taken over.
pub(super) fn reuse(
    store: &SqliteStore,
    word: &str,
    run_again: &[String],
) -> Result<Reuse, Failure> {
    let run = database::find_run(store, word)?;
    let name = &run.name;
    if run.is_live {
        return Err(Failure::usage_message(format!("run {name} is under way: {}", run.owner))
            .hint(format!("`pe cancel {name}` stops it, `pe watch {name}` looks on")));
    }
    let mut from = store.state(&run.run_id)?;
    if run.imported {
        check_imported(&from, name)?;
        // Where it ran is on another machine.
        from.origin.remove(ROOT);
    }
    Reuse::new(from, run_again.iter().map(StepId::new)).map_err(|error| match error {
        ReuseError::NoSuchStep { step_id, .. } => match store.state(&run.run_id) {
            Ok(state) => Failure::usage_message(unknown_step(step_id.as_str(), &state, name)),
            Err(error) => error.into(),
        },
        ReuseError::InDoubt { ref step_id, .. } => {
            let id = quoted(step_id.as_str()).into_owned();
            let hint = format!(
                "say what happened: `pe resume {name}`, then `pe resolve {name} {id} --done`, \
                 `--failed` or `--retry`; or `--from {id}` if it is to run again"
            );
            Failure { exit: Exit::NeedsPerson, error: error.into(), hint: Some(hint) }
        }
    })
}

/// What was taken out of an exported run is missing in every call that it would be part of, and
/// finished work could not be told from work that is to be done again.
fn check_imported(from: &RunState, name: &str) -> Result<(), Failure> {
    let calls = from.steps().iter().flat_map(|step| &step.iterations);
    let is_redacted = serde_json::to_string(&*from.plan).is_ok_and(|t| t.contains(REDACTED))
        || calls.into_iter().any(|call| {
            serde_json::to_string(&*call.arguments).is_ok_and(|text| text.contains(REDACTED))
        });
    if !is_redacted {
        return Ok(());
    }
    let message = format!(
        "run {name} was imported without its secrets ({REDACTED}): it can be looked at, and not \
         be run again"
    );
    Err(Failure::usage_message(message).hint("run its plan from the file that it came from"))
}

/// Says that a run has no such step, and which one may be meant.
pub(super) fn unknown_step(step: &str, state: &RunState, run: &str) -> String {
    let ids = state.plan.steps.iter().map(|step| step.step_id.as_str());
    let near = nearest(step, ids).map(|near| format!("; did you mean `{}`?", one_line(near)));
    format!("run {run} has no step `{}`{}", one_line(step), near.unwrap_or_default())
}

/// Shows what would be run, and how long it would take.
fn dry_run(
    plan: &ValidPlan,
    settings: &Settings,
    kind: OutputKind,
    context: &mut Context,
) -> Result<Exit, Failure> {
    let simulation = simulate(plan, settings.orchestrator.slots());
    if kind == OutputKind::Json {
        context.output.json(&simulation)?;
    } else {
        context.output.lines(&pe_view::text(&pe_orchestrator::view_of_valid(plan)))?;
        context.output.text(&format!("\n{}", simulation_summary(&simulation)))?;
    }
    context.console.inform("dry run: nothing was executed");
    Ok(Exit::Success)
}
