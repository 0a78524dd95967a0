//! Every check that a change must pass, in one go.
//!
//! A failed stage does not stop the next one, so that one run tells all. The very last line is
//! the count of the tests, alone, because that is what automation looks for.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::setup::{CARGO_DENY, Ready};
use crate::test::{Outcome, Tally};
use crate::{crash, process, schemas, setup, test, tidy};

/// How a stage ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Ok,
    Failed,
    Skipped,
}

/// A stage that is over.
#[derive(Debug)]
struct Stage {
    name: &'static str,
    end: End,
    took: Duration,
}

/// The task: runs every stage, then prints the table of them and the count of the tests.
pub(crate) fn run() -> Result<bool> {
    let mut tests = Tally::default();
    let stages = [
        stage("fmt", || cargo(&["fmt", "--all", "--check"])),
        stage("clippy", || {
            cargo(&["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"])
        }),
        stage("tidy", || Ok(held(tidy::run()?))),
        stage("deny", deny),
        stage("schemas", || match schemas::are_kept()? {
            true => Ok(held(schemas::check()?)),
            false => Ok(End::Skipped),
        }),
        stage("test", || {
            let Outcome { tally, failure } = test::execute(&[])?;
            tests = tally;
            if let Some(failure) = &failure {
                eprintln!("error: {failure}");
            }
            Ok(held(failure.is_none()))
        }),
        stage("crash", || Ok(held(crash::check()?))),
        stage("doc", || {
            let mut doc = process::cargo(["doc", "--workspace", "--no-deps"])?;
            Ok(held(process::run(doc.env("RUSTDOCFLAGS", "-D warnings"))?))
        }),
    ];
    println!("\n{}\n{tests}", table(&stages));
    Ok(stages.iter().all(|stage| stage.end != End::Failed))
}

/// Runs one stage; what it could not even try has failed.
fn stage(name: &'static str, run: impl FnOnce() -> Result<End>) -> Stage {
    eprintln!("\n== {name}");
    let start = Instant::now();
    let end = run().unwrap_or_else(|error| {
        eprintln!("error: {error:#}");
        End::Failed
    });
    Stage { name, end, took: start.elapsed() }
}

fn cargo(args: &[&str]) -> Result<End> {
    Ok(held(process::run(&mut process::cargo(args)?)?))
}

/// Licences, bans and sources of the dependencies, from what is on the machine.
///
/// Advisories are left out: their database is not always within reach, and a change is not to
/// blame for what was published since.
fn deny() -> Result<End> {
    let Ready::At(cargo_deny) = setup::ensure(&CARGO_DENY)? else {
        return Ok(End::Skipped);
    };
    // The check reads the manifests of every platform's dependencies, a build only fetches ours.
    if !process::run(&mut process::cargo(["fetch", "--locked"])?)? {
        eprintln!("warning: some dependencies could not be fetched; the check may miss them");
    }
    let mut check = process::program(&cargo_deny)?;
    check.args(["--offline", "check", "--hide-inclusion-graph"]);
    check.args(["licenses", "bans", "sources"]);
    Ok(held(process::run(&mut check)?))
}

fn held(held: bool) -> End {
    if held { End::Ok } else { End::Failed }
}

/// One line a stage: name, end and seconds.
fn table(stages: &[Stage]) -> String {
    let mut table = String::new();
    for Stage { name, end, took } in stages {
        let end = match end {
            End::Ok => "ok",
            End::Failed => "FAILED",
            End::Skipped => "skipped",
        };
        let seconds = took.as_secs_f64();
        // Writing to a string does not fail.
        let _ = writeln!(table, "{name:<8} {end:<8} {seconds:>6.1} s");
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_a_stage() {
        let stage = |name, end, millis| Stage { name, end, took: Duration::from_millis(millis) };
        let stages = [
            stage("fmt", End::Ok, 1_234),
            stage("clippy", End::Failed, 61_000),
            stage("schemas", End::Skipped, 0),
        ];
        let expected = "fmt      ok          1.2 s\n\
                        clippy   FAILED     61.0 s\n\
                        schemas  skipped     0.0 s\n";
        assert_eq!(table(&stages), expected);
    }

    #[test]
    fn a_stage_that_cannot_be_tried_has_failed() {
        assert_eq!(stage("a", || anyhow::bail!("no")).end, End::Failed);
    }
}
