//! Whether a value can be held against a JSON Schema in bounded time and memory.
//!
//! A schema that refers to itself in more than one branch is tried in all combinations of
//! them, so that each level of nesting multiplies the work. How often is worked out here from
//! the schema and from the depth of the value, before anybody begins.

use std::collections::HashMap;

use serde_json::{Map, Value};

/// So many schemas may be tried on the way to one place in the value.
const MOST_TRIES: u64 = 20_000;
/// So many schemas may be tried over the whole value.
const MOST_IN_ALL: u64 = 20_000_000;
/// So deep may schemas stand within one another, references followed.
const DEEPEST: usize = 400;

/// Whether holding `value` against `schema` ends soon.
///
/// Never refuses a schema without references: what it costs is its own size.
pub fn is_checkable(schema: &Value, value: &Value) -> bool {
    let mut anchors = HashMap::new();
    if !look_for_references(schema, &mut anchors) {
        return true;
    }
    let (nodes, depth) = size(value);
    let mut effort = Effort { root: schema, anchors, known: HashMap::new() };
    let tries = effort.of(schema, depth, 0);
    tries <= MOST_TRIES && tries.saturating_mul(nodes) <= MOST_IN_ALL
}

/// Whether a schema refers to parts of itself; without that it is always checkable.
pub(crate) fn refers(schema: &Value) -> bool {
    look_for_references(schema, &mut HashMap::new())
}

/// How many values there are, and how deep they are nested.
fn size(value: &Value) -> (u64, usize) {
    let (mut nodes, mut deepest) = (0, 0);
    let mut open = vec![(value, 1)];
    while let Some((value, depth)) = open.pop() {
        nodes += 1;
        deepest = deepest.max(depth);
        match value {
            Value::Array(items) => open.extend(items.iter().map(|item| (item, depth + 1))),
            Value::Object(map) => open.extend(map.values().map(|item| (item, depth + 1))),
            _ => {}
        }
    }
    (nodes, deepest)
}

/// Whether there are references; schemas with a name are collected on the way.
fn look_for_references<'s>(schema: &'s Value, anchors: &mut HashMap<&'s str, &'s Value>) -> bool {
    let mut found = false;
    let mut open = vec![schema];
    while let Some(schema) = open.pop() {
        match schema {
            Value::Array(items) => open.extend(items),
            Value::Object(map) => {
                found |=
                    ["$ref", "$dynamicRef", "$recursiveRef"].iter().any(|w| map.contains_key(*w));
                for word in ["$anchor", "$dynamicAnchor"] {
                    if let Some(name) = map.get(word).and_then(Value::as_str) {
                        anchors.insert(name, schema);
                    }
                }
                open.extend(map.values());
            }
            _ => {}
        }
    }
    found
}

struct Effort<'s> {
    root: &'s Value,
    anchors: HashMap<&'s str, &'s Value>,
    /// By schema and remaining depth; more than any bound while it is being worked out.
    known: HashMap<(*const Value, usize), u64>,
}

impl<'s> Effort<'s> {
    /// The most schemas that are tried on one value, and on the values of one path below it.
    fn of(&mut self, schema: &'s Value, depth: usize, level: usize) -> u64 {
        let Value::Object(map) = schema else { return 1 };
        if level > DEEPEST {
            return u64::MAX;
        }
        let key = (std::ptr::from_ref(schema), depth);
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        self.known.insert(key, u64::MAX);
        let mut tries = 1_u64;
        for (word, inner) in map {
            let more = match word.as_str() {
                "allOf" | "anyOf" | "oneOf" => {
                    self.sum(inner.as_array().into_iter().flatten(), depth, level)
                }
                "not" | "if" | "then" | "else" => self.of(inner, depth, level + 1),
                "dependentSchemas" => {
                    self.sum(inner.as_object().into_iter().flat_map(Map::values), depth, level)
                }
                "$ref" | "$dynamicRef" | "$recursiveRef" => match self.target(inner) {
                    Some(target) => self.of(target, depth, level + 1),
                    None => 1,
                },
                _ => 0,
            };
            tries = tries.saturating_add(more);
        }
        if depth > 1 {
            tries = tries.saturating_add(self.below(map, depth - 1, level));
        }
        self.known.insert(key, tries);
        tries
    }

