//! `read_file`: the text of a file inside the root.

use std::io::Read as _;

use pe_model::{BoxFuture, Effect, ErrorClass, Tool, ToolCall, ToolError, ToolSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{FileRoot, RESOURCE, blocking};
use crate::{arguments, bound};

const NAME: &str = "read_file";

/// The tool `read_file`: a UTF-8 file's text and size.
///
/// What passes `max_bytes` or the call's `max_output_bytes` is cut off at a character and
/// marked `truncated`; no more than that is ever read into memory.
#[derive(Debug)]
pub struct ReadFile {
    spec: ToolSpec,
    root: FileRoot,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    #[serde(default, deserialize_with = "arguments::whole_or_none")]
    max_bytes: Option<u64>,
}

impl ReadFile {
    /// The tool, for files inside `root`.
    pub fn new(root: FileRoot) -> Self {
        Self {
            root,
            spec: ToolSpec {
                name: NAME.into(),
                version: "1".to_owned(),
                description: "Reads a UTF-8 text file inside the working directory.".into(),
                parameters: json!({
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["path"],
                    "properties": {
                        "path": {
                            "type": "string",
                            "minLength": 1,
                            "description": "The file, relative to the working directory."
                        },
                        "max_bytes": {
                            "type": ["integer", "null"],
                            "minimum": 0,
                            "description": "Read at most this many bytes from the start."
                        }
                    }
                }),
                output: json!({
                    "type": "object",
                    "required": ["path", "content", "bytes", "lines", "truncated"],
                    "properties": {
                        "path": {"type": "string", "description": "The path asked for."},
                        "content": {"type": "string", "description": "The text."},
                        "bytes": {
                            "type": "integer",
                            "description": "The size of the whole file in bytes."
                        },
                        "lines": {
                            "type": "integer",
                            "description": "How many lines `content` has."
                        },
                        "truncated": {
                            "type": "boolean",
                            "description": "Whether `content` is only the start of the file."
                        }
                    }
                }),
                effect: Effect::Read,
                resource: Some(RESOURCE.into()),
                ..ToolSpec::default()
            },
        }
    }
}

impl Tool for ReadFile {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        let root = self.root.clone();
        Box::pin(async move {
            let arguments: Arguments = arguments::read(NAME, &call.arguments)?;
            let limit = call.max_output_bytes;
            blocking(NAME, move |_| read(&root, &arguments, limit)).await
        })
    }
}

fn read(root: &FileRoot, arguments: &Arguments, limit: usize) -> Result<Value, ToolError> {
    let Arguments { path, max_bytes } = arguments;
    let (file, about) = root.open_file(path)?;
    let wanted = max_bytes.unwrap_or(u64::MAX).min(limit as u64);
    let mut bytes = Vec::new();
    file.take(wanted.saturating_add(1))
        .read_to_end(&mut bytes)
        .map_err(|error| root.fault("read", path, &error))?;
    let cut = bytes.len() as u64 > wanted;
    bytes.truncate(usize::try_from(wanted).unwrap_or(usize::MAX));

    let text = match std::str::from_utf8(&bytes) {
        Ok(text) => text,
        Err(error) if cut && error.error_len().is_none() => {
            std::str::from_utf8(&bytes[..error.valid_up_to()])
                .expect("because it is valid up to there")
        }
        Err(error) => {
            let message = format!(
                "`{path}` is not UTF-8 text: byte {} does not belong to a character",
                error.valid_up_to()
            );
            return Err(ToolError::new(ErrorClass::Validation, message));
        }
    };
    let size = if cut { about.len() } else { bytes.len() as u64 };
    // The longest number of lines is the length of the text, so this is never too small.
    let frame = json!({
        "path": path, "content": "", "bytes": size, "lines": text.len(), "truncated": false,
    });
    let content = bound::head(text, limit.saturating_sub(bound::json_bytes(&frame)));
    Ok(json!({
        "path": path,
        "content": content,
        "bytes": size,
        "lines": content.lines().count(),
        "truncated": cut || content.len() < text.len(),
    }))
}
