//! JSON Schemas as types on one line, the way a programmer would write them.
//!
//! `{"type": "object", "required": ["url"], "properties": {..}}` becomes
//! `url: string, limit?: integer 1..50 = 10`. What such a line cannot say (`if`, `not`,
//! `dependentRequired` and the like) makes it give up, and the schema itself is shown,
//! compact and without what is for people.

use std::cell::Cell;

use serde_json::{Map, Value};

use super::data::{bounded, line};

/// The longest parameters of one tool, in bytes.
pub(crate) const MAX_PARAMETERS: usize = 4_096;
/// The deepest types; deeper ones are `any`.
const DEPTH: usize = 6;
/// The most schemas that are written for one tool.
const MOST_SCHEMAS: u32 = 1_000;
/// The most names and values of one enumeration.
const MOST_VALUES: usize = 40;

/// What a line can say, or what it need not.
const SAID: [&str; 27] = [
    "type",
    "properties",
    "required",
    "items",
    "prefixItems",
    "enum",
    "const",
    "anyOf",
    "oneOf",
    "allOf",
    "$ref",
    "$defs",
    "definitions",
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "format",
    "pattern",
    "default",
    "additionalProperties",
    "nullable",
    "description",
    "title",
    "examples",
];
const UNSAID: [&str; 8] =
    ["$schema", "$id", "$comment", "deprecated", "readOnly", "writeOnly", "example", "x-order"];

/// How much of a schema is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Detail {
    /// Everything.
    Full,
    /// The fields of an output, whether or not they are always there.
    Output,
    /// Required parameters and their types; that there are others.
    Required,
}

/// The parameters of a tool, as they stand between the parentheses of its signature.
pub(crate) fn parameters(schema: &Value, detail: Detail) -> String {
    let Value::Object(map) = schema else {
        return if schema == &Value::Bool(false) { String::new() } else { "any object".to_owned() };
    };
    let writer = Writer::new(schema, detail);
    if detail == Detail::Full && !writer.can_say(schema, 0) {
        let mut bare = schema.clone();
        strip(&mut bare, 0);
        return format!("object of schema {}", line(&bare.to_string(), MAX_PARAMETERS));
    }
    let fields = writer.fields(map, 0);
    line(&fields, MAX_PARAMETERS)
}

/// The type of a value that a schema describes, at most `max` bytes.
pub(crate) fn type_of(schema: &Value, max: usize) -> String {
    line(&Writer::new(schema, Detail::Output).of(schema, 0), max)
}

struct Writer<'a> {
    root: &'a Value,
    detail: Detail,
    /// How many more schemas are written: references make a small schema large.
    left: Cell<u32>,
}

impl<'a> Writer<'a> {
    fn new(root: &'a Value, detail: Detail) -> Self {
        Self { root, detail, left: Cell::new(MOST_SCHEMAS) }
    }

    /// Whether every keyword of a schema has a place in a line.
    fn can_say(&self, schema: &Value, depth: usize) -> bool {
        let Value::Object(map) = schema else { return true };
        if depth > DEPTH {
            return true;
        }
        let known = |name: &String| {
            SAID.contains(&name.as_str())
                || UNSAID.contains(&name.as_str())
                || name.starts_with("x-")
        };
        map.keys().all(known)
            && map.iter().all(|(name, value)| match (name.as_str(), value) {
                ("properties" | "$defs" | "definitions", Value::Object(inner)) => {
                    inner.values().all(|schema| self.can_say(schema, depth + 1))
                }
                ("items" | "additionalProperties", value) => self.can_say(value, depth + 1),
                ("prefixItems" | "anyOf" | "oneOf" | "allOf", Value::Array(inner)) => {
                    inner.iter().all(|schema| self.can_say(schema, depth + 1))
                }
                _ => true,
            })
    }

    fn fields(&self, map: &Map<String, Value>, depth: usize) -> String {
        let required: Vec<&str> = list(map, "required").filter_map(Value::as_str).collect();
        let empty = Map::new();
        let properties = map.get("properties").and_then(Value::as_object).unwrap_or(&empty);
        let mut parts = Vec::new();
        let mut left_out = 0;
        for (name, schema) in properties {
            let needed = required.contains(&name.as_str());
            if self.detail == Detail::Required && !needed {
                left_out += 1;
                continue;
            }
            let mark = if needed || self.detail == Detail::Output { "" } else { "?" };
            parts.push(format!("{}{mark}: {}", bounded(name, 128), self.of(schema, depth + 1)));
        }
        for name in required.iter().filter(|name| !properties.contains_key(**name)) {
            parts.push(format!("{}: any", bounded(name, 128)));
        }
        match map.get("additionalProperties") {
            Some(extra @ Value::Object(_)) => {
                parts.push(format!("*: {}", self.of(extra, depth + 1)));
            }
            Some(Value::Bool(true)) => parts.push("*: any".to_owned()),
            _ => {}
        }
        if left_out > 0 {
            parts.push(format!("… {left_out} optional"));
        }
        parts.join(", ")
    }

