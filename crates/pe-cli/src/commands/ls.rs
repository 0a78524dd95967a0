//! `pe ls`: the recorded runs, newest first, by status, time, plan and text.
//!
//! Reading disturbs nobody: the runs of other processes go on meanwhile, and where there is no
//! database none is made.

use jiff::Timestamp;
use pe_model::{PlanStatus, RunState};
use pe_store::{RunQuery, RunSummary, SqliteStore};

use super::Context;
use crate::args::{LsVerb, StatusArg};
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::recorded::{is_resumable, is_stopped, standing};
use crate::settings::Flags;
use crate::table::Table;
use crate::when::{ago, between, now};
use crate::words::{count, duration, one_line};

pub(super) fn run(verb: &LsVerb, context: &mut Context) -> Result<Exit, Failure> {
    let settings = context.settings(Flags::default())?;
    let store = database::open_if_there(&settings)?;
    let now = now();
    let mut runs = match &store {
        Some(store) => chosen(store, verb, now)?,
        None => Vec::new(),
    };
    let is_cut = !verb.all && runs.len() > verb.limit as usize;
    if is_cut {
        runs.truncate(verb.limit as usize);
    }
    if verb.json {
        context.output.json(&runs)?;
        return Ok(Exit::Success);
    }
    let Some(store) = store.filter(|_| !runs.is_empty()) else {
        let what =
            if is_filtered(verb) { "no run is like that" } else { "nothing has been run yet" };
        context.console.inform(what);
        return Ok(Exit::Success);
    };
    let mut table = Table::new(["NAME", "STATUS", "STEPS", "STARTED", "TOOK", "GOAL"]).cut();
    for run in &runs {
        let progress = Progress::of(run, &store, now);
        table.row([
            one_line(&run.name),
            standing(run).to_owned(),
            progress.steps(run),
            ago(run.started_at, now),
            progress.took_ms.map_or_else(|| "-".to_owned(), duration),
            one_line(&run.goal),
        ]);
    }
    context.output.text(&table.render(context.console.for_stdout().width))?;
    if is_cut {
        let shown = count(runs.len(), "run");
        context.console.inform(&format!("these are the newest {shown}; `--all` lists the rest"));
    }
    Ok(Exit::Success)
}

fn is_filtered(verb: &LsVerb) -> bool {
    verb.text.is_some()
        || !verb.status.is_empty()
        || verb.since.is_some()
        || verb.until.is_some()
        || verb.plan.is_some()
}

/// The runs that are asked for, and one more where the limit leaves out any.
fn chosen(store: &SqliteStore, verb: &LsVerb, now: Timestamp) -> Result<Vec<RunSummary>, Failure> {
    let recorded: Option<Vec<PlanStatus>> =
        verb.status.iter().map(|status| status.recorded()).collect();
    let limit = if verb.all { None } else { Some(verb.limit.saturating_add(1)) };
    let query = RunQuery {
        since: verb.since.map(|moment| moment.seen_from(now)),
        until: verb.until.map(|moment| moment.seen_from(now)),
        text: verb.text.clone(),
        plan_id: verb.plan.as_deref().map(|word| database::find_plan(store, word)).transpose()?,
        // Who owns a run is not in its row: then the rows are sifted here.
        limit: limit.filter(|_| recorded.is_some()),
        statuses: recorded.unwrap_or_default(),
        ..RunQuery::default()
    };
    let mut runs = store.runs(&query)?;
    if !verb.status.is_empty() {
        runs.retain(|run| verb.status.iter().any(|status| stands(run, *status)));
    }
    runs.truncate(limit.map_or(usize::MAX, |limit| limit as usize));
    Ok(runs)
}

fn stands(run: &RunSummary, status: StatusArg) -> bool {
    match status {
        StatusArg::Live => run.is_live,
        StatusArg::Stopped => is_stopped(run),
        StatusArg::Resumable => is_resumable(run),
        status => status.recorded() == Some(run.status),
    }
}

/// How far a run has come.
struct Progress {
    done: Option<usize>,
    took_ms: Option<u64>,
}

impl Progress {
    /// A run's row counts its steps only at its end: until then its events are folded.
    fn of(run: &RunSummary, store: &SqliteStore, now: Timestamp) -> Self {
        let took = |end: Timestamp| Some(between(run.started_at, end));
        if run.status != PlanStatus::Running {
            let done = run.steps_completed.zip(run.steps_recovered);
            let done = done.map(|(completed, recovered)| (completed + recovered) as usize);
            return Self { done, took_ms: run.finished_at.and_then(took) };
        }
        let events = store.recorded_events(&run.run_id).unwrap_or_default();
        let last = events.last().map(|recorded| recorded.recorded_at);
        let state = RunState::fold(events.iter().map(|recorded| &recorded.event));
        let done = state.ok().flatten().map(|state| state.done_count());
        Self { done, took_ms: if run.is_live { took(now) } else { last.and_then(took) } }
    }

    /// `3/5`.
    fn steps(&self, run: &RunSummary) -> String {
        if run.steps_total == 0 {
            return "-".to_owned();
        }
        let done = self.done.map_or_else(|| "?".to_owned(), |done| done.to_string());
        format!("{done}/{}", run.steps_total)
    }
}
