//! What may stand at the top level of the repository. None of it is required here.

use super::Violation;
use crate::workspace::Workspace;

const ALLOWED: [&str; 9] = [
    "Cargo.toml",
    "Cargo.lock",
    "crates",
    "xtask",
    "docs",
    "README.md",
    "CHANGELOG.md",
    "LICENSE",
    "deny.toml",
];

/// Nothing is at the top level but the usual files and dot-files.
pub(super) fn nothing_else_at_the_top(workspace: &Workspace) -> Vec<Violation> {
    let entries = workspace.files.iter().map(|file| {
        let path = file.path.as_str();
        path.split_once('/').map_or(path, |(folder, _)| folder)
    });
    let mut strangers: Vec<&str> =
        entries.filter(|entry| !entry.starts_with('.') && !ALLOWED.contains(entry)).collect();
    strangers.dedup();
    strangers
        .into_iter()
        .map(|entry| {
            let fix = "move it into a crate or docs/, or have git ignore it";
            Violation::new(entry, "does not belong at the top level", fix)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    #[test]
    fn a_stranger_is_named_once() {
        let mut workspace = sample::workspace();
        for path in [".ci/run", "docs/a.md", "README.md", "scripts/a.py", "scripts/b.py", "x"] {
            workspace.files.push(sample::file(path, ""));
        }
        let expected =
            ["scripts: does not belong at the top level", "x: does not belong at the top level"];
        assert_eq!(sample::shown(&nothing_else_at_the_top(&workspace)), expected);
    }
}