    fn of(&self, schema: &Value, depth: usize) -> String {
        let Value::Object(map) = schema else {
            return if schema == &Value::Bool(false) { "never" } else { "any" }.to_owned();
        };
        if depth > DEPTH || self.left.get() == 0 {
            return "any".to_owned();
        }
        self.left.set(self.left.get() - 1);
        let mut text = self.bare(map, depth);
        if map.get("nullable") == Some(&Value::Bool(true)) {
            text.push_str("|null");
        }
        if self.detail == Detail::Full
            && let Some(default) = map.get("default")
        {
            text.push_str(&format!(" = {}", bounded(&default.to_string(), 80)));
        }
        text
    }

    fn bare(&self, map: &Map<String, Value>, depth: usize) -> String {
        if let Some(target) = map.get("$ref").and_then(Value::as_str) {
            return match target.strip_prefix('#').and_then(|pointer| self.root.pointer(pointer)) {
                Some(schema) => self.of(schema, depth + 1),
                None => "any".to_owned(),
            };
        }
        if let Some(value) = map.get("const") {
            return bounded(&value.to_string(), 200);
        }
        if map.contains_key("enum") {
            let all: Vec<&Value> = list(map, "enum").collect();
            let mut shown: Vec<String> = all
                .iter()
                .take(MOST_VALUES)
                .map(|value| bounded(&value.to_string(), 200))
                .collect();
            if all.len() > MOST_VALUES {
                shown.push(format!("… {} more", all.len() - MOST_VALUES));
            }
            return shown.join("|");
        }
        for (word, sign) in [("anyOf", " | "), ("oneOf", " | "), ("allOf", " & ")] {
            if map.contains_key(word) {
                let mut parts: Vec<String> =
                    list(map, word).take(MOST_VALUES).map(|it| self.of(it, depth + 1)).collect();
                if map.contains_key("properties") {
                    parts.insert(0, format!("{{{}}}", self.fields(map, depth)));
                }
                parts.dedup();
                return parts.join(sign);
            }
        }
        match map.get("type") {
            Some(Value::Array(types)) => {
                let names: Vec<String> = types
                    .iter()
                    .filter_map(Value::as_str)
                    .map(|name| self.named(name, map, depth))
                    .collect();
                names.join("|")
            }
            Some(Value::String(name)) => self.named(name, map, depth),
            _ if map.contains_key("properties") => self.named("object", map, depth),
            _ if map.contains_key("items") => self.named("array", map, depth),
            _ => "any".to_owned(),
        }
    }

    fn named(&self, name: &str, map: &Map<String, Value>, depth: usize) -> String {
        let full = self.detail == Detail::Full;
        match name {
            "object" => {
                let fields = self.fields(map, depth);
                if fields.is_empty() { "object".to_owned() } else { format!("{{{fields}}}") }
            }
            "array" => {
                let inner = if map.contains_key("prefixItems") {
                    let parts: Vec<String> = list(map, "prefixItems")
                        .take(MOST_VALUES)
                        .map(|it| self.of(it, depth + 1))
                        .collect();
                    parts.join(", ")
                } else {
                    map.get("items").map_or_else(|| "any".to_owned(), |it| self.of(it, depth + 1))
                };
                let size = if full { range(map, "minItems", "maxItems") } else { String::new() };
                let size = if size.is_empty() { size } else { format!(" ({size} items)") };
                format!("[{inner}]{size}")
            }
            "string" if full => {
                let mut text = "string".to_owned();
                if let Some(format) = map.get("format").and_then(Value::as_str) {
                    text.push_str(&format!(" ({})", bounded(format, 40)));
                }
                if let Some(pattern) = map.get("pattern").and_then(Value::as_str) {
                    text.push_str(&format!(" /{}/", bounded(pattern, 120)));
                }
                let size = range(map, "minLength", "maxLength");
                if !size.is_empty() {
                    text.push_str(&format!(" ({size} characters)"));
                }
                text
            }
            "integer" | "number" if full => {
                let bounds = range(map, "minimum", "maximum");
                if bounds.is_empty() { name.to_owned() } else { format!("{name} {bounds}") }
            }
            "string" | "integer" | "number" | "boolean" | "null" => name.to_owned(),
            _ => "any".to_owned(),
        }
    }
}

