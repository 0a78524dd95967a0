//! Executes validated plans.
//!
//! [`Scheduler`] decides: a pure state machine that takes an [`Input`] and the time and
//! gives a [`Turn`] of events and commands. [`Driver`] is the tokio loop around it: it
//! calls tools, makes events durable before their commands are carried out, and publishes
//! them. [`run_virtual`] and [`simulate`] drive the same scheduler in virtual time.
//!
//! ```
//! use std::sync::Arc;
//! use pe_exec::{Driver, Stop};
//! use pe_model::{BoxFuture, Format, Tool, ToolCall, ToolError, ToolSet, ToolSpec};
//! use pe_validate::{Limits, check_file};
//! use serde_json::Value;
//!
//! struct Echo(ToolSpec);
//! impl Tool for Echo {
//!     fn spec(&self) -> &ToolSpec { &self.0 }
//!     fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
//!         Box::pin(async move { Ok(call.arguments["value"].clone()) })
//!     }
//! }
//!
//! let echo = Echo(ToolSpec { name: "echo".into(), ..ToolSpec::default() });
//! let tools: ToolSet = [Arc::new(echo) as Arc<dyn Tool>].into_iter().collect();
//! let text = br#"{"goal": "greet", "steps": [
//!     {"step_id": "who", "tool": "echo", "parameters": {"value": "world"}},
//!     {"step_id": "greet", "tool": "echo", "parameters": {"value": "hello {{ results.who }}"}}]}"#;
//! let checked = check_file(text, Format::Json, &tools.catalog(), &Limits::default());
//! let plan = checked.plan.expect("a valid plan");
//! let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! let finished = runtime.block_on(Driver::new(tools).run(plan, Stop::never()))?;
//! assert_eq!(finished.answer, "hello world");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is deliberately absent: a model, a database, a terminal, and any tool.

mod policy;
mod scope;

mod scheduler;

mod answer;
mod clock;
mod driver;
mod memory;
mod simulate;

pub use answer::answer;
pub use driver::{
    ApprovalRequest, Approver, Decision, Driver, DriverError, Finished, GRACE_MS, Observer, Stop,
    StopHandle,
};
pub use memory::MemoryJournal;
pub use policy::{AllowRule, CallRule, CallRules, Policy, PolicyError, ToolRules};
pub use scheduler::{
    Attempt, Command, Input, Millis, Refusal, ReviseError, RunOptions, Scheduler, Turn,
};
pub use simulate::{Response, Simulation, Slot, VirtualRun, run_virtual, simulate};
