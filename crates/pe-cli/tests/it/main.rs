//! The real `pe`, run as a user or a script runs it.

#![allow(clippy::unwrap_used, reason = "a test that unwraps a None has failed")]

mod bad_input;
mod config;
mod consent;
mod database;
mod discover;
mod docs;
mod going_on;
mod history;
mod look;
mod looking;
mod run;
mod running;
mod signal;
mod stdio;
mod upkeep;
mod versions;
mod watching;
mod world;
