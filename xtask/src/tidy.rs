//! The rules of this workspace that no compiler checks, each answered with its fix.
//!
//! A rule is a pure function from the workspace as data to its violations, so that each has a
//! test that plants one. The same check runs over the real workspace as a test.

mod layers;
mod manifests;
mod promises;
mod purity;
#[cfg(test)]
mod sample;
mod sources;
mod top_level;

use std::fmt;

use anyhow::Result;

use crate::workspace::Workspace;

/// One broken rule and what to do about it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Violation {
    /// The file to change, relative to the root, with `:LINE` where one line is at fault.
    pub(crate) place: String,
    pub(crate) problem: String,
    pub(crate) fix: String,
}

impl Violation {
    fn new(place: impl Into<String>, problem: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { place: place.into(), problem: problem.into(), fix: fix.into() }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}\n    fix: {}", self.place, self.problem, self.fix)
    }
}

/// A rule: the workspace in, its violations out.
type Rule = fn(&Workspace) -> Vec<Violation>;

const RULES: [Rule; 15] = [
    layers::every_crate_has_a_layer,
    layers::edges_point_down,
    layers::testkit_is_for_tests,
    purity::pure_crates_stay_pure,
    purity::one_clock,
    manifests::lints_are_shared,
    manifests::one_integration_test,
    top_level::nothing_else_at_the_top,
    promises::promises_are_defended,
    sources::files_open_with_their_purpose,
    sources::files_are_short,
    sources::no_mod_rs,
    sources::modules_are_nouns,
    sources::testkit_is_used_in_tests,
    sources::no_absolute_paths,
];

/// Every violation of every rule, in the order of the rules.
pub(crate) fn check(workspace: &Workspace) -> Vec<Violation> {
    RULES.iter().flat_map(|rule| rule(workspace)).collect()
}

/// The task: checks this workspace and prints what is wrong with it.
pub(crate) fn run() -> Result<bool> {
    let workspace = Workspace::load(&purity::PURE)?;
    let violations = check(&workspace);
    for violation in &violations {
        eprintln!("{violation}");
    }
    let (crates, files) = (workspace.crates.len(), workspace.files.len());
    match violations.len() {
        0 => eprintln!("tidy: {crates} crates and {files} files hold to the rules"),
        count => eprintln!("tidy: {count} to fix"),
    }
    Ok(violations.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_workspace_is_tidy() {
        let workspace = Workspace::load(&purity::PURE).unwrap();
        assert!(workspace.crates.iter().any(|member| member.name == "xtask"));
        assert!(!workspace.trees.is_empty(), "no pure crate was looked at");
        let shown: Vec<String> = check(&workspace).iter().map(Violation::to_string).collect();
        assert!(shown.is_empty(), "\n{}", shown.join("\n"));
    }

    #[test]
    fn the_sample_is_tidy() {
        assert_eq!(check(&sample::workspace()), []);
    }

    #[test]
    fn all_violations_are_reported_at_once() {
        let mut workspace = sample::workspace();
        workspace.files.push(sample::file("notes.txt", ""));
        workspace.files.push(sample::file("crates/pe-model/src/mod.rs", "fn a() {}\n"));
        assert_eq!(check(&workspace).len(), 3);
    }
}
