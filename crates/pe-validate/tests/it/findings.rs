//! `docs/findings.md` documents every code, with an example that gives it and a repair.

use std::collections::BTreeMap;
use std::path::Path;

use pe_model::{Catalog, Format, Strictness};
use pe_validate::{Checked, Code, Limits, Severity, check_file};

/// What is too long for an example in the page; `cycles` gives it.
const WITHOUT_EXAMPLE: [Code; 1] = [Code::More];

struct Page {
    catalog: Catalog,
    entries: BTreeMap<String, String>,
}

fn page() -> Page {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/findings.md");
    let text = std::fs::read_to_string(path).unwrap();
    let mut sections = text.split("\n## ");
    let catalog = serde_json::from_str(blocks(sections.next().unwrap())[0]).unwrap();
    let entry = |section: &str| {
        let (code, rest) = section.split_once(": ").unwrap();
        (code.to_owned(), rest.to_owned())
    };
    Page { catalog: Catalog::from_value(&catalog).unwrap(), entries: sections.map(entry).collect() }
}

/// The fenced JSON blocks of a piece of Markdown.
fn blocks(text: &str) -> Vec<&str> {
    text.split("```json\n").skip(1).map(|rest| rest.split("\n```").next().unwrap()).collect()
}

fn run(text: &str, catalog: &Catalog, strictness: Strictness) -> Checked {
    let limits =
        Limits { strictness, max_steps: Some(5), max_depth: Some(3), max_retries: Some(10) };
    check_file(text.as_bytes(), Format::Json, catalog, &limits)
}

#[test]
fn every_code_is_documented_and_no_other() {
    let documented: Vec<String> = page().entries.into_keys().collect();
    let known: Vec<String> = Code::ALL.iter().map(ToString::to_string).collect();
    assert_eq!(documented, known);
}

#[test]
fn every_example_gives_its_code_and_its_repair_does_not() {
    let page = page();
    for code in Code::ALL.iter().filter(|code| !WITHOUT_EXAMPLE.contains(code)) {
        let blocks = blocks(&page.entries[code.as_str()]);
        let [example, repaired] = blocks[..] else { panic!("{code}: two blocks expected") };
        let report = run(example, &page.catalog, Strictness::Moderate).report;
        let found = report.findings.iter().find(|finding| finding.code == *code);
        let found = found.unwrap_or_else(|| panic!("{code} not in\n{}", report.render("plan")));
        assert!(found.line.is_some() && found.column.is_some(), "{code} has no place");
        let repaired = run(repaired, &page.catalog, Strictness::Strict);
        assert_eq!(repaired.report.render("plan"), "", "repair of {code}");
        assert!(repaired.plan.is_some());
    }
}

#[test]
fn the_documented_severities_are_the_real_ones() {
    let page = page();
    let word = |severity| match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Hint => "hint",
    };
    for code in Code::ALL.iter().filter(|code| !WITHOUT_EXAMPLE.contains(code)) {
        let entry = &page.entries[code.as_str()];
        let levels = [Strictness::Lenient, Strictness::Moderate, Strictness::Strict];
        let [lenient, moderate, strict] = levels.map(|strictness| {
            let checked = run(blocks(entry)[0], &page.catalog, strictness);
            assert_eq!(checked.plan.is_some(), checked.report.is_valid, "{code}");
            let mut findings = checked.report.findings.iter();
            word(findings.find(|finding| finding.code == *code).unwrap().severity)
        });
        let line = format!("lenient {lenient}, moderate {moderate}, strict {strict}");
        assert_eq!(entry.lines().nth(2), Some(line.as_str()), "{code}");
    }
}
