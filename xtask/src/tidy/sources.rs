//! How files open, how long they are, what they are called and what they may mention.

use super::Violation;
use crate::workspace::{File, Workspace};

/// The longest a source file may be, in lines; a longer one usually holds two ideas.
const LONGEST: usize = 600;

/// Names that say nothing about the domain.
const VAGUE: [&str; 7] = ["util", "utils", "helper", "helpers", "common", "manager", "managers"];

/// The folder of a crate that may use the test doubles.
const TESTS: &str = "/tests/";

/// Folders at the root of a file system that hold one person's files, and whether a name
/// must follow for the path to mean something.
const PERSONAL: [(&str, bool); 4] =
    [("work", false), ("root", false), ("home", true), ("Users", true)];

/// A source file says on its first line what it is for.
pub(super) fn files_open_with_their_purpose(workspace: &Workspace) -> Vec<Violation> {
    rust(workspace)
        .filter(|file| !file.text.as_deref().unwrap_or_default().starts_with("//!"))
        .map(|file| {
            let fix = "open with its purpose, its invariants and what it does not do";
            Violation::new(&file.path, "the first line is not `//!`", fix)
        })
        .collect()
}

/// A source file is short enough to be read at once.
pub(super) fn files_are_short(workspace: &Workspace) -> Vec<Violation> {
    let lengths = rust(workspace).map(|file| {
        let lines = file.text.as_deref().unwrap_or_default().lines().count();
        (file, lines)
    });
    lengths
        .filter(|(_, lines)| *lines > LONGEST)
        .map(|(file, lines)| {
            let fix =
                "give each idea its own file; move tests that outgrow the code to NAME/tests.rs";
            let problem = format!("{lines} lines, more than {LONGEST}");
            Violation::new(&file.path, problem, fix)
        })
        .collect()
}

/// A module's file carries the module's name.
pub(super) fn no_mod_rs(workspace: &Workspace) -> Vec<Violation> {
    rust(workspace)
        .filter_map(|file| {
            let folder = file.path.strip_suffix("/mod.rs")?;
            Some(Violation::new(&file.path, "a mod.rs", format!("move it to {folder}.rs")))
        })
        .collect()
}

/// Modules are called after something of the domain.
pub(super) fn modules_are_nouns(workspace: &Workspace) -> Vec<Violation> {
    let fix = "call it after what it holds, or move each item to where it is used";
    let mut violations = Vec::new();
    for file in rust(workspace) {
        let stem = file.path.strip_suffix(".rs").unwrap_or(&file.path);
        if let Some(name) = stem.split('/').find(|name| VAGUE.contains(name)) {
            let problem = format!("`{name}` does not say what is in it");
            violations.push(Violation::new(&file.path, problem, fix));
        }
        for (number, line) in file.code_lines() {
            if let Some(name) = inline_module(line).filter(|name| VAGUE.contains(name)) {
                let problem = format!("module `{name}` does not say what is in it");
                violations.push(Violation::new(format!("{}:{number}", file.path), problem, fix));
            }
        }
    }
    violations
}

/// The test doubles are used from integration tests alone: a unit test that used them would
/// meet every type of its own crate twice.
pub(super) fn testkit_is_used_in_tests(workspace: &Workspace) -> Vec<Violation> {
    let mut violations = Vec::new();
    let others = |file: &&File| file.path.starts_with("crates/") && !file.path.contains(TESTS);
    for file in rust(workspace).filter(others) {
        for (number, line) in file.code_lines() {
            if line.contains("pe_testkit") {
                violations.push(Violation::new(
                    format!("{}:{number}", file.path),
                    "uses `pe_testkit` outside tests/",
                    "move the test to tests/it of its crate",
                ));
            }
        }
    }
    violations
}

/// No text mentions a path that exists on one machine only.
pub(super) fn no_absolute_paths(workspace: &Workspace) -> Vec<Violation> {
    let mut violations = Vec::new();
    for file in &workspace.files {
        for (number, line) in (1..).zip(file.text.as_deref().unwrap_or_default().lines()) {
            if let Some(path) = personal_path(line) {
                violations.push(Violation::new(
                    format!("{}:{number}", file.path),
                    format!("`{path}` is a path on one machine"),
                    "write it relative to the repository, or take it from the environment",
                ));
            }
        }
    }
    violations
}

fn rust(workspace: &Workspace) -> impl Iterator<Item = &File> {
    workspace.files.iter().filter(|file| file.is_rust())
}

/// The name in a line such as `pub(crate) mod name {`; a `mod name;` is told by its file.
fn inline_module(line: &str) -> Option<&str> {
    let mut words = line.split_whitespace();
    let mut word = words.next()?;
    if word.starts_with("pub") {
        word = words.find(|word| !word.ends_with(')'))?;
    }
    let name = if word == "mod" {
        words.next()?
    } else {
        return None;
    };
    (words.next() == Some("{")).then_some(name)
}

