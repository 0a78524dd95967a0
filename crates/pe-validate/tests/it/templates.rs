//! Parameters with templates in them, held against schemas.

use pe_model::{Catalog, Plan};
use pe_testkit::{plan, step};
use pe_validate::{Code, Limits, ValidationReport, check};
use serde_json::{Value, json};

use super::codes;

fn report(schema: Value, parameters: Value) -> ValidationReport {
    let tools = json!([{"name": "echo"}, {"name": "tool", "parameters": schema}]);
    let steps = [step("a"), step("b").tool("tool")];
    let mut plan: Plan = plan(steps);
    plan.steps[1].parameters = parameters.as_object().unwrap().clone();
    check(plan, &Catalog::from_value(&tools).unwrap(), &Limits::default()).report
}

/// Schema of the one parameter `p`, its value, and the pointers of the mismatches.
fn check_value(schema: Value, value: Value, expected: &[&str]) {
    let context = format!("{value} under {schema}");
    let report = report(json!({"properties": {"p": schema}}), json!({"p": value}));
    let pointers: Vec<&str> = report.findings.iter().map(|f| f.pointer.as_str()).collect();
    let expected: Vec<String> =
        expected.iter().map(|rest| format!("/steps/1/parameters/p{rest}")).collect();
    assert_eq!(pointers, expected, "{context}\n{}", report.render("plan"));
}

#[test]
fn what_a_whole_template_gives_is_not_judged() {
    check_value(json!({"type": "integer"}), json!("{{ results.a }}"), &[]);
    check_value(json!({"enum": [1, 2]}), json!("{{ results.a }}"), &[]);
    check_value(json!({"type": "integer"}), json!("three"), &[""]);
    check_value(json!({"items": {"type": "integer"}}), json!(["{{ results.a }}", "x"]), &["/1"]);
}

#[test]
fn an_embedded_template_is_text() {
    check_value(json!({"type": "integer"}), json!("no {{ results.a }}"), &[""]);
    check_value(json!({"type": "string"}), json!("no {{ results.a }}"), &[]);
    check_value(json!({"type": "string", "pattern": "^[0-9]+$"}), json!("1{{ results.a }}"), &[]);
    check_value(json!({"type": "string", "maxLength": 3}), json!("{{ results.a }}!"), &[]);
}

#[test]
fn an_error_around_a_template_counts_when_no_value_can_mend_it() {
    let item = json!("{{ results.a }}");
    check_value(json!({"type": "object"}), json!([item]), &[""]);
    check_value(json!({"minItems": 2}), json!([item]), &[""]);
    check_value(json!({"required": ["x"]}), json!({"y": item}), &[""]);
    check_value(
        json!({"properties": {}, "additionalProperties": false}),
        json!({"y": item}),
        &[""],
    );
    check_value(json!({"maxProperties": 0}), json!({"y": item}), &[""]);
}

#[test]
fn an_error_around_a_template_waits_when_a_value_could_mend_it() {
    let item = json!("{{ results.a }}");
    check_value(json!({"uniqueItems": true}), json!([item, item]), &[]);
    check_value(json!({"contains": {"const": 7}}), json!([item]), &[]);
    check_value(json!({"enum": [[1], [2]]}), json!([item]), &[]);
    check_value(json!({"oneOf": [{"items": {"type": "integer"}}]}), json!([item]), &[]);
    let branches = json!({"if": {"properties": {"kind": {"const": "x"}}}, "then": {},
        "else": {"required": ["more"]}});
    check_value(branches.clone(), json!({"kind": item}), &[]);
    check_value(branches, json!({"kind": "y"}), &[""]);
}

#[test]
fn a_bad_template_is_no_mismatch_and_hides_none() {
    let schema = json!({"properties": {"n": {"type": "integer"}, "m": {"type": "integer"}}});
    let report = report(schema, json!({"n": "{{ 1 + }}", "m": "x"}));
    assert_eq!(codes(&report), [Code::BadExpression, Code::ParameterMismatch]);
    assert_eq!(report.findings[1].pointer, "/steps/1/parameters/m");
}

#[test]
fn keys_are_escaped_in_pointers() {
    let schema = json!({"properties": {"a/b~c": {"type": "integer"}}});
    let report = report(schema, json!({"a/b~c": "x", "d/e": 1}));
    let pointers: Vec<&str> = report.findings.iter().map(|f| f.pointer.as_str()).collect();
    assert_eq!(pointers, ["/steps/1/parameters/d~1e", "/steps/1/parameters/a~1b~0c"]);
}

#[test]
fn a_long_value_is_not_repeated_in_the_message() {
    let report = report(
        json!({"properties": {"p": {"type": "integer"}}}),
        json!({"p": "x".repeat(100_000)}),
    );
    assert!(report.errors[0].chars().count() < 500, "{}", report.errors[0].len());
    assert!(report.errors[0].contains("is not of type \"integer\""), "{}", report.errors[0]);
}

#[test]
fn a_schema_that_refers_to_itself_is_bounded() {
    let report = report(json!({"$ref": "#"}), json!({"p": 1}));
    assert!(report.findings.len() <= 1, "{}", report.render("plan"));
    let tree = json!({"properties": {"p": {"$ref": "#"}}, "type": "object"});
    let mut value = json!({});
    for _ in 0..100 {
        value = json!({"p": value});
    }
    assert!(self::report(tree, value).findings.is_empty());
}

#[test]
fn remote_schemas_are_never_fetched() {
    let report = report(json!({"$ref": "https://example.invalid/schema.json"}), json!({}));
    assert_eq!(codes(&report), [Code::BadToolSchema]);
}

#[test]
fn too_many_expressions_in_one_step_are_told() {
    let items: Vec<Value> = (0..1_001).map(|_| json!("{{ 1 }}")).collect();
    let report = report(Value::Null, json!({"p": items}));
    assert_eq!(codes(&report), [Code::BadExpression]);
}
