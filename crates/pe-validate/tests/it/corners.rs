//! Corners of what the documents promise: schemas that say things in unusual ways, order that
//! matters though nobody reads, bounds.

use pe_model::{Catalog, Format, Strictness};
use pe_validate::{Code, Limits, Severity, ValidationReport, check, check_file};
use serde_json::{Value, json};

fn judged(tools: &Value, steps: Value, limits: &Limits) -> ValidationReport {
    let catalog = Catalog::from_value(tools).unwrap();
    let text = json!({"goal": "g", "steps": steps}).to_string();
    check_file(text.as_bytes(), Format::Json, &catalog, limits).report
}

fn found(tools: &Value, steps: Value) -> Vec<(Code, String)> {
    let report = judged(tools, steps, &Limits::default());
    report.findings.into_iter().map(|f| (f.code, f.pointer)).collect()
}

/// The codes that one call with these parameters gets, under this schema.
fn call(schema: Value, parameters: Value) -> Vec<Code> {
    let tools = json!([{"name": "t", "parameters": schema}]);
    let steps = json!([{"step_id": "a", "tool": "t", "parameters": parameters}]);
    found(&tools, steps).into_iter().map(|(code, _)| code).collect()
}

fn effects() -> Value {
    json!([
        {"name": "sum", "effect": "pure"}, {"name": "look", "effect": "read"},
        {"name": "keep", "effect": "idempotent"}, {"name": "send", "effect": "once"},
    ])
}

// ---- parameters against JSON Schema

#[test]
fn missing_behind_a_reference() {
    let schema = json!({"$ref": "#/$defs/args", "$defs": {"args": {"type": "object",
        "required": ["path"], "properties": {"path": {"type": "string"}}}}});
    assert_eq!(call(schema, json!({})), [Code::MissingParameter]);
}

#[test]
fn unknown_behind_a_reference() {
    let schema = json!({"$ref": "#/$defs/args", "$defs": {"args": {"type": "object",
        "properties": {"path": {"type": "string"}}, "additionalProperties": false}}});
    assert!(!call(schema, json!({"path": "x", "zzz": 1})).is_empty());
}

#[test]
fn missing_by_all_of() {
    let schema = json!({"properties": {"a": {}, "b": {}}, "allOf": [{"required": ["a"]}]});
    assert!(!call(schema, json!({"b": 1})).is_empty());
}

#[test]
fn missing_by_then() {
    let schema = json!({"type": "object", "required": ["mode"],
        "properties": {"mode": {"enum": ["a", "b"]}, "path": {}},
        "if": {"properties": {"mode": {"const": "a"}}}, "then": {"required": ["path"]}});
    assert!(!call(schema, json!({"mode": "a"})).is_empty());
}

#[test]
fn missing_by_dependent_required() {
    let schema = json!({"properties": {"user": {}, "password": {}},
        "dependentRequired": {"user": ["password"]}});
    assert!(!call(schema, json!({"user": "u"})).is_empty());
}

#[test]
fn a_name_that_a_pattern_allows_is_right() {
    let schema = json!({"type": "object", "properties": {"a": {}},
        "patternProperties": {"^x-": {}}, "additionalProperties": false});
    assert_eq!(call(schema, json!({"x-foo": 1})), []);
}

#[test]
fn a_name_that_then_brings_is_right() {
    let schema = json!({"type": "object", "properties": {"mode": {}},
        "if": {"properties": {"mode": {"const": "a"}}},
        "then": {"properties": {"extra": {"type": "string"}}}});
    assert_eq!(call(schema, json!({"mode": "a", "extra": "e"})), []);
}

#[test]
fn a_name_that_a_dependent_schema_brings_is_right() {
    let schema = json!({"type": "object", "properties": {"mode": {}},
        "dependentSchemas": {"mode": {"properties": {"extra": {}}}},
        "unevaluatedProperties": false});
    assert_eq!(call(schema, json!({"mode": "a", "extra": "e"})), []);
}

#[test]
fn a_tool_without_parameters() {
    let schema = json!({"type": "object", "additionalProperties": false});
    assert_eq!(call(schema, json!({"zzz": 1})), [Code::UnknownParameter]);
}

