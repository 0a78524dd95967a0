//! What an expression gives against what its place takes, and paths into declared outputs.

use pe_model::{Catalog, Strictness};
use pe_testkit::{StepBuilder, plan, step};
use pe_validate::{Code, Finding, Limits, Severity, check};
use serde_json::json;

fn catalog() -> Catalog {
    let tools = json!([
        {"name": "echo"},
        {"name": "page", "output": {"type": "object", "properties": {
            "title": {"type": "string"}, "status": {"type": "integer"},
            "links": {"type": "array", "items": {"$ref": "#/$defs/link"}},
            "extra": {"type": "object"}},
            "$defs": {"link": {"type": "object", "properties": {"url": {"type": "string"}}}}}},
        {"name": "get", "parameters": {"type": "object", "properties": {
            "url": {"type": "string"}, "tries": {"type": "integer"},
            "tags": {"type": "array", "items": {"type": "string"}},
            "deep": {"type": "object", "properties": {"0": {"type": "boolean"}}},
            "free": {}, "either": {"type": ["string", "number"]}}}},
    ]);
    Catalog::from_value(&tools).unwrap()
}

/// The findings of a code about the last of the steps, and that there are no others of it.
fn findings(steps: impl IntoIterator<Item = StepBuilder>, code: Code) -> Vec<Finding> {
    let report = check(plan(steps), &catalog(), &Limits::default()).report;
    report.findings.into_iter().filter(|finding| finding.code == code).collect()
}

fn parameter(name: &str, expression: &str) -> Vec<Finding> {
    let value = format!("{{{{ {expression} }}}}");
    let steps = [step("p").tool("page"), step("g").tool("get").parameter(name, value)];
    findings(steps, Code::WrongKind)
}

#[test]
fn a_parameter_that_is_an_expression_is_judged_by_what_is_known() {
    let known = [
        ("url", "len(goal)", "gives an integer, and the tool takes a string"),
        ("url", "1 + 2", "gives an integer"),
        ("url", "['x']", "gives a list"),
        ("tries", "goal", "gives a string, and the tool takes an integer"),
        ("tries", "results.p.status == 2", "gives a boolean"),
        ("tags", "join(results.p.links, ',')", "gives a string, and the tool takes a list"),
        ("either", "1 > 2", "gives a boolean, and the tool takes a number or a string"),
    ];
    for (name, expression, expected) in known {
        let found = parameter(name, expression);
        let [finding] = &found[..] else { panic!("{expression}: {found:?}") };
        assert!(finding.message.contains(expected), "{}", finding.message);
        assert_eq!(finding.pointer, format!("/steps/1/parameters/{name}"));
    }
    for (name, expression) in [
        ("url", "str(len(goal))"),
        ("url", "context.x"),
        ("url", "results.p.title if len(goal) > 3 else 7"),
        ("url", "default(results.p.nothing, 'x')"),
        ("tries", "int(goal)"),
        ("tries", "10 / 5"),
        ("free", "1 > 2"),
        ("either", "len(goal)"),
        ("unknown", "len(goal)"),
    ] {
        assert_eq!(parameter(name, expression), [], "{name}: {expression}");
    }
}

#[test]
fn what_is_read_has_the_kind_that_its_tool_declares() {
    for (name, expression) in [
        ("url", "results.p.status"),
        ("tries", "results.p.title"),
        ("tags", "results.p.links[0]"),
        ("tries", "results.p.links[0].url"),
        ("url", "steps.p.attempts"),
        ("tags", "results.p"),
    ] {
        assert_eq!(parameter(name, expression).len(), 1, "{name}: {expression}");
    }
    assert_eq!(parameter("tries", "results.p.status"), []);
    assert_eq!(parameter("url", "results.p.extra.anything"), []);
    let with_fallback = [
        step("p").tool("page"),
        step("f").instead_of("p"),
        step("g").tool("get").parameter("url", "{{ results.p.status }}"),
    ];
    assert_eq!(findings(with_fallback, Code::WrongKind), [], "another tool may have answered");
}

