//! The planner: a goal becomes a plan that holds, or a named reason why not.
//!
//! What the model says is read tolerantly, judged strictly, and sent back with what was found
//! until it holds or the rounds are used up. Nothing that it says is executed here, and nothing
//! that is cut off is completed by guessing.
//!
//! What is deliberately absent: budgets and retries (they are laid around the client), and what
//! happens to a plan.

use std::sync::Arc;

use pe_model::{Catalog, JsonMap, LlmClient, ModelError, ModelRequest, Plan, PlanStep};
use pe_validate::{Limits, ValidPlan, ValidationReport};

use crate::adaptation::{AdaptError, AdaptTask, Adapted};
use crate::answer::AnswerTask;
use crate::draft::DraftError;
use crate::prompts::Prompts;

pub(crate) mod findings;
pub(crate) mod request;
mod rounds;

pub use request::PromptSize;

/// What to plan for, and under which limits.
#[derive(Debug, Clone, Copy)]
pub struct PlanTask<'a> {
    /// What is to be reached; the plan's goal, whatever the model says.
    pub goal: &'a str,
    /// Values that the plan's expressions read as `context`.
    pub context: &'a JsonMap,
    /// The tools that there are.
    pub catalog: &'a Catalog,
    /// What the plan is held to.
    pub limits: &'a Limits,
    /// Plans for other goals, the best match first; as many are shown as there is room for.
    pub examples: &'a [Plan],
    /// How often an answer that does not hold goes back.
    pub max_repair_rounds: u32,
    /// The model's context window in tokens; [`DEFAULT_WINDOW`](crate::DEFAULT_WINDOW) where it
    /// is not known.
    pub context_tokens: Option<u64>,
}

/// What happens while a plan is being made.
#[derive(Debug)]
pub enum PlanProgress<'a> {
    /// The model is about to be asked; round 0 is the first time.
    Asking {
        /// Which round.
        round: u32,
    },
    /// Something was left out of the prompt.
    Note(&'a str),
    /// More of the answer's text.
    Text(&'a str),
    /// A step of the answer is complete; nobody has judged it yet.
    Step(&'a PlanStep),
    /// What came so far is void: the answer begins anew.
    Restart,
    /// The answer was read, and does not hold.
    Findings {
        /// The round of the answer.
        round: u32,
        /// What was found.
        report: &'a ValidationReport,
    },
    /// The answer could not be read.
    Unreadable {
        /// The round of the answer.
        round: u32,
        /// Why.
        error: &'a DraftError,
    },
}

/// A plan that holds.
#[derive(Debug, Clone)]
pub struct Planned {
    /// The plan.
    pub plan: ValidPlan,
    /// What was found about it, none of it an error.
    pub report: ValidationReport,
    /// How often an answer went back before.
    pub rounds: u32,
}

/// Why there is no plan.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum PlanningError {
    /// The model gave no answer.
    #[error("no plan was made: {0}")]
    Model(#[source] ModelError),
    /// The last answer could not be read.
    #[error(
        "no plan was made: the model's answer could not be read{}: {error}; {}",
        after(*.rounds), unreadable_move(.error)
    )]
    Unreadable {
        /// Why.
        #[source]
        error: DraftError,
        /// How often an answer had gone back before.
        rounds: u32,
    },
    /// The last plan does not hold.
    #[error(
        "no plan was made: the model's plan has {}{}, first: {}; use a larger model, raise \
         `max_repair_rounds`, or write the plan by hand",
        findings::count(.report), after(*.rounds), findings::first(.report)
    )]
    Invalid {
        /// The plan as the model wrote it.
        plan: Box<Plan>,
        /// What was found.
        report: Box<ValidationReport>,
        /// How often an answer had gone back before.
        rounds: u32,
    },
}

fn after(rounds: u32) -> String {
    match rounds {
        0 => String::new(),
        1 => " after 1 repair round".to_owned(),
        _ => format!(" after {rounds} repair rounds"),
    }
}

fn unreadable_move(error: &DraftError) -> &'static str {
    match error {
        DraftError::Truncated { .. } | DraftError::TooLarge { .. } => {
            "ask for less, or give the model a larger context window"
        }
        _ => "use a model that writes JSON, or raise `max_repair_rounds`",
    }
}

/// Asks a model for plans, patches and answers.
#[derive(Clone)]
pub struct Planner {
    client: Arc<dyn LlmClient>,
    prompts: Arc<Prompts>,
    temperature: Option<f64>,
}

impl Planner {
    /// A planner that asks `client` with `prompts`, at temperature 0.
    pub fn new(client: Arc<dyn LlmClient>, prompts: Arc<Prompts>) -> Self {
        Self { client, prompts, temperature: Some(0.0) }
    }

    /// Asks with this temperature; the other side's default where none is given.
    #[must_use]
    pub fn with_temperature(mut self, temperature: Option<f64>) -> Self {
        self.temperature = temperature;
        self
    }

    /// The first request that [`plan`](Self::plan) would make.
    pub fn plan_request(&self, task: &PlanTask<'_>) -> ModelRequest {
        request::first(&self.prompts, task, self.temperature).0
    }

    /// The sizes of that request, in estimated tokens, and how far the tools were cut.
    pub fn plan_size(&self, task: &PlanTask<'_>) -> PromptSize {
        request::first(&self.prompts, task, self.temperature).1
    }

    /// Asks for a plan, and again with what was found until it holds.
    ///
    /// The model is asked at most 1 + `max_repair_rounds` times; each of its answers, what was
    /// found about it and each step as it is written are passed to `on`.
    ///
    /// # Errors
    /// A [`PlanningError`]: the model's, or that of the last answer.
    pub async fn plan(
        &self,
        task: &PlanTask<'_>,
        on: &mut (dyn FnMut(PlanProgress<'_>) + Send),
    ) -> Result<Planned, PlanningError> {
        rounds::plan(self, task, on).await
    }

    /// The first request that [`adapt`](Self::adapt) would make.
    pub fn adapt_request(&self, task: &AdaptTask<'_>) -> ModelRequest {
        crate::adaptation::first_request(&self.prompts, task, self.temperature)
    }

    /// Asks for one patch of a plan whose execution failed or went astray. One that cannot be
    /// used is reported back once.
    ///
    /// # Errors
    /// An [`AdaptError`]; the plan is as it was.
    pub async fn adapt(&self, task: &AdaptTask<'_>) -> Result<Adapted, AdaptError> {
        crate::adaptation::adapt(self, task).await
    }

    /// The request that [`answer`](Self::answer) makes.
    pub fn answer_request(&self, task: &AnswerTask<'_>) -> ModelRequest {
        crate::answer::request(&self.prompts, task, self.temperature)
    }

    /// Asks for the final answer from the results of the last steps.
    ///
    /// # Errors
    /// The model's [`ModelError`], also when its answer is empty or was cut off.
    pub async fn answer(&self, task: &AnswerTask<'_>) -> Result<String, ModelError> {
        crate::answer::answer(self, task).await
    }

    pub(crate) fn client(&self) -> &dyn LlmClient {
        &*self.client
    }

    pub(crate) fn prompts(&self) -> &Prompts {
        &self.prompts
    }

    pub(crate) fn temperature(&self) -> Option<f64> {
        self.temperature
    }
}

impl std::fmt::Debug for Planner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Planner").field("model", &self.client.name()).finish_non_exhaustive()
    }
}
