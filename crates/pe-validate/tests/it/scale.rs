//! Plans of 100,000 steps in which everything is wrong: linear, or these tests do not end.

use pe_model::{Catalog, Format, ToolSpec};
use pe_testkit::{plan, step};
use pe_validate::{Code, Limits, ValidationReport, check, check_file};

use super::checked;

const MANY: usize = 100_000;

/// A thousand findings of each of these codes, first that there are more, and none of another.
fn listed(report: &ValidationReport, expected: &[Code]) {
    assert!(!report.is_valid);
    for &code in expected {
        assert_eq!(report.findings.iter().filter(|f| f.code == code).count(), 1_000, "{code}");
    }
    let more = report.findings.iter().take_while(|f| f.code == Code::More).count();
    assert_eq!(more, expected.len(), "{:?}", report.findings.first());
    assert_eq!(report.findings.len(), 1_001 * expected.len());
}

#[test]
fn what_is_not_listed_counts() {
    // A thousand warnings, then an error of the same code.
    let tools = serde_json::json!([
        {"name": "open", "parameters": {"type": "object", "properties": {"x": {}}}},
        {"name": "closed", "parameters":
            {"type": "object", "properties": {"x": {}}, "additionalProperties": false}},
    ]);
    let catalog = Catalog::from_value(&tools).unwrap();
    let of = |last: &str| {
        let tool = |n: usize| if n < 1_500 { "open".to_owned() } else { last.to_owned() };
        let steps = (0..=1_500).map(|n| step(format!("s{n}")).tool(tool(n)).parameter("y", n));
        check(plan(steps), &catalog, &Limits::default())
    };
    let sound = of("open");
    assert!(sound.report.is_valid && sound.plan.is_some());
    let unsound = of("closed");
    assert!(!unsound.report.is_valid && unsound.plan.is_none());
    assert_eq!(unsound.report.findings[0].code, Code::More);
    assert_eq!(unsound.report.errors.len(), 1, "the error itself is not among those listed");
}

#[test]
fn every_dependency_dangles() {
    let steps = (0..MANY).map(|n| step(format!("step_{n}")).after([format!("stpe_{n}")]));
    let report = checked(&plan(steps)).report;
    listed(&report, &[Code::UnknownDependency]);
    assert!(report.findings[1].suggestion.is_some(), "the first ones get a suggestion");
}

#[test]
fn every_reference_dangles() {
    let steps = (0..MANY).map(|n| step(format!("step_{n}")).reads(format!("stpe_{n}")));
    listed(&checked(&plan(steps)).report, &[Code::UnknownReference]);
}

#[test]
fn every_tool_is_missing_and_another_one() {
    let catalog: Catalog =
        (0..1_000).map(|n| ToolSpec { name: format!("tool_{n}"), ..ToolSpec::default() }).collect();
    let steps = (0..MANY).map(|n| step(format!("s{n}")).tool(format!("toll_{n}")));
    let report = check(plan(steps), &catalog, &Limits::default()).report;
    assert_eq!(report.missing_tools.len(), MANY);
}

#[test]
fn every_step_has_the_same_id() {
    let report = checked(&plan((0..MANY).map(|_| step("a").after(["a"])))).report;
    assert_eq!(report.circular_dependencies.len(), 1);
}

#[test]
fn every_step_has_a_fallback_and_an_unknown_output() {
    let output = serde_json::json!({"properties": {"x": {}}});
    let catalog: Catalog =
        [ToolSpec { name: "echo".to_owned(), output, ..ToolSpec::default() }].into_iter().collect();
    let steps = (0..MANY / 2).flat_map(|n| {
        let target =
            step(format!("s{n}")).parameter("y", format!("{{{{ results.s{}.y }}}}", n / 2));
        let target = if n == 0 { step("s0") } else { target };
        [target, step(format!("f{n}")).instead_of(format!("s{n}"))]
    });
    let checked = check(plan(steps), &catalog, &Limits::default());
    assert!(checked.plan.is_some(), "{:?}", checked.report.errors.first());
    let unknown = checked.report.findings.iter().filter(|f| f.code == Code::UnknownOutput);
    assert_eq!(unknown.count(), 0, "a fallback may give another output");
}

#[test]
fn a_chain_of_fallbacks_that_all_look_at_the_first() {
    let steps = (0..MANY).map(|n| match n {
        0 => step("s0"),
        _ => step(format!("s{n}")).instead_of(format!("s{}", n - 1)).looks_at("s0"),
    });
    assert!(checked(&plan(steps)).plan.is_some());
}

#[test]
fn all_findings_of_a_file_of_one_line_are_placed() {
    let steps: Vec<String> = (0..MANY)
        .map(|n| format!(r#"{{"step_id":"s{n}","tool":"none","expect":"result =="}}"#))
        .collect();
    let text = format!(r#"{{"steps":[{}]}}"#, steps.join(","));
    let checked =
        check_file(text.as_bytes(), Format::Json, &Catalog::default(), &Limits::default());
    listed(&checked.report, &[Code::BadExpression, Code::MissingTool]);
    let last = checked.report.findings.iter().rfind(|f| f.code == Code::BadExpression).unwrap();
    let (start, _) = text.match_indices("result ==").nth(999).unwrap();
    let end = start + "result ==".len();
    assert_eq!((last.line, last.column), (Some(1), Some(end + 1)));
}

#[test]
fn whatever_could_be_better_about_a_large_plan() {
    let catalog: Catalog = serde_json::from_value(serde_json::json!([
        {"name": "look", "effect": "read"}, {"name": "send", "effect": "once"},
    ]))
    .map(|tools: serde_json::Value| Catalog::from_value(&tools).unwrap())
    .unwrap();
    let check = |step_of: &dyn Fn(usize) -> pe_testkit::StepBuilder| {
        let report = check(plan((0..MANY).map(step_of)), &catalog, &Limits::default()).report;
        let first = report.findings.first().map(|finding| finding.code);
        assert!(report.is_valid && report.findings.len() <= 500, "{first:?}");
        first
    };
    let id = |n: usize| format!("s{n}");
    let same = |n: usize| step(id(n)).tool("look").parameter("x", 1);
    assert_eq!(check(&same), Some(Code::More));
    check(&|n| if n == 0 { same(0) } else { same(n).after([id(n - 1)]) });
    check(&|n| same(n).after((n.saturating_sub(3)..n).map(id)));
    let send = |n: usize| step(id(n)).tool("send").parameter("x", n);
    check(&|n| if n == 0 { send(0) } else { send(n).after([id(n - 1)]) });
    check(&|n| if n == 0 { send(0) } else { send(n).after([id(0)]) });
    check(&|n| if n + 1 < MANY { send(n) } else { send(n).after((0..n).map(id)) });
    // Every step implies the next one's second dependency, over ever longer ways.
    check(&|n| if n < 2 { send(n) } else { send(n).after([id(n - 1), id(n / 2)]) });
}
