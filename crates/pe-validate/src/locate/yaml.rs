//! A walk over the events of a YAML parser; it stops at the first fault.

use granit_parser::{Event, Parser};

use super::{Open, Wanted, next_value};

/// Finds the wanted values.
pub(super) fn walk(text: &str, wanted: &mut Wanted) {
    let mark = if text.starts_with('\u{feff}') { 3 } else { 0 };
    let mut open: Vec<Open> = Vec::new();
    for event in Parser::new_from_str(&text[mark..]) {
        let Ok((event, span)) = event else { return };
        if wanted.missing == 0 {
            return;
        }
        let (starts, scalar) = match &event {
            Event::Scalar(text, ..) => (None, Some(text)),
            Event::Alias(..) => (None, None),
            Event::SequenceStart(..) => (Some(false), None),
            Event::MappingStart(..) => (Some(true), None),
            Event::SequenceEnd | Event::MappingEnd => {
                open.pop();
                continue;
            }
            _ => continue,
        };
        if let Some(Open::Map { node, value, expects_key: expects @ true }) = open.last_mut() {
            // Plans have no keys but text; what comes after another kind stays unknown.
            let Some(key) = scalar else { return };
            *value = wanted.child(*node, key);
            *expects = false;
            continue;
        }
        let node = next_value(&mut open, wanted);
        if let Some(offset) = span.start.byte_offset() {
            wanted.found(node, mark + offset);
        }
        match starts {
            Some(true) => open.push(Open::Map { node, value: None, expects_key: true }),
            Some(false) => open.push(Open::List { node, next: 0 }),
            None => {}
        }
    }
}
