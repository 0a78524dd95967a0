//! The whole loop: a goal in, an answer out.
//!
//! [`PlanExecuteOrchestrator`] has a model decompose a goal into a plan, executes the plan,
//! has it changed where it fails, and has the answer written. Every part is a crate of its
//! own; this one ties them together and adds the tools that need a model (`llm`) or a person
//! (`ask_user`).
//!
//! ```
//! use std::sync::Arc;
//! use pe_model::{
//!     BoxFuture, DeltaSink, Effect, LlmClient, ModelAnswer, ModelError, ModelName, ModelRequest,
//!     Purpose,
//! };
//! use pe_orchestrator::{PlanExecuteOrchestrator, tool_fn};
//! use schemars::JsonSchema;
//! use serde::Deserialize;
//!
//! /// A model; `pe_llm::OpenAi` is one that talks to an endpoint.
//! struct Script;
//! impl LlmClient for Script {
//!     fn name(&self) -> ModelName {
//!         ModelName { model: "script".into(), endpoint: "this process".into() }
//!     }
//!     fn ask<'a>(
//!         &'a self,
//!         request: &'a ModelRequest,
//!         _: Option<DeltaSink<'a>>,
//!     ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
//!         let plan = r#"{"steps":[{"id":"sum","tool":"add","args":{"a":20,"b":22}}]}"#;
//!         let text = if request.purpose == Purpose::Plan { plan } else { "It is 42." };
//!         Box::pin(async move { Ok(ModelAnswer::text(text)) })
//!     }
//! }
//!
//! #[derive(Deserialize, JsonSchema)]
//! struct Add {
//!     a: i64,
//!     b: i64,
//! }
//!
//! let add = tool_fn("add", "Adds two numbers.", Effect::Pure, |args: Add| async move {
//!     Ok(args.a + args.b)
//! });
//! let orchestrator = PlanExecuteOrchestrator::builder().client(Arc::new(Script)).tool(add).build();
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! let goal = "What is 20 + 22?";
//! let outcome = runtime.block_on(orchestrator.execute_with_tools(goal, None))?;
//! assert_eq!(outcome.report.results["sum"], 42);
//! assert_eq!(outcome.report.final_response, "It is 42.");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The examples show more, all without a model: `closure_tools`, `goal`, `watch`, `resume` and
//! `validate_and_compare`.
//!
//! Inside, one run is one driver (`pe-exec`) and one `steering` beside it. The driver executes
//! and records; the steering gives it plans: a draft that grows while the model writes, the
//! whole, a patched one, or, where the model writes no plan that holds, a plan that grows by
//! one call at a time. A `relay` shows the steering where the run stands, `models` keeps what
//! the run has asked and spent.
//!
//! What is deliberately absent: terminals, files, settings.

mod checked;
mod closure;
mod tools;

mod exchanges;
mod ledger;
mod models;

mod growth;
mod notice;
mod relay;
mod review;
mod steering;
mod transcript;

mod builder;
mod orchestrator;
mod outcome;
mod picture;

pub use builder::Builder;
pub use closure::tool_fn;
pub use ledger::{LedgerEntry, LedgerError, ModelLedger};
pub use notice::{LoopObserver, Notice};
pub use orchestrator::{PlanExecuteOrchestrator, Task};
pub use outcome::{OrchestratorError, Outcome, Trouble};
pub use picture::{Outlook, Picture, view_of_valid};
pub use review::{Proposal, Reviewer, Verdict};
pub use steering::Supervision;
pub use tools::{ASK_USER, LLM, Person, Question, catalog};
