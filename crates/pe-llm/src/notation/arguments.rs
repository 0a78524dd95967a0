//! Arguments in all the forms in which they come: an object, JSON in a string, a list.

use pe_model::JsonMap;
use serde_json::Value;

use super::reference::{Dialect, long_text};

/// Arguments as the map that a plan has, references not yet lengthened.
pub(super) fn read(value: Value) -> Result<JsonMap, String> {
    match value {
        Value::Object(map) => Ok(map),
        Value::Null => Ok(JsonMap::new()),
        Value::Array(items) => listed(items),
        Value::String(text) if text.trim().is_empty() => Ok(JsonMap::new()),
        Value::String(text) => match read_json_text(&text) {
            Some(Value::Object(map)) => Ok(map),
            Some(Value::Array(items)) => listed(items),
            Some(Value::Null) => Ok(JsonMap::new()),
            _ => Ok(JsonMap::from_iter([("input".to_owned(), Value::String(text))])),
        },
        other => Ok(JsonMap::from_iter([("input".to_owned(), other)])),
    }
}

/// A list of `{name, value}` pairs gives those; other elements are `arg1`, `arg2` and so on.
fn listed(items: Vec<Value>) -> Result<JsonMap, String> {
    let mut map = JsonMap::new();
    for (index, item) in items.into_iter().enumerate() {
        let (name, value) = match item {
            Value::Object(mut fields) if is_pair(&fields) => {
                let value = fields.shift_remove("value").unwrap_or_default();
                match fields.shift_remove("name") {
                    Some(Value::String(name)) => (name, value),
                    _ => (format!("arg{}", index + 1), value),
                }
            }
            other => (format!("arg{}", index + 1), other),
        };
        if map.contains_key(&name) {
            return Err(format!("the argument `{name}` is given twice"));
        }
        map.insert(name, value);
    }
    Ok(map)
}

/// A name with a value, or with none.
fn is_pair(fields: &JsonMap) -> bool {
    let others = fields.keys().any(|key| key != "name" && key != "value");
    !others && fields.get("name").is_some_and(Value::is_string)
}

/// Lengthens every text in a value. Values come from the draft parser, which bounds their depth.
pub(super) fn lengthen(value: &mut Value, dialect: Dialect) {
    match value {
        Value::String(text) if text.contains("{{") => *text = long_text(text, dialect),
        Value::Array(items) => items.iter_mut().for_each(|item| lengthen(item, dialect)),
        Value::Object(map) => map.values_mut().for_each(|item| lengthen(item, dialect)),
        _ => {}
    }
}

/// A text that is one JSON object, list or null, read strictly or mended; `None` for other text.
pub(crate) fn read_json_text(text: &str) -> Option<Value> {
    let text = text.trim();
    if text == "null" || text == "None" {
        return Some(Value::Null);
    }
    let closed = (text.starts_with('{') && text.ends_with('}'))
        || (text.starts_with('[') && text.ends_with(']'));
    if !closed {
        return None;
    }
    crate::draft::read_closed(text)
}
