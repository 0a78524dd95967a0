//! The ledger: what really happened in the world, line by line, synced before the call answers.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use anyhow::{Context, Result, bail};

/// One call that happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) key: String,
    pub(super) step: String,
    pub(super) attempt: u32,
}

/// The program that the plan's steps call: `ledger CLASS FILE [--fail]`. Appends who calls, and
/// only then answers.
pub(crate) fn append(args: &[String]) -> Result<bool> {
    let (file, fails) = match args {
        [_, file] => (file, false),
        [_, file, flag] if flag == "--fail" => (file, true),
        _ => bail!("usage: ledger CLASS FILE [--fail]"),
    };
    let told = |name: &str| std::env::var(name).with_context(|| format!("{name} is not set"));
    let (key, step) = (told("PE_IDEMPOTENCY_KEY")?, told("PE_STEP_ID")?);
    let line = format!("{key}\t{step}\t{}\n", told("PE_ATTEMPT")?);
    let mut ledger = OpenOptions::new().append(true).create(true).open(file)?;
    ledger.write_all(line.as_bytes())?;
    ledger.sync_all()?;
    println!("{step}");
    Ok(!fails)
}

/// Reads a ledger; one that nobody has written is empty.
pub(super) fn read(path: &Path) -> Result<Vec<Line>> {
    if !path.exists() {
        return Ok(Vec::new());
    }
    let text = std::io::read_to_string(File::open(path)?)?;
    text.lines().map(|line| parse(line).with_context(|| format!("ledger line `{line}`"))).collect()
}

fn parse(line: &str) -> Option<Line> {
    let mut fields = line.split('\t');
    let (key, step, attempt) = (fields.next()?, fields.next()?, fields.next()?);
    Some(Line { key: key.to_owned(), step: step.to_owned(), attempt: attempt.parse().ok()? })
}
