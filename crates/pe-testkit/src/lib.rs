//! Test doubles: plans written by hand, drawn by chance or read from real programs, and models
//! that say what a test wrote down.
//!
//! A dev-dependency only, used from `tests/it`; nothing here is ever part of a program.
//!
//! - [`plan()`], [`step()`] and their methods write a small plan in a few words.
//! - [`arbitrary_plan`] draws valid plans with everything that plans may hold, and
//!   [`arbitrary_plan_with`] leaves out what a test cannot bear.
//! - [`catalog_of`] knows the tools of a plan by name, and [`valid`] checks a plan that must
//!   be valid.
//! - [`shared_plans`], [`shared_raw`], [`shared_tools`] and [`shared_truth`] read the shared data
//!   sets, where they are present.
//! - [`realistic_catalog`] has twenty tools with everything that tools may declare.
//! - [`InferenceServer`] is a real inference server, where `cargo xtask setup` installed it.
//! - [`naive`] says what a plan's edges mean, as the design words it, at a cost of n²: what
//!   the fast graph is held against.
//! - [`ScriptedClient`] is a model inside the test, in tokio's clock; [`ChatServer`] is one
//!   behind a real socket, with every fault that a network has.
//!
//! ```
//! use pe_testkit::{catalog_of, plan, step, valid};
//!
//! let plan = plan([
//!     step("a"),
//!     step("b").tool("fetch").after(["a"]),
//!     step("c").parameter("text", "{{ results.b.body }}"),
//!     step("d").instead_of("b"),
//! ]);
//! let valid = valid(&plan);
//! assert_eq!(valid.graph().triggers(2), [1]);
//! assert_eq!(valid.graph().fallbacks(1), [3]);
//! assert_eq!(catalog_of(&plan).names().collect::<Vec<_>>(), ["echo", "fetch"]);
//! ```
//!
//! What is deliberately absent so far: scripted tools and a test clock.

mod builder;
mod catalog;
mod catalogs;
mod chat_server;

mod arbitrary;
mod inference;
pub mod naive;
mod scripted_client;
mod shared;

pub use arbitrary::{Ingredients, arbitrary_plan, arbitrary_plan_with};
pub use builder::{StepBuilder, plan, step};
pub use catalog::{catalog_of, valid};
pub use catalogs::realistic_catalog;
pub use chat_server::{ChatServer, Fault, Received, Reply};
pub use inference::InferenceServer;
pub use scripted_client::{Scripted, ScriptedClient};
pub use shared::{
    SHARED_SETS, SharedTools, shared_plans, shared_raw, shared_timing, shared_tools, shared_truth,
};