/// The beginning of the first absolute path into somebody's folder.
fn personal_path(line: &str) -> Option<String> {
    PERSONAL.iter().find_map(|(folder, named)| {
        let start = format!("/{folder}/");
        line.match_indices(&start).find_map(|(at, _)| {
            let before = line[..at].chars().next_back();
            let name: String =
                line[at + start.len()..].chars().take_while(|c| is_name(*c)).collect();
            let whole = !before.is_some_and(|c| is_name(c) || "~})>$*".contains(c));
            (whole && !(*named && name.is_empty())).then(|| format!("{start}{name}"))
        })
    })
}

/// Whether a character can be part of a folder's name; one before a `/` makes a path relative.
fn is_name(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '.' | '_' | '-')
}

#[cfg(test)]
mod tests {
    use super::super::{Rule, sample};
    use super::*;

    const PATH: &str = "crates/pe-exec/src/plan.rs";

    fn check(rule: Rule, path: &str, text: &str, expected: &[&str]) {
        let workspace = sample::with_file(path, text);
        assert_eq!(sample::shown(&rule(&workspace)), expected, "{path}");
    }

    #[test]
    fn the_first_line_tells_the_purpose() {
        let rule = files_open_with_their_purpose;
        check(rule, PATH, "//! Plans.\n", &[]);
        check(rule, "docs/a.md", "Plans.\n", &[]);
        let expected = format!("{PATH}: the first line is not `//!`");
        for text in ["", "\n//! Plans.\n", "use std::fmt;\n"] {
            check(rule, PATH, text, &[&expected]);
        }
    }

    #[test]
    fn a_long_file_is_named_with_its_length() {
        check(files_are_short, PATH, &"//! a\n".repeat(600), &[]);
        let expected = format!("{PATH}: 601 lines, more than 600");
        check(files_are_short, PATH, &"//! a\n".repeat(601), &[&expected]);
    }

    #[test]
    fn a_mod_rs_is_told_where_to_go() {
        let workspace = sample::with_file("crates/pe-exec/src/plan/mod.rs", "//! Plans.\n");
        let violations = no_mod_rs(&workspace);
        assert_eq!(sample::shown(&violations), ["crates/pe-exec/src/plan/mod.rs: a mod.rs"]);
        assert_eq!(violations[0].fix, "move it to crates/pe-exec/src/plan.rs");
    }

    #[test]
    fn vague_modules_are_refused_as_files_folders_and_inline() {
        let rule = modules_are_nouns;
        check(rule, PATH, "mod plan {\n// mod utils {\nlet common = 1;\n", &[]);
        check(
            rule,
            "crates/pe-exec/src/utils.rs",
            "",
            &["crates/pe-exec/src/utils.rs: `utils` does not say what is in it"],
        );
        check(
            rule,
            "crates/pe-exec/tests/it/common/plan.rs",
            "",
            &["crates/pe-exec/tests/it/common/plan.rs: `common` does not say what is in it"],
        );
        let expected = format!("{PATH}:2: module `helpers` does not say what is in it");
        for line in ["mod helpers {", "    pub(in crate) mod helpers {", "pub mod helpers { }"] {
            check(rule, PATH, &format!("//! a\n{line}\n"), &[&expected]);
        }
    }

    #[test]
    fn testkit_is_refused_outside_tests() {
        let rule = testkit_is_used_in_tests;
        let text = "//! Not like pe_testkit.\nuse pe_testkit::Script;\n";
        check(rule, "crates/pe-exec/tests/it/main.rs", text, &[]);
        check(rule, PATH, text, &[&format!("{PATH}:2: uses `pe_testkit` outside tests/")]);
        check(
            rule,
            PATH,
            "fn a() { pe_testkit::b() }",
            &[&format!("{PATH}:1: uses `pe_testkit` outside tests/")],
        );
    }

    #[test]
    fn paths_into_somebodys_folder_are_refused() {
        for (folder, name) in [("work", ""), ("root", ".cargo"), ("home", "ada"), ("Users", "ada")]
        {
            let path = format!("/{folder}/{name}");
            let text = format!("first\nsee `{path}/x` and more\n");
            let expected = format!("docs/a.md:2: `{path}` is a path on one machine");
            check(no_absolute_paths, "docs/a.md", &text, &[&expected]);
        }
    }

    #[test]
    fn relative_paths_and_addresses_are_fine() {
        for before in ["https://example.com", "~", "${HOME}", "src", "<dir>"] {
            let text = format!("{before}/{}/a {before}/{}/b\n", "work", "home");
            check(no_absolute_paths, "docs/a.md", &text, &[]);
        }
        check(no_absolute_paths, "docs/a.md", &format!("under /{}/ somewhere\n", "home"), &[]);
    }
}
