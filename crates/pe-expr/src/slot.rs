//! A value on the machine's stack: read by reference where that is possible.

use std::borrow::Cow;

use serde_json::{Map, Value};

use crate::error::{Bound, ErrorKind, Outcome};
use crate::limits::{Meter, NODE_BYTES, VALUE_DEPTH};
use crate::scope::{Binding, Entries};
use crate::size;

/// A value that was read (free) or built (charged).
pub(crate) enum Slot<'a> {
    Ref(&'a Value),
    Own(Value),
    View(Box<dyn Entries<'a> + 'a>),
}

impl<'a> From<Binding<'a>> for Slot<'a> {
    fn from(binding: Binding<'a>) -> Self {
        match binding {
            Binding::Value(Cow::Borrowed(value)) => Slot::Ref(value),
            Binding::Value(Cow::Owned(value)) => Slot::Own(value),
            Binding::Map(entries) => Slot::View(entries),
        }
    }
}

impl From<Value> for Slot<'_> {
    fn from(value: Value) -> Self {
        Slot::Own(value)
    }
}

impl<'a> Slot<'a> {
    /// The value, unless it is a map that is only read key by key.
    pub(crate) fn value(&self) -> Option<&Value> {
        match self {
            Slot::Ref(value) => Some(value),
            Slot::Own(value) => Some(value),
            Slot::View(_) => None,
        }
    }

    /// The type, with its article.
    pub(crate) fn type_name(&self) -> &'static str {
        self.value().map_or("a map", type_name)
    }

    /// The value for reading; a lazy map is built and charged.
    pub(crate) fn read(&self, meter: &mut Meter) -> Outcome<Cow<'_, Value>> {
        Ok(match self {
            Slot::Ref(value) => Cow::Borrowed(*value),
            Slot::Own(value) => Cow::Borrowed(value),
            Slot::View(entries) => Cow::Owned(build(entries.as_ref(), 1, meter)?),
        })
    }

    /// The value for keeping inside another one: what was only read is copied and charged.
    pub(crate) fn keep(self, meter: &mut Meter) -> Outcome<Value> {
        match self {
            Slot::Ref(value) => copy(value, meter),
            Slot::Own(value) => Ok(value),
            Slot::View(entries) => build(entries.as_ref(), 1, meter),
        }
    }

    /// The value as a result: a copy of what was read is free.
    pub(crate) fn finish(self, meter: &mut Meter) -> Outcome<Value> {
        match self {
            Slot::Ref(value) => Ok(value.clone()),
            other => other.keep(meter),
        }
    }

    /// The text, if it is a string.
    pub(crate) fn text(&self) -> Option<&str> {
        self.value().and_then(Value::as_str)
    }
}

/// A charged copy.
pub(crate) fn copy(value: &Value, meter: &mut Meter) -> Outcome<Value> {
    let depth = size::charge(value, meter)?;
    if depth > VALUE_DEPTH {
        return Err(too_deep());
    }
    Ok(value.clone())
}

/// Builds a lazy map. Recurses where maps hold maps, to `VALUE_DEPTH` at most.
fn build<'a>(entries: &(dyn Entries<'a> + 'a), depth: usize, meter: &mut Meter) -> Outcome<Value> {
    if depth > VALUE_DEPTH {
        return Err(too_deep());
    }
    meter.nodes(1)?;
    let mut map = Map::new();
    for key in entries.keys() {
        meter.bytes(NODE_BYTES + key.len())?;
        let value = match entries.get(key).map(Slot::from) {
            Some(Slot::View(inner)) => build(inner.as_ref(), depth + 1, meter)?,
            Some(slot) => slot.keep(meter)?,
            None => continue,
        };
        map.insert(key.to_owned(), value);
    }
    Ok(Value::Object(map))
}

pub(crate) fn too_deep() -> ErrorKind {
    ErrorKind::TooLarge { what: Bound::Depth, limit: VALUE_DEPTH as u64 }
}

/// The type of a value, with its article.
pub(crate) fn type_name(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(number) if number.is_f64() => "a float",
        Value::Number(_) => "an integer",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "a map",
    }
}