#[test]
fn elements_and_members_of_parameters() {
    let given = |value: serde_json::Value, name: &str| {
        findings([step("g").tool("get").parameter(name, value)], Code::WrongKind)
    };
    assert_eq!(
        given(json!(["a", "{{ len(goal) }}"]), "tags")[0].pointer,
        "/steps/0/parameters/tags/1"
    );
    assert_eq!(given(json!(["a", "{{ goal }}", "x{{ len(goal) }}"]), "tags"), []);
    assert_eq!(given(json!({"0": "{{ goal }}"}), "deep")[0].pointer, "/steps/0/parameters/deep/0");
}

#[test]
fn conditions_give_booleans_and_loops_go_over_lists() {
    let check = |changed: StepBuilder, expected: Option<&str>| {
        let found = findings([step("p").tool("page"), changed], Code::WrongKind);
        let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        match expected {
            Some(expected) => {
                assert!(messages.len() == 1 && messages[0].contains(expected), "{messages:?}")
            }
            None => assert_eq!(messages, [""; 0]),
        }
    };
    check(
        step("c").when("len(results)"),
        Some("`condition` of step `c` gives an integer, and a condition takes a boolean"),
    );
    check(step("c").when("len(results) > 0"), None);
    check(step("c").when("context.ready"), None);
    check(step("c").when("results.p.status"), Some("gives an integer"));
    check(step("c").when("'a' - 1 > 0"), Some("can never give a value"));
    check(step("c").expect("result"), None);
    check(step("c").tool("page").expect("result.title"), Some("gives a string"));
    check(step("c").tool("page").expect("result.title != ''"), None);
    check(step("c").over("goal"), Some("gives a string, and `loop_over` takes a list"));
    check(step("c").over("results.p.links"), None);
    check(step("c").over("results.p.status"), Some("gives an integer"));
    check(step("c").until("iteration", 3), Some("`loop_until` of step `c` gives an integer"));
}

#[test]
fn paths_into_declared_outputs() {
    let check = |producer: StepBuilder, expression: &str, expected: Option<&str>| {
        let reader = step("r").parameter("x", format!("{{{{ {expression} }}}}"));
        let found = findings([producer.tool("page"), reader], Code::UnknownOutput);
        let messages: Vec<&str> = found.iter().map(|finding| finding.message.as_str()).collect();
        match expected {
            Some(expected) => {
                assert!(messages.len() == 1 && messages[0].contains(expected), "{messages:?}")
            }
            None => assert_eq!(messages, [""; 0], "{expression}"),
        }
    };
    let page = || step("p");
    check(page(), "results.p.titel", Some("reads `titel`, which tool `page` does not return"));
    check(page(), "results.p.links[0].url", None);
    check(page(), "results.p.links[0].ur", Some("reads `ur`, which"));
    check(page(), "results.p.links.url", Some("reads `url` of what tool `page` returns as a list"));
    check(page(), "results.p.status.code", Some("returns as an integer"));
    check(page(), "results.p.extra.anything", None);
    check(page(), "default(results.p.titel, 1)", None);
    let each = || step("p").over("[1, 2]");
    check(each(), "results.p[0].title", None);
    check(each(), "results.p[0].titel", Some("does not return"));
    check(each(), "results.p.title", Some("one output for each element"));
    check(each(), "pluck(results.p, 'title')", None);
    check(step("p").times(3), "results.p.titel", Some("does not return"));
}

#[test]
fn a_wrong_kind_refuses_no_plan_unless_strict() {
    let severity = |strictness| {
        let limits = Limits { strictness, ..Limits::default() };
        let report = check(plan([step("c").when("len(goal)")]), &catalog(), &limits).report;
        report.findings.iter().find(|f| f.code == Code::WrongKind).unwrap().severity
    };
    assert_eq!(severity(Strictness::Lenient), Severity::Warning);
    assert_eq!(severity(Strictness::Moderate), Severity::Warning);
    assert_eq!(severity(Strictness::Strict), Severity::Error);
}