#[test]
fn a_parameter_whose_name_begins_with_else() {
    let schema = json!({"type": "object", "properties": {"else_x": {"type": "integer"}, "t": {}}});
    assert_eq!(call(schema, json!({"else_x": "no", "t": "{{ goal }}"})), [Code::ParameterMismatch]);
}

#[test]
fn a_reference_within_an_embedded_schema() {
    let schema = json!({"type": "object", "$defs": {"k": {"type": "integer"}},
        "properties": {"a": {"$id": "https://e.invalid/inner",
            "$defs": {"k": {"type": "string"}}, "$ref": "#/$defs/k"}}});
    assert_eq!(call(schema.clone(), json!({"a": "text"})), []);
    assert_eq!(call(schema, json!({"a": "{{ goal }}"})), []);
}

// ---- waiting

/// `a` and `b` read what `w` writes, and come after it only by way of `h`.
#[test]
fn order_after_a_write_is_needed() {
    let steps = json!([
        {"step_id": "w", "tool": "send", "parameters": {"x": 1}},
        {"step_id": "h", "tool": "look", "parameters": {"x": 2}, "dependencies": ["w"]},
        {"step_id": "a", "tool": "look", "parameters": {"x": 3}, "dependencies": ["h"]},
    ]);
    // Only that nobody reads `h`.
    assert_eq!(found(&effects(), steps), [(Code::UnreadResult, "/steps/1".to_owned())]);
}

#[test]
fn a_chain_after_a_write_cannot_run_beside_it() {
    let steps = json!([
        {"step_id": "w", "tool": "keep", "parameters": {"x": 1}},
        {"step_id": "h", "tool": "look", "parameters": {"x": 2}, "dependencies": ["w"]},
        {"step_id": "a", "tool": "look", "parameters": {"x": 3}, "dependencies": ["h"]},
        {"step_id": "b", "tool": "look", "parameters": {"x": 4}, "dependencies": ["a"]},
    ]);
    let codes: Vec<Code> = found(&effects(), steps).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes, [Code::UnreadResult, Code::UnreadResult]);
}

/// Without the dependency `r` waits for `s`, and `keys(results)` is another one.
#[test]
fn who_depends_on_a_reader_of_everything_is_not_read_by_it() {
    let steps = json!([
        {"step_id": "s", "tool": "sum", "parameters": {"x": 1}, "dependencies": ["r"]},
        {"step_id": "r", "tool": "sum", "parameters": {"x": "{{ keys(results) }}"}},
    ]);
    assert_eq!(found(&effects(), steps), []);
}

#[test]
fn a_dependency_listed_twice_is_told_once() {
    let steps = json!([
        {"step_id": "a", "tool": "send", "parameters": {"x": 1}},
        {"step_id": "b", "tool": "send", "parameters": {"x": 2}, "dependencies": ["a"]},
        {"step_id": "c", "tool": "send", "parameters": {"x": 3}, "dependencies": ["a", "b", "a"]},
    ]);
    let needless = found(&effects(), steps);
    let needless: Vec<_> =
        needless.into_iter().filter(|(code, _)| *code == Code::NeedlessDependency).collect();
    assert_eq!(needless, [(Code::NeedlessDependency, "/steps/2/dependencies/0".to_owned())]);
}

/// `go` runs if one of the two succeeds: their verdict is what it waits for.
#[test]
fn a_step_that_a_trigger_rule_judges_is_not_unread() {
    let steps = json!([
        {"step_id": "m1", "tool": "look", "parameters": {"x": 1}},
        {"step_id": "m2", "tool": "look", "parameters": {"x": 2}},
        {"step_id": "go", "tool": "send", "parameters": {"x": 3}, "dependencies": ["m1", "m2"],
            "trigger_rule": "one_success"},
    ]);
    assert_eq!(found(&effects(), steps), []);
}

/// Without the dependency, `look` would come too early.
#[test]
fn nothing_is_needless_after_a_change() {
    let steps = json!([
        {"step_id": "w", "tool": "keep", "parameters": {"x": 1}},
        {"step_id": "ls", "tool": "look", "parameters": {"x": 2}, "dependencies": ["w"]},
        {"step_id": "rd", "tool": "look", "parameters": {"x": 3}, "dependencies": ["ls"]},
        {"step_id": "rep", "tool": "sum",
            "parameters": {"x": "{{ results.ls }}", "y": "{{ results.rd }}"}},
    ]);
    assert_eq!(found(&effects(), steps), []);
}

