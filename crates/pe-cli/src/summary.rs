//! How a run ended, for people: a table of its steps and one line that counts.

use pe_model::{PlanStatus, PlanStep, RunReport, RunState, StepStatus, StopCause};
use pe_view::glyph;

use crate::console::{Console, Tone};
use crate::table::Table;
use crate::words::{duration, fit, one_line, quoted};

/// More steps than this are not all listed: those that simply completed are counted.
const MOST_ROWS: usize = 50;
/// Notes are cut at so many columns.
const LONGEST_NOTE: usize = 400;

/// The steps: id, status, attempts, milliseconds, and a note.
pub(crate) fn table(report: &RunReport, console: &Console) -> String {
    table_of(report, false, console)
}

/// The same for a run that perhaps somebody still runs.
pub(crate) fn table_of(report: &RunReport, is_live: bool, console: &Console) -> String {
    let mut table = Table::new(["STEP", "STATUS", "TRIES", "MS", "NOTE"]);
    let lists_all = report.steps.len() <= MOST_ROWS;
    let mut left_out = 0;
    for step in &report.steps {
        if !lists_all && step.status == StepStatus::Completed {
            left_out += 1;
            continue;
        }
        let (tone, status) = status(step, is_live);
        table.row([
            one_line(step.step_id.as_str()),
            console.paint(tone, &format!("{} {status}", glyph(step.status))),
            if step.attempts > 0 { step.attempts.to_string() } else { "-".to_owned() },
            step.execution_time_ms.map_or_else(|| "-".to_owned(), |ms| ms.to_string()),
            fit(&note(step), LONGEST_NOTE).into_owned(),
        ]);
    }
    let mut text = if table.is_empty() { String::new() } else { table.render(console.width) };
    if left_out > 0 {
        text += &format!("… and {left_out} more steps that completed\n");
    }
    text
}

/// `3 completed, 1 recovered, 0 failed in 1.2 s`.
pub(crate) fn counted(report: &RunReport, state: &RunState) -> String {
    let took = duration(report.execution_time_ms);
    if report.steps.is_empty() {
        return format!("no step was executed, in {took}");
    }
    let with = |status| state.steps().iter().filter(|step| step.status == status).count();
    let mut parts = vec![
        format!("{} completed", report.steps_completed),
        format!("{} recovered", report.steps_recovered),
        format!("{} failed", report.steps_failed),
    ];
    let rest = [
        (report.steps_skipped, "skipped"),
        (with(StepStatus::Waiting), "waiting"),
        (with(StepStatus::InDoubt), "in doubt"),
        (with(StepStatus::Pending) + with(StepStatus::Running), "unfinished"),
    ];
    parts
        .extend(rest.iter().filter(|(count, _)| *count > 0).map(|(n, what)| format!("{n} {what}")));
    format!("{} in {took}", parts.join(", "))
}

/// The same; whatever is not a success says so first.
pub(crate) fn line(report: &RunReport, state: &RunState, console: &Console) -> String {
    let counted = counted(report, state);
    let stopped = state.stopping.map(cause);
    match (report.success, stopped) {
        (true, None) => console.paint(Tone::Good, &counted),
        (true, Some(cause)) => console.paint(Tone::Caution, &format!("{cause}: {counted}")),
        (false, Some(cause)) => console.paint(Tone::Bad, &format!("{cause}: {counted}")),
        (false, None) => {
            let status = report.status.as_str().replace('_', " ");
            console.paint(Tone::Bad, &format!("{status}: {counted}"))
        }
    }
}

/// Why a run stopped early, in a few words.
pub(crate) fn cause(cause: StopCause) -> &'static str {
    match cause {
        StopCause::Interrupted => "interrupted",
        StopCause::Timeout => "out of time",
        StopCause::Budget => "out of budget",
        StopCause::NoModel => "no usable answer from the model",
    }
}

/// What a person can do about a run that did not end well, as commands.
pub(crate) fn next_moves(state: &RunState, name: &str) -> Vec<String> {
    let steps = || state.plan.steps.iter().zip(state.steps());
    let resume = format!("`pe resume {name}`");
    let mut moves: Vec<String> = steps()
        .filter(|(_, step)| step.status == StepStatus::InDoubt)
        .map(|(plan, _)| {
            let id = quoted(plan.step_id.as_str()).into_owned();
            format!(
                "did `{}` happen? say so with `pe resolve {name} {} --done`, `--failed` or `--retry`",
                one_line(&id),
                one_line(&id)
            )
        })
        .collect();
    match state.status {
        PlanStatus::Cancelled if state.stopping == Some(StopCause::Budget) => {
            moves.push(format!(
                "{resume} goes on with what a larger `--budget` allows, or `--max-iterations` of \
                 turns"
            ));
        }
        PlanStatus::Cancelled => moves.push(format!("{resume} goes on")),
        PlanStatus::InDoubt => moves.push(format!("then {resume} goes on")),
        PlanStatus::Waiting => moves.push(format!(
            "{resume} goes on with the flags above, or after `pe approve {name} STEP`"
        )),
        PlanStatus::Failed => {
            moves.push(format!("`pe retry {name} --failed` runs again what did not succeed"));
        }
        _ => {}
    }
    moves
}

/// How a step stands; one that runs while nobody runs it is unfinished.
pub(crate) fn status(step: &PlanStep, is_live: bool) -> (Tone, &'static str) {
    match step.status {
        StepStatus::Completed => (Tone::Good, "completed"),
        StepStatus::Failed if step.recovered_by.is_some() => (Tone::Caution, "recovered"),
        StepStatus::Failed => (Tone::Bad, "failed"),
        StepStatus::Skipped => (Tone::Faint, "skipped"),
        StepStatus::Waiting => (Tone::Caution, "waiting"),
        StepStatus::InDoubt => (Tone::Bad, "in doubt"),
        StepStatus::Running if is_live => (Tone::Good, "running"),
        StepStatus::Pending | StepStatus::Ready if is_live => (Tone::Faint, "pending"),
        StepStatus::Pending | StepStatus::Ready | StepStatus::Running => {
            (Tone::Faint, "unfinished")
        }
    }
}

/// Why a step did not simply complete.
fn note(step: &PlanStep) -> String {
    let mut parts = Vec::new();
    if let Some(by) = &step.recovered_by {
        parts.push(format!("recovered by {by}"));
    }
    parts.extend(step.reason.clone());
    parts.extend(step.error.clone());
    one_line(&parts.join(": "))
}
