//! A walk over the events of a YAML parser; it stops at the first fault.

use std::ops::Range;

use granit_parser::{Event, Parser, ScalarStyle, Span, StructureStyle};

use super::{Found, Open, Style, Wanted, next_value};

/// Finds the wanted values.
pub(super) fn walk(text: &str, wanted: &mut Wanted) {
    let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(&text[mark..]) {
        let Ok((event, span)) = event else { return };
        if wanted.missing == 0 {
            return;
        }
        let range = range(text, mark, &span);
        let (found, scalar) = match &event {
            Event::Scalar(scalar, style, ..) => {
                (Found::Scalar(trimmed(text, range), written(*style)), Some(scalar))
            }
            Event::Alias(..) => (Found::Scalar(range, Style::Bare), None),
            Event::SequenceStart(StructureStyle::Flow, ..)
            | Event::MappingStart(StructureStyle::Flow, ..) => (Found::Bracket(range.start), None),
            Event::SequenceStart(..) | Event::MappingStart(..) => (Found::Block(range), None),
            Event::SequenceEnd | Event::MappingEnd => {
                open.pop();
                continue;
            }
            _ => continue,
        };
        if let Some(Open::Map { node, value, expects_key: expects @ true }) = open.last_mut() {
            // Plans have no keys but text; what comes after another kind stays unknown.
            let (Some(key), Found::Scalar(range, _)) = (scalar, found) else { return };
            *value = wanted.child(*node, key);
            *expects = false;
            wanted.found_key(*value, range);
            continue;
        }
        let node = next_value(&mut open, wanted);
        let found = match found {
            Found::Block(range) if node.is_some() => Found::Block(first_line(text, range.start)),
            found => found,
        };
        wanted.found(node, found);
        match event {
            Event::MappingStart(..) => {
                open.push(Open::Map { node, value: None, expects_key: true });
            }
            Event::SequenceStart(..) => open.push(Open::List { node, next: 0 }),
            _ => {}
        }
    }
}

/// Where an event's text stands; nothing that the parser says can lead out of the text.
fn range(text: &str, mark: usize, span: &Span) -> Range<usize> {
    let start = mark + span.start.byte_offset().unwrap_or_default();
    let end = mark + span.end.byte_offset().unwrap_or_default();
    match text.get(start..end) {
        Some(_) => start..end,
        None => 0..0,
    }
}

/// Without the line ends after a block scalar.
fn trimmed(text: &str, Range { start, end }: Range<usize>) -> Range<usize> {
    start..start + text[start..end].trim_end().len()
}

fn first_line(text: &str, start: usize) -> Range<usize> {
    let line = text[start..].split('\n').next().unwrap_or_default();
    start..start + line.trim_end().len()
}

fn written(style: ScalarStyle) -> Style {
    match style {
        ScalarStyle::SingleQuoted => Style::SingleQuoted,
        ScalarStyle::DoubleQuoted => Style::DoubleQuoted,
        _ => Style::Bare,
    }
}