/// `1..50`, `1..`, `..50`, or nothing.
fn range(map: &Map<String, Value>, low: &str, high: &str) -> String {
    let bound = |name: &str| {
        map.get(name).filter(|it| it.is_number()).map_or(String::new(), Value::to_string)
    };
    match (bound(low), bound(high)) {
        // A text that is not empty is what anybody would write.
        (one, none) if low == "minLength" && one == "1" && none.is_empty() => String::new(),
        (low, high) if low.is_empty() && high.is_empty() => String::new(),
        (low, high) => format!("{low}..{high}"),
    }
}

fn list<'a>(map: &'a Map<String, Value>, name: &str) -> impl Iterator<Item = &'a Value> {
    map.get(name).and_then(Value::as_array).into_iter().flatten()
}

/// Takes out of a schema what is for people.
fn strip(schema: &mut Value, depth: usize) {
    if depth > 2 * DEPTH {
        *schema = Value::Bool(true);
        return;
    }
    match schema {
        Value::Object(map) => {
            map.retain(|name, value| {
                let for_people = matches!(
                    name.as_str(),
                    "description"
                        | "title"
                        | "examples"
                        | "example"
                        | "$schema"
                        | "$id"
                        | "$comment"
                );
                // A property may be called `title`; then its value is a schema.
                !(for_people && (value.is_string() || value.is_array()))
            });
            map.values_mut().for_each(|value| strip(value, depth + 1));
        }
        Value::Array(items) => items.iter_mut().for_each(|value| strip(value, depth + 1)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn check(schema: Value, expected: &str) {
        assert_eq!(parameters(&schema, Detail::Full), expected, "{schema}");
    }

    #[test]
    fn schemas_as_a_programmer_writes_them() {
        check(
            json!({"type": "object", "required": ["url"], "additionalProperties": false,
                "properties": {"url": {"type": "string", "format": "uri"},
                    "limit": {"type": "integer", "minimum": 1, "maximum": 50, "default": 10},
                    "sort": {"enum": ["new", "old"]},
                    "tags": {"type": "array", "items": {"type": "string"}, "minItems": 1},
                    "when": {"anyOf": [{"type": "string"}, {"type": "null"}]},
                    "deep": {"type": "object", "required": ["a"],
                        "properties": {"a": {"type": ["integer", "null"]}}}}}),
            "url: string (uri), limit?: integer 1..50 = 10, sort?: \"new\"|\"old\", \
             tags?: [string] (1.. items), when?: string | null, deep?: {a: integer|null}",
        );
        check(json!({"type": "object"}), "");
        check(json!({"type": "object", "additionalProperties": true}), "*: any");
        check(json!(null), "any object");
        check(
            json!({"$defs": {"p": {"type": "number"}}, "properties": {"x": {"$ref": "#/$defs/p"}}}),
            "x?: number",
        );
    }

    #[test]
    fn what_a_line_cannot_say_is_shown_as_a_schema() {
        check(
            json!({"type": "object", "description": "for people", "not": {"required": ["a", "b"]},
                "properties": {"a": {"type": "string", "description": "x"}}}),
            r#"object of schema {"type":"object","not":{"required":["a","b"]},"properties":{"a":{"type":"string"}}}"#,
        );
    }

    #[test]
    fn required_parameters_alone() {
        let schema = json!({"type": "object", "required": ["a"], "properties": {
            "a": {"type": "string", "maxLength": 9}, "b": {}, "c": {}}});
        assert_eq!(parameters(&schema, Detail::Required), "a: string, … 2 optional");
    }

    #[test]
    fn circles_and_depths_end() {
        check(
            json!({"$defs": {"t": {"type": "array", "items": {"$ref": "#/$defs/t"}}},
                "properties": {"x": {"$ref": "#/$defs/t"}}}),
            "x?: [[[any]]]",
        );
        let mut deep = json!({"type": "string", "not": {}});
        for _ in 0..500 {
            deep = json!({"type": "array", "items": deep});
        }
        assert!(type_of(&deep, 100).len() < 100);
        assert!(parameters(&json!({"properties": {"x": deep}}), Detail::Full).len() < 200);
    }
}
