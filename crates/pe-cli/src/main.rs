//! The `pe` command: plans are read, judged, run and shown from a terminal or a script.
//!
//! The way of one command: [`args`] parses words into a low form; [`settings`] resolves
//! flags, environment and configuration files once into a checked high form;
//! [`commands`] holds one file a verb. Answers and data go to stdout through [`output`],
//! all else to stderr through [`console`]. Only this crate turns errors into exit codes
//! ([`exit`]) and hints ([`failure`]).
//!
//! What is deliberately absent: anything about plans that another program could use too.

mod args;
mod exit;
mod failure;
mod findings;

mod settings;

mod console;
mod output;
mod words;

mod database;
mod recorded;
mod requests;
mod review;
mod when;

mod document;
mod drawn;
mod loading;
mod tooling;

mod model;

mod consent;
mod execution;
mod progress;
mod signals;
mod summary;
mod table;
mod terminal;

mod commands;

fn main() -> std::process::ExitCode {
    #[cfg(feature = "failpoints")]
    let _scenario = fail::FailScenario::setup();
    commands::main().into()
}
