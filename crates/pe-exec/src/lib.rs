//! Executes validated plans.
//!
//! [`Scheduler`] decides: a pure state machine that takes an [`Input`] and the time and
//! gives a [`Turn`] of events and commands. [`Driver`] is the tokio loop around it: it
//! calls tools, makes events durable before their commands are carried out, and publishes
//! them. [`run_virtual`] and [`simulate`] drive the same scheduler in virtual time.
//!
//! ```
//! use std::sync::Arc;
//! use pe_exec::{Driver, Control};
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
//! let finished = runtime.block_on(Driver::new(tools).run(plan, Control::none()))?;
//! assert_eq!(finished.answer, "hello world");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! The scheduler alone, told the time and what happened:
//!
//! ```
//! use std::sync::Arc;
//! use pe_exec::{Command, Input, Policy, RunOptions, Scheduler, ToolRules};
//! use pe_model::{Catalog, Format, OrchestratorConfig, PlanStatus, ToolSet, ToolSpec};
//! use pe_validate::{Limits, check_file};
//!
//! let text = br#"{"goal": "g", "steps": [{"step_id": "a", "tool": "sleep"}]}"#;
//! let known: Catalog = [ToolSpec { name: "sleep".into(), ..ToolSpec::default() }].into_iter().collect();
//! let plan = check_file(text, Format::Json, &known, &Limits::default()).plan.expect("a valid plan");
//! # struct Sleep(ToolSpec);
//! # impl pe_model::Tool for Sleep {
//! #     fn spec(&self) -> &ToolSpec { &self.0 }
//! #     fn call(&self, _: pe_model::ToolCall) -> pe_model::BoxFuture<'_, Result<serde_json::Value, pe_model::ToolError>> {
//! #         Box::pin(async { Ok(serde_json::Value::Null) })
//! #     }
//! # }
//! # let sleep = Sleep(ToolSpec { name: "sleep".into(), ..ToolSpec::default() });
//! # let tools: ToolSet = [Arc::new(sleep) as Arc<dyn pe_model::Tool>].into_iter().collect();
//! let rules = Arc::new(ToolRules::new(tools, Policy::default()));
//! let options = RunOptions {
//!     run_id: "r".into(),
//!     plan_id: "p".into(),
//!     config: OrchestratorConfig::default(),
//!     weights: Vec::new(),
//!     seed: 0,
//!     started_at: "2026-01-01T00:00:00Z".parse()?,
//!     reuse: None,
//!     origin: Default::default(),
//!     stage: Default::default(),
//! };
//! let mut scheduler = Scheduler::new(plan, rules, options);
//! let turn = scheduler.handle(Input::Begin, 0);
//! let Command::Start(attempt) = &turn.commands[0] else { panic!("nothing starts") };
//! assert_eq!(scheduler.next_wake(), Some(30_000), "the attempt's deadline");
//! let done = Input::AttemptSucceeded { key: attempt.key.clone(), output: Default::default() };
//! scheduler.handle(done, 250);
//! assert_eq!(scheduler.state().status, PlanStatus::Completed);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A run whose plan is not whole begins at another [`PlanStage`](pe_model::PlanStage) and is written on
//! by whoever has its [`Controller`]; `docs/architecture.md` says what starts meanwhile:
//!
//! ```
//! use pe_exec::{Control, Driver, NewRun, Revision};
//! use pe_model::{JsonMap, PlanStage, PlanStatus, ToolSet};
//! use pe_validate::ValidPlan;
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build()?.block_on(async {
//! let plan = ValidPlan::without_steps("goal", JsonMap::new());
//! let (controller, control) = Control::new();
//! let run = NewRun { stage: PlanStage::Draft, ..NewRun::from(plan.clone()) };
//! let write = async {
//!     // Each time that a step was written: the plan so far, and that it is not the end.
//!     controller.revise(Revision::extension(plan.clone(), PlanStage::Draft)).await?;
//!     controller.revise(Revision::extension(plan, PlanStage::Complete)).await?;
//!     controller.conclude().await
//! };
//! let driver = Driver::new(ToolSet::default());
//! let (finished, written) = tokio::join!(driver.run(run, control), write);
//! assert_eq!((finished?.state.status, written), (PlanStatus::Completed, Ok(())));
//! # Ok::<(), Box<dyn std::error::Error>>(()) })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Read it in the order policy, scope, scheduler, driver.
//!
//! What is deliberately absent: a model, a database, a terminal, and any tool.

mod policy;
mod scope;

mod scheduler;

mod answer;
mod clock;
mod control;
mod driver;
mod failpoint;
mod memory;
mod people;
mod resume;
mod simulate;
mod virtual_run;

pub use answer::answer;
pub use control::{AnswerError, Control, ControlError, Controller};
pub use driver::{Driver, DriverError, Finished, GRACE_MS, NewRun, fresh_run_id};
pub use memory::MemoryJournal;
pub use people::{Answer, ApprovalRequest, Approver, Decision, Observer};
pub use policy::{AllowRule, CallRule, CallRules, Policy, PolicyError, ToolRules};
pub use resume::{Recorded, ResumeError};
pub use scheduler::{
    Attempt, Command, Input, Millis, Refusal, Refused, Reuse, ReuseError, ReviseError, Revision,
    RunOptions, Scheduler, Turn,
};
pub use simulate::{Simulation, Slot, simulate};
pub use virtual_run::{Response, VirtualRun, run_virtual};
