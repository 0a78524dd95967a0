//! The workspace as plain data, the only input of the tidy rules.
//!
//! Crates and their direct dependencies come from `cargo metadata`, dependency trees from
//! `cargo tree` (it resolves the features that one crate alone turns on, where the metadata
//! unify those of the whole workspace), files from `git ls-files`: what git ignores is not ours.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use serde_json::Value;

use crate::process;

/// What the rules look at. Paths are relative to the root, with `/`.
#[derive(Debug, Default)]
pub(crate) struct Workspace {
    pub(crate) crates: Vec<Crate>,
    pub(crate) trees: Vec<Tree>,
    pub(crate) files: Vec<File>,
}

/// A member of the workspace.
#[derive(Debug)]
pub(crate) struct Crate {
    pub(crate) name: String,
    /// Its folder, such as `crates/pe-model`.
    pub(crate) dir: String,
    pub(crate) dependencies: Vec<Dependency>,
    /// The root files of its integration tests.
    pub(crate) integration_tests: Vec<String>,
}

/// A direct dependency as the manifest states it.
#[derive(Debug)]
pub(crate) struct Dependency {
    pub(crate) name: String,
    pub(crate) kind: Kind,
}

/// The table of the manifest that a dependency stands in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Normal,
    Build,
    Dev,
}

/// Everything that one crate needs to be built, with all of its own features on.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) root: String,
    /// One line a dependency in depth-first order: its depth, a space, its name and more.
    pub(crate) lines: String,
}

/// A file that git tracks, or would.
#[derive(Debug)]
pub(crate) struct File {
    pub(crate) path: String,
    /// `None` when it is not text.
    pub(crate) text: Option<String>,
}

impl Workspace {
    /// Reads the workspace that this task belongs to, with the trees of the crates named.
    pub(crate) fn load(trees_of: &[&str]) -> Result<Self> {
        let root = process::root()?;
        let args = ["metadata", "--no-deps", "--format-version", "1"];
        let metadata: Value = serde_json::from_str(&process::output(&mut process::cargo(args)?)?)
            .context("cannot read what `cargo metadata` printed")?;
        let crates =
            crates(&metadata, &root).context("`cargo metadata` lacks an expected field")?;
        let trees = trees_of
            .iter()
            .filter(|name| crates.iter().any(|member| member.name == **name))
            .map(|name| tree(name))
            .collect::<Result<_>>()?;
        let files = files(&root)?;
        Ok(Self { crates, trees, files })
    }

    /// The text of one file, if it is there.
    pub(crate) fn text(&self, path: &str) -> Option<&str> {
        let file = self.files.iter().find(|file| file.path == path)?;
        file.text.as_deref()
    }
}

impl Crate {
    /// Its manifest's path.
    pub(crate) fn manifest(&self) -> String {
        format!("{}/Cargo.toml", self.dir)
    }
}

impl File {
    /// Whether this is Rust source.
    pub(crate) fn is_rust(&self) -> bool {
        self.path.ends_with(".rs")
    }

    /// The numbered lines, from 1, that are more than a comment.
    pub(crate) fn code_lines(&self) -> impl Iterator<Item = (usize, &str)> {
        let lines = self.text.as_deref().unwrap_or_default().lines();
        (1..).zip(lines).filter(|(_, line)| !line.trim_start().starts_with("//"))
    }
}

fn crates(metadata: &Value, root: &Path) -> Option<Vec<Crate>> {
    let packages = metadata["packages"].as_array()?;
    packages.iter().map(|package| member(package, root)).collect()
}

fn member(package: &Value, root: &Path) -> Option<Crate> {
    let dependencies = package["dependencies"].as_array()?.iter().map(|dependency| {
        Some(Dependency {
            name: dependency["name"].as_str()?.to_owned(),
            kind: match dependency["kind"].as_str() {
                Some("dev") => Kind::Dev,
                Some("build") => Kind::Build,
                _ => Kind::Normal,
            },
        })
    });
    let integration_tests = package["targets"].as_array()?.iter().filter_map(|target| {
        let is_test = target["kind"].as_array()?.iter().any(|kind| kind == "test");
        is_test.then(|| relative(target["src_path"].as_str()?, root))?
    });
    Some(Crate {
        name: package["name"].as_str()?.to_owned(),
        dir: relative(package["manifest_path"].as_str()?, root)?
            .strip_suffix("/Cargo.toml")?
            .to_owned(),
        dependencies: dependencies.collect::<Option<_>>()?,
        integration_tests: integration_tests.collect(),
    })
}

fn relative(path: &str, root: &Path) -> Option<String> {
    let path = Path::new(path).strip_prefix(root).ok()?;
    Some(path.to_str()?.replace('\\', "/"))
}

fn tree(name: &str) -> Result<Tree> {
    let mut command = process::cargo(["tree", "--package", name, "--edges", "normal,build"])?;
    command.args(["--all-features", "--target", "all"]);
    command.args(["--prefix", "depth", "--format", " {p}"]);
    Ok(Tree { root: name.to_owned(), lines: process::output(&mut command)? })
}

fn files(root: &Path) -> Result<Vec<File>> {
    let mut git = process::program(Path::new("git"))?;
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]);
    let listed = process::output(&mut git)
        .context("the files to check are those that git lists: run this in a clone")?;
    let mut paths: Vec<&str> = listed.split_terminator('\0').collect();
    paths.sort_unstable();
    paths.dedup();
    let present = paths.into_iter().filter(|path| root.join(path).is_file());
    present
        .map(|path| {
            let bytes = fs::read(root.join(path)).with_context(|| format!("cannot read {path}"))?;
            Ok(File { path: path.to_owned(), text: String::from_utf8(bytes).ok() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const METADATA: &str = r#"{ "packages": [{
        "name": "pe-exec",
        "manifest_path": "ROOT/crates/pe-exec/Cargo.toml",
        "dependencies": [
            { "name": "serde", "kind": null },
            { "name": "cc", "kind": "build" },
            { "name": "pe-testkit", "kind": "dev" }
        ],
        "targets": [
            { "kind": ["lib"], "src_path": "ROOT/crates/pe-exec/src/lib.rs" },
            { "kind": ["test"], "src_path": "ROOT/crates/pe-exec/tests/it/main.rs" }
        ]
    }] }"#;

    #[test]
    fn members_are_read_from_the_metadata() {
        let metadata = serde_json::from_str(METADATA).unwrap();
        let crates = crates(&metadata, Path::new("ROOT")).unwrap();
        let [member] = crates.as_slice() else {
            panic!("{crates:?}");
        };
        assert_eq!(member.name, "pe-exec");
        assert_eq!(member.manifest(), "crates/pe-exec/Cargo.toml");
        let kinds: Vec<Kind> = member.dependencies.iter().map(|to| to.kind).collect();
        assert_eq!(kinds, [Kind::Normal, Kind::Build, Kind::Dev]);
        assert_eq!(member.integration_tests, ["crates/pe-exec/tests/it/main.rs"]);
    }

    #[test]
    fn a_member_outside_the_root_is_not_misread() {
        let metadata = serde_json::from_str(METADATA).unwrap();
        assert!(crates(&metadata, Path::new("ELSEWHERE")).is_none());
    }

    #[test]
    fn comments_are_not_code() {
        let file = File {
            path: "a.rs".to_owned(),
            text: Some("//! a\nlet b = 1; // c\n    // d\n".to_owned()),
        };
        let lines: Vec<_> = file.code_lines().collect();
        assert_eq!(lines, [(2, "let b = 1; // c")]);
    }
}
