//! `pe config`: the settings in force, and the files that they come from.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::Context;
use crate::args::{ConfigPathTask, ConfigShowTask, ConfigTask, ConfigVerb};
use crate::exit::Exit;
use crate::failure::Failure;
use crate::settings::{Entry, Fate, Flags, Owner, Place, Surroundings, places};
use crate::table::Table;
use crate::words::one_line;

pub(super) fn run(verb: &ConfigVerb, context: &mut Context) -> Result<Exit, Failure> {
    match &verb.task {
        ConfigTask::Show(task) => show(task, context),
        ConfigTask::Path(task) => path(task, context),
    }
}

fn show(task: &ConfigShowTask, context: &mut Context) -> Result<Exit, Failure> {
    let settings = context.settings(Flags::default().asking(&task.model))?;
    for note in &settings.llm.notes {
        context.console.warn(note);
    }
    let entries = settings.entries();
    if task.json {
        let warnings: Vec<&String> = settings.warnings.iter().chain(&settings.llm.notes).collect();
        let entries = entries
            .iter()
            .map(|entry| (entry.name(), json!({"value": entry.value, "origin": entry.origin()})));
        let document =
            json!({"settings": entries.collect::<Map<String, Value>>(), "warnings": warnings});
        context.output.json(&document)?;
    } else {
        context.output.text(&as_file(&entries, task.origin)?)?;
    }
    Ok(Exit::Success)
}

/// The settings as a configuration file that says the same; what no file can say is a comment.
fn as_file(entries: &[Entry], with_origin: bool) -> anyhow::Result<String> {
    let mut lines: Vec<(String, String)> = Vec::new();
    let mut section = None;
    let (loose, in_tables): (Vec<_>, Vec<_>) =
        entries.iter().partition(|entry| entry.section.is_none());
    for entry in &loose {
        let value = match &entry.value {
            Value::Null => "none".to_owned(),
            Value::String(text) => one_line(text),
            other => other.to_string(),
        };
        lines.push((format!("# {}: {value}", entry.key), entry.origin()));
    }
    for entry in in_tables {
        if entry.section != section {
            section = entry.section;
            lines.push((String::new(), String::new()));
            lines.push((format!("[{}]", section.unwrap_or_default()), String::new()));
        }
        lines.push(match &entry.value {
            Value::Null => (format!("# {}: not set", entry.key), entry.origin()),
            value => {
                let value = toml::Value::try_from(value)?;
                (format!("{} = {value}", entry.key), entry.origin())
            }
        });
    }
    let longest = lines.iter().map(|(line, _)| line.chars().count()).filter(|width| *width <= 48);
    let width = longest.max().unwrap_or(0);
    let mut text = String::new();
    for (line, origin) in lines {
        let written = match with_origin && !origin.is_empty() {
            true => writeln!(text, "{line:width$}  # {}", one_line(&origin)),
            false => writeln!(text, "{line}"),
        };
        written?;
    }
    Ok(text)
}

fn path(task: &ConfigPathTask, context: &mut Context) -> Result<Exit, Failure> {
    let places = places(&Surroundings::of_process(&context.global));
    let absolute = |place: &Place| -> PathBuf {
        std::path::absolute(&place.path).unwrap_or_else(|_| place.path.clone())
    };
    if task.json {
        let document: Vec<Value> = places
            .iter()
            .map(|place| {
                let (whose, state) = (whose(place.owner), state(place.fate));
                json!({"file": absolute(place), "whose": whose, "state": state})
            })
            .collect();
        context.output.json(&document)?;
    } else {
        let mut table = Table::new(["STATE", "WHOSE", "FILE"]);
        for place in &places {
            let file = one_line(&Path::display(&absolute(place)).to_string());
            table.row([state(place.fate).to_owned(), whose(place.owner).to_owned(), file]);
        }
        context.output.text(&table.render(usize::MAX))?;
    }
    Ok(Exit::Success)
}

fn whose(owner: Owner) -> &'static str {
    match owner {
        Owner::Named => "--config",
        Owner::Project => "project",
        Owner::User => "user",
    }
}

fn state(fate: Fate) -> &'static str {
    match fate {
        Fate::Read => "read",
        Fate::Missing => "missing",
        Fate::PassedOver => "passed over",
    }
}
