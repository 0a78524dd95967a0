//! What a JSON Schema says about one place in the values that it describes.
//!
//! Only what is plain: types, properties, items, local references and alternatives. Where a
//! schema says more than is understood here, nothing is known of the place.

use pe_expr::{Kinds, Segment};
use serde_json::{Map, Value};

/// So many references are followed from one schema to the next.
const MOST_REFERENCES: usize = 16;
/// So many alternatives are looked at side by side.
const MOST_ALTERNATIVES: usize = 32;

/// The schemas of one place, of which any may be the one that holds.
#[derive(Debug, Clone)]
pub(super) struct Shape<'s> {
    root: &'s Value,
    /// Empty when nothing is known.
    alternatives: Vec<&'s Map<String, Value>>,
}

/// Why a path leads nowhere.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum NoWay<'s> {
    /// There is no such field; these there are.
    NoField(Vec<&'s str>),
    /// What has no parts, or parts of another sort.
    NoParts(Kinds),
}

impl<'s> Shape<'s> {
    /// The values that a schema describes.
    pub(super) fn new(schema: &'s Value) -> Self {
        Self::of(schema, schema)
    }

    fn of(root: &'s Value, schema: &'s Value) -> Self {
        let mut alternatives = Vec::new();
        if !expand(root, schema, &mut alternatives) {
            alternatives.clear();
        }
        Self { root, alternatives }
    }

    fn unknown(&self) -> Self {
        Self { root: self.root, alternatives: Vec::new() }
    }

    /// The kinds that the values there may have.
    pub(super) fn kinds(&self) -> Kinds {
        match &self.alternatives[..] {
            [] => Kinds::ANY,
            schemas => schemas.iter().fold(Kinds::NONE, |all, schema| all | kinds(schema)),
        }
    }

    /// One part further on.
    pub(super) fn part(&self, segment: &Segment) -> Result<Self, NoWay<'s>> {
        let mut found = self.unknown();
        let mut fields = Vec::new();
        let mut leads = self.alternatives.is_empty();
        for schema in &self.alternatives {
            match part(schema, segment) {
                Part::Unknown => return Ok(self.unknown()),
                Part::Text => return Ok(self.unknown()),
                Part::Schema(schema) => {
                    leads = true;
                    let inner = Self::of(self.root, schema);
                    if inner.alternatives.is_empty() {
                        return Ok(inner);
                    }
                    found.alternatives.extend(inner.alternatives);
                }
                Part::NoField(known) => fields.extend(known.keys().map(String::as_str)),
                Part::NoParts => {}
            }
        }
        if !leads {
            let has_fields = self.kinds().intersects(Kinds::MAP);
            return Err(match has_fields && !fields.is_empty() {
                true => NoWay::NoField(fields),
                false => NoWay::NoParts(self.kinds()),
            });
        }
        if found.alternatives.len() > MOST_ALTERNATIVES {
            return Ok(self.unknown());
        }
        Ok(found)
    }
}

/// What one schema says about a part of its values.
enum Part<'s> {
    Unknown,
    /// A character of a string.
    Text,
    Schema(&'s Value),
    NoField(&'s Map<String, Value>),
    NoParts,
}

fn part<'s>(schema: &'s Map<String, Value>, segment: &Segment) -> Part<'s> {
    let kinds = kinds(schema);
    let number;
    let (key, index) = match segment {
        Segment::Key(key) => (key, None),
        Segment::Index(index) => {
            number = index.to_string();
            (&number, Some(*index))
        }
    };
    if let Some(index) = index
        && kinds.intersects(Kinds::LIST | Kinds::STRING)
    {
        // What may be something else as well is not looked into.
        return match kinds {
            Kinds::LIST => element(schema, index),
            Kinds::STRING => Part::Text,
            _ => Part::Unknown,
        };
    }
    if !kinds.intersects(Kinds::MAP) {
        return Part::NoParts;
    }
    let properties = schema.get("properties").and_then(Value::as_object);
    if let Some(property) = properties.and_then(|properties| properties.get(key)) {
        return Part::Schema(property);
    }
    match (schema.get("additionalProperties"), properties) {
        (None | Some(Value::Bool(false)), Some(properties)) => Part::NoField(properties),
        (Some(more @ Value::Object(_)), _) => Part::Schema(more),
        _ => Part::Unknown,
    }
}

