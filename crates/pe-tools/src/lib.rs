//! The built-in tools: what a plan can do without a model and without anybody else's server.
//!
//! [`builtin`] opens a root directory and gives a [`ToolSet`](pe_model::ToolSet); an executor
//! calls its tools with arguments whose references are resolved. Each tool declares JSON
//! Schemas of its parameters and its output, an effect class, a resource and whether it needs
//! consent (its [`ToolSpec`](pe_model::ToolSpec)), and keeps within the bounds of the call.
//! [`FnTool`] makes a tool of a closure.
//!
//! ```
//! use std::sync::Arc;
//!
//! use pe_model::{RunId, StepId, ToolCall};
//! use pe_tools::{ToolConfig, builtin};
//! use serde_json::json;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(async {
//! let tools = builtin(&ToolConfig::new("."))?;
//! let echo = tools.get("echo").expect("echo is built in");
//! let output = echo.call(ToolCall {
//!     run_id: RunId::new("run"),
//!     step_id: StepId::new("greet"),
//!     attempt: 1,
//!     idempotency_key: "run/0/0/greet".into(),
//!     arguments: Arc::new(serde_json::from_value(json!({"value": [1, "two"]}))?),
//!     max_output_bytes: 1024,
//! });
//! assert_eq!(output.await?, json!([1, "two"]));
//! # Ok(()) }) }
//! ```
//!
//! Four families: values ([`Echo`], [`Sleep`], [`Assert`], [`QueryJson`]), files inside the
//! root ([`ReadFile`], [`WriteFile`], [`ListDirectory`], [`SearchFiles`]), programs
//! ([`RunCommand`]) and, behind the feature `http` (on by default), requests
//! (`HttpRequest`).
//!
//! What is deliberately absent: retries, timeouts and consent (the executor's), limits on how
//! many calls run at once (the scheduler's), and isolation beyond what the family promises: a
//! program started by `run_command` is not confined to the root.

mod arguments;
mod bound;

mod fn_tool;
mod pure;

mod files;

mod process;

mod command;

#[cfg(feature = "http")]
mod http;
mod http_policy;

mod builtin;

pub use builtin::{ToolConfig, ToolSetupError, builtin};
pub use command::{CommandPolicy, RunCommand};
pub use files::{FileRoot, ListDirectory, ReadFile, SearchFiles, WriteFile};
pub use fn_tool::FnTool;
#[cfg(feature = "http")]
pub use http::{HostError, HttpRequest};
pub use http_policy::HttpPolicy;
pub use pure::{Assert, Echo, QueryJson, Sleep};
