//! `pe run` and `pe apply`: a plan file from its bytes to its answer.

use std::path::Path;

use pe_exec::{Finished, simulate};
use pe_model::{PlanStatus, RunReport, ToolSet, Usage};
use pe_validate::ValidPlan;

use super::Context;
use super::simulate::summary as simulation_summary;
use crate::args::{ApplyVerb, OutputKind, RunArgs, RunVerb};
use crate::consent::unanswered;
use crate::console::Tone;
use crate::document::{Document, Source};
use crate::drawn::view_of;
use crate::execution::Execution;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::{Loaded, tool_config};
use crate::settings::{Flags, Settings};
use crate::summary;
use crate::words::one_line;

/// `pe run`: a goal needs a model, a file does not.
pub(super) fn run(verb: &RunVerb, context: &mut Context) -> Result<Exit, Failure> {
    if !Source::is_named_by(&verb.target) {
        return Err(no_model(&verb.target));
    }
    file(&verb.target, &verb.run, context)
}

/// `pe apply`: a file, whatever its name.
pub(super) fn apply(verb: &ApplyVerb, context: &mut Context) -> Result<Exit, Failure> {
    file(&verb.file, &verb.run, context)
}

fn no_model(goal: &Path) -> Failure {
    let goal = one_line(&goal.display().to_string());
    Failure {
        exit: Exit::NoModel,
        error: anyhow::anyhow!(
            "cannot plan the goal `{goal}`: this version of `pe` has no model \
             (and no file has that name)"
        ),
        hint: Some(
            "write the steps into a plan file and use `pe run FILE`; `pe schema plan` says how \
             such a file looks, `pe tools` what its steps can call"
                .to_owned(),
        ),
    }
}

fn file(path: &Path, args: &RunArgs, context: &mut Context) -> Result<Exit, Failure> {
    let kind = args.output();
    if args.dry_run && kind == OutputKind::Jsonl {
        return Err(Failure::usage_message(
            "`--output jsonl` prints events, and a dry run has none; use `--json`",
        ));
    }
    let settings = context.settings(Flags::running(args))?;
    let root = args.root.as_deref();
    let tools = pe_tools::builtin(&tool_config(&settings, root)).map_err(Failure::usage)?;
    let execution =
        Execution::new(tools.clone(), &settings, args.yes, context.console.clone(), kind)?;
    let document = Document::read(&Source::new(path), args.format.map(Into::into))?;
    let loaded = Loaded::check(document, &tools.catalog(), &settings.limits, &args.parameters);
    let findings = loaded.findings(context.console.quiet);
    if !findings.is_empty() {
        context.console.say(&findings);
    }
    let verdict = loaded.verdict();
    let Some(plan) = loaded.plan else {
        if kind == OutputKind::Json {
            context.output.json(&loaded.report)?;
        }
        return Err(Failure::invalid(format!("{verdict}; nothing was executed")));
    };
    if args.dry_run {
        return dry_run(&plan, &settings, kind, context);
    }
    match execution.run(plan)? {
        Some(finished) => conclude(finished, kind, &tools, context),
        None => Ok(Exit::Interrupted),
    }
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
        context.output.lines(&pe_view::text(&view_of(plan)))?;
        context.output.text(&format!("\n{}", simulation_summary(&simulation)))?;
    }
    context.console.inform("dry run: nothing was executed");
    Ok(Exit::Success)
}

/// Says how the run ended: the table and what needs a person on stderr, the answer on stdout.
fn conclude(
    finished: Finished,
    kind: OutputKind,
    tools: &ToolSet,
    context: &mut Context,
) -> Result<Exit, Failure> {
    let Finished { state, answer } = finished;
    let exit = Exit::of_run(&state);
    let report = RunReport::new(&state, answer, "file", Usage::none());
    let console = &context.console;
    console.inform(&summary::table(&report, console));
    console.inform(&summary::line(&report, &state, console));
    if console.quiet && exit != Exit::Success {
        // What went wrong is never left out.
        console.say(&summary::line(&report, &state, console));
    }
    for waiting in unanswered(&state, tools) {
        console.say(&format!("{} {waiting}", console.paint(Tone::Caution, "waiting:")));
    }
    match kind {
        OutputKind::Json => context.output.json(&report)?,
        // A part of an answer could be taken for the whole of it; `--json` has the parts.
        OutputKind::Text if state.status == PlanStatus::Completed => {
            context.output.lines(&report.final_response)?;
        }
        OutputKind::Text | OutputKind::Jsonl => {}
    }
    Ok(exit)
}