fn element(schema: &Map<String, Value>, index: i64) -> Part<'_> {
    let first = schema.get("prefixItems").and_then(Value::as_array);
    if let Some(first) = first {
        let Ok(index) = usize::try_from(index) else { return Part::Unknown };
        if let Some(element) = first.get(index) {
            return Part::Schema(element);
        }
    }
    schema.get("items").map_or(Part::Unknown, Part::Schema)
}

/// The plain schemas that one stands for; false when it says more than is understood.
fn expand<'s>(root: &'s Value, schema: &'s Value, found: &mut Vec<&'s Map<String, Value>>) -> bool {
    /// Words that say more about the parts of a value.
    const MORE: [&str; 11] = [
        // From here on references mean another document.
        "$id",
        "allOf",
        "if",
        "then",
        "else",
        "dependentSchemas",
        "patternProperties",
        "unevaluatedProperties",
        "unevaluatedItems",
        "$dynamicRef",
        "not",
    ];
    let mut open = vec![schema];
    let mut references = 0;
    while let Some(schema) = open.pop() {
        let Some(schema) = schema.as_object().filter(|schema| !schema.is_empty()) else {
            return false;
        };
        let is_root = root.as_object().is_some_and(|root| std::ptr::eq(root, schema));
        let says_more = |word: &&str| schema.contains_key(*word) && !(is_root && *word == "$id");
        if MORE.iter().any(says_more) || found.len() >= MOST_ALTERNATIVES {
            return false;
        }
        let alternatives =
            ["anyOf", "oneOf"].iter().find_map(|word| schema.get(*word)).and_then(Value::as_array);
        let speaks = ["properties", "items", "prefixItems", "additionalProperties"]
            .iter()
            .any(|word| schema.contains_key(*word));
        match (schema.get("$ref").and_then(Value::as_str), alternatives) {
            (None, None) => found.push(schema),
            // What several schemas say together is not put together here.
            _ if speaks => return false,
            (Some(_), Some(_)) => return false,
            (Some(reference), None) => {
                references += 1;
                let target = reference.strip_prefix('#').and_then(|place| root.pointer(place));
                match target.filter(|_| references <= MOST_REFERENCES) {
                    Some(target) => open.push(target),
                    None => return false,
                }
            }
            (None, Some(alternatives)) => {
                if alternatives.len() + open.len() > MOST_ALTERNATIVES {
                    return false;
                }
                open.extend(alternatives);
            }
        }
    }
    true
}

