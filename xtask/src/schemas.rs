//! Keeps `docs/schemas` equal to the JSON Schemas that `pe schema` prints.
//!
//! `pe schema --list` names the schemas, one a line, and `pe schema NAME` prints one. The
//! files are what the binary says and are never edited by hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde_json::Value;

use crate::process;

/// Where the schemas are kept, relative to the root.
const FOLDER: &str = "docs/schemas";

/// What every schema's file is called after its name.
const SUFFIX: &str = ".schema.json";

/// File names and their texts.
type Files = BTreeMap<String, String>;

/// Whether schemas are kept in this workspace yet.
pub(crate) fn are_kept() -> Result<bool> {
    Ok(process::root()?.join(FOLDER).is_dir())
}

/// The task: writes every schema, and removes those that are no more.
pub(crate) fn write() -> Result<bool> {
    let folder = process::root()?.join(FOLDER);
    let (printed, kept) = (printed()?, kept(&folder)?);
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {FOLDER}"))?;
    for (name, text) in &printed {
        fs::write(folder.join(name), text)
            .with_context(|| format!("cannot write {FOLDER}/{name}"))?;
    }
    for name in kept.keys().filter(|name| !printed.contains_key(*name)) {
        fs::remove_file(folder.join(name))
            .with_context(|| format!("cannot remove {FOLDER}/{name}"))?;
    }
    eprintln!("schemas: {} in {FOLDER}", printed.len());
    Ok(true)
}

/// The task: fails when a schema that is kept is not the one that is printed.
pub(crate) fn check() -> Result<bool> {
    let findings = compare(&printed()?, &kept(&process::root()?.join(FOLDER))?);
    for finding in &findings {
        eprintln!("{FOLDER}/{finding}");
    }
    if !findings.is_empty() {
        eprintln!("    fix: run `cargo xtask schemas` and commit what it writes");
    }
    Ok(findings.is_empty())
}

fn printed() -> Result<Files> {
    let names = pe_schema("--list")?;
    let names: Vec<&str> = names.split_whitespace().collect();
    ensure!(!names.is_empty(), "`pe schema --list` names no schema");
    let one = |name: &&str| {
        let text = pe_schema(name)?;
        let parsed = serde_json::from_str::<Value>(&text);
        parsed.with_context(|| format!("`pe schema {name}` did not print JSON"))?;
        Ok((format!("{name}{SUFFIX}"), format!("{}\n", text.trim_end())))
    };
    names.iter().map(one).collect()
}

fn pe_schema(argument: &str) -> Result<String> {
    let pe = ["run", "--quiet", "--package", "pe-cli", "--bin", "pe"];
    process::output(process::cargo(pe)?.args(["--", "schema", argument]))
}

/// The schemas in a folder, none when there is no such folder.
fn kept(folder: &Path) -> Result<Files> {
    let mut files = Files::new();
    if !folder.is_dir() {
        return Ok(files);
    }
    for entry in fs::read_dir(folder).with_context(|| format!("cannot list {FOLDER}"))? {
        let path = entry.with_context(|| format!("cannot list {FOLDER}"))?.path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if name.ends_with(SUFFIX) {
            let text = fs::read_to_string(&path)
                .with_context(|| format!("cannot read {FOLDER}/{name}"))?;
            files.insert(name.to_owned(), text);
        }
    }
    Ok(files)
}

/// How the schemas that are kept differ from those that are printed.
fn compare(printed: &Files, kept: &Files) -> Vec<String> {
    let stale = printed.iter().filter_map(|(name, text)| match kept.get(name) {
        Some(kept) if kept == text => None,
        Some(_) => Some(format!("{name}: stale")),
        None => Some(format!("{name}: missing")),
    });
    let gone = kept.keys().filter(|name| !printed.contains_key(*name));
    stale.chain(gone.map(|name| format!("{name}: no longer printed by `pe schema`"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(printed: &[(&str, &str)], kept: &[(&str, &str)], expected: &[&str]) {
        let files = |pairs: &[(&str, &str)]| -> Files {
            let owned = |(name, text): &(&str, &str)| ((*name).to_owned(), (*text).to_owned());
            pairs.iter().map(owned).collect()
        };
        assert_eq!(compare(&files(printed), &files(kept)), expected);
    }

    #[test]
    fn equal_schemas_are_not_reported() {
        check(&[("plan", "{}\n")], &[("plan", "{}\n")], &[]);
    }

    #[test]
    fn stale_missing_and_surplus_schemas_are_reported() {
        check(
            &[("config", "{}\n"), ("plan", "{}\n")],
            &[("events", "{}\n"), ("plan", "{} \n")],
            &["config: missing", "plan: stale", "events: no longer printed by `pe schema`"],
        );
    }
}
