//! `sleep`: waits.

use std::time::Duration;

use pe_model::{BoxFuture, Effect, Tool, ToolCall, ToolError, ToolSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::arguments;

const NAME: &str = "sleep";

/// The tool `sleep`: waits on tokio's clock, so a paused clock advances through it.
///
/// It keeps no limit of its own; the step's timeout is the limit.
#[derive(Debug)]
pub struct Sleep {
    spec: ToolSpec,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    #[serde(deserialize_with = "arguments::whole")]
    duration_ms: u64,
}

impl Sleep {
    /// The tool.
    pub fn new() -> Self {
        Self {
            spec: ToolSpec {
                name: NAME.into(),
                version: "1".to_owned(),
                description: "Waits for a number of milliseconds.".into(),
                parameters: json!({
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["duration_ms"],
                    "properties": {
                        "duration_ms": {
                            "type": "integer",
                            "minimum": 0,
                            "description": "How long to wait, in milliseconds."
                        }
                    }
                }),
                output: json!({
                    "type": "object",
                    "required": ["slept_ms"],
                    "properties": {
                        "slept_ms": {
                            "type": "integer",
                            "minimum": 0,
                            "description": "The milliseconds asked for."
                        }
                    }
                }),
                effect: Effect::Pure,
                ..ToolSpec::default()
            },
        }
    }
}

impl Default for Sleep {
    fn default() -> Self {
        Self::new()
    }
}

impl Tool for Sleep {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        Box::pin(async move {
            let Arguments { duration_ms } = arguments::read(NAME, &call.arguments)?;
            tokio::time::sleep(Duration::from_millis(duration_ms)).await;
            Ok(json!({ "slept_ms": duration_ms }))
        })
    }
}
