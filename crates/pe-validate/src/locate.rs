//! Lines and columns: where in a file JSON pointers lead, and how far what is there reaches.
//!
//! Only places are found here; the text has been read already, or has been refused. What is
//! marked is what a person would point at:
//!
//! - a scalar, quotes and all;
//! - of a list or map its opening bracket, or without one its key, or else its first line;
//! - of a step its `step_id`, where it has one;
//! - of something that is not there, the nearest value around it.

use std::collections::HashMap;
use std::ops::Range;

use pe_model::Format;

mod json;
mod within;
mod yaml;

pub(crate) use within::Within;

/// A place between two characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
}

/// What of a map's entry is marked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Key,
    Value,
}

/// How a scalar is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Style {
    /// With escapes, as in JSON.
    DoubleQuoted,
    /// A quote inside is doubled.
    SingleQuoted,
    /// Word for word, but for blank space: plain and block scalars.
    Bare,
}

/// What is marked, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Mark {
    pub(crate) range: Range<usize>,
    /// How it is written, when it is the scalar that the pointer leads to.
    pub(crate) style: Option<Style>,
}

/// The mark of each pointer, in the order asked for; linear in text and pointers.
pub(crate) fn locate<'p>(
    text: &str,
    format: Format,
    pointers: impl IntoIterator<Item = (&'p str, Part)>,
) -> Vec<Mark> {
    let mut wanted = Wanted::default();
    let nodes: Vec<(usize, Part)> =
        pointers.into_iter().map(|(pointer, part)| (wanted.add(pointer), part)).collect();
    match format {
        Format::Json => json::walk(text, &mut wanted),
        Format::Yaml => yaml::walk(text, &mut wanted),
    }
    nodes.into_iter().map(|(node, part)| wanted.mark(node, part)).collect()
}

/// Lines and columns of byte offsets.
pub(crate) fn places(text: &str, offsets: &[usize]) -> Vec<Place> {
    let mut order: Vec<usize> = (0..offsets.len()).collect();
    order.sort_by_key(|&at| offsets[at]);
    let mut places = vec![Place { line: 1, column: 1 }; offsets.len()];
    let (mut line, mut column, mut next) = (1, 1, 0);
    for (offset, character) in text.char_indices().chain([(text.len(), '\n')]) {
        while next < order.len() && offsets[order[next]].min(text.len()) <= offset {
            places[order[next]] = Place { line, column };
            next += 1;
        }
        if next == order.len() {
            break;
        }
        match character {
            '\n' => (line, column) = (line + 1, 1),
            // A byte order mark has no width.
            '\u{feff}' if offset == 0 => {}
            _ => column += 1,
        }
    }
    places
}

/// Byte offset of a line and a column in *bytes*, both from 1, as `serde_json` counts them.
pub(crate) fn offset_of_byte(text: &str, line: usize, column: usize) -> usize {
    let Range { start, end } = line_range(text, line);
    (start + column.saturating_sub(1)).min(end)
}

/// Byte offset of a line and a column in characters, both from 1, as the YAML reader counts
/// them.
pub(crate) fn offset_of_character(text: &str, line: usize, column: usize) -> usize {
    let Range { mut start, end } = line_range(text, line);
    if start == 0 && text.starts_with('\u{feff}') {
        start = '\u{feff}'.len_utf8();
    }
    let mut characters = text[start..end].char_indices();
    characters.nth(column.saturating_sub(1)).map_or(end, |(at, _)| start + at)
}

fn line_range(text: &str, line: usize) -> Range<usize> {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    start..text[start..].find('\n').map_or(text.len(), |end| start + end)
}

/// The word or character at a fault that the parser gave only the start of; empty at the end
/// of a line.
pub(crate) fn token_at(text: &str, offset: usize) -> Range<usize> {
    const LONGEST: usize = 200;
    let mut start = offset.min(text.len());
    while !text.is_char_boundary(start) {
        start -= 1;
    }
    let rest = &text[start..];
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let word: usize =
        rest.chars().take(LONGEST).take_while(|&c| is_word(c)).map(char::len_utf8).sum();
    let one = rest.chars().next().filter(|c| !matches!(c, '\r' | '\n')).map_or(0, char::len_utf8);
    start..start + word.max(one)
}

/// The key that begins at `offset`, as the YAML reader tells of one that is there twice.
pub(crate) fn key_at(text: &str, offset: usize) -> Range<usize> {
    let rest = &text[offset..];
    let end = match rest.as_bytes().first() {
        Some(&quote @ (b'"' | b'\'')) => quoted_end(rest.as_bytes(), quote),
        _ => {
            let end = rest.find([':', '\n', ',', '}']);
            end.map_or(rest.len(), |end| rest[..end].trim_end().len())
        }
    };
    offset..offset + end
}

/// One past the quote that closes the text that a quote opens.
fn quoted_end(bytes: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while let Some(&byte) = bytes.get(at) {
        at += match byte {
            b'\\' if quote == b'"' => 2,
            _ if byte != quote => 1,
            b'\'' if bytes.get(at + 1) == Some(&byte) => 2,
            _ => return at + 1,
        };
    }
    bytes.len()
}

