//! What the pure crates must not reach: runtimes, databases, networks and the clock.

use super::Violation;
use crate::workspace::{Tree, Workspace};

/// The crates that are pure whatever they depend on, transitively.
pub(crate) const PURE: [&str; 4] = ["pe-model", "pe-expr", "pe-validate", "pe-view"];

/// The async runtimes, databases and HTTP clients that no pure crate may pull in.
const IMPURE: [&str; 18] = [
    "tokio",
    "async-std",
    "smol",
    "rusqlite",
    "libsqlite3-sys",
    "sqlx-core",
    "reqwest",
    "hyper",
    "hyper-util",
    "ureq",
    "isahc",
    "curl",
    "curl-sys",
    "surf",
    "attohttpc",
    "minreq",
    "awc",
    "async-openai",
];

/// The scheduler's sources, and the one file there that may ask what time it is.
const SCHEDULER: &str = "crates/pe-exec/src/";
const CLOCK: &str = "crates/pe-exec/src/clock.rs";

/// No build of a pure crate contains a runtime, a database or an HTTP client.
pub(super) fn pure_crates_stay_pure(workspace: &Workspace) -> Vec<Violation> {
    workspace.trees.iter().flat_map(impurities).collect()
}

/// The scheduler and its driver are told the time; only `clock.rs` reads it.
pub(super) fn one_clock(workspace: &Workspace) -> Vec<Violation> {
    let sources = workspace
        .files
        .iter()
        .filter(|file| file.is_rust() && file.path.starts_with(SCHEDULER) && file.path != CLOCK);
    let mut violations = Vec::new();
    for file in sources {
        for (number, line) in file.code_lines() {
            for call in ["Instant::now", "SystemTime::now", "Timestamp::now"] {
                if line.contains(call) {
                    violations.push(Violation::new(
                        format!("{}:{number}", file.path),
                        format!("`{call}` outside clock.rs"),
                        "take `now` as an argument",
                    ));
                }
            }
        }
    }
    violations
}

/// The impure dependencies in a tree, each once and with the chain that brings it.
fn impurities(tree: &Tree) -> Vec<Violation> {
    let mut violations: Vec<Violation> = Vec::new();
    let mut found: Vec<&str> = Vec::new();
    let mut chain: Vec<&str> = Vec::new();
    for line in tree.lines.lines() {
        let mut words = line.split_whitespace();
        let depth = words.next().and_then(|depth| depth.parse::<usize>().ok());
        let (Some(depth), Some(name)) = (depth, words.next()) else {
            continue;
        };
        chain.truncate(depth);
        chain.push(name);
        if IMPURE.contains(&name) && !found.contains(&name) {
            found.push(name);
            violations.push(Violation::new(
                format!("crates/{}/Cargo.toml", tree.root),
                format!(
                    "`{}` is pure but is built with `{name}` ({})",
                    tree.root,
                    chain.join(" > ")
                ),
                "drop the dependency or the feature that brings it, or move the code up a layer",
            ));
        }
    }
    violations
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn check_tree(lines: &str, expected: &[&str]) {
        let mut workspace = sample::workspace();
        workspace.trees = vec![sample::tree("pe-view", lines)];
        assert_eq!(sample::shown(&pure_crates_stay_pure(&workspace)), expected);
    }

    fn check_clock(path: &str, text: &str, expected: &[&str]) {
        let workspace = sample::with_file(path, text);
        assert_eq!(sample::shown(&one_clock(&workspace)), expected);
    }

    #[test]
    fn a_pure_tree_passes() {
        check_tree("0 pe-view v0.1.0 (somewhere)\n1 tokio-like v1.0.0\n", &[]);
    }

    #[test]
    fn an_impure_dependency_is_shown_once_with_its_chain() {
        let place = "crates/pe-view/Cargo.toml";
        let chain = "pe-view > jsonschema > reqwest > hyper";
        check_tree(
            "0 pe-view v0.1.0\n1 serde v1.0.0\n1 jsonschema v0.61.0\n2 itoa v1.0.0\n\
             2 reqwest v0.13.0\n3 hyper v1.0.0 (*)\n1 hyper v1.0.0\n",
            &[
                &format!(
                    "{place}: `pe-view` is pure but is built with `reqwest` \
                     (pe-view > jsonschema > reqwest)"
                ),
                &format!("{place}: `pe-view` is pure but is built with `hyper` ({chain})"),
            ],
        );
    }

    #[test]
    fn the_clock_is_read_in_one_file() {
        let text = "//! Reads no Instant::now.\nlet a = Instant::now();\nSystemTime::now();\n";
        check_clock(CLOCK, text, &[]);
        check_clock("crates/pe-tools/src/clock.rs", text, &[]);
        check_clock("crates/pe-exec/tests/it/main.rs", text, &[]);
        check_clock(
            "crates/pe-exec/src/driver/clock.rs",
            text,
            &[
                "crates/pe-exec/src/driver/clock.rs:2: `Instant::now` outside clock.rs",
                "crates/pe-exec/src/driver/clock.rs:3: `SystemTime::now` outside clock.rs",
            ],
        );
    }
}
