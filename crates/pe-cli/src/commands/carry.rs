//! `pe export` and `pe import`: a run as one file, from one database to another.
//!
//! What leaves is without secrets, as far as they can be told: those of the environment, and
//! what is named like one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use pe_store::{ExportedRun, Imported, Redaction, StoreError};
use serde_json::Value;

use super::Context;
use crate::args::{ExportVerb, ImportVerb};
use crate::database;
use crate::document::Source;
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::Flags;
use crate::words::count;

/// `pe export`.
pub(super) fn export(verb: &ExportVerb, context: &mut Context) -> Result<Exit, Failure> {
    let settings = context.settings(Flags::default())?;
    let store = database::open_existing(&settings)?;
    let run = database::find_run(&store, &verb.run)?;
    let json = |run: &ExportedRun| serde_json::to_value(run).context("cannot write the JSON");
    let whole = json(&store.export(&run.run_id, &Redaction::none())?)?;
    let clean = json(&store.export(&run.run_id, &Redaction::new(secrets(std::env::vars_os())))?)?;
    let redacted = match differences(&whole, &clean) {
        0 => "nothing looked like a secret".to_owned(),
        number => format!("{} redacted", count(number, "value")),
    };
    let output = verb.output.clone().unwrap_or_else(|| PathBuf::from(format!("{}.json", run.name)));
    let place = match Source::new(&output) {
        Source::Stdin => {
            context.output.json(&clean)?;
            "stdout".to_owned()
        }
        Source::File(path) => {
            let mut text = serde_json::to_string_pretty(&clean).context("cannot write the JSON")?;
            text.push('\n');
            write(&path, &text, verb.force)?;
            path.display().to_string()
        }
    };
    context.console.inform(&format!("run {} is exported to {place}; {redacted}", run.name));
    Ok(Exit::Success)
}

/// `pe import`.
pub(super) fn import(verb: &ImportVerb, context: &mut Context) -> Result<Exit, Failure> {
    let settings = context.settings(Flags::default())?;
    let source = Source::new(&verb.file);
    let name = source.name();
    let text = read(&source).with_context(|| format!("cannot read `{name}`"));
    let text = text.map_err(Failure::usage)?;
    let refused = |error: StoreError| match error {
        StoreError::Invalid { problem, .. } => {
            Failure::invalid(format!("`{name}` is no exported run: {problem}"))
                .hint("nothing was written; `pe export` writes such files")
        }
        error @ StoreError::Exists { .. } => Failure::usage(error).hint("nothing was written"),
        error => error.into(),
    };
    let exported = ExportedRun::parse(&text).map_err(refused)?;
    let store = database::open(&settings)?;
    let imported = store.import(exported).map_err(refused)?;
    if verb.json {
        context.output.json(&imported)?;
    }
    context.console.inform(&match imported {
        Imported::Added { name } => format!("imported as run {name}; `pe show {name}` shows it"),
        Imported::Identical { name } => format!("run {name} is here already, event by event"),
    });
    Ok(Exit::Success)
}

/// The values of variables that are named like secrets.
fn secrets<Text: Into<std::ffi::OsString>>(
    variables: impl Iterator<Item = (Text, Text)>,
) -> Vec<String> {
    const NAMES: [&str; 5] = ["KEY", "TOKEN", "SECRET", "PASSWORD", "CREDENTIAL"];
    // A shorter value is no secret, and to take it out would spoil the rest.
    const SHORTEST: usize = 8;
    let secret = |(name, value): (Text, Text)| {
        let name = name.into().to_string_lossy().to_ascii_uppercase();
        let value = value.into().into_string().ok()?;
        let is_one = NAMES.iter().any(|part| name.contains(part));
        (is_one && value.chars().count() >= SHORTEST).then_some(value)
    };
    variables.filter_map(secret).collect()
}

/// How many values differ between two documents of one shape.
fn differences(a: &Value, b: &Value) -> usize {
    match (a, b) {
        (Value::Array(a), Value::Array(b)) => a.iter().zip(b).map(|(a, b)| differences(a, b)).sum(),
        (Value::Object(a), Value::Object(b)) => {
            a.values().zip(b.values()).map(|(a, b)| differences(a, b)).sum()
        }
        (a, b) => usize::from(a != b),
    }
}

/// Writes a file that only its owner reads, as a whole or not at all.
fn write(path: &Path, text: &str, force: bool) -> Result<(), Failure> {
    if !force && path.symlink_metadata().is_ok() {
        let message = format!("`{}` exists already; nothing was written", path.display());
        return Err(Failure::usage_message(message).hint("`--force` overwrites it"));
    }
    let mut part = path.as_os_str().to_owned();
    part.push(format!(".{}.part", std::process::id()));
    let part = PathBuf::from(part);
    let written = || -> io::Result<()> {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&part)?;
        file.write_all(text.as_bytes())?;
        file.sync_all()?;
        // A link fails where somebody else has made the file meanwhile.
        if force { fs::rename(&part, path) } else { fs::hard_link(&part, path) }
    };
    let written = written();
    if !force || written.is_err() {
        let _ = fs::remove_file(&part);
    }
    let cannot = || format!("cannot write `{}`", path.display());
    written.with_context(cannot).map_err(Failure::from)
}

/// An exported run is never longer; what is may have no end at all.
const MOST_BYTES: u64 = 1 << 30;

fn read(source: &Source) -> anyhow::Result<String> {
    match source {
        Source::Stdin => bounded(io::stdin().lock(), MOST_BYTES),
        Source::File(path) => bounded(File::open(path)?, MOST_BYTES),
    }
}

fn bounded(reader: impl io::Read, most: u64) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    reader.take(most + 1).read_to_end(&mut bytes)?;
    anyhow::ensure!(bytes.len() as u64 <= most, "it is longer than {most} bytes");
    Ok(String::from_utf8(bytes)?)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn variables_that_are_named_like_secrets_are() {
        let variables = [
            ("OPENAI_API_KEY", "sk-123456"),
            ("github_token", "gh-123456"),
            ("AWS_CREDENTIALS_X", "aws-12345"),
            ("DB_PASSWORD", "short"),
            ("PATH", "/usr/bin:/bin"),
        ];
        assert_eq!(secrets(variables.into_iter()), ["sk-123456", "gh-123456", "aws-12345"]);
    }

    #[test]
    fn an_endless_document_is_cut_off() {
        assert_eq!(bounded(&b"abc"[..], 3).unwrap(), "abc");
        let error = bounded(io::repeat(b' '), 3).unwrap_err();
        assert_eq!(error.to_string(), "it is longer than 3 bytes");
        assert!(bounded(&b"\xff"[..], 3).is_err());
    }

    #[test]
    fn differences_are_counted_by_value() {
        let a = json!({"a": [1, "x", {"b": "y"}], "c": {"d": [1, 2]}});
        let b = json!({"a": [1, "-", {"b": "-"}], "c": "-"});
        assert_eq!((differences(&a, &b), differences(&a, &a)), (3, 0));
    }
}
