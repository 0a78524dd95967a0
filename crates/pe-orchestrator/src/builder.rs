//! What an orchestrator can be given.

use std::sync::Arc;

use pe_exec::{Approver, MemoryJournal, Observer, Policy};
use pe_llm::{Prices, Prompts};
use pe_model::{Journal, LlmClient, OrchestratorConfig, RetryPolicy, Tool, ToolSet, ToolSpec};

use crate::orchestrator::Parts;
use crate::tools::{ASK_USER, AskUser, LLM, Llm};
use crate::{LoopObserver, ModelLedger, Person, PlanExecuteOrchestrator, Reviewer};

/// Sets up a [`PlanExecuteOrchestrator`].
///
/// Without more, it has no model, no tools but `ask_user`, keeps runs in memory, and has nobody
/// to ask: calls that need consent wait.
#[derive(Default)]
pub struct Builder {
    tools: ToolSet,
    config: OrchestratorConfig,
    policy: Policy,
    journal: Option<Arc<dyn Journal>>,
    ledger: Option<Arc<dyn ModelLedger>>,
    client: Option<Arc<dyn LlmClient>>,
    retry: RetryPolicy,
    formats: Option<(bool, bool)>,
    prices: Option<Prices>,
    prompts: Option<Arc<Prompts>>,
    context_tokens: Option<u64>,
    approver: Option<Arc<dyn Approver>>,
    reviewer: Option<Arc<dyn Reviewer>>,
    person: Option<Arc<dyn Person>>,
    observer: Option<Arc<dyn Observer>>,
    loop_observer: Option<Arc<dyn LoopObserver>>,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds a tool; one of the same name is replaced.
    pub fn tool(mut self, tool: Arc<dyn Tool>) -> Self {
        self.tools.insert(tool);
        self
    }

    /// Adds tools.
    pub fn tools(mut self, tools: &ToolSet) -> Self {
        for tool in tools.iter() {
            self.tools.insert(Arc::clone(tool));
        }
        self
    }

    /// Sets the model: one call to it is one exchange. Retries, budgets and the record of calls
    /// are laid around it.
    pub fn client(mut self, client: Arc<dyn LlmClient>) -> Self {
        self.client = Some(client);
        self
    }

    /// Sets how failed calls to the model are tried again.
    pub fn retry(mut self, retry: RetryPolicy) -> Self {
        self.retry = retry;
        self
    }

    /// Says whether the model is asked for answers that fit a schema, and for JSON. Without it
    /// that is found out by asking.
    pub fn answer_formats(mut self, schema: bool, json: bool) -> Self {
        self.formats = Some((schema, json));
        self
    }

    /// Sets what the model's tokens cost; without prices the cost is unknown.
    pub fn prices(mut self, prices: Prices) -> Self {
        self.prices = Some(prices);
        self
    }

    /// Sets the model's window, in tokens.
    pub fn context_tokens(mut self, tokens: u64) -> Self {
        self.context_tokens = Some(tokens);
        self
    }

    /// Sets the prompts.
    pub fn prompts(mut self, prompts: Prompts) -> Self {
        self.prompts = Some(Arc::new(prompts));
        self
    }

    /// Sets the configuration.
    pub fn config(mut self, config: OrchestratorConfig) -> Self {
        self.config = config;
        self
    }

    /// Sets what may be done without asking.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Sets where runs are recorded.
    pub fn journal(mut self, journal: Arc<dyn Journal>) -> Self {
        self.journal = Some(journal);
        self
    }

    /// Sets where calls to the model are recorded.
    pub fn ledger(mut self, ledger: Arc<dyn ModelLedger>) -> Self {
        self.ledger = Some(ledger);
        self
    }

    /// Records runs and calls to the model in a database.
    #[cfg(feature = "store")]
    pub fn store(self, store: Arc<pe_store::SqliteStore>) -> Self {
        let ledger = Arc::new(crate::ledger::StoreLedger(Arc::clone(&store)));
        self.journal(store).ledger(ledger)
    }

    /// Sets who agrees to calls.
    pub fn approver(mut self, approver: Arc<dyn Approver>) -> Self {
        self.approver = Some(approver);
        self
    }

    /// Sets who reads a plan before anything of it is executed.
    pub fn reviewer(mut self, reviewer: Arc<dyn Reviewer>) -> Self {
        self.reviewer = Some(reviewer);
        self
    }

    /// Sets who answers `ask_user`.
    pub fn person(mut self, person: Arc<dyn Person>) -> Self {
        self.person = Some(person);
        self
    }

    /// Sets who sees the events of runs.
    pub fn observer(mut self, observer: Arc<dyn Observer>) -> Self {
        self.observer = Some(observer);
        self
    }

    /// Sets who sees what the loop does besides.
    pub fn loop_observer(mut self, observer: Arc<dyn LoopObserver>) -> Self {
        self.loop_observer = Some(observer);
        self
    }

    /// The orchestrator.
    pub fn build(self) -> PlanExecuteOrchestrator {
        let mut tools = self.tools;
        if tools.get(ASK_USER).is_none() {
            tools.insert(Arc::new(AskUser::new(self.person)));
        }
        let mut specs: Vec<ToolSpec> = tools.iter().map(|tool| tool.spec().clone()).collect();
        if self.client.is_some() && tools.get(LLM).is_none() {
            specs.push(Llm::described().clone());
        }
        let catalog = specs.into_iter().collect();
        PlanExecuteOrchestrator {
            parts: Arc::new(Parts {
                tools,
                catalog,
                config: self.config,
                policy: self.policy,
                journal: self.journal.unwrap_or_else(|| Arc::new(MemoryJournal::new())),
                ledger: self.ledger,
                client: self.client,
                retry: self.retry,
                formats: self.formats.unwrap_or((true, true)),
                prices: self.prices,
                prompts: self.prompts.unwrap_or_else(|| Arc::new(Prompts::builtin())),
                context_tokens: self.context_tokens,
                approver: self.approver,
                reviewer: self.reviewer,
                observer: self.observer,
                loop_observer: self.loop_observer,
            }),
        }
    }
}