/// The quoted key that ends at `offset` or, but for blank space, before it, as the JSON reader
/// tells of one that is there twice.
pub(crate) fn key_before(text: &str, offset: usize) -> Range<usize> {
    let bytes = text.as_bytes();
    let quotes = |end: usize| (0..end.min(bytes.len())).rev().filter(|&at| bytes[at] == b'"');
    let Some(last) = quotes(offset.saturating_add(1)).next() else { return offset..offset };
    // Inside the key a quote has an odd number of backslashes before it.
    let opens =
        |at: &usize| bytes[..*at].iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 0;
    quotes(last).find(opens).map_or(last..last + 1, |first| first..last + 1)
}

const STEP_ID: &str = "step_id";

/// The values to be found, as a tree of pointer tokens; node 0 is the whole text.
struct Wanted {
    nodes: Vec<Node>,
    missing: usize,
}

#[derive(Default)]
struct Node {
    parent: usize,
    children: HashMap<String, usize>,
    is_step: bool,
    key: Option<Range<usize>>,
    value: Option<Found>,
}

/// What was found at a node.
enum Found {
    Scalar(Range<usize>, Style),
    /// A list or map that begins with a bracket.
    Bracket(usize),
    /// A list or map without one: its first line.
    Block(Range<usize>),
}

impl Default for Wanted {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], missing: 1 }
    }
}

impl Wanted {
    fn add(&mut self, pointer: &str) -> usize {
        let mut at = 0;
        let in_steps = pointer.starts_with("/steps/");
        for (depth, token) in pointer.split('/').skip(1).enumerate() {
            let token = token.replace("~1", "/").replace("~0", "~");
            at = self.entry(at, token);
            if in_steps && depth == 1 && !self.nodes[at].is_step {
                self.nodes[at].is_step = true;
                self.entry(at, STEP_ID.to_owned());
            }
        }
        at
    }

    fn entry(&mut self, parent: usize, token: String) -> usize {
        let fresh = self.nodes.len();
        let node = *self.nodes[parent].children.entry(token).or_insert(fresh);
        if node == fresh {
            self.nodes.push(Node { parent, ..Node::default() });
            self.missing += 1;
        }
        node
    }

    fn child(&self, node: Option<usize>, token: &str) -> Option<usize> {
        self.nodes[node?].children.get(token).copied()
    }

    fn element(&self, node: Option<usize>, number: usize) -> Option<usize> {
        let node = node.filter(|&node| !self.nodes[node].children.is_empty())?;
        self.child(Some(node), &number.to_string())
    }

    fn found_key(&mut self, node: Option<usize>, range: Range<usize>) {
        if let Some(node) = node {
            self.nodes[node].key.get_or_insert(range);
        }
    }

    fn found(&mut self, node: Option<usize>, found: Found) {
        if let Some(node) = node
            && self.nodes[node].value.is_none()
        {
            self.nodes[node].value = Some(found);
            self.missing -= 1;
        }
    }

    /// What is marked for a node, or for the nearest around it that was found.
    fn mark(&self, node: usize, part: Part) -> Mark {
        if let (Part::Key, Some(key)) = (part, &self.nodes[node].key) {
            return Mark { range: key.clone(), style: None };
        }
        let mut at = node;
        loop {
            let Node { parent, key, value, .. } = &self.nodes[at];
            let range = match value {
                Some(Found::Scalar(range, style)) if !range.is_empty() => {
                    let style = (at == node).then_some(*style);
                    return Mark { range: range.clone(), style };
                }
                Some(Found::Bracket(start)) => self.step_id(at).unwrap_or(*start..start + 1),
                Some(Found::Block(line)) => {
                    let opening = self.step_id(at).or_else(|| key.clone());
                    opening.unwrap_or_else(|| line.clone())
                }
                // A value of no characters has at least a key.
                Some(Found::Scalar(range, _)) => key.clone().unwrap_or_else(|| range.clone()),
                None if at == 0 => 0..0,
                None => {
                    at = *parent;
                    continue;
                }
            };
            return Mark { range, style: None };
        }
    }

    /// The id of the step that a node is.
    fn step_id(&self, node: usize) -> Option<Range<usize>> {
        let step = Some(node).filter(|&node| self.nodes[node].is_step);
        match &self.nodes[self.child(step, STEP_ID)?].value {
            Some(Found::Scalar(range, _)) if !range.is_empty() => Some(range.clone()),
            _ => None,
        }
    }
}

/// A list or map that has begun and not ended; `node` is none where nothing in it is wanted.
enum Open {
    List { node: Option<usize>, next: usize },
    Map { node: Option<usize>, value: Option<usize>, expects_key: bool },
}

/// The wanted node of the value that comes next.
fn next_value(open: &mut [Open], wanted: &Wanted) -> Option<usize> {
    match open.last_mut() {
        None => Some(0),
        Some(Open::List { node, next }) => {
            *next += 1;
            wanted.element(*node, *next - 1)
        }
        Some(Open::Map { value, expects_key, .. }) => {
            *expects_key = true;
            value.take()
        }
    }
}

#[cfg(test)]
mod tests;
