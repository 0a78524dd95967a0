//! Development tasks of the workspace, run as `cargo xtask VERB`.
//!
//! This file only dispatches. A task writes what people read to the terminal, announces every
//! command it starts, and answers whether it held; what could not even be tried is an error.
//! Exit codes: 0 it held, 1 it did not, 2 the command line was not understood.

#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a development task talks to the person or the log that runs it"
)]

mod ci;
mod crash;
mod fuzz;
mod process;
mod schemas;
mod setup;
mod test;
mod tidy;
mod workspace;

use std::process::ExitCode;

const HELP: &str = "\
Development tasks of this workspace.

usage: cargo xtask VERB

  setup             install what a new machine lacks, below target/tools
  test [--long] ..  run every test; further arguments go to `cargo test`
  tidy              check the rules that compilers do not (layers, files, names)
  bench ..          run the benchmarks; further arguments go to `cargo bench`
  schemas [--check] write docs/schemas from `pe schema`, or fail when they are stale
  crash [N] ..      kill `pe` at N points and hold it to its promises; --seed S, --mutants
  fuzz SECONDS [T]  give each fuzz target, or target T, any bytes for so long; needs nightly
  ci                all of the checks that a change must pass
  help              this text";

fn main() -> ExitCode {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (verb, rest) = match args.split_first() {
        Some((verb, rest)) => (verb.as_str(), rest),
        None => ("", args.as_slice()),
    };
    let held = match (verb, rest) {
        ("setup", []) => setup::run(setup::Scope::All),
        ("test", rest) => test::run(rest),
        ("tidy", []) => tidy::run(),
        ("bench", rest) => bench(rest),
        ("schemas", []) => schemas::write(),
        ("schemas", [flag]) if flag == "--check" => schemas::check(),
        ("crash", rest) => crash::run(rest),
        ("fuzz", rest) => fuzz::run(rest),
        // What the plan of the crash sweep calls.
        ("ledger", rest) => crash::ledger(rest),
        ("ci", []) => ci::run(),
        ("help" | "--help" | "-h", _) => {
            println!("{HELP}");
            Ok(true)
        }
        _ => {
            if !verb.is_empty() {
                eprintln!("error: `{}` is not a task\n", args.join(" "));
            }
            eprintln!("{HELP}");
            return ExitCode::from(2);
        }
    };
    match held {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn bench(further: &[String]) -> anyhow::Result<bool> {
    process::run(process::cargo(["bench", "--workspace"])?.args(further))
}
