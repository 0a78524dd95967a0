//! The tools on offer, cut in stages to fit: descriptions first, then what describes parameters,
//! then their schemas. No tool is left out at any stage.

use pe_model::{Catalog, OfferedTool, ToolSpec};
use serde_json::{Map, Value, json};

use super::cost;
use crate::prompts::data::line;

/// The longest description of a tool, in bytes, and a shortened one.
const DESCRIPTION: usize = 1_000;
const SHORT: usize = 120;
const SHORTEST: usize = 40;
/// What surrounds a tool in a request, in tokens.
const FRAME: u64 = 8;
/// Deeper parts of a schema are left as they are.
const DEPTH: usize = 16;

/// How far the tools are cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Stage {
    Whole,
    ShortDescriptions,
    RequiredDescribed,
    Undescribed,
    ParameterNames,
    Names,
}

/// The tools in at most about `room` tokens.
pub(super) fn offered(catalog: &Catalog, room: u64) -> Vec<OfferedTool> {
    use Stage::*;
    let at = |stage| catalog.iter().map(|tool| one(tool, stage)).collect::<Vec<_>>();
    for stage in [Whole, ShortDescriptions, RequiredDescribed, Undescribed, ParameterNames] {
        let tools = at(stage);
        if tokens(&tools) <= room {
            return tools;
        }
    }
    at(Names)
}

/// What tools take of a request, in tokens.
pub(super) fn tokens(tools: &[OfferedTool]) -> u64 {
    let one = |tool: &OfferedTool| {
        FRAME + cost(&tool.name) + cost(&tool.description) + cost(&tool.parameters.to_string())
    };
    tools.iter().map(one).sum()
}

/// A tool with a schema that is an object's, whatever its own says.
fn one(tool: &ToolSpec, stage: Stage) -> OfferedTool {
    let longest = match stage {
        Stage::Whole => DESCRIPTION,
        Stage::Names => SHORTEST,
        _ => SHORT,
    };
    let schema = match &tool.parameters {
        Value::Object(map) => {
            let mut map = map.clone();
            if !map.contains_key("type") {
                map.insert("type".to_owned(), "object".into());
            }
            map
        }
        _ => Map::from_iter([
            ("type".to_owned(), "object".into()),
            ("properties".to_owned(), json!({})),
        ]),
    };
    let parameters = match stage {
        Stage::Whole | Stage::ShortDescriptions => Value::Object(schema),
        Stage::RequiredDescribed => Value::Object(without_optional(schema)),
        Stage::Undescribed => {
            let mut schema = Value::Object(schema);
            undescribe(&mut schema, DEPTH);
            schema
        }
        Stage::ParameterNames => names_only(&schema),
        Stage::Names => json!({"type": "object"}),
    };
    OfferedTool {
        name: tool.name.clone(),
        description: line(&tool.description, longest),
        parameters,
    }
}

/// The schema without the descriptions of optional parameters.
fn without_optional(mut schema: Map<String, Value>) -> Map<String, Value> {
    let required: Vec<String> = required(&schema);
    if let Some(Value::Object(properties)) = schema.get_mut("properties") {
        for (name, property) in properties {
            if !required.contains(name) {
                undescribe(property, DEPTH);
            }
        }
    }
    schema
}

fn required(schema: &Map<String, Value>) -> Vec<String> {
    let names = schema.get("required").and_then(Value::as_array).into_iter().flatten();
    names.filter_map(|name| name.as_str().map(str::to_owned)).collect()
}

/// Takes out what only describes. A parameter that is called `description` stays: it is an
/// object or a truth value, and a description is a text.
fn undescribe(schema: &mut Value, depth: usize) {
    if depth == 0 {
        return;
    }
    match schema {
        Value::Object(map) => {
            map.retain(|key, value| {
                !matches!(key.as_str(), "description" | "title" | "$comment" | "examples")
                    || value.is_object()
                    || value.is_boolean()
            });
            map.values_mut().for_each(|value| undescribe(value, depth - 1));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| undescribe(item, depth - 1)),
        _ => {}
    }
}

/// The parameters by their names, and which of them are required.
fn names_only(schema: &Map<String, Value>) -> Value {
    let properties = schema.get("properties").and_then(Value::as_object);
    let names = properties.into_iter().flatten().map(|(name, _)| (name.clone(), json!({})));
    let names: Map<String, Value> = names.collect();
    json!({"type": "object", "properties": names, "required": required(schema)})
}
