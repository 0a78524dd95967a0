//! `pe show`: everything that is recorded about a run.
//!
//! Nothing is written, and the exit code says whether the run could be shown, not how it ended.

use std::fmt::Write as _;
use std::sync::Arc;

use pe_exec::{Recorded, ResumeError};
use pe_model::{EventKind, JsonMap, PlanStatus, RunReport, RunState, StopCause, ToolSet, Usage};
use pe_store::{RecordedEvent, RunSummary, SqliteStore};

use super::Context;
use super::resume::elsewhere;
use super::run::ROOT;
use crate::args::ShowVerb;
use crate::consent::unanswered;
use crate::database;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::tool_config;
use crate::recorded::{is_stopped, report, standing};
use crate::settings::{Flags, Settings};
use crate::summary;
use crate::when::{now, stamp};
use crate::words::{count, duration, fit, one_line};

mod events;
mod failures;
mod step;

/// A run as it is recorded.
struct Shown {
    store: Arc<SqliteStore>,
    run: RunSummary,
    events: Vec<RecordedEvent>,
    state: RunState,
}

pub(super) fn run(verb: &ShowVerb, context: &mut Context) -> Result<Exit, Failure> {
    let settings = context.settings(Flags::default())?;
    let store = database::open_existing(&settings)?;
    let shown = Shown::read(store, &verb.run)?;
    match verb {
        ShowVerb { step: Some(id), .. } => step::show(&shown, id, verb.json, context)?,
        ShowVerb { failed: true, .. } => failures::show(&shown, verb.json, context)?,
        ShowVerb { events: true, .. } => events::show(&shown, verb.json, context)?,
        _ if verb.json => context.output.json(&shown.report())?,
        _ => shown.print(&settings, context)?,
    }
    Ok(Exit::Success)
}

impl Shown {
    fn read(store: Arc<SqliteStore>, word: &str) -> Result<Self, Failure> {
        let run = database::find_run(&store, word)?;
        let events = store.recorded_events(&run.run_id)?;
        let damaged = |source| ResumeError::Damaged { run_id: run.run_id.clone(), source };
        let state = RunState::fold(events.iter().map(|recorded| &recorded.event));
        let state = state.map_err(damaged)?.ok_or_else(|| {
            Failure::usage_message(format!("nothing is recorded of run {}", run.name))
        })?;
        Ok(Self { store, run, events, state })
    }

    /// The document that `pe run --json` printed, or would print had the run ended here.
    fn report(&self) -> RunReport {
        let finished = Recorded::compile(self.state.clone()).map(Recorded::finished);
        // A plan of a program that knew more than this one has no answer here.
        let answer = finished.map(|finished| finished.answer).unwrap_or_default();
        report(&self.store, &self.state, answer)
    }

    fn print(&self, settings: &Settings, context: &mut Context) -> Result<(), Failure> {
        let console = context.console.for_stdout();
        let report = self.report();
        let mut text = self.header(&report);
        let table = summary::table_of(&report, self.run.is_live, &console);
        let _ = write!(text, "\n{table}");
        let counted = summary::counted(&report, &self.state);
        let _ = writeln!(text, "{}: {counted}", standing(&self.run));
        let of_model = self.model_error();
        if !report.errors.is_empty() || of_model.is_some() {
            text += "\nErrors:\n";
        }
        if let Some(error) = of_model {
            let _ = writeln!(text, "  the model: {}", fit(&one_line(&error), LONGEST_MESSAGE));
        }
        for error in &report.errors {
            let (id, message) = (one_line(error.step_id.as_str()), one_line(&error.message));
            let message = fit(&message, LONGEST_MESSAGE);
            let _ = writeln!(text, "  {id}: {}: {message}", error.class);
        }
        let moves = self.next_moves(settings);
        if !moves.is_empty() {
            let _ = write!(text, "\n{}", moves.join(""));
        }
        if report.status == PlanStatus::Completed && !report.final_response.is_empty() {
            let _ = write!(text, "\nAnswer:\n{}", report.final_response);
        }
        Ok(context.output.lines(&text)?)
    }

