//! `write_file`: puts text into a file inside the root, whole or not at all.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::{Dir, OpenOptions, OpenOptionsExt as _, Permissions};
use pe_model::{BoxFuture, Effect, ErrorClass, JsonMap, Tool, ToolCall, ToolError, ToolSpec};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{FileRoot, RESOURCE, blocking};
use crate::arguments;

const NAME: &str = "write_file";

/// The tool `write_file`: replaces a file's content, or appends to it.
///
/// A replacement is written beside the file, flushed to disk and renamed over it, so a reader
/// sees the old content or the new and a crash leaves one of them. It keeps the permissions
/// of the file that it replaces, and follows a symbolic link to a file inside the root.
#[derive(Debug)]
pub struct WriteFile {
    spec: ToolSpec,
    root: FileRoot,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    path: String,
    content: String,
    append: Option<bool>,
    create_parents: Option<bool>,
}

impl WriteFile {
    /// The tool, for files inside `root`.
    pub fn new(root: FileRoot) -> Self {
        Self {
            root,
            spec: ToolSpec {
                name: NAME.into(),
                version: "1".to_owned(),
                description: "Writes a UTF-8 text file inside the working directory, replacing \
                              what was there."
                    .into(),
                parameters: json!({
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["path", "content"],
                    "properties": {
                        "path": {
                            "type": "string",
                            "minLength": 1,
                            "description": "The file, relative to the working directory."
                        },
                        "content": {"type": "string", "description": "The text to write."},
                        "append": {
                            "type": ["boolean", "null"],
                            "description": "Add to the end instead of replacing. Default false."
                        },
                        "create_parents": {
                            "type": ["boolean", "null"],
                            "description": "Create missing directories. Default false."
                        }
                    }
                }),
                output: json!({
                    "type": "object",
                    "required": ["path", "bytes"],
                    "properties": {
                        "path": {"type": "string", "description": "The path asked for."},
                        "bytes": {
                            "type": "integer",
                            "description": "How many bytes were written."
                        }
                    }
                }),
                effect: Effect::Idempotent,
                resource: Some(RESOURCE.into()),
                concurrent: false,
                consent: true,
                timeout_ms: None,
            },
        }
    }
}

impl Tool for WriteFile {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    /// `idempotent`, but `once` when it appends (or when what `append` is cannot be told yet).
    fn effect(&self, arguments: &JsonMap) -> Effect {
        match arguments.get("append") {
            None | Some(Value::Null | Value::Bool(false)) => Effect::Idempotent,
            Some(_) => Effect::Once,
        }
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        let root = self.root.clone();
        Box::pin(async move {
            let arguments: Arguments = arguments::read(NAME, &call.arguments)?;
            blocking(NAME, move |_| write(&root, &arguments)).await
        })
    }
}

fn write(root: &FileRoot, arguments: &Arguments) -> Result<Value, ToolError> {
    let Arguments { path, content, append, create_parents } = arguments;
    if Path::new(path).file_name().is_none() || path.ends_with(['/', '\\']) {
        let message = format!("`{path}` does not name a file");
        // What leads outside is refused as such, whatever it is called.
        root.dir().canonicalize(path).map_err(|error| root.fault("write", path, &error))?;
        return Err(ToolError::new(ErrorClass::Validation, message));
    }
    if *create_parents == Some(true)
        && let Some(parent) = parent(Path::new(path))
    {
        create_parents_of(root.dir(), parent).map_err(|error| root.fault("write", path, &error))?;
    }
    let written = if *append == Some(true) {
        append_to(root, path, content)
    } else {
        replace(root, path, content)
    };
    match written {
        Ok(()) => Ok(json!({ "path": path, "bytes": content.len() })),
        Err(Fault::Tool(error)) => Err(error),
        Err(Fault::Io(error)) => {
            let mut fault = root.fault("write", path, &error);
            if fault.class == ErrorClass::NotFound && *create_parents != Some(true) {
                fault.message.push_str("; `create_parents: true` creates missing directories");
            }
            Err(fault)
        }
    }
}

/// Creates `parent` unless it is there; looking first tells a link that leads outside from a
/// name that is taken.
fn create_parents_of(dir: &Dir, parent: &Path) -> io::Result<()> {
    match dir.metadata(parent) {
        Ok(_) => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => dir.create_dir_all(parent),
        Err(error) => Err(error),
    }
}

enum Fault {
    Io(io::Error),
    Tool(ToolError),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

fn append_to(root: &FileRoot, path: &str, content: &str) -> Result<(), Fault> {
    let mut options = OpenOptions::new();
    // Without waiting, a pipe that nobody reads fails instead of hanging.
    options.append(true).create(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
    let mut file = root.dir().open_with(path, &options)?;
    root.expect_file(path, &file.metadata()?).map_err(Fault::Tool)?;
    file.write_all(content.as_bytes())
        .and_then(|()| file.sync_all())
        // Some of it may be there already.
        .map_err(|error| Fault::Tool(root.fault("write", path, &error).outcome_unknown()))
}

fn replace(root: &FileRoot, path: &str, content: &str) -> Result<(), Fault> {
    let target = target(root.dir(), path)?;
    let name = target.file_name().expect("because paths without a name were refused");
    let parent = match parent(&target) {
        Some(parent) => root.dir().open_dir(parent)?,
        None => root.dir().try_clone()?,
    };
    let permissions = match parent.symlink_metadata(name) {
        Ok(about) => {
            root.expect_file(path, &about).map_err(Fault::Tool)?;
            Some(about.permissions())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => None,
        Err(error) => return Err(error.into()),
    };
    let temporary = temporary_name(name);
    let written = write_temporary(&parent, &temporary, content, permissions)
        .and_then(|()| parent.rename(&temporary, &parent, name));
    if written.is_err() {
        // Nothing is lost if it cannot be removed; the first error says why.
        let _ = parent.remove_file(&temporary);
    }
    Ok(written?)
}

/// The file to replace: where a symbolic link leads, or the path itself.
fn target(dir: &Dir, path: &str) -> io::Result<PathBuf> {
    match dir.symlink_metadata(path) {
        Ok(about) if about.is_symlink() => dir.canonicalize(path),
        Ok(_) => Ok(path.into()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(path.into()),
        Err(error) => Err(error),
    }
}

fn write_temporary(
    parent: &Dir,
    name: &str,
    content: &str,
    permissions: Option<Permissions>,
) -> io::Result<()> {
    let mut file = parent.open_with(name, OpenOptions::new().write(true).create_new(true))?;
    file.write_all(content.as_bytes())?;
    if let Some(permissions) = permissions {
        file.set_permissions(permissions)?;
    }
    file.sync_all()
}

/// A name beside `name` that no other writer of this machine takes.
fn temporary_name(name: &OsStr) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    // Names may be 255 bytes long; the temporary one must not be longer.
    let stem: String = name.to_string_lossy().chars().take(40).collect();
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!(".{stem}.{}-{number}.tmp", std::process::id())
}

fn parent(path: &Path) -> Option<&Path> {
    path.parent().filter(|parent| !parent.as_os_str().is_empty())
}
