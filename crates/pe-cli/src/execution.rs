//! One run from here to its end: the driver on a worker, the signals, the screen, and what
//! other terminals ask for.

use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use pe_exec::{
    AllowRule, Approver, Control, Driver, Finished, NewRun, Observer, Policy, ResumeError,
};
use pe_model::{Event, Journal, OrchestratorConfig, RunId, RunReport, RunState, ToolSet, Usage};
use pe_store::SqliteStore;
use tokio::sync::watch;

use crate::args::{ExecuteArgs, OutputKind};
use crate::consent::{AlwaysYes, Terminal};
use crate::console::Console;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::{Look, Names, Presenter};
use crate::requests;
use crate::settings::Settings;
use crate::signals::Signals;

/// What a run needs besides its plan.
pub(crate) struct Execution {
    tools: ToolSet,
    policy: Policy,
    store: Arc<SqliteStore>,
    says_yes: bool,
    console: Console,
    output: OutputKind,
}

/// What is to be executed.
pub(crate) enum Work {
    /// A run that begins, and its configuration.
    Begin(Box<NewRun>, OrchestratorConfig),
    /// A run that goes on, and its configuration from now on.
    GoOn(RunId, OrchestratorConfig),
}

impl Execution {
    /// Prepares runs, with the consent that the command line and the settings give.
    ///
    /// # Errors
    /// A usage failure when an allow rule is none.
    pub(crate) fn new(
        tools: ToolSet,
        store: Arc<SqliteStore>,
        settings: &Settings,
        args: &ExecuteArgs,
        console: Console,
    ) -> Result<Self, Failure> {
        let mut policy = Policy::default();
        for entry in &settings.allow {
            let rule = AllowRule::parse(&entry.rule).map_err(|error| {
                Failure::usage(anyhow::Error::from(error).context(entry.origin.clone()))
            })?;
            policy = policy.allow(match entry.effect {
                Some(effect) => rule.with_effect(effect),
                None => rule,
            });
        }
        if args.yes {
            policy = policy.allow_everything();
        }
        Ok(Self { tools, policy, store, says_yes: args.yes, console, output: args.output() })
    }

    /// Executes; `None` when the user would not even wait for the stop to be recorded.
    ///
    /// # Errors
    /// When the run could not be driven to an end, or stdout could not take the events.
    pub(crate) fn run(self, work: Work) -> Result<Option<Finished>, Failure> {
        let look = Look::fitting(&self.console, self.output);
        let events = (self.output == OutputKind::Jsonl).then(Output::stdout);
        let names = names(&self.store);
        let (presenter, mut shown) = Presenter::start(self.console.clone(), look, names, events)
            .context("cannot start the thread that shows progress")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let (announcer, announced) = Announcer::new(Arc::clone(&presenter));
        let mut driver = Driver::new(self.tools.clone())
            .policy(self.policy)
            .journal(Arc::clone(&self.store) as Arc<dyn Journal>)
            .observer(Arc::new(announcer));
        if let Some(approver) = approver(self.says_yes, self.console, self.tools, &presenter) {
            driver = driver.approver(approver);
        }
        let (store, known, output) = (self.store, announced.clone(), self.output);
        let journal = Arc::clone(&store);
        let ended = runtime.block_on(async {
            let signals = Signals::listen().context("cannot listen for signals")?;
            let (controller, control) = Control::new();
            let asked = tokio::spawn(requests::serve(store, announced, controller.clone()));
            let mut abandoned = pin!(signals.stop(controller, &presenter));
            // On a worker: in `block_on` every wake-up would cross threads.
            let run = tokio::spawn(async move {
                match work {
                    Work::Begin(run, config) => {
                        driver.config(config).run(*run, control).await.map_err(ResumeError::from)
                    }
                    Work::GoOn(run_id, config) => {
                        driver.resume(&run_id, Some(config), control).await
                    }
                }
            });
            let finished = tokio::select! {
                finished = run => finished.context("the run's task ended early")?,
                () = &mut abandoned => return Ok(None),
            };
            asked.abort();
            presenter.finish();
            // A reader of stdout that reads no more must not hold the program for ever.
            tokio::select! {
                written = &mut shown => written.context("the progress thread ended early")??,
                () = &mut abandoned => return Ok(None),
            }
            let broken = |error| broken(error, known.borrow().as_ref(), &journal, output);
            finished.map(Some).map_err(broken)
        });
        // Blocking work that nobody waits for any more must not hold the program.
        runtime.shutdown_background();
        ended
    }
}

/// A run that could not be recorded any more: what is on record is shown, and how to go on.
fn broken(
    error: ResumeError,
    run_id: Option<&RunId>,
    store: &SqliteStore,
    output: OutputKind,
) -> Failure {
    let failure = Failure::from(error);
    let Some(run) = run_id.and_then(|run_id| store.run(run_id).ok()) else { return failure };
    if output == OutputKind::Json
        && let Ok(state) = store.state(&run.run_id)
    {
        let mut report = RunReport::new(&state, String::new(), "file", Usage::none());
        report.run_name = Some(run.name.clone());
        // The error that follows is the worse news.
        let _ = Output::stdout().json(&report);
    }
    let name = run.name;
    failure.hint(format!("mend that, then `pe resume {name}` goes on; nothing recorded is lost"))
}

/// What people call runs.
pub(crate) fn names(store: &Arc<SqliteStore>) -> Names {
    let store = Arc::clone(store);
    Box::new(move |run_id| store.run(run_id).ok().map(|run| run.name))
}

/// Passes on what happens, and says once which run it is.
struct Announcer {
    presenter: Arc<Presenter>,
    run: watch::Sender<Option<RunId>>,
}

impl Announcer {
    fn new(presenter: Arc<Presenter>) -> (Self, watch::Receiver<Option<RunId>>) {
        let (run, announced) = watch::channel(None);
        (Self { presenter, run }, announced)
    }
}

impl Observer for Announcer {
    fn observe(&self, events: &[Event]) {
        if self.run.borrow().is_none() {
            self.run.send_replace(events.first().map(|event| event.run_id.clone()));
        }
        self.presenter.observe(events);
    }

    fn resumed(&self, state: &RunState) {
        self.presenter.resumed(state);
    }
}

/// Who is asked; nobody when there is nobody, and then steps stay waiting.
fn approver(
    says_yes: bool,
    console: Console,
    tools: ToolSet,
    presenter: &Arc<Presenter>,
) -> Option<Arc<dyn Approver>> {
    if says_yes {
        Some(Arc::new(AlwaysYes))
    } else if console.can_ask {
        Some(Arc::new(Terminal::new(console, tools, Arc::clone(presenter))))
    } else {
        None
    }
}
