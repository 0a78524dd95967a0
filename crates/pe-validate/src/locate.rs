//! Lines and columns: where in a file JSON pointers lead.
//!
//! Only places are found here; the text has been read already, or has been refused. Where a
//! pointer leads to something that is not there, the nearest value around it stands for it.

use std::collections::HashMap;

use pe_model::Format;

mod json;
mod yaml;

/// Where a value begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// In bytes, from 0.
    pub(crate) offset: usize,
    /// From 1.
    pub(crate) line: usize,
    /// In characters, from 1.
    pub(crate) column: usize,
}

/// The place of each pointer's value, in the order asked for; linear in text and pointers.
pub(crate) fn locate<'p>(
    text: &str,
    format: Format,
    pointers: impl IntoIterator<Item = &'p str>,
) -> Vec<Place> {
    let mut wanted = Wanted::default();
    let nodes: Vec<usize> = pointers.into_iter().map(|pointer| wanted.add(pointer)).collect();
    match format {
        Format::Json => json::walk(text, &mut wanted),
        Format::Yaml => yaml::walk(text, &mut wanted),
    }
    let offsets: Vec<usize> = nodes.into_iter().map(|node| wanted.nearest(node)).collect();
    places(text, &offsets)
}

/// Lines and columns of byte offsets.
pub(crate) fn places(text: &str, offsets: &[usize]) -> Vec<Place> {
    let mut order: Vec<usize> = (0..offsets.len()).collect();
    order.sort_by_key(|&at| offsets[at]);
    let mut places = vec![Place { offset: 0, line: 1, column: 1 }; offsets.len()];
    let (mut line, mut column, mut next) = (1, 1, 0);
    for (offset, character) in text.char_indices().chain([(text.len(), '\n')]) {
        while next < order.len() && offsets[order[next]].min(text.len()) <= offset {
            places[order[next]] = Place { offset, line, column };
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
pub(crate) fn offset_of(text: &str, line: usize, byte_column: usize) -> usize {
    let before: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let end = text[before..].find('\n').map_or(text.len(), |end| before + end);
    (before + byte_column.saturating_sub(1)).min(end)
}

/// The values to be found, as a tree of pointer tokens; node 0 is the whole text.
struct Wanted {
    nodes: Vec<Node>,
    missing: usize,
}

#[derive(Default)]
struct Node {
    parent: usize,
    children: HashMap<String, usize>,
    offset: Option<usize>,
}

impl Default for Wanted {
    fn default() -> Self {
        Self { nodes: vec![Node::default()], missing: 1 }
    }
}

impl Wanted {
    fn add(&mut self, pointer: &str) -> usize {
        let mut at = 0;
        for token in pointer.split('/').skip(1) {
            let token = token.replace("~1", "/").replace("~0", "~");
            let fresh = self.nodes.len();
            let next = *self.nodes[at].children.entry(token).or_insert(fresh);
            if next == fresh {
                self.nodes.push(Node { parent: at, ..Node::default() });
                self.missing += 1;
            }
            at = next;
        }
        at
    }

    fn child(&self, node: Option<usize>, token: &str) -> Option<usize> {
        self.nodes[node?].children.get(token).copied()
    }

    fn element(&self, node: Option<usize>, number: usize) -> Option<usize> {
        let node = node.filter(|&node| !self.nodes[node].children.is_empty())?;
        self.child(Some(node), &number.to_string())
    }

    fn found(&mut self, node: Option<usize>, offset: usize) {
        if let Some(node) = node
            && self.nodes[node].offset.is_none()
        {
            self.nodes[node].offset = Some(offset);
            self.missing -= 1;
        }
    }

    /// Where a node's value begins, or the nearest around it that was found.
    fn nearest(&self, mut node: usize) -> usize {
        loop {
            match self.nodes[node].offset {
                Some(offset) => return offset,
                None if node == 0 => return 0,
                None => node = self.nodes[node].parent,
            }
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
