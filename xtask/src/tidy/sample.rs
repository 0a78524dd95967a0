//! A small tidy workspace, in which the tests of the rules plant violations.

use super::Violation;
use crate::workspace::{Crate, Dependency, File, Kind, Tree, Workspace};

/// Six crates with allowed edges, and the files that the rules look at.
pub(crate) fn workspace() -> Workspace {
    let crates = vec![
        member("pe-model", &[("serde", Kind::Normal)]),
        member("pe-expr", &[("pe-testkit", Kind::Dev)]),
        member("pe-validate", &[("pe-model", Kind::Normal), ("pe-expr", Kind::Normal)]),
        member("pe-exec", &[("pe-validate", Kind::Normal), ("tokio", Kind::Normal)]),
        member("pe-testkit", &[("pe-validate", Kind::Normal)]),
        Crate { dir: "xtask".to_owned(), integration_tests: Vec::new(), ..member("xtask", &[]) },
    ];
    let manifests = crates.iter().map(|member| file(&member.manifest(), MANIFEST)).collect();
    let trees = vec![tree("pe-model", "0 pe-model v0.1.0\n1 serde v1.0.0\n")];
    let mut workspace = Workspace { crates, trees, files: manifests };
    for path in ["crates/pe-model/src/lib.rs", "crates/pe-exec/src/clock.rs"] {
        workspace.files.push(file(path, "//! Purpose.\n"));
    }
    workspace.files.push(file("Cargo.toml", "[workspace]\n"));
    workspace
}

const MANIFEST: &str = "[package]\nname = \"a\"\n\n[lints]\nworkspace = true\n";

pub(crate) fn member(name: &str, dependencies: &[(&str, Kind)]) -> Crate {
    let dependencies =
        dependencies.iter().map(|&(name, kind)| Dependency { name: name.to_owned(), kind });
    Crate {
        name: name.to_owned(),
        dir: format!("crates/{name}"),
        dependencies: dependencies.collect(),
        integration_tests: vec![format!("crates/{name}/tests/it/main.rs")],
    }
}

pub(crate) fn file(path: &str, text: &str) -> File {
    File { path: path.to_owned(), text: Some(text.to_owned()) }
}

pub(crate) fn tree(root: &str, lines: &str) -> Tree {
    Tree { root: root.to_owned(), lines: lines.to_owned() }
}

/// The sample with one more file.
pub(crate) fn with_file(path: &str, text: &str) -> Workspace {
    let mut workspace = workspace();
    workspace.files.push(file(path, text));
    workspace
}

/// The places and problems of violations, one a line.
pub(crate) fn shown(violations: &[Violation]) -> Vec<String> {
    let one = |violation: &Violation| format!("{}: {}", violation.place, violation.problem);
    violations.iter().map(one).collect()
}
