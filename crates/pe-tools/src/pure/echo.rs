//! `echo`: gives its argument back.

use pe_model::{BoxFuture, Effect, Tool, ToolCall, ToolError, ToolSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arguments;

const NAME: &str = "echo";

/// The tool `echo`: returns `value` as it is, whatever its type.
#[derive(Debug)]
pub struct Echo {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    value: Value,
}

impl Echo {
    /// The tool.
    pub fn new() -> Self {
        Self {
            spec: ToolSpec {
                name: NAME.into(),
                version: "1".to_owned(),
                description: "Returns the value it is given, type and all. Useful to assemble \
                              text or data from earlier results."
                    .into(),
                parameters: json!({
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["value"],
                    "properties": {
                        "value": {"description": "Any JSON value; it becomes the output."}
                    }
                }),
                output: json!({"description": "The value itself."}),
                effect: Effect::Pure,
                ..ToolSpec::default()
            },
        }
    }
}

impl Default for Echo {
    fn default() -> Self {
        Self::new()
    }
}

impl Tool for Echo {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        Box::pin(async move {
            let Arguments { value } = arguments::read(NAME, &call.arguments)?;
            Ok(value)
        })
    }
}
