//! The JSON Schema of a patch, for answers that an endpoint constrains.

use pe_model::Catalog;
use serde_json::{Value, json};

use crate::notation::plan_schema;

/// JSON Schema of a patch whose steps are written in the notation.
pub(super) fn patch_schema(catalog: &Catalog, max_steps: usize) -> Value {
    let mut schema = plan_schema(catalog, max_steps);
    let definitions = schema.get_mut("$defs").map(Value::take).unwrap_or_else(|| json!({}));
    let id = json!({"type": "string", "minLength": 1});
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "properties": {
            "reason": {"type": "string"},
            "modifications": {
                "type": "array",
                "minItems": 1,
                "maxItems": max_steps.saturating_mul(2).max(1),
                "items": {"anyOf": [
                    {
                        "type": "object",
                        "properties": {
                            "type": {"const": "add"}, "step": {"$ref": "#/$defs/step"},
                            "before": id, "after": id,
                        },
                        "required": ["type", "step"],
                        "additionalProperties": false,
                    },
                    {
                        "type": "object",
                        "properties": {"type": {"const": "remove"}, "id": id},
                        "required": ["type", "id"],
                        "additionalProperties": false,
                    },
                    {
                        "type": "object",
                        "properties": {
                            "type": {"const": "modify"}, "id": id, "fields": {"type": "object"},
                        },
                        "required": ["type", "id", "fields"],
                        "additionalProperties": false,
                    },
                ]},
            },
        },
        "required": ["reason", "modifications"],
        "additionalProperties": false,
        "$defs": definitions,
    })
}
