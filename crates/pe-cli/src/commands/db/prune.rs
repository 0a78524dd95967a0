//! `pe db prune`: forgets old runs, after somebody has seen which.

use pe_model::PlanStatus;
use pe_store::{PruneOptions, PruneReport, RunSummary};

use super::Context;
use crate::args::{PruneTask, StatusArg};
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::recorded::{is_resumable, standing};
use crate::settings::Flags;
use crate::table::Table;
use crate::when::{ago, now};
use crate::words::{count, one_line};

/// Runs that have ended for good.
const ENDED: [PlanStatus; 2] = [PlanStatus::Completed, PlanStatus::Failed];
/// Runs that somebody may want to go on with, when no process owns them.
const RESUMABLE: [PlanStatus; 4] =
    [PlanStatus::Cancelled, PlanStatus::Waiting, PlanStatus::InDoubt, PlanStatus::Running];

pub(super) fn run(task: &PruneTask, context: &mut Context) -> Result<Exit, Failure> {
    let options = options(task)?;
    let settings = context.settings(Flags::default())?;
    let seen = database::open_existing(&settings)?;
    let preview = seen.prune(&PruneOptions { dry_run: true, ..options.clone() })?;
    if task.dry_run || preview.runs.is_empty() {
        if task.json {
            context.output.json(&preview)?;
        } else {
            list(&preview, context)?;
        }
        let what = if preview.runs.is_empty() { "no run is like that; " } else { "" };
        context.console.inform(&format!("{what}nothing was forgotten"));
        return Ok(Exit::Success);
    }
    if !task.json {
        list(&preview, context)?;
    }
    if !task.yes && !agreed(&preview.runs, context)? {
        context.console.inform("nothing was forgotten");
        return Ok(Exit::NeedsPerson);
    }
    let store = database::open(&settings)?;
    let report = store.prune(&options)?;
    if task.json {
        context.output.json(&report)?;
    }
    context.console.inform(&format!(
        "{} forgotten, with {} and {}; `pe db vacuum` makes the file smaller",
        count(report.runs.len(), "run"),
        count(report.plans.len(), "plan"),
        count(report.values, "long value"),
    ));
    Ok(Exit::Success)
}

/// What the flags say, in the terms of the store, which never forgets a run that is live.
fn options(task: &PruneTask) -> Result<PruneOptions, Failure> {
    let mut statuses = Vec::new();
    for status in &task.status {
        match (status, status.recorded()) {
            (StatusArg::Live, _) => {
                return Err(Failure::usage_message("a run that a process runs is never forgotten"));
            }
            (StatusArg::Stopped, _) => statuses.push(PlanStatus::Running),
            (_, Some(recorded)) => statuses.push(recorded),
            (_, None) => statuses.extend(RESUMABLE),
        }
    }
    let resumable = statuses.iter().find(|status| RESUMABLE.contains(status));
    if let Some(status) = resumable.filter(|_| !task.resumable) {
        let status = if *status == PlanStatus::Running { "stopped" } else { status.as_str() };
        let message = format!("runs that are {} can be resumed", status.replace('_', " "));
        return Err(Failure::usage_message(message).hint("`--resumable` forgets them all the same"));
    }
    if statuses.is_empty() {
        statuses.extend(ENDED);
        statuses.extend(RESUMABLE.iter().filter(|_| task.resumable));
    }
    Ok(PruneOptions {
        older_than: task.older_than.map(|moment| moment.seen_from(now())),
        statuses,
        keep_last: task.keep,
        dry_run: false,
    })
}

fn list(preview: &PruneReport, context: &mut Context) -> Result<(), Failure> {
    let runs = &preview.runs;
    if runs.is_empty() {
        return Ok(());
    }
    let now = now();
    let mut table = Table::new(["NAME", "STATUS", "STARTED", "GOAL"]).cut();
    for run in runs {
        table.row([
            one_line(&run.name),
            standing(run).to_owned(),
            ago(run.started_at, now),
            one_line(&run.goal),
        ]);
    }
    let width = context.console.for_stdout().width;
    context.output.text(&table.render(width))?;
    if !preview.plans.is_empty() {
        let plans: Vec<String> = preview.plans.iter().map(|id| one_line(id.as_str())).collect();
        context.output.lines(&format!("plans that go with them: {}", plans.join(", ")))?;
    }
    Ok(())
}

/// Whether a person agrees.
///
/// # Errors
/// When nobody can be asked.
fn agreed(runs: &[RunSummary], context: &Context) -> Result<bool, Failure> {
    let what = count(runs.len(), "run");
    if !context.console.can_ask {
        let message = format!("nobody can be asked whether {what} may be forgotten");
        return Err(Failure::usage_message(message).hint("`--yes` says so"));
    }
    let resumable = runs.iter().filter(|run| is_resumable(run)).count();
    let also =
        if resumable > 0 { format!(" ({resumable} could be resumed)") } else { String::new() };
    let answer = context.console.ask(&format!("forget {what}{also}? [y]es / [n]o: "));
    Ok(answer.is_some_and(|line| matches!(line.trim().to_lowercase().as_str(), "y" | "yes")))
}
