//! Members of maps, lists and strings, and what to say when one is missing.

use serde_json::Value;

use super::Machine;
use crate::arithmetic::Number;
use crate::error::{ErrorKind, Outcome, shorten};
use crate::lexer::{is_name_part, is_name_start};
use crate::limits::Meter;
use crate::program::Place;
use crate::reference::Segment;
use crate::slot::{Slot, type_name};
use crate::suggest;

/// Keys that are named when none is near.
const NAMED_KEYS: usize = 5;

/// The path segment that an index value is.
pub(super) fn segment(index: &Slot<'_>, meter: &mut Meter) -> Outcome<Segment> {
    if let Some(text) = index.text() {
        meter.bytes(text.len())?;
        return Ok(Segment::Key(text.to_owned()));
    }
    match index.value().and_then(Number::of) {
        Some(Number::Integer(number)) => {
            Ok(Segment::Index(i64::try_from(number).unwrap_or(i64::MAX)))
        }
        _ => Err(ErrorKind::Type {
            what: "an index".into(),
            expected: "a string or an integer",
            found: index.type_name(),
        }),
    }
}

/// The position that an index means: from the end if negative.
pub(crate) fn position(index: i64, length: usize) -> Option<usize> {
    let index = i128::from(index);
    let length = length as i128;
    let position = if index < 0 { index + length } else { index };
    (0..length).contains(&position).then_some(position as usize)
}

impl<'a> Machine<'a, '_> {
    /// A member of a value; reading one is free but for its step.
    pub(super) fn member(
        &mut self,
        value: Slot<'a>,
        segment: &Segment,
        place: &Place,
    ) -> Outcome<Slot<'a>> {
        if let Slot::View(entries) = &value {
            let found = match segment {
                Segment::Key(key) => entries.get(key),
                Segment::Index(index) => entries.get(&index.to_string()),
            };
            return found.map(Slot::from).ok_or_else(|| self.missing(&value, segment, place));
        }
        if let (Slot::Ref(Value::String(_)) | Slot::Own(Value::String(_)), Segment::Index(index)) =
            (&value, segment)
        {
            return self.character(&value, *index, segment, place);
        }
        match value {
            Slot::Ref(borrowed) => match find(borrowed, segment) {
                Some(member) => Ok(Slot::Ref(member)),
                None => Err(self.missing(&Slot::Ref(borrowed), segment, place)),
            },
            Slot::Own(mut owned) => match find_mut(&mut owned, segment) {
                Some(member) => Ok(Slot::Own(member.take())),
                None => Err(self.missing(&Slot::Own(owned), segment, place)),
            },
            Slot::View(_) => Ok(Slot::Own(Value::Null)),
        }
    }

    fn character(
        &mut self,
        value: &Slot<'a>,
        index: i64,
        segment: &Segment,
        place: &Place,
    ) -> Outcome<Slot<'a>> {
        let text = value.text().unwrap_or("");
        self.meter.scan(text.len())?;
        let found =
            position(index, text.chars().count()).and_then(|position| text.chars().nth(position));
        match found {
            Some(character) => {
                self.meter.nodes(1)?;
                Ok(Slot::Own(character.to_string().into()))
            }
            None => Err(self.missing(value, segment, place)),
        }
    }

    fn missing(&self, value: &Slot<'_>, segment: &Segment, place: &Place) -> ErrorKind {
        // Within a guard nobody reads the message.
        if !self.guards.is_empty() {
            return ErrorKind::Missing { path: String::new(), detail: None, hint: None };
        }
        let path = self.program.source(place.whole);
        let container =
            path.get(..place.focus.start.saturating_sub(place.whole.start)).unwrap_or("");
        let (detail, hint) = match (segment, value) {
            (Segment::Key(key), Slot::View(entries)) => keys_detail(container, key, entries.keys()),
            (Segment::Key(key), _) => match value.value() {
                Some(Value::Object(map)) => {
                    keys_detail(container, key, map.keys().map(String::as_str))
                }
                Some(other) => (Some(no_keys(container, other)), None),
                None => (None, None),
            },
            (Segment::Index(_), _) => match value.value() {
                Some(Value::Array(list)) => (Some(count(list.len(), "element")), None),
                Some(Value::String(text)) => (Some(count(text.chars().count(), "character")), None),
                Some(other @ Value::Object(_)) => {
                    (Some(format!("`{}` is {}", shorten(container), type_name(other))), None)
                }
                Some(other) => (Some(no_keys(container, other)), None),
                None => (None, None),
            },
        };
        ErrorKind::Missing {
            path: match segment {
                // A dynamic index says more by its value than by its source.
                Segment::Key(key) if !path.ends_with(key.as_str()) && !path.ends_with(']') => {
                    shorten(key)
                }
                _ => shorten_path(path),
            },
            detail,
            hint,
        }
    }
}

fn find<'v>(value: &'v Value, segment: &Segment) -> Option<&'v Value> {
    match (value, segment) {
        (Value::Object(map), Segment::Key(key)) => map.get(key),
        (Value::Object(map), Segment::Index(index)) => map.get(&index.to_string()),
        (Value::Array(list), Segment::Index(index)) => {
            position(*index, list.len()).map(|position| &list[position])
        }
        _ => None,
    }
}

fn find_mut<'v>(value: &'v mut Value, segment: &Segment) -> Option<&'v mut Value> {
    match (value, segment) {
        (Value::Object(map), Segment::Key(key)) => map.get_mut(key),
        (Value::Object(map), Segment::Index(index)) => map.get_mut(&index.to_string()),
        (Value::Array(list), Segment::Index(index)) => {
            position(*index, list.len()).map(|position| &mut list[position])
        }
        _ => None,
    }
}

/// What the map has instead, and the nearest path.
fn keys_detail<'k>(
    container: &str,
    key: &str,
    keys: impl Iterator<Item = &'k str>,
) -> (Option<String>, Option<String>) {
    let keys: Vec<&str> = keys.take(500).collect();
    if let Some(nearest) = suggest::nearest(key, keys.iter().copied()) {
        let container = shorten_path(container);
        let path = match is_name(nearest) {
            true => format!("{container}.{nearest}"),
            false => format!("{container}[{}]", Value::from(nearest)),
        };
        return (None, Some(format!("did you mean `{path}`?")));
    }
    if keys.is_empty() {
        return (Some(format!("`{}` is an empty map", shorten_path(container))), None);
    }
    let named: Vec<String> =
        keys.iter().take(NAMED_KEYS).map(|key| format!("`{}`", shorten(key))).collect();
    let more = if keys.len() > NAMED_KEYS { ", ..." } else { "" };
    let detail = format!("`{}` has {}{more}", shorten_path(container), named.join(", "));
    (Some(detail), None)
}

fn no_keys(container: &str, value: &Value) -> String {
    let container = shorten_path(container);
    match value {
        Value::Array(_) => format!(
            "`{container}` is a list; read one element, such as `{container}[0]`, or `pluck` a key of every element"
        ),
        other => format!("`{container}` is {}", type_name(other)),
    }
}

fn count(number: usize, unit: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("there are {number} {unit}{plural}").replace("are 1 ", "is 1 ")
}

fn is_name(key: &str) -> bool {
    key.starts_with(is_name_start) && key.chars().all(is_name_part)
}

/// Paths are cut later than other text: they are what the message is about.
fn shorten_path(path: &str) -> String {
    const LONGEST: usize = 100;
    match path.char_indices().nth(LONGEST) {
        Some((cut, _)) => format!("{}…", &path[..cut]),
        None => path.to_owned(),
    }
}
