//! `list_directory`: what is in a directory inside the root.

use std::collections::BTreeMap;

use pe_model::{BoxFuture, Effect, Tool, ToolCall, ToolError, ToolSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use super::walk::{DEFAULT_EXCLUDE, Found, Globs, Kind, Walk};
use super::{FileRoot, RESOURCE, Wanted, blocking};
use crate::arguments::{self, OneOrMany};
use crate::bound;

const NAME: &str = "list_directory";
const DEFAULT_MAX_ENTRIES: u64 = 10_000;

/// The tool `list_directory`: the entries of a directory, or all below it that match a glob.
///
/// Links are listed and not followed. Entries are sorted by path, byte by byte; a list that is
/// cut holds the first of them.
#[derive(Debug)]
pub struct ListDirectory {
    spec: ToolSpec,
    root: FileRoot,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: Option<String>,
    pattern: Option<OneOrMany>,
    kind: Option<Wish>,
    exclude: Option<OneOrMany>,
    #[serde(default, deserialize_with = "arguments::whole_or_none")]
    max_entries: Option<u64>,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Wish {
    Any,
    File,
    Directory,
}

impl ListDirectory {
    /// The tool, for directories inside `root`.
    pub fn new(root: FileRoot) -> Self {
        Self {
            root,
            spec: ToolSpec {
                name: NAME.into(),
                version: "1".to_owned(),
                description: "Lists a directory inside the working directory, or everything \
                              below it that matches a glob such as `**/*.rs`."
                    .into(),
                parameters: parameters(),
                output: output(),
                effect: Effect::Read,
                resource: Some(RESOURCE.into()),
                ..ToolSpec::default()
            },
        }
    }
}

fn parameters() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": [],
        "properties": {
            "path": {
                "type": ["string", "null"],
                "description": "The directory, relative to the working directory. Default `.`."
            },
            "pattern": {
                "type": ["string", "array", "null"],
                "items": {"type": "string"},
                "description": "A glob or several, relative to `path`; `**` crosses \
                                directories. Default: the direct entries."
            },
            "kind": {
                "enum": ["any", "file", "directory", null],
                "description": "Only entries of this kind. Default `any`."
            },
            "exclude": {
                "type": ["string", "array", "null"],
                "items": {"type": "string"},
                "description": "Names or globs to leave out, with all below them. Default \
                                `.git`, `target` and `node_modules`; `[]` leaves out nothing."
            },
            "max_entries": {
                "type": ["integer", "null"],
                "minimum": 0,
                "description": "List at most this many. Default 10000."
            }
        }
    })
}

fn output() -> Value {
    json!({
        "type": "object",
        "required": ["entries", "paths", "count", "truncated"],
        "properties": {
            "entries": {
                "type": "array",
                "description": "The entries, sorted by path.",
                "items": {
                    "type": "object",
                    "required": ["path", "kind", "bytes"],
                    "properties": {
                        "path": {
                            "type": "string",
                            "description": "Relative to the working directory."
                        },
                        "kind": {"enum": ["file", "directory", "symlink", "other"]},
                        "bytes": {
                            "type": ["integer", "null"],
                            "description": "A file's size; null for all else."
                        }
                    }
                }
            },
            "paths": {
                "type": "array",
                "items": {"type": "string"},
                "description": "The paths of the entries, for a loop."
            },
            "count": {"type": "integer", "description": "How many entries are listed."},
            "truncated": {"type": "boolean", "description": "Whether there are more."}
        }
    })
}

impl Tool for ListDirectory {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        let root = self.root.clone();
        Box::pin(async move {
            let arguments: Arguments = arguments::read(NAME, &call.arguments)?;
            let limit = call.max_output_bytes;
            blocking(NAME, move |wanted| list(&root, &arguments, limit, wanted)).await
        })
    }
}

fn list(
    root: &FileRoot,
    arguments: &Arguments,
    limit: usize,
    wanted: &Wanted,
) -> Result<Value, ToolError> {
    let globs = match &arguments.pattern {
        Some(pattern) => Some(Globs::new(NAME, "pattern", pattern.as_slice())?),
        None => None,
    };
    let walk = Walk {
        root,
        path: arguments.path.as_deref().unwrap_or("."),
        globs: globs.as_ref(),
        exclude: &exclude(NAME, arguments.exclude.as_ref())?,
    };
    let most = arguments.max_entries.unwrap_or(DEFAULT_MAX_ENTRIES);
    let most = usize::try_from(most).unwrap_or(usize::MAX);
    let wish = arguments.kind.unwrap_or(Wish::Any);

    // The first `most` of all matches, whatever the order in which they are found.
    let mut first: BTreeMap<String, (Kind, Option<u64>)> = BTreeMap::new();
    let mut truncated = false;
    let cut = walk.run(wanted, |Found { path, kind, entry }| {
        if !matches!(
            (wish, kind),
            (Wish::Any, _) | (Wish::File, Kind::File) | (Wish::Directory, Kind::Directory)
        ) {
            return Ok(());
        }
        let bytes = match kind {
            Kind::File => entry.metadata().ok().map(|about| about.len()),
            _ => None,
        };
        first.insert(path, (kind, bytes));
        if first.len() > most {
            first.pop_last();
            truncated = true;
        }
        Ok(())
    })?;
    truncated |= cut;

    let (mut entries, mut paths) = (Vec::new(), Vec::new());
    let mut used = bound::json_bytes(&json!({
        "entries": [], "paths": [], "count": most, "truncated": false,
    }));
    for (path, (kind, bytes)) in first {
        let entry = json!({ "path": path, "kind": kind.as_str(), "bytes": bytes });
        used += bound::json_bytes(&entry) + bound::json_bytes(&path) + 2;
        if used > limit {
            truncated = true;
            break;
        }
        entries.push(entry);
        paths.push(path);
    }
    let count = paths.len();
    Ok(json!({ "entries": entries, "paths": paths, "count": count, "truncated": truncated }))
}

/// The globs of an `exclude` parameter, or the default ones.
pub(super) fn exclude(tool: &str, given: Option<&OneOrMany>) -> Result<Globs, ToolError> {
    match given {
        Some(given) => Globs::new(tool, "exclude", given.as_slice()),
        None => Globs::new(tool, "exclude", &DEFAULT_EXCLUDE.map(str::to_owned)),
    }
}
