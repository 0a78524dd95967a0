//! `query_json`: picks values out of JSON with a JSONPath (RFC 9535).

use pe_model::{BoxFuture, Effect, ErrorClass, Tool, ToolCall, ToolError, ToolSpec};
use serde::Deserialize;
use serde_json::{Value, json};
use serde_json_path::JsonPath;

use super::query_work;
use crate::{arguments, bound};

const NAME: &str = "query_json";

/// The tool `query_json`: the values of `data` (or of the JSON in `text`) that a JSONPath
/// selects, or the first of them.
///
/// Queries are bounded by an estimate of their work before they run, and the answer by the
/// call's `max_output_bytes`: both are refused, never cut, because half an answer to a query
/// is a wrong one.
#[derive(Debug)]
pub struct QueryJson {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    #[serde(default, deserialize_with = "arguments::present")]
    data: Option<Value>,
    text: Option<String>,
    first: Option<bool>,
}

impl QueryJson {
    /// The tool.
    pub fn new() -> Self {
        Self {
            spec: ToolSpec {
                name: NAME.into(),
                version: "1".to_owned(),
                description: "Selects values from JSON with a JSONPath (RFC 9535). Give either \
                              `data` or `text`."
                    .into(),
                parameters: json!({
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["path"],
                    "properties": {
                        "path": {
                            "type": "string",
                            "minLength": 1,
                            "description": "JSONPath, for example `$.items[?@.price < 10].name`."
                        },
                        "data": {"description": "The JSON value to search."},
                        "text": {
                            "type": ["string", "null"],
                            "description": "JSON text to parse and search, instead of `data`."
                        },
                        "first": {
                            "type": ["boolean", "null"],
                            "description": "Return the first match itself and fail when there \
                                            is none. Default false: a list of all matches."
                        }
                    }
                }),
                output: json!({
                    "description": "The list of matches in document order, or the first match."
                }),
                effect: Effect::Pure,
                ..ToolSpec::default()
            },
        }
    }
}

impl Default for QueryJson {
    fn default() -> Self {
        Self::new()
    }
}

impl Tool for QueryJson {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        Box::pin(async move {
            let arguments: Arguments = arguments::read(NAME, &call.arguments)?;
            let limit = call.max_output_bytes;
            tokio::task::spawn_blocking(move || query(arguments, limit)).await.unwrap_or_else(
                |error| {
                    let message = format!("`{NAME}` stopped before it was done: {error}");
                    Err(ToolError::new(ErrorClass::Internal, message))
                },
            )
        })
    }
}

fn query(arguments: Arguments, limit: usize) -> Result<Value, ToolError> {
    let Arguments { path, data, text, first } = arguments;
    query_work::check_path(&path).map_err(|reason| arguments::invalid(NAME, "path", reason))?;
    let compiled = JsonPath::parse(&path).map_err(|error| {
        // The parser counts from 0, whatever its documentation says.
        let position = error.position() + 1;
        let reason = format!("not a JSONPath, see position {position} of `{path}`");
        arguments::invalid(NAME, "path", reason)
    })?;
    let data = match (data, text) {
        (Some(data), None) => data,
        (None, Some(text)) => serde_json::from_str(&text)
            .map_err(|error| arguments::invalid(NAME, "text", format!("not JSON: {error}")))?,
        (given, _) => {
            let found = if given.is_some() { "both" } else { "neither" };
            let message = format!("`{NAME}` takes either `data` or `text`, found {found}");
            return Err(ToolError::new(ErrorClass::Validation, message));
        }
    };
    query_work::check(&path, &data).map_err(|reason| arguments::invalid(NAME, "path", reason))?;

    let nodes = compiled.query(&data);
    if first == Some(true) {
        return nodes.first().cloned().ok_or_else(|| {
            let message =
                format!("`{path}` matches nothing in the data, and `first` needs a match");
            ToolError::new(ErrorClass::NotFound, message)
        });
    }
    let mut found = Vec::new();
    let mut bytes = 2;
    for node in nodes.iter() {
        bytes += bound::json_bytes(node) + 1;
        if bytes > limit {
            let message = format!(
                "the matches of `{path}` take more than the {limit} bytes an output may have"
            );
            return Err(ToolError::new(ErrorClass::Validation, message));
        }
        found.push((*node).clone());
    }
    Ok(Value::Array(found))
}
