//! `search_files`: the lines of files inside the root that match a regular expression.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};

use cap_std::fs::File;
use pe_model::{BoxFuture, Effect, Tool, ToolCall, ToolError, ToolSpec};
use regex::bytes::{Regex, RegexBuilder};
use serde::Deserialize;
use serde_json::{Value, json};

use super::list::exclude;
use super::walk::{Found, Globs, Kind, Walk};
use super::{FileRoot, RESOURCE, Wanted, blocking};
use crate::arguments::{self, OneOrMany};
use crate::bound;

const NAME: &str = "search_files";
const DEFAULT_MAX_MATCHES: u64 = 1_000;
/// The largest compiled expression, in bytes.
const MAX_REGEX_BYTES: usize = 1 << 20;
/// How much of a line is searched, in bytes.
const MAX_LINE_BYTES: u64 = 1 << 20;
/// How much of a matching line is shown, in characters, and how much of it before the match.
const SHOWN: usize = 400;
const SHOWN_BEFORE: usize = 80;
/// A NUL in this many bytes at a file's start makes it a binary file, as `grep` has it.
const PROBE_BYTES: usize = 8 * 1024;

/// The tool `search_files`: matching lines with their place, one match a line.
///
/// The expression is that of the `regex` crate: linear in the text, without look-around or
/// back-references. Binary files are skipped, links are not followed.
#[derive(Debug)]
pub struct SearchFiles {
    spec: ToolSpec,
    root: FileRoot,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    pattern: String,
    path: Option<String>,
    glob: Option<OneOrMany>,
    exclude: Option<OneOrMany>,
    ignore_case: Option<bool>,
    #[serde(default, deserialize_with = "arguments::whole_or_none")]
    max_matches: Option<u64>,
    count_only: Option<bool>,
}

impl SearchFiles {
    /// The tool, for files inside `root`.
    pub fn new(root: FileRoot) -> Self {
        Self {
            root,
            spec: ToolSpec {
                name: NAME.into(),
                version: "1".to_owned(),
                description: "Finds the lines that match a regular expression in a file, or in \
                              all text files below a directory."
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
        "required": ["pattern"],
        "properties": {
            "pattern": {
                "type": "string",
                "description": "Regular expression (Rust syntax, no look-around), matched line \
                                by line."
            },
            "path": {
                "type": ["string", "null"],
                "description": "A file or a directory, relative to the working directory. \
                                Default `.`."
            },
            "glob": {
                "type": ["string", "array", "null"],
                "items": {"type": "string"},
                "description": "Only files that match one of these, relative to `path`. \
                                Default `**`."
            },
            "exclude": {
                "type": ["string", "array", "null"],
                "items": {"type": "string"},
                "description": "Names or globs to leave out, with all below them. Default \
                                `.git`, `target` and `node_modules`; `[]` leaves out nothing."
            },
            "ignore_case": {
                "type": ["boolean", "null"],
                "description": "Ignore upper and lower case. Default false."
            },
            "max_matches": {
                "type": ["integer", "null"],
                "minimum": 0,
                "description": "Stop after this many matching lines. Default 1000."
            },
            "count_only": {
                "type": ["boolean", "null"],
                "description": "Count every matching line and list none; `max_matches` does \
                                not apply. Default false."
            }
        }
    })
}

fn output() -> Value {
    json!({
        "type": "object",
        "required": ["matches", "count", "files", "truncated"],
        "properties": {
            "matches": {
                "type": "array",
                "description": "One entry a matching line, sorted by path and line.",
                "items": {
                    "type": "object",
                    "required": ["path", "line", "column", "text"],
                    "properties": {
                        "path": {
                            "type": "string",
                            "description": "Relative to the working directory."
                        },
                        "line": {"type": "integer", "minimum": 1},
                        "column": {
                            "type": "integer",
                            "minimum": 1,
                            "description": "The first match's start, in characters."
                        },
                        "text": {
                            "type": "string",
                            "description": "The line; `…` marks where a long one was cut."
                        }
                    }
                }
            },
            "count": {
                "type": "integer",
                "description": "How many matches are listed, or were counted."
            },
            "files": {
                "type": "array",
                "items": {"type": "string"},
                "description": "The files that they are in."
            },
            "truncated": {"type": "boolean", "description": "Whether there may be more."}
        }
    })
}

impl Tool for SearchFiles {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        let root = self.root.clone();
        Box::pin(async move {
            let arguments: Arguments = arguments::read(NAME, &call.arguments)?;
            let limit = call.max_output_bytes;
            blocking(NAME, move |wanted| search(&root, &arguments, limit, wanted)).await
        })
    }
}

fn search(
    root: &FileRoot,
    arguments: &Arguments,
    limit: usize,
    wanted: &Wanted,
) -> Result<Value, ToolError> {
    let regex = RegexBuilder::new(&arguments.pattern)
        .case_insensitive(arguments.ignore_case == Some(true))
        .size_limit(MAX_REGEX_BYTES)
        .dfa_size_limit(MAX_REGEX_BYTES)
        .build()
        .map_err(|error| arguments::invalid(NAME, "pattern", error))?;
    let (paths, cut) = candidates(root, arguments, wanted)?;

    let frame = json!({ "matches": [], "count": 0, "files": [], "truncated": false });
    let mut found = Matches {
        regex,
        most: arguments.max_matches.unwrap_or(DEFAULT_MAX_MATCHES),
        room: limit.saturating_sub(bound::json_bytes(&frame) + 20),
        matches: Vec::new(),
        count_only: arguments.count_only == Some(true),
        counted: 0,
        files: Vec::new(),
        truncated: cut,
    };
    for path in paths {
        // A file that went away or may not be read is no reason to hide the others' matches.
        let Ok((file, _)) = root.open_file(&path) else {
            found.truncated = true;
            continue;
        };
        if !found.add_file(&path, file, wanted)? {
            break;
        }
    }
    let Matches { matches, counted: count, files, truncated, .. } = found;
    Ok(json!({ "matches": matches, "count": count, "files": files, "truncated": truncated }))
}

