//! One run from here to its end: the driver on a worker, the signals, the screen, and what
//! other terminals ask for.

use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use pe_exec::{AllowRule, Control, Observer, Policy};
use pe_llm::Prompts;
use pe_model::{BoxFuture, Event, OrchestratorConfig, RunId, RunState, ToolSet};
use pe_orchestrator::{
    LoopObserver, OrchestratorError, Outcome, Person, PlanExecuteOrchestrator, Proposal, Reviewer,
    Supervision, Task, Verdict,
};
use pe_store::SqliteStore;
use tokio::sync::watch;

use crate::args::{ExecuteArgs, OutputKind};
use crate::consent::AlwaysYes;
use crate::console::Console;
use crate::failure::Failure;
use crate::model::Model;
use crate::output::Output;
use crate::progress::{Look, Names, Presenter};
use crate::recorded::report;
use crate::requests;
use crate::settings::Settings;
use crate::signals::Signals;
use crate::terminal::Terminal;

/// What a run needs besides its plan.
pub(crate) struct Execution {
    tools: ToolSet,
    policy: Policy,
    store: Arc<SqliteStore>,
    says_yes: bool,
    reviews: bool,
    model: Model,
    console: Console,
    output: OutputKind,
}

impl Execution {
    /// Prepares runs, with the consent that the command line and the settings give and the model
    /// that they name.
    ///
    /// # Errors
    /// A usage failure when an allow rule is none, or the model cannot be set up.
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
        let model = Model::new(settings, &args.planner)?;
        let (says_yes, output) = (args.yes, args.output());
        Ok(Self { tools, policy, store, says_yes, reviews: false, model, console, output })
    }

    /// Has plans that a model writes reviewed at the terminal.
    ///
    /// # Errors
    /// A usage failure when there is no terminal to do it at.
    pub(crate) fn reviewed(mut self, reviews: bool) -> Result<Self, Failure> {
        if reviews && !self.console.can_ask {
            return Err(Failure::usage_message("`--review` needs a terminal to ask at").hint(
                "`pe plan GOAL -o plan.yaml` writes the plan; read it, then `pe run plan.yaml`",
            ));
        }
        self.reviews = reviews;
        Ok(self)
    }

    /// The same for a run that has been reviewed so far; what has ended, nobody needs to review.
    ///
    /// # Errors
    /// A usage failure when there is no terminal to do it at.
    pub(crate) fn reviewed_as_before(
        mut self,
        run: &str,
        has_ended: bool,
    ) -> Result<Self, Failure> {
        if !has_ended && !self.console.can_ask {
            let message = format!(
                "what a model plans in run {run} is reviewed (`--review`), which needs a terminal"
            );
            return Err(Failure::usage_message(message).hint(format!(
                "say it again at a terminal; `pe show {run}` and `pe graph {run}` show how far it is"
            )));
        }
        self.reviews = true;
        Ok(self)
    }

    /// Executes; `None` when the user would not even wait for the stop to be recorded.
    ///
    /// # Errors
    /// When the run could not be driven to an end, or stdout could not take the events.
    pub(crate) fn run(
        self,
        task: Task,
        config: OrchestratorConfig,
    ) -> Result<Option<Outcome>, Failure> {
        // Most plans of a person need none, and a prompt that is gone must not stop them.
        let asks = !matches!(&task, Task::Plan { supervision, .. } if *supervision == Supervision::default());
        let prompts = if asks { self.model.prompts()? } else { Prompts::builtin() };
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
        let orchestrator = self.orchestrator(config, prompts, announcer, &presenter);
        let (store, known, output) = (self.store, announced.clone(), self.output);
        let journal = Arc::clone(&store);
        let ended = runtime.block_on(async {
            let signals = Signals::listen().context("cannot listen for signals")?;
            let (controller, control) = Control::new();
            let asked = tokio::spawn(requests::serve(store, announced, controller.clone()));
            let mut abandoned = pin!(signals.stop(controller.clone(), &presenter));
            // On a worker: in `block_on` every wake-up would cross threads.
            let run =
                tokio::spawn(async move { orchestrator.work(task, controller, control).await });
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

    fn orchestrator(
        &self,
        config: OrchestratorConfig,
        prompts: Prompts,
        announcer: Announcer,
        presenter: &Arc<Presenter>,
    ) -> PlanExecuteOrchestrator {
        let builder = PlanExecuteOrchestrator::builder().prompts(prompts);
        let mut builder = self
            .model
            .give_to(builder)
            .tools(&self.tools)
            .config(config)
            .policy(self.policy.clone())
            .store(Arc::clone(&self.store))
            .observer(Arc::new(announcer))
            .loop_observer(Arc::clone(presenter) as Arc<dyn LoopObserver>);
        if self.console.can_ask {
            let (console, tools) = (self.console.clone(), self.tools.clone());
            let terminal = Arc::new(Terminal::new(console, tools, Arc::clone(presenter)));
            builder = builder.person(Arc::clone(&terminal) as Arc<dyn Person>);
            if self.reviews {
                builder = builder.reviewer(Arc::clone(&terminal) as Arc<dyn Reviewer>);
            }
            if !self.says_yes {
                builder = builder.approver(terminal);
            }
        }
        if self.reviews && !self.console.can_ask {
            builder = builder.reviewer(Arc::new(Nobody));
        }
        if self.says_yes {
            builder = builder.approver(Arc::new(AlwaysYes));
        }
        builder.build()
    }
}

/// Where nobody can read a plan, none is executed.
struct Nobody;

impl Reviewer for Nobody {
    fn review(&self, _: Proposal) -> BoxFuture<'_, Verdict> {
        Box::pin(std::future::ready(Verdict::Reject))
    }
}

/// A run that could not be recorded any more: what is on record is shown, and how to go on.
fn broken(
    error: OrchestratorError,
    run_id: Option<&RunId>,
    store: &SqliteStore,
    output: OutputKind,
) -> Failure {
    let failure = Failure::from(error);
    let Some(run) = run_id.and_then(|run_id| store.run(run_id).ok()) else { return failure };
    if output == OutputKind::Json
        && let Ok(state) = store.state(&run.run_id)
    {
        // The error that follows is the worse news.
        let _ = Output::stdout().json(&report(store, &state, String::new()));
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
