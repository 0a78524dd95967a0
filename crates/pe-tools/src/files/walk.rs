//! Walking the files below a directory, in a bounded way and without following links.

use std::collections::HashSet;
use std::path::Path;

use cap_std::fs::Dir;
use globset::{Glob, GlobBuilder, GlobSet, GlobSetBuilder};
use pe_model::{ErrorClass, ToolError};

use super::{FileRoot, Wanted};
use crate::arguments;

/// How many entries one call looks at before it stops and says so.
const MAX_VISITED: usize = 1_000_000;
/// How deep directories are entered.
const MAX_DEPTH: usize = 128;

/// What is left out of listings and searches unless `exclude` says otherwise.
pub(crate) const DEFAULT_EXCLUDE: [&str; 3] = [".git", "target", "node_modules"];

/// Globs against which paths are matched; `*` and `?` stay within one path component.
pub(crate) struct Globs {
    set: GlobSet,
    /// The deepest path that can match, in components; `None` when a `**` can match any.
    depth: Option<usize>,
}

impl Globs {
    /// Compiles the value of `parameter`.
    pub(crate) fn new(tool: &str, parameter: &str, globs: &[String]) -> Result<Self, ToolError> {
        let mut set = GlobSetBuilder::new();
        let mut depth = Some(0);
        for text in globs {
            if text.starts_with('/') || text.split('/').any(|part| part == "..") {
                let message = format!(
                    "{tool}: `{parameter}` `{text}` leads out of the root; patterns are relative to `path`"
                );
                return Err(ToolError::new(ErrorClass::Permission, message));
            }
            let glob = compile(text).map_err(|error| {
                arguments::invalid(tool, parameter, format!("glob `{text}`: {}", error.kind()))
            })?;
            set.add(glob);
            let components = text.split('/').filter(|part| !part.is_empty()).count();
            depth = depth.filter(|_| !text.contains("**")).map(|depth| depth.max(components));
        }
        let set = set.build().map_err(|error| arguments::invalid(tool, parameter, error))?;
        Ok(Self { set, depth })
    }

    pub(crate) fn is_match(&self, path: &str) -> bool {
        self.set.is_match(path)
    }
}

fn compile(text: &str) -> Result<Glob, globset::Error> {
    let text = text.strip_prefix("./").unwrap_or(text);
    GlobBuilder::new(text).literal_separator(true).empty_alternates(true).build()
}

/// What kind of thing an entry is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    File,
    Directory,
    Symlink,
    Other,
}

impl Kind {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink => "symlink",
            Self::Other => "other",
        }
    }
}

/// One entry found by a walk.
pub(crate) struct Found<'a> {
    /// The path relative to the root of the tools, with `/` between components.
    pub(crate) path: String,
    /// What it is; a symbolic link is not followed.
    pub(crate) kind: Kind,
    /// The entry itself, for more about it.
    pub(crate) entry: &'a cap_std::fs::DirEntry,
}

/// A walk: where it starts and what it shows.
pub(crate) struct Walk<'a> {
    pub(crate) root: &'a FileRoot,
    /// Where to start, relative to the root.
    pub(crate) path: &'a str,
    /// What to show; relative to `path`. `None`: everything, one level deep.
    pub(crate) globs: Option<&'a Globs>,
    /// What to leave out, by name or by path relative to `path`.
    pub(crate) exclude: &'a Globs,
}

impl Walk<'_> {
    /// Calls `visit` for every match, in no particular order. Returns whether the walk was
    /// cut short by its bounds or by a directory that could not be read.
    pub(crate) fn run(
        &self,
        wanted: &Wanted,
        mut visit: impl FnMut(Found<'_>) -> Result<(), ToolError>,
    ) -> Result<bool, ToolError> {
        let start = self.root.open_dir(self.path)?;
        let prefix = clean(self.path);
        let deepest = match self.globs {
            None => 1,
            Some(globs) => globs.depth.unwrap_or(MAX_DEPTH).min(MAX_DEPTH),
        };
        let mut visited = 0;
        let mut cut = false;
        // Path relative to `start`, and depth of the entries in it.
        let mut open: Vec<(String, usize)> = vec![(String::new(), 1)];
        // Every name once: an entry that is renamed while it is listed may come twice.
        let mut names = HashSet::new();
        while let Some((base, depth)) = open.pop() {
            let Ok(entries) = read_dir(&start, &base) else {
                if base.is_empty() {
                    read_dir(&start, &base)
                        .map_err(|error| self.root.fault("list", self.path, &error))?;
                }
                cut = true;
                continue;
            };
            names.clear();
            for entry in entries {
                wanted.check()?;
                let Ok(entry) = entry else {
                    cut = true;
                    continue;
                };
                visited += 1;
                if visited > MAX_VISITED {
                    return Ok(true);
                }
                let name = entry.file_name().to_string_lossy().into_owned();
                let local = join(&base, &name);
                if self.exclude.is_match(&name) || self.exclude.is_match(&local) {
                    continue;
                }
                if !names.insert(name) {
                    continue;
                }
                let kind = match entry.file_type() {
                    Ok(kind) if kind.is_file() => Kind::File,
                    Ok(kind) if kind.is_dir() => Kind::Directory,
                    Ok(kind) if kind.is_symlink() => Kind::Symlink,
                    _ => Kind::Other,
                };
                if self.globs.is_none_or(|globs| globs.is_match(&local)) {
                    visit(Found { path: join(&prefix, &local), kind, entry: &entry })?;
                }
                if kind == Kind::Directory {
                    if depth < deepest {
                        open.push((local, depth + 1));
                    } else if depth == MAX_DEPTH {
                        cut = true;
                    }
                }
            }
        }
        Ok(cut)
    }
}

fn read_dir(start: &Dir, base: &str) -> std::io::Result<cap_std::fs::ReadDir> {
    if base.is_empty() { start.entries() } else { start.read_dir(base) }
}

fn join(base: &str, name: &str) -> String {
    if base.is_empty() { name.to_owned() } else { format!("{base}/{name}") }
}

/// `./a//b/.` as `a/b`; `..` is kept, because only the file system knows where it leads.
fn clean(path: &str) -> String {
    use std::path::Component;
    let parts = Path::new(path).components().filter(|part| *part != Component::CurDir);
    let parts: Vec<_> = parts.map(|part| part.as_os_str().to_string_lossy()).collect();
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stays_in_its_component_and_two_do_not() {
        let globs = |text: &str| Globs::new("t", "glob", &[text.to_owned()]).expect("a glob");
        for (glob, path, matches) in [
            ("*.rs", "lib.rs", true),
            ("*.rs", "src/lib.rs", false),
            ("**/*.rs", "lib.rs", true),
            ("**/*.rs", "a/b/lib.rs", true),
            ("./a/*", "a/b", true),
            ("a/**", "a/b/c", true),
            ("{a,b}/?", "b/c", true),
        ] {
            assert_eq!(globs(glob).is_match(path), matches, "{glob} {path}");
        }
        assert_eq!(globs("a/*/c").depth, Some(3));
        assert_eq!(globs("a/**").depth, None);
    }

    #[test]
    fn prefixes_are_tidied() {
        for (path, expected) in [(".", ""), ("", ""), ("./a//b/.", "a/b"), ("a/../b", "a/../b")] {
            assert_eq!(clean(path), expected);
        }
    }
}
