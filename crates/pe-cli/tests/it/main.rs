//! The real `pe`, run as a user or a script runs it.

#![allow(clippy::unwrap_used, reason = "a test that unwraps a None has failed")]

mod bad_input;
mod config;
mod consent;
mod database;
mod discover;
mod docs;
mod doctor;
mod drawing;
mod goal;
mod goal_faults;
mod goal_resume;
mod goal_review;
mod going_on;
mod history;
mod inference;
mod init;
mod look;
mod looking;
mod planning;
mod recordings;
mod run;
mod running;
mod scene;
mod schemas;
mod signal;
mod stdio;
mod upkeep;
mod versions;
mod watching;
mod world;