    fn header(&self, report: &RunReport) -> String {
        let (run, now) = (&self.run, now());
        let resumed = self.events.iter();
        let resumed =
            resumed.filter(|it| matches!(it.event.kind, EventKind::RunResumed { .. })).count();
        let origin = |key: &str| text_of(&self.state.origin, key);
        let from = report.from_run.as_ref().map(|from| {
            let name = self.store.run(from).map_or_else(|_| from.to_string(), |run| run.name);
            format!("{} from {name}", count(report.steps_reused, "step"))
        });
        let owner = run.is_live.then(|| format!(", run by {}", one_line(&run.owner)));
        let stopped = self.state.stopping.filter(|_| report.status == PlanStatus::Cancelled);
        let why = stopped.map(|cause| format!(" ({})", summary::cause(cause))).unwrap_or_default();
        let rows = [
            ("Run", Some(format!("{} ({})", one_line(&run.name), run.run_id))),
            ("Goal", Some(one_line(&run.goal))),
            ("Plan", Some(format!("{}, version {}", run.plan_id, run.plan_version))),
            ("Status", Some(format!("{}{why}{}", standing(run), owner.unwrap_or_default()))),
            ("Started", Some(stamp(run.started_at, now))),
            ("Took", Some(duration(report.execution_time_ms))),
            ("Model", asked(&report.usage)),
            ("Root", origin(ROOT)),
            ("Source", origin("source")),
            ("Resumed", (resumed > 0).then(|| count(resumed, "time"))),
            ("Reused", from),
            ("Imported", run.imported.then(|| "from another database".to_owned())),
        ];
        fields(rows)
    }

    /// How the last call to the model failed, where that stopped the run.
    fn model_error(&self) -> Option<String> {
        let stopped = self.state.stopping == Some(StopCause::NoModel);
        let calls = stopped.then(|| self.store.model_calls(&self.run.run_id).ok())??;
        calls.into_iter().next_back()?.error
    }

    /// What a person can do, a line each.
    fn next_moves(&self, settings: &Settings) -> Vec<String> {
        let name = &self.run.name;
        if self.run.is_live {
            return vec![format!(
                "next: `pe watch {name}` looks on, `pe cancel {name}` stops it\n"
            )];
        }
        if let Some(next) = elsewhere(&self.run, &self.state) {
            return vec![format!("next: {next}\n")];
        }
        if is_stopped(&self.run) {
            return vec![format!("next: `pe resume {name}` goes on where its process ended\n")];
        }
        let tools = pe_tools::builtin(&tool_config(settings, None));
        let waiting = unanswered(&self.state, &tools.unwrap_or_else(|_| ToolSet::default()));
        let waiting = waiting.into_iter().map(|waiting| format!("waiting: {waiting}\n"));
        let moves = summary::next_moves(&self.state, name).into_iter();
        waiting.chain(moves.map(|next| format!("next: {next}\n"))).collect()
    }
}

/// How often the model was asked, and what is known of the cost; none when it never was.
fn asked(usage: &Usage) -> Option<String> {
    let calls = count(usize::try_from(usage.llm_calls.filter(|calls| *calls > 0)?).ok()?, "call");
    let tokens = match (usage.prompt_tokens, usage.completion_tokens) {
        (Some(sent), Some(received)) => format!("{sent} tokens sent, {received} received"),
        _ => "tokens unknown".to_owned(),
    };
    let cost = match usage.cost_usd {
        Some(dollars) => format!("{dollars:.6} US dollars"),
        None => "cost unknown".to_owned(),
    };
    Some(format!("{calls}, {tokens}, {cost}"))
}

/// Longer messages are cut; `--json` has them whole.
const LONGEST_MESSAGE: usize = 2_000;

/// Names and values, the values one below the other.
fn fields<const N: usize>(rows: [(&str, Option<String>); N]) -> String {
    let mut text = String::new();
    let rows = || rows.iter().filter_map(|(name, value)| Some((name, value.as_ref()?)));
    let width = rows().map(|(name, _)| name.len() + 1).max().unwrap_or(0);
    for (name, value) in rows() {
        let _ = writeln!(text, "{:<width$}  {value}", format!("{name}:"));
    }
    text
}

fn text_of(map: &JsonMap, key: &str) -> Option<String> {
    Some(one_line(map.get(key)?.as_str()?))
}
