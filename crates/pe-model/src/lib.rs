//! The vocabulary of plans and runs, shared by every other crate.
//!
//! Plain data and three small ports; no IO, no async runtime, no clock. Text becomes a
//! [`Plan`] through [`PlanFile::parse`]; tools describe themselves with a [`ToolSpec`];
//! whatever happens while a plan runs is an [`Event`]; [`RunState`] is the fold of those
//! events and nothing else; [`RunReport`] is what a finished run looks like from outside.
//!
//! ```
//! use pe_model::{Format, PlanFile, StepType};
//!
//! let text = r#"{"goal": "greet", "steps": [
//!     {"step_id": "hello", "tool": "echo", "parameters": {"value": "hi"}}]}"#;
//! let file = PlanFile::parse(text.as_bytes(), Format::Json)?;
//! assert_eq!(file.plan.steps[0].step_type, StepType::Normal);
//! assert_eq!(file.plan.progress(), 0.0);
//! # Ok::<(), pe_model::ReadError>(())
//! ```
//!
//! What is deliberately absent: whether a plan is any good (`pe-validate`), what an
//! expression means (`pe-expr`), and when a step runs (`pe-exec`).

mod id;

mod plan;
mod retry;
mod step;

mod document;
mod nearest;
mod patch;
mod plan_file;

mod catalog;
mod config;
mod effect;
mod fault;
mod llm;
mod tool;

mod event;
mod journal;
mod report;
mod run_state;

pub use catalog::{Catalog, CatalogError};
pub use config::{Budget, Durability, OrchestratorConfig, Streaming, Strictness};
pub use document::{Format, MAX_DOCUMENT_BYTES, MAX_NESTING, ReadError, kind_of, read_value};
pub use effect::Effect;
pub use event::{
    AttemptKey, EVENT_FORMAT, Event, EventKind, PendingCall, PlanStage, Resolution, ReusedCall,
    RevisionCause, StopCause, WaitingFor,
};
pub use fault::{ErrorClass, Outcome, StepError, ToolError};
pub use id::{IdError, PlanId, RunId, StepId};
pub use journal::{Claim, Journal, JournalError};
pub use llm::{
    AnswerFormat, ChatMessage, Delta, DeltaSink, FinishReason, LlmClient, ModelAnswer, ModelError,
    ModelErrorKind, ModelName, ModelRequest, OfferedTool, Purpose, RequestedCall, Speaker,
    TokenCount,
};
pub use nearest::nearest;
pub use patch::{Modification, PatchError, PatchReadError, PatchReader, PlanPatch, changed_fields};
pub use plan::{PLAN_FORMAT, Plan, PlanStatus};
pub use plan_file::{
    MAX_STEPS, PlanFile, ShapeIssue, UnknownField, render_definition, render_plan,
};
pub use report::{RunError, RunReport, Usage};
pub use retry::{Backoff, RetryPolicy};
pub use run_state::{ApplyError, IterationPhase, IterationState, Reason, RunState, StepState};
pub use step::{PlanStep, SkipReason, StepResult, StepStatus, StepType, TriggerRule};
pub use tool::{BoxFuture, JsonMap, Tool, ToolCall, ToolSet, ToolSpec};
