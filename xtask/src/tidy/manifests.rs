//! What every member's manifest and targets have in common.

use super::Violation;
use crate::workspace::Workspace;

/// Every member takes the lints of the workspace.
pub(super) fn lints_are_shared(workspace: &Workspace) -> Vec<Violation> {
    let manifests = workspace.crates.iter().map(|member| member.manifest());
    manifests
        .filter(|path| !workspace.text(path).is_some_and(shares_lints))
        .map(|path| {
            let problem = "does not take the lints of the workspace";
            Violation::new(path, problem, "add a table `[lints]` with `workspace = true`")
        })
        .collect()
}

/// A member has one integration test, `tests/it/main.rs`: each one more is a program to link.
pub(super) fn one_integration_test(workspace: &Workspace) -> Vec<Violation> {
    let mut violations = Vec::new();
    for member in &workspace.crates {
        let only = format!("{}/tests/it/main.rs", member.dir);
        for path in member.integration_tests.iter().filter(|path| **path != only) {
            violations.push(Violation::new(
                path,
                "an integration test of its own",
                format!("make it a module of {only}"),
            ));
        }
    }
    violations
}

fn shares_lints(manifest: &str) -> bool {
    let mut table = "";
    let mut lines = manifest.lines().map(str::trim);
    lines.any(|line| {
        if line.starts_with('[') {
            table = line;
        }
        let key: String = line.split_whitespace().collect();
        (table == "[lints]" && key == "workspace=true") || key == "lints.workspace=true"
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn check_lints(manifest: &str, expected: bool) {
        assert_eq!(shares_lints(manifest), expected, "{manifest}");
    }

    #[test]
    fn lints_are_read_from_their_own_table() {
        check_lints("[package]\nname = \"a\"\n[lints]\nworkspace = true\n", true);
        check_lints("lints.workspace = true\n[package]\n", true);
        check_lints("[lints]\n# workspace = true\n", false);
        check_lints("[lints.rust]\n[dependencies.serde]\nworkspace = true\n", false);
    }

    #[test]
    fn a_member_without_shared_lints_is_named() {
        let mut workspace = sample::workspace();
        workspace.files[0].text = Some("[package]\n".to_owned());
        let expected = "crates/pe-model/Cargo.toml: does not take the lints of the workspace";
        assert_eq!(sample::shown(&lints_are_shared(&workspace)), [expected]);
    }

    #[test]
    fn a_second_integration_test_is_named() {
        let mut workspace = sample::workspace();
        let second = "crates/pe-model/tests/plan.rs".to_owned();
        workspace.crates[0].integration_tests.push(second);
        let expected = "crates/pe-model/tests/plan.rs: an integration test of its own";
        assert_eq!(sample::shown(&one_integration_test(&workspace)), [expected]);
    }
}
