//! The layers of the crates, and the law that edges between them point strictly down.
//!
//! External dependencies are none of this file's business.

use super::Violation;
use crate::workspace::{Crate, Dependency, Kind, Workspace};

/// The one table of layers, lowest first. A name that ends in `*` stands for all that begin so.
const LAYERS: [&[&str]; 6] = [
    &["pe-model", "pe-expr"],
    &["pe-validate"],
    &["pe-exec", "pe-llm", "pe-store", "pe-tools", "pe-view"],
    &["pe-orchestrator"],
    &["pe-server", "pe-engine-*"],
    &["pe-cli"],
];

/// The crate of test doubles: beside the layers, a dev-dependency only.
const TESTKIT: &str = "pe-testkit";

/// The highest layer that the test doubles may be built from.
const TESTKIT_REACHES: usize = 1;

/// A crate under `crates/` stands in the table, in a folder of its own name.
pub(super) fn every_crate_has_a_layer(workspace: &Workspace) -> Vec<Violation> {
    let mut violations = Vec::new();
    for member in workspace.crates.iter().filter(|member| member.dir.starts_with("crates/")) {
        if member.name != TESTKIT && layer(&member.name).is_none() {
            violations.push(Violation::new(
                member.manifest(),
                format!("crate `{}` has no layer", member.name),
                "add it to LAYERS in xtask/src/tidy/layers.rs and to docs/architecture.md",
            ));
        }
        if member.dir != format!("crates/{}", member.name) {
            violations.push(Violation::new(
                member.manifest(),
                format!("crate `{}` is in the folder `{}`", member.name, member.dir),
                format!("move it to crates/{}", member.name),
            ));
        }
    }
    violations
}

/// A crate depends only on crates of lower layers, for tests and build scripts too.
pub(super) fn edges_point_down(workspace: &Workspace) -> Vec<Violation> {
    edges(workspace)
        .filter(|(_, to)| to.name != TESTKIT)
        .filter_map(|(from, to)| upward(from, to))
        .collect()
}

/// The test doubles are a dev-dependency only, so that no program ships them.
pub(super) fn testkit_is_for_tests(workspace: &Workspace) -> Vec<Violation> {
    edges(workspace)
        .filter(|(_, to)| to.name == TESTKIT && to.kind != Kind::Dev)
        .map(|(from, _)| {
            Violation::new(
                from.manifest(),
                format!("`{}` depends on `{TESTKIT}` outside its tests", from.name),
                format!("move `{TESTKIT}` to [dev-dependencies], or do without it"),
            )
        })
        .collect()
}

fn upward(from: &Crate, to: &Dependency) -> Option<Violation> {
    if from.name == TESTKIT {
        if layer(&to.name).is_some_and(|to| to <= TESTKIT_REACHES) {
            return None;
        }
        return Some(Violation::new(
            from.manifest(),
            format!("`{TESTKIT}` depends on `{}`, above layer {TESTKIT_REACHES}", to.name),
            "build the test double from what the layers 0 and 1 offer",
        ));
    }
    let (high, low) = (layer(&from.name)?, layer(&to.name));
    let problem = match low {
        Some(low) if low < high => return None,
        Some(low) => {
            format!("`{}` (layer {high}) depends on `{}` (layer {low})", from.name, to.name)
        }
        None => format!("`{}` depends on `{}`, which has no layer", from.name, to.name),
    };
    let fix = "depend on a lower layer, or move what both need down into one";
    Some(Violation::new(from.manifest(), problem, fix))
}

/// Every direct dependency of one member on another.
fn edges(workspace: &Workspace) -> impl Iterator<Item = (&Crate, &Dependency)> {
    let ours = |name: &str| workspace.crates.iter().any(|member| member.name == name);
    let all =
        workspace.crates.iter().flat_map(|from| from.dependencies.iter().map(move |to| (from, to)));
    all.filter(move |(_, to)| ours(&to.name))
}

