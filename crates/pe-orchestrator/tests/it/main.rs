//! The whole loop with a scripted model: from a goal to an answer, and everything in between.

#![allow(clippy::unwrap_used, reason = "a test that unwraps a None has failed")]

mod adapting;
mod budgets;
mod goals;
mod pictures;
mod promises;
mod races;
mod recording;
mod reviewing;
mod sequential;
mod spent;
mod streaming;
mod support;
mod tools;
mod world;