/// The files to search, in order, and whether some were left out.
fn candidates(
    root: &FileRoot,
    arguments: &Arguments,
    wanted: &Wanted,
) -> Result<(BTreeSet<String>, bool), ToolError> {
    let path = super::relative(arguments.path.as_deref().unwrap_or("."));
    let everything = OneOrMany::One("**".to_owned());
    let globs = arguments.glob.as_ref().unwrap_or(&everything);
    let globs = Globs::new(NAME, "glob", globs.as_slice())?;
    let about = root.dir().metadata(path).map_err(|error| root.fault("search", path, &error))?;
    if !about.is_dir() {
        root.open_file(path)?;
        return Ok((BTreeSet::from([path.to_owned()]), false));
    }
    let exclude = exclude(NAME, arguments.exclude.as_ref())?;
    let walk = Walk { root, path, globs: Some(&globs), exclude: &exclude };
    let mut paths = BTreeSet::new();
    let cut = walk.run(wanted, |Found { path, kind, .. }| {
        if kind == Kind::File {
            paths.insert(path);
        }
        Ok(())
    })?;
    Ok((paths, cut))
}

struct Matches {
    regex: Regex,
    most: u64,
    /// How many bytes of JSON may still be added.
    room: usize,
    matches: Vec<Value>,
    count_only: bool,
    counted: u64,
    files: Vec<String>,
    truncated: bool,
}

impl Matches {
    /// Searches one file; false when there is no room for more.
    fn add_file(&mut self, path: &str, file: File, wanted: &Wanted) -> Result<bool, ToolError> {
        let mut reader = BufReader::with_capacity(PROBE_BYTES.max(64 * 1024), file);
        match reader.fill_buf() {
            Ok(start) if start.iter().take(PROBE_BYTES).any(|byte| *byte == 0) => return Ok(true),
            Ok(_) => {}
            Err(_) => {
                self.truncated = true;
                return Ok(true);
            }
        }
        let mut line = Vec::new();
        for number in 1_u64.. {
            wanted.check()?;
            line.clear();
            match read_line(&mut reader, &mut line) {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => {
                    self.truncated = true;
                    break;
                }
            }
            if let Some(range) = self.regex.find(&line).map(|found| found.range())
                && !self.count_or_add(path, number, &line, range.start)
            {
                self.truncated = true;
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Takes a matching line; false when there is no room for it.
    fn count_or_add(&mut self, path: &str, number: u64, line: &[u8], start: usize) -> bool {
        if !self.count_only {
            return self.add_match(path, number, line, start);
        }
        self.counted += 1;
        if self.files.last().is_none_or(|last| last != path) {
            let bytes = bound::json_bytes(path) + 1;
            if bytes > self.room {
                self.truncated = true;
            } else {
                self.room -= bytes;
                self.files.push(path.to_owned());
            }
        }
        true
    }

    fn add_match(&mut self, path: &str, number: u64, line: &[u8], start: usize) -> bool {
        let (before, after) = line.split_at(start);
        let before = String::from_utf8_lossy(before);
        let column = before.chars().count() + 1;
        let text = excerpt(&before, column - 1, &String::from_utf8_lossy(after));
        let entry = json!({ "path": path, "line": number, "column": column, "text": text });
        let new_file = self.files.last().is_none_or(|last| last != path);
        let mut bytes = bound::json_bytes(&entry) + 1;
        if new_file {
            bytes += bound::json_bytes(path) + 1;
        }
        if self.matches.len() as u64 >= self.most || bytes > self.room {
            return false;
        }
        self.room -= bytes;
        self.counted += 1;
        self.matches.push(entry);
        if new_file {
            self.files.push(path.to_owned());
        }
        true
    }
}

/// One line without its end, cut at [`MAX_LINE_BYTES`]; false at the end of the file.
fn read_line(reader: &mut BufReader<File>, line: &mut Vec<u8>) -> std::io::Result<bool> {
    if reader.by_ref().take(MAX_LINE_BYTES).read_until(b'\n', line)? == 0 {
        return Ok(false);
    }
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    } else if line.len() as u64 >= MAX_LINE_BYTES {
        reader.skip_until(b'\n')?;
    }
    Ok(true)
}

/// The line around the match, at most [`SHOWN`] characters of it.
fn excerpt(before: &str, before_chars: usize, after: &str) -> String {
    let skipped = before_chars.saturating_sub(SHOWN_BEFORE);
    if skipped == 0 || before_chars + after.chars().count() <= SHOWN {
        return bound::ellipsis(&format!("{before}{after}"), SHOWN);
    }
    let kept: String = before.chars().skip(skipped).collect();
    format!("…{}", bound::ellipsis(&format!("{kept}{after}"), SHOWN))
}
