//! How large and how deep a value is, without recursion.

use serde_json::{Value, map};

use crate::error::Outcome;
use crate::limits::{Meter, NODE_BYTES};

/// The elements of a value that are still to be walked.
pub(crate) enum Elements<'v> {
    List(std::slice::Iter<'v, Value>),
    Map(map::Iter<'v>),
}

impl<'v> Elements<'v> {
    /// The elements of a list or map.
    pub(crate) fn of(value: &'v Value) -> Option<Self> {
        match value {
            Value::Array(list) => Some(Elements::List(list.iter())),
            Value::Object(map) => Some(Elements::Map(map.iter())),
            _ => None,
        }
    }
}

impl<'v> Iterator for Elements<'v> {
    type Item = (Option<&'v str>, &'v Value);

    fn next(&mut self) -> Option<Self::Item> {
        match self {
            Elements::List(list) => list.next().map(|value| (None, value)),
            Elements::Map(map) => map.next().map(|(key, value)| (Some(key.as_str()), value)),
        }
    }
}

/// Charges a copy of the value as it walks it, and returns its depth: 0 for a
/// scalar, 1 for a list of scalars.
pub(crate) fn charge(value: &Value, meter: &mut Meter) -> Outcome<usize> {
    meter.bytes(own_bytes(value))?;
    let mut deepest = 0;
    let mut open: Vec<Elements<'_>> = Elements::of(value).into_iter().collect();
    while let Some(elements) = open.last_mut() {
        let Some((key, value)) = elements.next() else {
            deepest = deepest.max(open.len());
            open.pop();
            continue;
        };
        meter.bytes(key.map_or(0, |key| NODE_BYTES + key.len()) + own_bytes(value))?;
        open.extend(Elements::of(value));
    }
    Ok(deepest)
}

/// The depth of a value; stops counting beyond `most`.
pub(crate) fn depth(value: &Value, most: usize) -> usize {
    let mut deepest = 0;
    let mut open: Vec<Elements<'_>> = Elements::of(value).into_iter().collect();
    loop {
        deepest = deepest.max(open.len());
        if deepest > most {
            return deepest;
        }
        let Some(elements) = open.last_mut() else {
            return deepest;
        };
        match elements.next() {
            Some((_, value)) => open.extend(Elements::of(value)),
            None => {
                open.pop();
            }
        }
    }
}

/// The charge for a value, its elements apart.
fn own_bytes(value: &Value) -> usize {
    NODE_BYTES + value.as_str().map_or(0, str::len)
}
