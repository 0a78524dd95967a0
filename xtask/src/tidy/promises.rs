//! The page of promises: each is defended by a test, and each test that it names exists.

use super::Violation;
use crate::workspace::Workspace;

const PAGE: &str = "docs/guarantees.md";

/// A test as the page names it: `crate: module::test`.
#[derive(Debug, PartialEq, Eq)]
struct Named<'p> {
    member: &'p str,
    module: &'p str,
    test: &'p str,
}

/// Every promise names a test, and there is no name without a test.
pub(super) fn promises_are_defended(workspace: &Workspace) -> Vec<Violation> {
    let page = workspace.files.iter().find(|file| file.path == PAGE);
    let Some(text) = page.and_then(|page| page.text.as_deref()) else { return Vec::new() };
    let mut violations = Vec::new();
    // What comes before the first promise, and what is not promised, has other headings.
    for promise in text.split("\n## ").flat_map(|part| part.split("\n### ").skip(1)) {
        let title = promise.lines().next().unwrap_or_default();
        let named: Vec<Named<'_>> =
            promise.split('`').skip(1).step_by(2).filter_map(read).collect();
        if named.is_empty() {
            let problem = format!("nothing defends `{title}`");
            violations.push(Violation::new(PAGE, problem, "name the test that fails without it"));
        }
        for missing in named.iter().filter(|named| !exists(workspace, named)) {
            let Named { member, module, test } = missing;
            let problem = format!("there is no test `{member}: {module}::{test}`");
            violations.push(Violation::new(PAGE, problem, "name the test that defends it today"));
        }
    }
    violations
}

fn read(code: &str) -> Option<Named<'_>> {
    let (member, path) = code.split_once(": ")?;
    let (module, test) = path.split_once("::")?;
    let is_name = |name: &str| name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    (is_name(module) && is_name(test)).then_some(Named { member, module, test })
}

fn exists(workspace: &Workspace, named: &Named<'_>) -> bool {
    let Some(member) = workspace.crates.iter().find(|member| member.name == named.member) else {
        return false;
    };
    let (folder, file) = (format!("{}/", member.dir), format!("/{}.rs", named.module));
    let function = format!("fn {}(", named.test);
    workspace.files.iter().any(|candidate| {
        candidate.path.starts_with(&folder)
            && candidate.path.ends_with(&file)
            && candidate.text.as_ref().is_some_and(|text| text.contains(&function))
    })
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;

    fn check(page: &str, expected: &[&str]) {
        let mut workspace = sample::with_file(PAGE, page);
        let test = "//! Tests.\n#[test]\nfn it_holds() {}\n";
        workspace.files.push(sample::file("crates/pe-exec/tests/it/order.rs", test));
        assert_eq!(sample::shown(&promises_are_defended(&workspace)), expected, "{page}");
    }

    #[test]
    fn a_promise_names_a_test_that_exists() {
        check("# Page\n## Part\n### Kept\n`pe-exec: order::it_holds`\n## Not promised\n- x\n", &[]);
        let bare = "## Part\n### Bare\nwith `code` alone\n";
        check(bare, &["docs/guarantees.md: nothing defends `Bare`"]);
        for name in ["pe-exec: order::it", "pe-exec: loops::it_holds", "pe-view: order::it_holds"] {
            let page = format!("## Part\n### Gone\n`{name}`\n");
            check(&page, &[&format!("docs/guarantees.md: there is no test `{name}`")]);
        }
    }
}