// ---- calls made twice

#[test]
fn the_same_text_over_all_results_is_another_call_later() {
    let steps = json!([
        {"step_id": "a", "tool": "sum", "parameters": {"x": "{{ keys(results) }}"}},
        {"step_id": "w", "tool": "send", "parameters": {"x": "{{ results.a }}"}},
        {"step_id": "b", "tool": "sum", "parameters": {"x": "{{ keys(results) }}"},
            "dependencies": ["w"]},
    ]);
    let twice = found(&effects(), steps);
    assert!(twice.iter().all(|(code, _)| *code != Code::DuplicateCall), "{twice:?}");
}

#[test]
fn success_and_in_any_case_are_not_the_same_call() {
    let steps = json!([
        {"step_id": "a", "tool": "send", "parameters": {"x": 1}},
        {"step_id": "ok", "tool": "sum", "parameters": {"x": "done"}, "dependencies": ["a"]},
        {"step_id": "always", "tool": "sum", "parameters": {"x": "done"}, "dependencies": ["a"],
            "trigger_rule": "all_done"},
    ]);
    assert_eq!(found(&effects(), steps), []);
}

/// "Reading again later, or doing something again, may be what is meant."
#[test]
fn looks_after_different_changes_are_not_the_same_call() {
    let steps = json!([
        {"step_id": "p", "tool": "keep", "parameters": {"x": 1}},
        {"step_id": "q", "tool": "keep", "parameters": {"x": 2}},
        {"step_id": "after_p", "tool": "look", "parameters": {"x": 3}, "dependencies": ["p"]},
        {"step_id": "after_q", "tool": "look", "parameters": {"x": 3}, "dependencies": ["q"]},
    ]);
    assert_eq!(found(&effects(), steps), []);
}

// ---- risky steps

fn is_risky(steps: Value) -> bool {
    let found = found(&effects(), steps);
    found.contains(&(Code::RiskyStep, "/steps/0".to_owned()))
}

/// `b` is skipped and so is its fallback: a run skips five of five.
#[test]
fn a_fallback_further_down_helps_nobody() {
    assert!(is_risky(json!([
        {"step_id": "ring", "tool": "send", "parameters": {"x": 1}},
        {"step_id": "b", "tool": "sum", "parameters": {"x": "{{ results.ring }}"}},
        {"step_id": "bf", "tool": "sum", "parameters": {"x": 2}, "step_type": "fallback",
            "fallback_for": "b"},
        {"step_id": "c", "tool": "sum", "parameters": {"x": "{{ results.b }} c"}},
        {"step_id": "d", "tool": "sum", "parameters": {"x": "{{ results.b }} d"}},
        {"step_id": "e", "tool": "sum", "parameters": {"x": "{{ results.b }} e"}},
    ])));
}

#[test]
fn none_failed_is_skipped_as_well() {
    assert!(is_risky(json!([
        {"step_id": "ring", "tool": "send", "parameters": {"x": 1}},
        {"step_id": "b", "tool": "sum", "parameters": {"x": 2}, "dependencies": ["ring"],
            "trigger_rule": "none_failed"},
        {"step_id": "c", "tool": "sum", "parameters": {"x": "{{ results.b }} c"}},
        {"step_id": "d", "tool": "sum", "parameters": {"x": "{{ results.b }} d"}},
    ])));
}

// ---- expressions

/// `docs/findings.md`, PE033: "In loops: `index` and `iteration`"; a run has it there.
#[test]
fn index_in_loop_until() {
    let steps = json!([{"step_id": "a", "tool": "sum", "step_type": "loop", "loop_count": 3,
        "loop_until": "index == 1", "parameters": {"x": "{{ index }}"}}]);
    assert_eq!(found(&effects(), steps), []);
}

// ---- reading and reporting

#[test]
fn a_list_is_no_retry_policy() {
    for retry in [json!([]), json!([5000])] {
        let steps = json!([{"step_id": "a", "tool": "sum", "retry": retry}]);
        let codes: Vec<Code> = found(&effects(), steps).into_iter().map(|(code, _)| code).collect();
        assert_eq!(codes, [Code::WrongType], "{retry}");
    }
}

