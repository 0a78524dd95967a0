//! Functions on lists and maps (some on strings as well).

use serde_json::Value;

use super::Arguments;
use crate::error::{ErrorKind, Outcome, shorten};
use crate::limits::{Meter, NODE_BYTES};
use crate::slot::{Slot, copy, type_name};
use crate::suggest;

pub(super) fn len<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let count = match &arguments.slots[0] {
        Slot::View(entries) => entries.len(),
        other => match other.value() {
            Some(Value::String(text)) => {
                meter.scan(text.len())?;
                text.chars().count()
            }
            Some(Value::Array(list)) => list.len(),
            Some(Value::Object(map)) => map.len(),
            _ => return Err(arguments.wrong(0, "a string, list or map")),
        },
    };
    Ok(Slot::Own(count.into()))
}

/// The first (0) or last (-1) element or character.
pub(super) fn end<'a>(
    arguments: &mut Arguments<'a>,
    index: i64,
    meter: &mut Meter,
) -> Outcome<Slot<'a>> {
    let slot = arguments.take(0);
    match slot {
        Slot::Ref(Value::Array(list)) => {
            let element = if index == 0 { list.first() } else { list.last() };
            element.map(Slot::Ref).ok_or_else(|| arguments.empty())
        }
        Slot::Own(Value::Array(mut list)) => {
            let element = if index == 0 { list.first_mut() } else { list.last_mut() };
            element.map(|element| Slot::Own(element.take())).ok_or_else(|| arguments.empty())
        }
        other => {
            let Some(text) = other.text() else {
                arguments.slots[0] = other;
                return Err(arguments.wrong(0, "a list or string"));
            };
            let character = if index == 0 { text.chars().next() } else { text.chars().next_back() };
            meter.nodes(1)?;
            character
                .map(|character| Slot::Own(character.to_string().into()))
                .ok_or_else(|| arguments.empty())
        }
    }
}

pub(super) fn slice<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let start = if arguments.given(1) { arguments.integer(1)? } else { 0 };
    let end = if arguments.given(2) { Some(arguments.integer(2)?) } else { None };
    if let Some(text) = arguments.slots[0].text() {
        meter.scan(text.len())?;
        let (start, end) = bounds(start, end, text.chars().count());
        let offset =
            |index: usize| text.char_indices().nth(index).map_or(text.len(), |(offset, _)| offset);
        let part = &text[offset(start)..offset(end)];
        meter.bytes(NODE_BYTES + part.len())?;
        return Ok(Slot::Own(part.into()));
    }
    let Some(Value::Array(list)) = arguments.slots[0].value() else {
        return Err(arguments.wrong(0, "a list or string"));
    };
    let (start, end) = bounds(start, end, list.len());
    meter.nodes(1)?;
    let mut part = Vec::new();
    for element in &list[start..end] {
        part.push(copy(element, meter)?);
    }
    Ok(Slot::Own(part.into()))
}

/// A range within `length`, as Python cuts it: negative from the end, then clamped.
fn bounds(start: i64, end: Option<i64>, length: usize) -> (usize, usize) {
    let most = length as i128;
    let clamp = |index: i64| {
        let index = i128::from(index);
        let index = if index < 0 { index + most } else { index };
        index.clamp(0, most) as usize
    };
    let start = clamp(start);
    (start, end.map_or(length, clamp).max(start))
}

pub(super) fn keys<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    match &arguments.slots[0] {
        Slot::View(entries) => list_keys(entries.keys(), meter),
        other => match other.value() {
            Some(Value::Object(map)) => list_keys(map.keys().map(String::as_str), meter),
            _ => Err(arguments.wrong(0, "a map")),
        },
    }
}

fn list_keys<'a, 'k>(keys: impl Iterator<Item = &'k str>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    meter.nodes(1)?;
    let mut list = Vec::new();
    for key in keys {
        meter.bytes(NODE_BYTES + key.len())?;
        list.push(Value::from(key));
    }
    Ok(Slot::Own(list.into()))
}

pub(super) fn values<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    meter.nodes(1)?;
    let mut list = Vec::new();
    match &arguments.slots[0] {
        Slot::View(entries) => {
            for key in entries.keys() {
                meter.visit(1)?;
                if let Some(value) = entries.get(key) {
                    list.push(Slot::from(value).keep(meter)?);
                }
            }
        }
        other => match other.value() {
            Some(Value::Object(map)) => {
                for value in map.values() {
                    list.push(copy(value, meter)?);
                }
            }
            _ => return Err(arguments.wrong(0, "a map")),
        },
    }
    Ok(Slot::Own(list.into()))
}

pub(super) fn pluck<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let key = arguments.text(1)?;
    meter.nodes(1)?;
    let mut list = Vec::new();
    for (index, element) in arguments.list(0)?.iter().enumerate() {
        list.push(copy(field(arguments, index, element, key, meter)?, meter)?);
    }
    Ok(Slot::Own(list.into()))
}

/// A key of an element of the first argument.
pub(super) fn field<'v>(
    arguments: &Arguments<'_>,
    index: usize,
    element: &'v Value,
    key: &str,
    meter: &mut Meter,
) -> Outcome<&'v Value> {
    meter.visit(1)?;
    meter.scan(key.len())?;
    let Value::Object(map) = element else {
        return Err(arguments.wrong_element(0, index, "a map", type_name(element)));
    };
    map.get(key).ok_or_else(|| ErrorKind::Missing {
        path: shorten(key),
        detail: Some(format!("element {index} of {} has no such key", arguments.name(0))),
        hint: match arguments.guarded {
            true => None,
            false => suggest::nearest(key, map.keys().map(String::as_str))
                .map(|nearest| format!("did you mean `{nearest}`?")),
        },
    })
}

pub(super) fn flatten<'a>(arguments: &mut Arguments<'a>, meter: &mut Meter) -> Outcome<Slot<'a>> {
    let list = arguments.take_list(0, meter)?;
    let mut flat = Vec::new();
    for element in list {
        match element {
            Value::Array(inner) => {
                meter.nodes(inner.len())?;
                flat.extend(inner);
            }
            other => {
                meter.nodes(1)?;
                flat.push(other);
            }
        }
    }
    Ok(Slot::Own(flat.into()))
}

/// `any` (true decides) and `all` (false decides). Every element must be a boolean.
pub(super) fn truths<'a>(
    arguments: &mut Arguments<'a>,
    decisive: bool,
    meter: &mut Meter,
) -> Outcome<Slot<'a>> {
    let list = arguments.list(0)?;
    meter.visit(list.len())?;
    let mut decided = false;
    for (index, element) in list.iter().enumerate() {
        let Value::Bool(truth) = element else {
            return Err(arguments.wrong_element(0, index, "true or false", type_name(element)));
        };
        decided |= *truth == decisive;
    }
    Ok(Slot::Own(Value::Bool(decided == decisive)))
}
