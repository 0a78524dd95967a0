//! One run from here to its end: the driver on a worker, the signals, the screen.

use std::pin::pin;
use std::sync::Arc;

use anyhow::Context as _;
use pe_exec::{AllowRule, Approver, Control, Driver, Finished, Policy};
use pe_model::{OrchestratorConfig, ToolSet};
use pe_validate::ValidPlan;

use crate::args::OutputKind;
use crate::consent::{AlwaysYes, Terminal};
use crate::console::Console;
use crate::failure::Failure;
use crate::output::Output;
use crate::progress::{Look, Presenter};
use crate::settings::Settings;
use crate::signals::Signals;

/// What a run needs besides its plan.
pub(crate) struct Execution {
    tools: ToolSet,
    policy: Policy,
    config: OrchestratorConfig,
    says_yes: bool,
    console: Console,
    output: OutputKind,
}

impl Execution {
    /// Prepares runs; `says_yes`: to every question.
    ///
    /// # Errors
    /// A usage failure when an allow rule is none.
    pub(crate) fn new(
        tools: ToolSet,
        settings: &Settings,
        says_yes: bool,
        console: Console,
        output: OutputKind,
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
        if says_yes {
            policy = policy.allow_everything();
        }
        let config = settings.orchestrator.clone();
        Ok(Self { tools, policy, config, says_yes, console, output })
    }

    /// What progress looks like: two things are not drawn on one terminal at once.
    fn look(&self) -> Look {
        let console = &self.console;
        let mixes = self.output == OutputKind::Jsonl && console.stdout_is_terminal;
        match console {
            Console { quiet: true, .. } => Look::None,
            _ if mixes => Look::None,
            Console { is_live: true, .. } => Look::Live,
            _ => Look::Lines,
        }
    }

    /// Runs a plan; `None` when the user would not even wait for the stop to be recorded.
    ///
    /// # Errors
    /// When the run could not be driven to an end, or stdout could not take the events.
    pub(crate) fn run(self, plan: ValidPlan) -> anyhow::Result<Option<Finished>> {
        let look = self.look();
        let events = (self.output == OutputKind::Jsonl).then(Output::stdout);
        let (presenter, mut shown) = Presenter::start(self.console.clone(), look, events)
            .context("cannot start the thread that shows progress")?;
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .context("cannot start the runtime")?;
        let observer = Arc::clone(&presenter);
        let mut driver = Driver::new(self.tools.clone())
            .config(self.config)
            .policy(self.policy)
            .observer(observer);
        if let Some(approver) = approver(self.says_yes, self.console, self.tools, &presenter) {
            driver = driver.approver(approver);
        }
        let ended = runtime.block_on(async {
            let signals = Signals::listen().context("cannot listen for signals")?;
            let (handle, control) = Control::new();
            let mut abandoned = pin!(signals.stop(handle, &presenter));
            // On a worker: in `block_on` every wake-up would cross threads.
            let run = tokio::spawn(async move { driver.run(plan, control).await });
            let finished = tokio::select! {
                finished = run => finished.context("the run's task ended early")??,
                () = &mut abandoned => return Ok(None),
            };
            presenter.finish();
            // A reader of stdout that reads no more must not hold the program for ever.
            tokio::select! {
                written = &mut shown => written.context("the progress thread ended early")??,
                () = &mut abandoned => return Ok(None),
            }
            Ok(Some(finished))
        });
        // Blocking work that nobody waits for any more must not hold the program.
        runtime.shutdown_background();
        ended
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
