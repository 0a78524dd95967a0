//! The JSON Schema of the notation, for answers that an endpoint constrains.
//!
//! Written in the subset of draft 2020-12 that constrained decoders honour. A tool's own schema
//! is loosened, never tightened: what such decoders do not know is dropped, and a reference may
//! stand for any value that is not plain text anyway. Invariant: whatever
//! [`write_notation`](super::write_notation) writes of a valid plan is accepted, but for a
//! reference with a double quote or a backslash in it where the tool wants no plain text.

use pe_model::{Catalog, JsonMap, ToolSpec};
use serde_json::{Value, json};

/// The deepest part of a tool's schema that is looked at; what lies below may be anything.
const DEEPEST: usize = 16;

/// A text that is one template. Decoders paste a pattern's classes into the *JSON* text, so what
/// would have to be escaped there is left out: a template can always do with single quotes.
const REFERENCE: &str = r#"^\{\{[^"\\\x00-\x1f]+\}\}$"#;

/// JSON Schema of a plan in the short notation: its tools are those of the catalog, its steps
/// 1 to `max_steps`. With an empty catalog any tool is allowed.
pub fn plan_schema(catalog: &Catalog, max_steps: usize) -> Value {
    let mut definitions = shared();
    let mut steps = Vec::with_capacity(catalog.len());
    for (number, tool) in catalog.iter().enumerate() {
        let name = format!("args{}", number + 1);
        let args = Loosened { prefix: &name, definitions: &mut definitions }.arguments(tool);
        definitions.insert(name.clone(), args);
        let needs_args = tool.required_parameters().next().is_some();
        let args = json!({"$ref": format!("#/$defs/{name}")});
        steps.push(step(json!({"const": tool.name}), args, needs_args));
    }
    let step = match steps.len() {
        0 => step(json!({"type": "string", "minLength": 1}), json!({"type": "object"}), false),
        1 => steps.remove(0),
        _ => json!({"anyOf": steps}),
    };
    definitions.insert("step".to_owned(), step);
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {"steps": {
            "type": "array",
            "items": {"$ref": "#/$defs/step"},
            "minItems": 1,
            "maxItems": max_steps.max(1),
        }},
        "required": ["steps"],
        "additionalProperties": false,
        "$defs": definitions,
    })
}

fn shared() -> JsonMap {
    let mut map = JsonMap::new();
    let mut put = |name: &str, schema: Value| map.insert(name.to_owned(), schema);
    put("text", json!({"type": "string", "minLength": 1}));
    put("ids", json!({"type": "array", "items": {"$ref": "#/$defs/text"}}));
    put("reference", json!({"type": "string", "pattern": REFERENCE}));
    put(
        "retry",
        json!({"anyOf": [
            {"type": "integer", "minimum": 0},
            {"type": "object", "properties": {
                "max_retries": {"type": "integer", "minimum": 0},
                "base_delay_ms": {"type": "integer", "minimum": 0},
                "max_delay_ms": {"type": "integer", "minimum": 0},
                "backoff": {"enum": ["exponential", "linear", "constant"]},
                "jitter": {"type": "number"},
            }, "additionalProperties": false},
        ]}),
    );
    map
}

/// One kind of step: its fields in the order in which they are written.
fn step(tool: Value, args: Value, needs_args: bool) -> Value {
    let text = json!({"$ref": "#/$defs/text"});
    let required = if needs_args { vec!["id", "tool", "args"] } else { vec!["id", "tool"] };
    json!({
        "type": "object",
        "properties": {
            "id": text,
            "tool": tool,
            "args": args,
            "after": {"$ref": "#/$defs/ids"},
            "if": text,
            "times": {"type": "integer", "minimum": 1, "maximum": 10_000},
            "over": text,
            "until": text,
            "at_once": {"type": "integer", "minimum": 1},
            "fallback_for": text,
            "type": {"enum": ["normal", "conditional", "loop", "parallel", "fallback"]},
            "trigger": {"enum": ["all_success", "all_done", "none_failed", "one_success"]},
            "timeout_ms": {"type": "integer", "minimum": 0},
            "retry": {"$ref": "#/$defs/retry"},
            "expect": text,
            "approval": {"type": "boolean"},
            "agent": {"type": "string"},
            "complexity": {"type": "integer"},
            "action": {"type": "string"},
            "metadata": {"type": "object"},
        },
        "required": required,
        "additionalProperties": false,
    })
}

/// A tool's schema on its way into the plan's.
struct Loosened<'a> {
    /// Before the names of the tool's own definitions.
    prefix: &'a str,
    definitions: &'a mut JsonMap,
}

