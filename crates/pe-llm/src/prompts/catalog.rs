//! The tools in a prompt: a signature and a description each, cut in stages where they would
//! not fit, and never silently.
//!
//! Every tool's parameters are shown as far as there is room; the last stage lists what fits
//! the goal least by name only, and says so.

use std::collections::HashSet;

use pe_model::{Catalog, ToolSpec};
use serde_json::Value;

use super::data::line;
use super::signature::{Detail, parameters, type_of};
use super::tokens::estimate_tokens;

/// The longest description of a tool, in bytes.
const DESCRIPTION: usize = 600;
/// The longest description of a parameter, in bytes.
const PARAMETER: usize = 160;
/// The longest output of a tool, in bytes.
const OUTPUT: usize = 400;

/// The longest list of names, in bytes.
const NAMES: usize = 256 * 1024;
/// The most room for tools, in tokens, however large the window is.
const MOST_ROOM: u64 = 250_000;

/// How far a catalog was cut to fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum CatalogCut {
    /// Not at all.
    #[default]
    Whole,
    /// Descriptions are their first sentence.
    Sentences,
    /// Only required parameters and their types are shown, without what they are for.
    Required,
    /// As before, and the tools that fit the goal least are listed by name only.
    Names,
}

/// The tools as they stand in a prompt.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct CatalogText {
    /// The text, a tool after the other.
    pub text: String,
    /// How far it was cut.
    pub cut: CatalogCut,
    /// How many tools are listed by name only.
    pub by_name_only: usize,
    /// What was left out, for the model and for whoever asks; empty when nothing was.
    pub note: String,
}

/// Writes the tools in at most `room` tokens, as far as that can be done without leaving one out.
pub(crate) fn write_catalog(catalog: &Catalog, goal: &str, room: u64) -> CatalogText {
    let room = room.min(MOST_ROOM);
    for cut in [CatalogCut::Whole, CatalogCut::Sentences, CatalogCut::Required] {
        let text: String = catalog.iter().map(|tool| entry(tool, cut)).collect();
        if estimate_tokens(&text) <= room {
            return CatalogText { text, cut, by_name_only: 0, note: note(cut, 0, catalog.len()) };
        }
    }
    by_name(catalog, goal, room)
}

/// Names cost the least; whoever fits the goal best gets a signature as long as there is room.
fn by_name(catalog: &Catalog, goal: &str, room: u64) -> CatalogText {
    let words = words(goal);
    let tools: Vec<&ToolSpec> = catalog.iter().collect();
    let mut ranked: Vec<usize> = (0..tools.len()).collect();
    let scores: Vec<u32> = tools.iter().map(|tool| overlap(tool, &words)).collect();
    ranked.sort_by_key(|&place| (std::cmp::Reverse(scores[place]), place));
    let name = |tool: &ToolSpec| format!("{}, ", line(&tool.name, 128));
    let mut spent: u64 = tools.iter().map(|tool| estimate_tokens(&name(tool)) + 1).sum();
    let mut shown = HashSet::new();
    for &place in &ranked {
        let cost = estimate_tokens(&entry(tools[place], CatalogCut::Required));
        if spent + cost > room {
            break;
        }
        spent += cost;
        shown.insert(place);
    }
    let mut text = String::new();
    for (place, tool) in tools.iter().enumerate() {
        if shown.contains(&place) {
            text.push_str(&entry(tool, CatalogCut::Required));
        }
    }
    let rest: Vec<String> = tools
        .iter()
        .enumerate()
        .filter(|(place, _)| !shown.contains(place))
        .map(|(_, tool)| line(&tool.name, 128))
        .collect();
    let mut names = String::new();
    for (place, name) in rest.iter().enumerate() {
        if names.len() > NAMES {
            names.push_str(&format!("… and {} more tools", rest.len() - place));
            break;
        }
        let comma = if place == 0 { "" } else { ", " };
        names.push_str(&format!("{comma}{name}"));
    }
    text.push_str(&format!("- by name only: {names}\n"));
    let note = note(CatalogCut::Names, rest.len(), tools.len());
    CatalogText { text, cut: CatalogCut::Names, by_name_only: rest.len(), note }
}

fn note(cut: CatalogCut, by_name_only: usize, all: usize) -> String {
    match cut {
        CatalogCut::Whole => String::new(),
        CatalogCut::Sentences => {
            "tool descriptions are cut to their first sentence to fit the context window".to_owned()
        }
        CatalogCut::Required => "tools are cut to their required parameters and one sentence to \
                                 fit the context window"
            .to_owned(),
        CatalogCut::Names => format!(
            "{by_name_only} of {all} tools are listed by name only to fit the context window"
        ),
    }
}

/// One tool: its signature, what it does, what its parameters are for.
fn entry(tool: &ToolSpec, cut: CatalogCut) -> String {
    let full = cut < CatalogCut::Required;
    let detail = if full { Detail::Full } else { Detail::Required };
    let mut text = format!("- {}({})", line(&tool.name, 128), parameters(&tool.parameters, detail));
    if full && !matches!(tool.output, Value::Null | Value::Bool(_)) {
        text.push_str(&format!(" -> {}", type_of(&tool.output, OUTPUT)));
    }
    let description = match cut {
        CatalogCut::Whole => line(&tool.description, DESCRIPTION),
        _ => first_sentence(&line(&tool.description, DESCRIPTION)),
    };
    if !description.is_empty() {
        text.push_str(&format!("\n  {description}"));
    }
    if full {
        let about = about_parameters(tool, cut);
        if !about.is_empty() {
            text.push_str(&format!("\n  {about}"));
        }
    }
    text.push('\n');
    text
}

/// `url: where to look; limit: how many`.
fn about_parameters(tool: &ToolSpec, cut: CatalogCut) -> String {
    let properties = tool.parameters.get("properties").and_then(Value::as_object);
    let mut parts = Vec::new();
    for (name, schema) in properties.into_iter().flatten() {
        let Some(about) = schema.get("description").and_then(Value::as_str) else { continue };
        let about = line(about, PARAMETER);
        let about = if cut == CatalogCut::Whole { about } else { first_sentence(&about) };
        let about = about.trim_end_matches('.');
        if !about.is_empty() {
            parts.push(format!("{}: {about}", line(name, 64)));
        }
    }
    line(&parts.join("; "), 8 * PARAMETER)
}

/// Up to the first full stop that ends a sentence, at most 120 bytes.
fn first_sentence(text: &str) -> String {
    let end = text.find(". ").map_or(text.len(), |at| at + 1);
    line(&text[..end], 120)
}

/// How well a tool fits a goal: words that they share, those of its name thrice.
fn overlap(tool: &ToolSpec, goal: &HashSet<String>) -> u32 {
    let shared = |text: &str| words(text).intersection(goal).count() as u32;
    3 * shared(&tool.name) + shared(&line(&tool.description, DESCRIPTION))
}

/// The words of a text, in lower case, without the endings that matter least.
fn words(text: &str) -> HashSet<String> {
    // Goals are told apart by their first words well enough.
    let text: String = text.chars().take(8_192).collect();
    text.split(|character: char| !character.is_alphanumeric())
        .filter(|word| word.chars().count() >= 3)
        .map(|word| {
            let word = word.to_lowercase();
            ["ing", "es", "ed", "s"]
                .iter()
                .find_map(|ending| word.strip_suffix(ending).filter(|stem| stem.len() >= 3))
                .unwrap_or(&word)
                .to_owned()
        })
        .collect()
}