    /// What is tried on one of the parts of a value.
    fn below(&mut self, map: &'s Map<String, Value>, depth: usize, level: usize) -> u64 {
        // A part is one of these, or one of those.
        let (mut property, mut element, mut tries) = (0, 0, 0_u64);
        for (word, inner) in map {
            let parts = || inner.as_object().into_iter().flat_map(Map::values);
            match word.as_str() {
                "properties" => property = property.max(self.most(parts(), depth, level)),
                "additionalProperties" => property = property.max(self.of(inner, depth, level + 1)),
                "prefixItems" => {
                    let most = self.most(inner.as_array().into_iter().flatten(), depth, level);
                    element = element.max(most);
                }
                "items" => element = element.max(self.of(inner, depth, level + 1)),
                "patternProperties" => {
                    tries = tries.saturating_add(self.sum(parts(), depth, level))
                }
                "unevaluatedProperties" | "unevaluatedItems" | "contains" | "propertyNames" => {
                    tries = tries.saturating_add(self.of(inner, depth, level + 1));
                }
                _ => {}
            }
        }
        tries.saturating_add(property.max(element))
    }

    fn sum(&mut self, schemas: impl Iterator<Item = &'s Value>, depth: usize, level: usize) -> u64 {
        schemas.fold(0, |sum: u64, schema| sum.saturating_add(self.of(schema, depth, level + 1)))
    }

    fn most(
        &mut self,
        schemas: impl Iterator<Item = &'s Value>,
        depth: usize,
        level: usize,
    ) -> u64 {
        schemas.fold(0, |most, schema| most.max(self.of(schema, depth, level + 1)))
    }

    /// What a reference means; another document is never read.
    fn target(&self, reference: &Value) -> Option<&'s Value> {
        let place = reference.as_str()?.strip_prefix('#')?;
        if place.is_empty() || place.starts_with('/') {
            return self.root.pointer(place);
        }
        self.anchors.get(place).copied()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn nested(depth: usize) -> Value {
        (0..depth).fold(json!("x"), |value, _| json!([value]))
    }

    #[test]
    fn a_schema_that_branches_into_itself_is_held_against_flat_values_only() {
        let branches = json!({"$ref": "#/$defs/n", "$defs": {"n": {"anyOf": [
            {"type": "integer"},
            {"type": "array", "items": {"$ref": "#/$defs/n"}},
            {"type": ["array", "null"], "items": {"$ref": "#/$defs/n"}}]}}});
        assert!(is_checkable(&branches, &nested(8)));
        assert!(!is_checkable(&branches, &nested(16)));
        assert!(!is_checkable(&branches, &nested(120)));
        let named = json!({"$anchor": "n", "items": {"allOf": [{"$ref": "#n"}, {"$ref": "#n"}]}});
        assert!(!is_checkable(&named, &nested(30)));
    }

    #[test]
    fn references_that_double_without_any_depth() {
        let mut definitions = Map::new();
        for n in 0..40 {
            let next = json!({"$ref": format!("#/$defs/d{}", n + 1)});
            definitions.insert(format!("d{n}"), json!({"allOf": [next, next]}));
        }
        definitions.insert("d40".to_owned(), json!({"type": "string"}));
        let bomb = json!({"$ref": "#/$defs/d0", "$defs": definitions});
        assert!(!is_checkable(&bomb, &json!("x")));
        assert!(!is_checkable(&json!({"$ref": "#"}), &json!(1)), "it never ends");
    }

    #[test]
    fn what_people_write_is_checked() {
        let json_value = json!({"$ref": "#/$defs/any", "$defs": {"any": {"anyOf": [
            {"type": ["null", "boolean", "number", "string"]},
            {"type": "array", "items": {"$ref": "#/$defs/any"}},
            {"type": "object", "additionalProperties": {"$ref": "#/$defs/any"}}]}}});
        assert!(is_checkable(&json_value, &nested(10)));
        let tree = json!({"properties": {"left": {"$ref": "#"}, "right": {"$ref": "#"}, "n": {}}});
        let deep = (0..100).fold(json!({}), |value, _| json!({"left": value, "n": 1}));
        assert!(is_checkable(&tree, &deep), "a part is one of the two");
        let list = json!({"properties": {"rows": {"items": {"$ref": "#/$defs/row"}}},
            "$defs": {"row": {"properties": {"a": {"type": "integer"}}}}});
        let rows: Vec<Value> = (0..100_000).map(|n| json!({"a": n})).collect();
        assert!(is_checkable(&list, &json!({"rows": rows})));
        let plain = json!({"anyOf": vec![json!({"items": {"anyOf": vec![json!({}); 200]}}); 200]});
        assert!(is_checkable(&plain, &nested(100)), "without references the size is the cost");
    }
}