fn layer(name: &str) -> Option<usize> {
    let is = |pattern: &&str| match pattern.strip_suffix('*') {
        Some(prefix) => name.starts_with(prefix),
        None => name == *pattern,
    };
    LAYERS.iter().position(|names| names.iter().any(is))
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    /// Plants one edge into the sample, which also gets crates of every layer.
    fn check(from: &str, to: &str, kind: Kind, expected: &[&str]) {
        let mut workspace = sample::workspace();
        for name in ["pe-view", "pe-orchestrator", "pe-server", "pe-engine-queue", "pe-cli"] {
            workspace.crates.push(sample::member(name, &[]));
        }
        let member = workspace.crates.iter_mut().find(|member| member.name == from).unwrap();
        member.dependencies.push(Dependency { name: to.to_owned(), kind });
        let mut violations = every_crate_has_a_layer(&workspace);
        violations.extend(edges_point_down(&workspace));
        violations.extend(testkit_is_for_tests(&workspace));
        assert_eq!(sample::shown(&violations), expected, "{from} -> {to}");
    }

    #[test]
    fn edges_down_are_allowed() {
        for kind in [Kind::Normal, Kind::Build, Kind::Dev] {
            check("pe-cli", "pe-server", kind, &[]);
            check("pe-engine-queue", "pe-orchestrator", kind, &[]);
            check("pe-view", "pe-expr", kind, &[]);
            check("pe-testkit", "pe-model", kind, &[]);
        }
        check("pe-model", "pe-testkit", Kind::Dev, &[]);
    }

    #[test]
    fn edges_within_a_layer_are_refused() {
        let problem = "`pe-expr` (layer 0) depends on `pe-model` (layer 0)";
        let expected = format!("crates/pe-expr/Cargo.toml: {problem}");
        for kind in [Kind::Normal, Kind::Build, Kind::Dev] {
            check("pe-expr", "pe-model", kind, &[&expected]);
        }
        let problem = "`pe-server` (layer 4) depends on `pe-engine-queue` (layer 4)";
        let expected = format!("crates/pe-server/Cargo.toml: {problem}");
        check("pe-server", "pe-engine-queue", Kind::Normal, &[&expected]);
    }

    #[test]
    fn edges_up_are_refused_in_tests_too() {
        let problem = "`pe-validate` (layer 1) depends on `pe-exec` (layer 2)";
        let expected = format!("crates/pe-validate/Cargo.toml: {problem}");
        check("pe-validate", "pe-exec", Kind::Dev, &[&expected]);
        check("pe-validate", "pe-exec", Kind::Normal, &[&expected]);
    }

    #[test]
    fn nobody_depends_on_the_tasks() {
        let problem = "`pe-cli` depends on `xtask`, which has no layer";
        let expected = format!("crates/pe-cli/Cargo.toml: {problem}");
        check("pe-cli", "xtask", Kind::Normal, &[&expected]);
    }

    #[test]
    fn testkit_reaches_no_higher_than_its_layer() {
        let problem = "`pe-testkit` depends on `pe-exec`, above layer 1";
        let expected = format!("crates/pe-testkit/Cargo.toml: {problem}");
        check("pe-testkit", "pe-exec", Kind::Normal, &[&expected]);
    }

    #[test]
    fn testkit_is_a_dev_dependency_only() {
        let problem = "`pe-exec` depends on `pe-testkit` outside its tests";
        let expected = format!("crates/pe-exec/Cargo.toml: {problem}");
        check("pe-exec", "pe-testkit", Kind::Normal, &[&expected]);
        check("pe-exec", "pe-testkit", Kind::Build, &[&expected]);
        let expected = "xtask/Cargo.toml: `xtask` depends on `pe-testkit` outside its tests";
        check("xtask", "pe-testkit", Kind::Normal, &[expected]);
    }

    #[test]
    fn an_unknown_crate_must_be_given_a_layer() {
        let mut workspace = sample::workspace();
        workspace.crates.push(sample::member("pe-extra", &[]));
        let violations = every_crate_has_a_layer(&workspace);
        let expected = ["crates/pe-extra/Cargo.toml: crate `pe-extra` has no layer"];
        assert_eq!(sample::shown(&violations), expected);
        assert!(violations[0].fix.contains("LAYERS in xtask/src/tidy/layers.rs"));
    }

    #[test]
    fn a_folder_is_named_after_its_crate() {
        let mut workspace = sample::workspace();
        workspace.crates[0].dir = "crates/model".to_owned();
        let shown = sample::shown(&every_crate_has_a_layer(&workspace));
        let expected = "crates/model/Cargo.toml: crate `pe-model` is in the folder `crates/model`";
        assert_eq!(shown, [expected]);
    }
}
