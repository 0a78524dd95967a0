//! Installs what a new machine lacks: programs from crates, and the inference server of the tests.
//!
//! A part that is on the machine already is used as it is; one that is not goes below
//! `target/tools`, so that nothing outside the clone changes. A part that cannot be installed
//! is skipped aloud, and under `CI=true` is a failure. The toolchain itself is not installed.

mod inference;

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};

use crate::process;

/// Which parts to install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scope {
    /// Those that the tests need.
    Tests,
    /// Those that any task needs.
    All,
}

/// A program that tasks start.
#[derive(Debug)]
pub(crate) struct Part {
    program: &'static str,
    /// The version that is installed where there is none, and the oldest that will do.
    version: Version,
    oldest: Version,
    scope: Scope,
}

/// Whether a part can be used.
#[derive(Debug)]
pub(crate) enum Ready {
    At(PathBuf),
    /// Not to be had here, which was said on standard error.
    Skipped,
}

type Version = (u32, u32, u32);

/// Checks licences, bans and sources. Debian and npm do not package it and PyPI's is too old to
/// know the licences of today, so it is compiled: about four minutes of one core, once a clone.
pub(crate) const CARGO_DENY: Part =
    Part { program: "cargo-deny", version: (0, 20, 2), oldest: (0, 19, 0), scope: Scope::All };

const PARTS: [Part; 1] = [CARGO_DENY];

/// The task: makes every part of the scope ready.
pub(crate) fn run(scope: Scope) -> Result<bool> {
    for part in &PARTS {
        if scope == Scope::All || part.scope == Scope::Tests {
            ensure(part)?;
        }
    }
    if let Err(error) = inference::ensure(&tools()?) {
        skip(&format!("the inference server could not be installed: {error:#}"))?;
    }
    Ok(true)
}

/// Finds a part, or else installs it.
pub(crate) fn ensure(part: &Part) -> Result<Ready> {
    let tools = tools()?;
    let ours = tools.join("bin").join(part.program).with_extension(std::env::consts::EXE_EXTENSION);
    for candidate in [PathBuf::from(part.program), ours.clone()] {
        if version_of(&candidate).is_some_and(|version| version >= part.oldest) {
            return Ok(Ready::At(candidate));
        }
    }
    let (major, minor, patch) = part.version;
    let version = format!("{major}.{minor}.{patch}");
    let mut install = process::cargo(["install", part.program, "--locked", "--version", &version])?;
    if process::run(install.arg("--root").arg(&tools))? {
        return Ok(Ready::At(ours));
    }
    skip(&format!("{} {version} could not be installed", part.program))?;
    Ok(Ready::Skipped)
}

/// Where what is installed goes.
fn tools() -> Result<PathBuf> {
    Ok(process::root()?.join("target").join("tools"))
}

/// Says that a part will be missing, which under CI is a failure.
fn skip(reason: &str) -> Result<()> {
    if std::env::var("CI").is_ok_and(|ci| ci == "true") {
        bail!("{reason}, and nothing may be skipped under CI");
    }
    eprintln!("SKIPPED: {reason}");
    Ok(())
}

/// The version that a program says it has, if it is there and can be started.
fn version_of(program: &Path) -> Option<Version> {
    let said = process::output(process::program(program).ok()?.arg("--version")).ok()?;
    parse_version(said.split_whitespace().nth(1)?)
}

fn parse_version(text: &str) -> Option<Version> {
    let mut numbers = text.split(['.', '-', '+']).map(|number| number.parse().ok());
    Some((numbers.next()??, numbers.next()??, numbers.next()??))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_ordered_by_number() {
        assert_eq!(parse_version("0.20.2"), Some((0, 20, 2)));
        assert_eq!(parse_version("1.0.0-rc.1"), Some((1, 0, 0)));
        assert_eq!(parse_version("unknown"), None);
        assert!(parse_version("0.9.9") < parse_version("0.19.0"));
    }

    #[test]
    fn the_version_installed_will_do() {
        for part in &PARTS {
            assert!(part.version >= part.oldest, "{}", part.program);
        }
    }

    #[test]
    fn a_program_that_is_not_there_has_no_version() {
        assert_eq!(version_of(Path::new("no-such-program")), None);
    }
}
