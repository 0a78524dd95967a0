//! Tool catalogs: what is known about the tools that a plan may call.
//!
//! Read from this program's own list, from an OpenAI tool list or from the answer to MCP
//! `tools/list`; a catalog describes tools and cannot call them.

use indexmap::IndexMap;
use serde_json::Value;

use crate::{Effect, ToolSpec};

/// Tool specifications by name, in a defined order.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Catalog {
    specs: IndexMap<String, Entry>,
}

/// A tool, and whether whoever listed it said what its calls do.
#[derive(Debug, Clone, PartialEq)]
struct Entry {
    spec: ToolSpec,
    states_effect: bool,
}

/// Why a JSON document is not a tool catalog.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CatalogError {
    /// The top is neither a list nor an object with a list under `tools`.
    #[error(
        "expected a list of tools (OpenAI), an object with `tools` (MCP tools/list), or the output of `pe tools --json`"
    )]
    NotAList,
    /// An entry has no name.
    #[error("tool number {number} has no `name`")]
    NoName {
        /// Its place in the list, from 1.
        number: usize,
    },
    /// Two entries share a name.
    #[error("tool `{name}` is listed twice; keep one of the two")]
    Duplicate {
        /// The name.
        name: String,
    },
    /// An entry's field holds the wrong type.
    #[error("tool `{name}`: {message}")]
    Shape {
        /// The tool's name.
        name: String,
        /// What was expected and what was found.
        message: String,
    },
}

impl Catalog {
    /// Reads a catalog in any of the three shapes.
    ///
    /// # Errors
    /// A [`CatalogError`] that names the entry.
    pub fn from_value(value: &Value) -> Result<Self, CatalogError> {
        let entries = match value {
            Value::Array(entries) => entries,
            Value::Object(map) => map
                .get("tools")
                .or_else(|| map.get("result")?.get("tools"))
                .and_then(Value::as_array)
                .ok_or(CatalogError::NotAList)?,
            _ => return Err(CatalogError::NotAList),
        };
        let mut catalog = Self::default();
        for (index, entry) in entries.iter().enumerate() {
            let entry = read_entry(entry, index + 1)?;
            if catalog.specs.contains_key(&entry.spec.name) {
                return Err(CatalogError::Duplicate { name: entry.spec.name });
            }
            catalog.specs.insert(entry.spec.name.clone(), entry);
        }
        Ok(catalog)
    }

    /// The tool called `name`.
    pub fn get(&self, name: &str) -> Option<&ToolSpec> {
        self.specs.get(name).map(|entry| &entry.spec)
    }

    /// The effect class of a tool, where it was stated: lists of other programs do not say, and
    /// then [`ToolSpec::effect`] is the strictest.
    pub fn stated_effect(&self, name: &str) -> Option<Effect> {
        self.specs.get(name).filter(|entry| entry.states_effect).map(|entry| entry.spec.effect)
    }

    /// All tools, in order.
    pub fn iter(&self) -> impl Iterator<Item = &ToolSpec> {
        self.specs.values().map(|entry| &entry.spec)
    }

    /// All names, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.specs.keys().map(String::as_str)
    }

    /// How many tools there are.
    pub fn len(&self) -> usize {
        self.specs.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.specs.is_empty()
    }
}

impl FromIterator<ToolSpec> for Catalog {
    fn from_iter<I: IntoIterator<Item = ToolSpec>>(specs: I) -> Self {
        let entry = |spec: ToolSpec| (spec.name.clone(), Entry { spec, states_effect: true });
        Self { specs: specs.into_iter().map(entry).collect() }
    }
}

