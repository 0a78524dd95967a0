//! Runs every test and counts what the test programs say.
//!
//! The count is read from the `test result:` lines while they stream past; nothing is counted
//! that did not run. A run in which no test ran has failed.

use std::fmt;
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use anyhow::{Context, Result};

use crate::{process, setup};

/// How many tests passed, failed and were skipped.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    pub(crate) skipped: u64,
}

/// What a run of the tests came to.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) tally: Tally,
    /// Why the run does not hold, if it does not.
    pub(crate) failure: Option<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, skipped } = self;
        write!(f, "{passed} passed, {failed} failed, {skipped} skipped")
    }
}

/// The task: runs the tests and closes with their count.
pub(crate) fn run(args: &[String]) -> Result<bool> {
    let outcome = execute(args)?;
    if let Some(failure) = &outcome.failure {
        eprintln!("error: {failure}");
    }
    println!("\n{}", outcome.tally);
    Ok(outcome.failure.is_none())
}

/// Runs the tests with the arguments of the task, and leaves the last word to the caller.
pub(crate) fn execute(args: &[String]) -> Result<Outcome> {
    setup::run(setup::Scope::Tests)?;
    let mut command = command(args)?;
    process::announce(&command);
    let mut child = command.stdout(Stdio::piped()).spawn().context("cannot start `cargo test`")?;
    let output = child.stdout.take().context("`cargo test` has no output to read")?;
    let tally = stream(BufReader::new(output), &mut std::io::stdout().lock())?;
    let status = child.wait().context("cannot wait for `cargo test`")?;
    Ok(Outcome { tally, failure: judge(tally, status.success()) })
}

fn command(args: &[String]) -> Result<Command> {
    let (long, further) = split(args);
    let mut command = process::cargo(["test"])?;
    if !names_packages(&further) {
        command.arg("--workspace");
    }
    command.arg("--no-fail-fast").args(further);
    if long {
        command.env("PE_TEST_LONG", "1");
    }
    Ok(command)
}

/// Takes `--long` out of what stands before `--`.
fn split(args: &[String]) -> (bool, Vec<&str>) {
    let end = args.iter().position(|arg| arg == "--").unwrap_or(args.len());
    let is_long = |(at, arg): &(usize, &str)| *at < end && *arg == "--long";
    let numbered = || args.iter().map(String::as_str).enumerate();
    let further = numbered().filter(|arg| !is_long(arg)).map(|(_, arg)| arg);
    (numbered().any(|arg| is_long(&arg)), further.collect())
}

/// Whether the caller chose packages, which cargo would ignore beside `--workspace`.
fn names_packages(args: &[&str]) -> bool {
    let chosen =
        |arg: &&str| arg.starts_with("-p") || *arg == "--package" || arg.starts_with("--package=");
    args.iter().take_while(|arg| **arg != "--").any(chosen)
}

/// Copies lines as they come and adds up those that close a test program.
fn stream(mut from: impl BufRead, to: &mut impl Write) -> Result<Tally> {
    let mut tally = Tally::default();
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? > 0 {
        to.write_all(&line)?;
        to.flush()?;
        if let Some(part) = parse_result(&String::from_utf8_lossy(&line)) {
            tally.passed += part.passed;
            tally.failed += part.failed;
            tally.skipped += part.skipped;
        }
        line.clear();
    }
    Ok(tally)
}

/// Reads `test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; ...`.
fn parse_result(line: &str) -> Option<Tally> {
    let (_, counts) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let mut counts = counts.split("; ");
    let mut count = |what: &str| -> Option<u64> {
        let (number, word) = counts.next()?.split_once(' ')?;
        if word == what { number.parse().ok() } else { None }
    };
    Some(Tally { passed: count("passed")?, failed: count("failed")?, skipped: count("ignored")? })
}

fn judge(tally: Tally, succeeded: bool) -> Option<String> {
    match tally {
        Tally { failed: failed @ 1.., .. } => Some(format!("tests failed: {failed}")),
        _ if !succeeded => Some("`cargo test` failed outside any test, see above".to_owned()),
        Tally { passed: 0, .. } => Some("no test ran".to_owned()),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(output: &str, passed: u64, failed: u64, skipped: u64) {
        let mut copy = Vec::new();
        let tally = stream(output.as_bytes(), &mut copy).unwrap();
        assert_eq!(tally, Tally { passed, failed, skipped }, "{output}");
        assert_eq!(copy, output.as_bytes(), "the output is passed on untouched");
    }

    #[test]
    fn closing_lines_are_added_up() {
        let ok = "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 2 filtered out; finished in 0.01s\n";
        let bad =
            "test result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 0 filtered out\n";
        check(ok, 3, 0, 1);
        check(&format!("running 3 tests\n{ok}\n{bad}"), 7, 2, 1);
        check(ok.trim_end(), 3, 0, 1);
    }

    #[test]
    fn other_lines_are_not_counted() {
        check("", 0, 0, 0);
        check("test plan::tests::a ... ok\n5 passed, 0 failed\n", 0, 0, 0);
        check("said: test result: ok. 3 passed; 0 failed; 1 ignored\n", 0, 0, 0);
        check("test result: ok. x passed; 0 failed; 1 ignored\n", 0, 0, 0);
    }

    #[test]
    fn the_summary_is_one_plain_line() {
        let tally = Tally { passed: 12, failed: 0, skipped: 3 };
        assert_eq!(tally.to_string(), "12 passed, 0 failed, 3 skipped");
    }

    #[test]
    fn a_run_holds_only_when_tests_ran_and_none_failed() {
        let tally = |passed, failed| Tally { passed, failed, skipped: 1 };
        assert_eq!(judge(tally(1, 0), true), None);
        assert_eq!(judge(tally(0, 0), true).as_deref(), Some("no test ran"));
        assert_eq!(judge(tally(5, 2), false).as_deref(), Some("tests failed: 2"));
        assert_eq!(judge(tally(5, 2), true).as_deref(), Some("tests failed: 2"));
        assert!(judge(tally(5, 0), false).is_some());
    }

    #[test]
    fn long_is_ours_only_before_the_dashes() {
        let owned = |args: &[&str]| args.iter().map(|arg| (*arg).to_owned()).collect::<Vec<_>>();
        let args = owned(&["--long", "name", "--", "--long"]);
        assert_eq!(split(&args), (true, vec!["name", "--", "--long"]));
        let args = owned(&["--", "--long"]);
        assert_eq!(split(&args), (false, vec!["--", "--long"]));
    }

    #[test]
    fn chosen_packages_replace_the_workspace() {
        for args in
            [["-p", "pe-exec"], ["-ppe-exec", "a"], ["--package", "a"], ["--package=a", "b"]]
        {
            assert!(names_packages(&args), "{args:?}");
        }
        assert!(!names_packages(&["name", "--", "-p"]));
    }
}
