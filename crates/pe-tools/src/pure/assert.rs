//! `assert`: fails a step unless something holds.

use pe_model::{BoxFuture, Effect, ErrorClass, Tool, ToolCall, ToolError, ToolSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::{arguments, bound};

const NAME: &str = "assert";
/// How much of a value that is not `true` is shown, in characters.
const SHOWN: usize = 120;

/// The tool `assert`: completes with `true` when `that` is JSON true and fails otherwise.
///
/// Nothing is coerced: `"true"`, `1` and a non-empty list fail. The failure is of class
/// validation and is never worth a retry, because the arguments will not change.
#[derive(Debug)]
pub struct Assert {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    that: Value,
    message: Option<String>,
}

impl Assert {
    /// The tool.
    pub fn new() -> Self {
        Self {
            spec: ToolSpec {
                name: NAME.into(),
                version: "1".to_owned(),
                description: "Fails the step unless `that` is exactly true. Write a condition \
                              as `{{ expression }}`."
                    .into(),
                parameters: json!({
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["that"],
                    "properties": {
                        "that": {"description": "Must be JSON true; anything else fails."},
                        "message": {
                            "type": ["string", "null"],
                            "description": "What the failure says."
                        }
                    }
                }),
                output: json!({"const": true, "description": "Always true."}),
                effect: Effect::Pure,
                ..ToolSpec::default()
            },
        }
    }
}

impl Default for Assert {
    fn default() -> Self {
        Self::new()
    }
}

impl Tool for Assert {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        Box::pin(async move {
            let Arguments { that, message } = arguments::read(NAME, &call.arguments)?;
            if that == Value::Bool(true) {
                return Ok(Value::Bool(true));
            }
            let found = bound::ellipsis(&that.to_string(), SHOWN);
            let message = match message {
                Some(message) => format!("{message} (`that` is {found}, not true)"),
                None => format!("assertion failed: `that` is {found}, not true"),
            };
            Err(ToolError::new(ErrorClass::Validation, message).retryable(false))
        })
    }
}