fn kinds(schema: &Map<String, Value>) -> Kinds {
    let named = |name: &Value| match name.as_str() {
        Some("null") => Kinds::NULL,
        Some("boolean") => Kinds::BOOLEAN,
        Some("integer") => Kinds::INTEGER,
        Some("number") => Kinds::NUMBER,
        Some("string") => Kinds::STRING,
        Some("array") => Kinds::LIST,
        Some("object") => Kinds::MAP,
        _ => Kinds::ANY,
    };
    let all = |values: &[Value], kind: fn(&Value) -> Kinds| {
        values.iter().map(kind).fold(Kinds::NONE, |all, kind| all | kind)
    };
    let of_type = match schema.get("type") {
        None => Kinds::ANY,
        Some(Value::Array(names)) => {
            names.iter().map(named).fold(Kinds::NONE, |all, kind| all | kind)
        }
        Some(name) => named(name),
    };
    let of_values = match (schema.get("const"), schema.get("enum")) {
        (Some(value), _) => Kinds::of(value),
        (None, Some(Value::Array(values))) => all(values, Kinds::of),
        _ => Kinds::ANY,
    };
    of_type.intersection(of_values)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn segments(path: &str) -> Vec<Segment> {
        let segment = |part: &str| match part.parse() {
            Ok(index) => Segment::Index(index),
            Err(_) => Segment::Key(part.to_owned()),
        };
        path.split('.').filter(|part| !part.is_empty()).map(segment).collect()
    }

    /// The kinds at a path, or why there is none.
    fn look(schema: &Value, path: &str) -> Result<Kinds, String> {
        let mut shape = Shape::new(schema);
        for segment in segments(path) {
            shape = shape.part(&segment).map_err(|no_way| format!("{no_way:?}"))?;
        }
        Ok(shape.kinds())
    }

    #[test]
    fn paths_through_objects_lists_and_references() {
        let schema = json!({
            "type": "object",
            "properties": {
                "title": {"type": "string"},
                "rows": {"type": "array", "items": {"$ref": "#/$defs/row"}},
                "pair": {"type": "array", "prefixItems": [{"type": "null"}, {"const": 2}]},
                "free": {"type": "object"},
                "extra": {"type": "object", "additionalProperties": {"type": ["integer", "null"]}},
                "either": {"anyOf": [
                    {"type": "string"},
                    {"type": "object", "properties": {"code": {"type": "integer"}}}]},
                "circle": {"$ref": "#/properties/circle"},
            },
            "$defs": {"row": {"type": "object", "properties": {"n": {"type": "number"}}}},
        });
        for (path, expected) in [
            ("", Kinds::MAP),
            ("title", Kinds::STRING),
            ("rows", Kinds::LIST),
            ("rows.0.n", Kinds::NUMBER),
            ("rows.-1.n", Kinds::NUMBER),
            ("pair.0", Kinds::NULL),
            ("pair.1", Kinds::INTEGER),
            ("pair.-1", Kinds::ANY),
            ("pair.2", Kinds::ANY),
            ("free.x.y", Kinds::ANY),
            ("extra.x", Kinds::INTEGER | Kinds::NULL),
            ("either", Kinds::STRING | Kinds::MAP),
            ("either.code", Kinds::INTEGER),
            ("title.0", Kinds::ANY),
            ("circle.x", Kinds::ANY),
        ] {
            assert_eq!(look(&schema, path), Ok(expected), "{path}");
        }
        for (path, expected) in [
            ("titel", "NoField([\"title\", \"rows\""),
            ("rows.0.m", "NoField([\"n\"])"),
            ("rows.n", "NoParts(Kinds(a list))"),
            ("title.x", "NoParts(Kinds(a string))"),
            ("either.x", "NoField([\"code\"])"),
            ("extra.x.y", "NoParts(Kinds(null or an integer))"),
        ] {
            let found = look(&schema, path).unwrap_err();
            assert!(found.starts_with(expected), "{path}: {found}");
        }
    }

    #[test]
    fn what_is_not_understood_is_not_known() {
        let fields = json!({"a": {"type": "string"}});
        for schema in [
            json!(null),
            json!(true),
            json!({}),
            json!({"properties": fields, "additionalProperties": true}),
            json!({"properties": fields, "patternProperties": {"^x": {}}}),
            json!({"properties": fields, "allOf": [{"properties": {"b": {}}}]}),
            json!({"properties": fields, "if": {}, "then": {"properties": {"b": {}}}}),
            json!({"properties": fields, "anyOf": [{"properties": {"b": {}}}]}),
            json!({"$ref": "#/x", "x": {"properties": fields}, "properties": {}}),
            json!({"$ref": "https://example.invalid/schema"}),
            json!({"$ref": "#"}),
        ] {
            assert_eq!(look(&schema, "b"), Ok(Kinds::ANY), "{schema}");
        }
        let many: Vec<Value> = (0..40).map(|n| json!({"const": n})).collect();
        assert_eq!(look(&json!({"anyOf": many}), "x"), Ok(Kinds::ANY));
    }
}
