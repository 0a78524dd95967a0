//! Executes validated plans.
//!
//! [`Scheduler`] decides: a pure state machine that takes an [`Input`] and the time and
//! gives a [`Turn`] of events and commands. [`Driver`] is the tokio loop around it: it
//! calls tools, makes events durable before their commands are carried out, and publishes
//! them. The simulator drives the same scheduler in virtual time.

mod policy;
mod scope;

mod scheduler;

pub use policy::{AllowRule, CallRule, CallRules, Policy, PolicyError, ToolRules};
pub use scheduler::{Attempt, Command, Input, Millis, ReviseError, RunOptions, Scheduler, Turn};