/// One entry: `{"type": "function", "function": {..}}`, an MCP tool, or one of our own.
fn read_entry(entry: &Value, number: usize) -> Result<Entry, CatalogError> {
    let fields = entry.get("function").unwrap_or(entry);
    let name = fields
        .get("name")
        .and_then(Value::as_str)
        .filter(|name| !name.trim().is_empty())
        .ok_or(CatalogError::NoName { number })?
        .to_owned();
    let shape = |message: String| CatalogError::Shape { name: name.clone(), message };
    let schema = |keys: [&str; 3]| -> Result<Value, CatalogError> {
        let stated = |key: &str| fields.get(key).filter(|value| !value.is_null());
        match keys.iter().find_map(|key| stated(key).map(|value| (key, value))) {
            None => Ok(Value::Null),
            Some((_, value @ (Value::Object(_) | Value::Bool(_)))) => Ok(value.clone()),
            Some((key, _)) => Err(shape(format!("`{key}` must be a JSON Schema (an object)"))),
        }
    };
    let flag = |key: &str, default: bool| match fields.get(key) {
        None | Some(Value::Null) => Ok(default),
        Some(Value::Bool(value)) => Ok(*value),
        Some(_) => Err(shape(format!("`{key}` must be true or false"))),
    };
    let stated = match fields.get("effect") {
        None | Some(Value::Null) => None,
        Some(value) => Some(serde_json::from_value(value.clone()).map_err(|_| {
            shape("`effect` must be one of pure, read, idempotent, once".to_owned())
        })?),
    };
    let text = |key: &str| fields.get(key).and_then(Value::as_str).map(str::to_owned);
    let spec = ToolSpec {
        description: text("description").unwrap_or_default(),
        version: text("version").unwrap_or_default(),
        parameters: schema(["parameters", "inputSchema", "input_schema"])?,
        output: schema(["output", "outputSchema", "output_schema"])?,
        effect: stated.unwrap_or_default(),
        resource: text("resource"),
        concurrent: flag("concurrent", true)?,
        consent: flag("consent", false)?,
        timeout_ms: fields.get("timeout_ms").and_then(Value::as_u64),
        name,
    };
    Ok(Entry { spec, states_effect: stated.is_some() })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_three_shapes_give_the_same_catalog() {
        let parameters = json!({"type": "object", "required": ["q"], "properties": {"q": {}}});
        let openai = json!([{"type": "function", "function":
            {"name": "search", "description": "d", "parameters": parameters}}]);
        let mcp =
            json!({"tools": [{"name": "search", "description": "d", "inputSchema": parameters}]});
        let spec = ToolSpec {
            name: "search".to_owned(),
            description: "d".to_owned(),
            parameters,
            ..ToolSpec::default()
        };
        let own = json!([serde_json::to_value(&spec).unwrap()]);
        let expected: Catalog = [spec].into_iter().collect();
        for document in [openai, mcp, own] {
            let read = Catalog::from_value(&document).unwrap();
            assert!(read.iter().eq(expected.iter()), "{document}");
        }
        assert_eq!(
            expected.get("search").unwrap().required_parameters().collect::<Vec<_>>(),
            ["q"]
        );
    }

    #[test]
    fn an_effect_that_nobody_stated_is_not_known() {
        let catalog = Catalog::from_value(&json!([{"name": "a"}, {"name": "b", "effect": "once"}]));
        let catalog = catalog.unwrap();
        assert_eq!(catalog.get("a").unwrap().effect, Effect::Once);
        assert_eq!(catalog.stated_effect("a"), None);
        assert_eq!(catalog.stated_effect("b"), Some(Effect::Once));
        let native: Catalog =
            [ToolSpec { name: "c".to_owned(), ..ToolSpec::default() }].into_iter().collect();
        assert_eq!(native.stated_effect("c"), Some(Effect::Once));
    }

    #[test]
    fn errors_name_the_entry() {
        let check = |document: Value, expected: &str| {
            assert_eq!(Catalog::from_value(&document).unwrap_err().to_string(), expected);
        };
        check(json!([{"name": "a"}, {"description": "x"}]), "tool number 2 has no `name`");
        check(
            json!([{"name": "a"}, {"name": "a"}]),
            "tool `a` is listed twice; keep one of the two",
        );
        check(
            json!([{"name": "a", "effect": "twice"}]),
            "tool `a`: `effect` must be one of pure, read, idempotent, once",
        );
        check(
            json!([{"name": "a", "parameters": 3}]),
            "tool `a`: `parameters` must be a JSON Schema (an object)",
        );
        assert_eq!(Catalog::from_value(&json!(3)), Err(CatalogError::NotAList));
    }
}