impl Loosened<'_> {
    fn arguments(&mut self, tool: &ToolSpec) -> Value {
        let Value::Object(schema) = &tool.parameters else {
            return json!({"type": "object"});
        };
        for keyword in ["$defs", "definitions"] {
            for (name, definition) in
                schema.get(keyword).and_then(Value::as_object).into_iter().flatten()
            {
                let name = self.moved(keyword, name);
                // Its place is taken first, so that a definition that names itself is there.
                let loose = self.value(definition, 1);
                self.definitions.insert(name, loose);
            }
        }
        let mut loose = self.keywords(schema, 0);
        loose.insert("type".to_owned(), "object".into());
        Value::Object(loose)
    }

    fn moved(&self, keyword: &str, name: &str) -> String {
        let mark = if keyword == "$defs" { "" } else { "d_" };
        let plain: String =
            name.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
        format!("{}_{mark}{plain}", self.prefix)
    }

    /// The schema of a value, with a reference allowed in its place.
    fn value(&mut self, schema: &Value, depth: usize) -> Value {
        let Value::Object(map) = schema else { return json!({}) };
        if depth > DEEPEST {
            return json!({});
        }
        let loose = self.keywords(map, depth);
        let is_plain = loose.is_empty()
            || (loose.len() == 1 && loose.get("type").and_then(Value::as_str) == Some("string"));
        if is_plain {
            return Value::Object(loose);
        }
        json!({"anyOf": [loose, {"$ref": "#/$defs/reference"}]})
    }

    fn keywords(&mut self, schema: &JsonMap, depth: usize) -> JsonMap {
        let mut out = JsonMap::new();
        for (key, value) in schema {
            let kept = match (key.as_str(), value) {
                ("type", value) => known_type(value),
                ("enum", Value::Array(_)) | ("const", _) => Some(value.clone()),
                (
                    "minimum" | "maximum" | "exclusiveMinimum" | "exclusiveMaximum",
                    Value::Number(_),
                ) => Some(value.clone()),
                ("minLength" | "maxLength" | "minItems" | "maxItems", Value::Number(_)) => {
                    Some(value.clone())
                }
                ("pattern", Value::String(pattern)) if is_simple(pattern) => Some(value.clone()),
                ("required", Value::Array(_)) => Some(value.clone()),
                ("properties", Value::Object(properties)) => Some(Value::Object(
                    properties
                        .iter()
                        .map(|(name, schema)| (name.clone(), self.value(schema, depth + 1)))
                        .collect(),
                )),
                ("additionalProperties", Value::Bool(_)) => Some(value.clone()),
                ("additionalProperties" | "items", Value::Object(_)) => {
                    Some(self.value(value, depth + 1))
                }
                ("prefixItems", Value::Array(items)) => {
                    Some(items.iter().map(|item| self.value(item, depth + 1)).collect())
                }
                // With references allowed, several of `oneOf` may accept the same text.
                ("anyOf" | "oneOf", Value::Array(choices)) => {
                    let choices = choices.iter().map(|choice| self.value(choice, depth + 1));
                    out.insert("anyOf".to_owned(), choices.collect());
                    None
                }
                ("$ref", Value::String(target)) => self.target(target),
                _ => None,
            };
            if let Some(kept) = kept {
                out.insert(key.clone(), kept);
            }
        }
        out
    }

    /// Where a reference between schemas leads now; one that leads elsewhere is dropped.
    fn target(&self, target: &str) -> Option<Value> {
        let (keyword, name) = match target.strip_prefix("#/$defs/") {
            Some(name) => ("$defs", name),
            None => ("definitions", target.strip_prefix("#/definitions/")?),
        };
        (!name.contains('/')).then(|| format!("#/$defs/{}", self.moved(keyword, name)).into())
    }
}

/// A type, or a list of types, that JSON Schema knows.
fn known_type(value: &Value) -> Option<Value> {
    const TYPES: [&str; 7] = ["string", "number", "integer", "boolean", "object", "array", "null"];
    let known = |value: &Value| value.as_str().is_some_and(|name| TYPES.contains(&name));
    match value {
        Value::Array(names) if names.iter().all(known) && !names.is_empty() => Some(value.clone()),
        other if known(other) => Some(value.clone()),
        _ => None,
    }
}

/// Whether constrained decoders understand a pattern: anchored, no classes by letter, no
/// lookarounds, and nothing that would let a quote or a backslash into the JSON text.
fn is_simple(pattern: &str) -> bool {
    let inner = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix('$'));
    let Some(inner) = inner.filter(|inner| !inner.contains("(?") && !inner.contains("[^")) else {
        return false;
    };
    let mut characters = inner.chars().peekable();
    let mut before = ' ';
    while let Some(c) = characters.next() {
        match c {
            '.' | '"' => return false,
            '\\' => match characters.next() {
                Some(escaped) if !escaped.is_ascii_alphanumeric() && escaped != '\\' => {}
                _ => return false,
            },
            // A range of other characters may hold the quote.
            '-' if !before.is_ascii_alphanumeric() && characters.peek() != Some(&']') => {
                return false;
            }
            _ => {}
        }
        before = c;
    }
    true
}