#[test]
fn at_most_a_hundred_circles() {
    let steps: Vec<Value> = (0..300)
        .map(|n| json!({"step_id": format!("s{n}"), "tool": "send", "dependencies": [format!("s{n}")]}))
        .collect();
    let report = judged(&effects(), json!(steps), &Limits::default());
    assert!(report.circular_dependencies.len() <= 100, "{}", report.circular_dependencies.len());
}

#[test]
fn the_published_schema_takes_what_is_read() {
    let schema: Value =
        serde_json::from_str(include_str!("../../../../docs/schemas/plan.schema.json")).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut wrong = Vec::new();
    for step in [
        json!({"step_id": "a", "tool": "sum", "step_type": "Normal"}),
        json!({"step_id": "a", "tool": "sum", "step_type": "conditional", "condition": true}),
        json!({"step_id": "a", "tool": "sum", "retry": [3]}),
        json!({"step_id": "a", "tool": "sum", "step_type": "loop", "loop_over": "[1]",
            "loop_parallelism": 10_001}),
    ] {
        let report = judged(&effects(), json!([step]), &Limits::default());
        let plan = json!({"goal": "g", "steps": [step]});
        if report.is_valid != validator.is_valid(&plan) {
            wrong.push((step, report.is_valid));
        }
    }
    assert!(wrong.is_empty(), "the reader says\n{wrong:#?}");
}

#[test]
fn what_is_valid_can_be_executed() {
    let mut plan = pe_testkit::plan([pe_testkit::step("a")]);
    let step = plan.steps[0].clone();
    plan.steps = vec![step; 1_000_001];
    let limits =
        Limits { strictness: Strictness::Lenient, max_steps: Some(20), ..Limits::default() };
    let checked = check(plan, &Catalog::from_value(&json!([])).unwrap(), &limits);
    assert_eq!(checked.report.is_valid, checked.plan.is_some(), "{:?}", checked.report.findings);
    assert!(checked.report.findings.iter().any(|f| f.severity == Severity::Error));
}

#[test]
fn a_schema_that_branches_into_itself_is_not_tried_for_ever() {
    let schema = json!({"type": "object", "properties": {"value": {"$ref": "#/$defs/n"}},
        "$defs": {"n": {"anyOf": [
            {"type": "integer"},
            {"type": "array", "items": {"$ref": "#/$defs/n"}},
            {"type": ["array", "null"], "items": {"$ref": "#/$defs/n"}}]}}});
    let nested = |depth| (0..depth).fold(json!("x"), |value, _| json!([value]));
    assert_eq!(call(schema.clone(), json!({"value": nested(4)})), [Code::ParameterMismatch]);
    assert_eq!(call(schema, json!({"value": nested(100)})), [Code::BadToolSchema]);
}

#[test]
fn all_that_is_allowed_is_told() {
    let methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE"];
    let tools = json!([{"name": "t", "parameters": {"properties": {"method": {"enum": methods}}}}]);
    let steps = json!([{"step_id": "a", "tool": "t", "parameters": {"method": "FETCH"}}]);
    let report = judged(&tools, steps, &Limits::default());
    assert!(
        report.errors[0].contains("\"FETCH\" is none of \"GET\", \"HEAD\""),
        "{:?}",
        report.errors
    );
    assert!(methods.iter().all(|method| report.errors[0].contains(method)), "{:?}", report.errors);
}

/// What a fallback gives is missing unless the other step failed.
#[test]
fn reading_a_fallback_fails_when_all_goes_well() {
    let plan = |read: &str| {
        json!([
            {"step_id": "a", "tool": "send", "parameters": {"x": 1}},
            {"step_id": "f", "tool": "sum", "step_type": "fallback", "fallback_for": "a"},
            {"step_id": "g", "tool": "sum", "step_type": "fallback", "fallback_for": "f",
                "parameters": {"x": "{{ results.f }}"}},
            {"step_id": "r", "tool": "sum", "parameters": {"x": read}},
        ])
    };
    let codes = |read: &str| -> Vec<(Code, String)> { found(&effects(), plan(read)) };
    let warned = (Code::ReadsFallback, "/steps/3/parameters/x".to_owned());
    assert_eq!(codes("{{ results.f }}"), [warned]);
    assert_eq!(codes("{{ results.a }}"), []);
    assert_eq!(codes("{{ default(results.f, 1) }}"), []);
    assert_eq!(codes("{{ steps.f.status }}"), []);
}
