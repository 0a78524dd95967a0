//! `pe watch`: looks on while another process runs a run.
//!
//! What the owner makes durable is read from the database as it comes, and shown as the owner
//! itself would show it. Nothing is written, and nothing that happens here touches the run.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use pe_exec::{Observer as _, Recorded, ResumeError};
use pe_model::{Event, RunId, RunState, ToolSet};
use pe_orchestrator::Outcome;
use pe_store::SqliteStore;

use super::Context;
use super::conclusion::conclude;
use crate::args::{OutputKind, WatchVerb};
use crate::database;
use crate::execution::names;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::loading::tool_config;
use crate::output::Output;
use crate::progress::{Look, Presenter};
use crate::recorded::report;
use crate::settings::Flags;
use crate::signals::Signals;

/// How often the database is asked whether something has changed.
const LOOK: Duration = Duration::from_millis(100);
/// How many events are read at once.
const CHUNK: u32 = 1_000;
/// A run that has ended may still be owned for a moment, or be taken up again by its owner.
const PATIENCE: Duration = Duration::from_secs(1);

pub(super) fn run(verb: &WatchVerb, context: &mut Context) -> Result<Exit, Failure> {
    let settings = context.settings(Flags::default())?;
    let store = database::open_existing(&settings)?;
    let run = database::find_run(&store, &verb.run)?;
    let output = if verb.json { OutputKind::Json } else { verb.output };
    let look = Look::fitting(&context.console, output);
    let events = (output == OutputKind::Jsonl).then(Output::stdout);
    let (presenter, mut shown) =
        Presenter::start(context.console.clone(), look, names(&store), events)
            .context("cannot start the thread that shows progress")?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("cannot start the runtime")?;
    let watched = runtime.block_on(async {
        let mut signals = Signals::listen().context("cannot listen for signals")?;
        let mut watcher = Watcher::new(&store, run.run_id.clone(), Arc::clone(&presenter));
        let watched = tokio::select! {
            ended = watcher.until_the_end() => Some(ended),
            () = signals.next() => None,
        };
        presenter.finish();
        // A reader of stdout that reads no more must not hold the program for ever.
        tokio::select! {
            written = &mut shown => written.context("the progress thread ended early")??,
            () = signals.next(), if watched.is_some() => return Ok(None),
            () = tokio::time::sleep(PATIENCE), if watched.is_none() => {}
        }
        watched.transpose()
    });
    runtime.shutdown_background();
    let name = &run.name;
    match watched? {
        None => {
            context.console.inform(&format!("no longer watching; run {name} goes on without it"));
            Ok(Exit::Interrupted)
        }
        Some(End::Reached(state)) => {
            let finished = Recorded::compile((*state).clone()).map(Recorded::finished);
            // A plan of a program that knew more than this one has no answer here.
            let answer = finished.map(|finished| finished.answer).unwrap_or_default();
            let report = report(&store, &state, answer);
            let outcome = Outcome { report, state: *state, trouble: None };
            let tools = pe_tools::builtin(&tool_config(&settings, None));
            let tools = tools.unwrap_or_else(|_| ToolSet::default());
            conclude(Some(outcome), output, &store, &tools, context)
        }
        Some(End::Abandoned) => {
            let error = anyhow::anyhow!("nobody runs run {name} any more, and it has not ended");
            Err(Failure::from(error).hint(format!("`pe resume {name}` goes on with it")))
        }
    }
}

/// How watching ended by itself.
enum End {
    /// The run ended, or pauses for a person.
    Reached(Box<RunState>),
    /// No process owns the run, and it has not ended.
    Abandoned,
}

/// Follows one run.
struct Watcher<'a> {
    store: &'a SqliteStore,
    run_id: RunId,
    presenter: Arc<Presenter>,
    state: Option<RunState>,
    seen: Option<u64>,
}

impl<'a> Watcher<'a> {
    fn new(store: &'a SqliteStore, run_id: RunId, presenter: Arc<Presenter>) -> Self {
        Self { store, run_id, presenter, state: None, seen: None }
    }

    async fn until_the_end(&mut self) -> Result<End, Failure> {
        let mut ended: Option<Instant> = None;
        loop {
            // Looked at first: what an owner records, it records before it goes.
            let is_live = self.store.run(&self.run_id)?.is_live;
            self.catch_up().await?;
            let is_finished = self.state.as_ref().is_some_and(RunState::is_finished);
            match self.state.take_if(|_| is_finished) {
                Some(state) => {
                    let since = *ended.get_or_insert_with(Instant::now);
                    if !is_live || since.elapsed() > PATIENCE {
                        return Ok(End::Reached(Box::new(state)));
                    }
                    self.state = Some(state);
                }
                None if !is_live => return Ok(End::Abandoned),
                None => ended = None,
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Reads and shows what has been recorded since.
    async fn catch_up(&mut self) -> Result<(), Failure> {
        let counter = self.store.change_counter()?;
        if self.seen == Some(counter) {
            return Ok(());
        }
        self.seen = Some(counter);
        loop {
            let next = self.state.as_ref().map_or(0, |state| state.next_seq);
            let recorded = self.store.events_since(&self.run_id, next, CHUNK)?;
            let is_all = recorded.len() < CHUNK as usize;
            let events: Vec<Event> = recorded.into_iter().map(|recorded| recorded.event).collect();
            for event in &events {
                self.apply(event)?;
            }
            self.presenter.observe(&events);
            if is_all {
                break;
            }
            // A signal must not wait for a million events.
            tokio::task::yield_now().await;
        }
        Ok(())
    }

    fn apply(&mut self, event: &Event) -> Result<(), Failure> {
        let applied = match &mut self.state {
            Some(state) => state.apply(event),
            None => RunState::begin(event).map(|begun| self.state = Some(begun)),
        };
        let run_id = self.run_id.clone();
        Ok(applied.map_err(|source| ResumeError::Damaged { run_id, source })?)
    }
}
