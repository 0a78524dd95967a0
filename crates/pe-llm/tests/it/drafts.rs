//! What the draft parser reads, in the words of the acceptance cases.

use pe_llm::{DraftError, DraftParser, extract_json, parse_draft, write_step};
use pe_model::{FinishReason, PlanStep, StepType};
use serde_json::{Value, json};

use super::corpus::kind;

fn steps(text: &str) -> Vec<PlanStep> {
    parse_draft(text, FinishReason::Stop).unwrap_or_else(|error| panic!("{text}: {error}")).steps
}

fn check(text: &str, expected: &Value) {
    let found: Vec<Value> = steps(text).iter().map(write_step).collect();
    assert_eq!(&Value::from(found), expected, "{text}");
}

#[test]
fn g1_ids_types_conditions_loops_fallbacks_and_dependencies_are_kept() {
    let whole = r#"{"goal": "g", "steps": [
        {"step_id": "fetch-1", "step_type": "NORMAL", "tool": "http", "parameters": {"url": "x"}, "dependencies": []},
        {"step_id": "maybe", "step_type": "Conditional", "tool": "t", "condition": "results[\"fetch-1\"].ok", "dependencies": ["fetch-1"]},
        {"step_id": "three", "step_type": "loop", "tool": "t", "loop_count": 3, "dependencies": ["maybe", "fetch-1"]},
        {"step_id": "rescue", "step_type": "fallback", "tool": "t", "fallback_for": "three", "dependencies": []},
        {"step_id": "beside", "step_type": "parallel", "tool": "t", "dependencies": []}]}"#;
    let short = r#"{"steps": [
        {"id": "fetch-1", "tool": "http", "args": {"url": "x"}},
        {"id": "maybe", "tool": "t", "if": "results[\"fetch-1\"].ok"},
        {"id": "three", "tool": "t", "times": 3, "after": ["maybe", "fetch-1"]},
        {"id": "rescue", "tool": "t", "fallback_for": "three"},
        {"id": "beside", "tool": "t", "type": "parallel"}]}"#;
    for text in [whole, short] {
        let steps = steps(text);
        let ids: Vec<&str> = steps.iter().map(|step| step.step_id.as_str()).collect();
        assert_eq!(ids, ["fetch-1", "maybe", "three", "rescue", "beside"]);
        let types: Vec<StepType> = steps.iter().map(|step| step.step_type).collect();
        use StepType::{Conditional, Fallback, Loop, Normal, Parallel};
        assert_eq!(types, [Normal, Conditional, Loop, Fallback, Parallel]);
        assert_eq!(steps[1].condition.as_deref(), Some("results[\"fetch-1\"].ok"));
        assert_eq!(steps[1].dependencies, ["fetch-1".into()]);
        assert_eq!(steps[2].loop_count, Some(3));
        assert_eq!(steps[2].dependencies, ["maybe".into(), "fetch-1".into()]);
        assert_eq!(steps[3].fallback_for, Some("three".into()));
        assert!(steps[4].dependencies.is_empty());
    }
}

#[test]
fn g3_fenced_json_amid_prose_with_braces() {
    let text = "The set {a, b} and `{x}` apply; see [1].\n\n```json\n{\"steps\": [{\"id\": \"a\", \"tool\": \"t\", \"args\": {\"x\": \"}\"}}]}\n```\n\nEnjoy {it}! {\"ok\": true}\n";
    check(text, &json!([{"id": "a", "tool": "t", "args": {"x": "}"}}]));
}

#[test]
fn g3_thinking_blocks() {
    let text = "<think>{\"steps\": [{\"id\": \"no\", \"tool\": \"wrong\"}]} or { hm</think>\n{\"steps\": [{\"id\": \"a\", \"tool\": \"t\"}]}";
    check(text, &json!([{"id": "a", "tool": "t"}]));
    let closing_only = text.trim_start_matches("<think>");
    check(closing_only, &json!([{"id": "a", "tool": "t"}]));
}

#[test]
fn g3_trailing_commas_single_quotes_python_literals_and_comments() {
    let text = "{'steps': [  # the plan\n  {'id': 'a', 'tool': 't', 'args': {'x': True, 'y': None, 'z': 'it's',},}, // one\n],}";
    check(text, &json!([{"id": "a", "tool": "t", "args": {"x": true, "y": null, "z": "it's"}}]));
}

#[test]
fn g3_a_list_instead_of_an_object() {
    check("[{\"id\": \"a\", \"tool\": \"t\"}]", &json!([{"id": "a", "tool": "t"}]));
}

#[test]
fn g3_parameters_as_a_json_string() {
    let text = r#"{"steps": [{"step_id": "a", "tool": "t", "parameters": "{\"x\": [1, \"{{ results.b }}\"]}"}]}"#;
    check(text, &json!([{"id": "a", "tool": "t", "args": {"x": [1, "{{b}}"]}}]));
}

#[test]
fn g4_garbage_and_no_steps_are_named_errors() {
    let cases = [
        ("", "no_json"),
        ("I cannot do that.", "no_json"),
        ("{\"steps\": []}", "no_steps"),
        ("{\"answer\": 42}", "no_steps"),
        ("{\"steps\": [{\"id\": \"a\"", "truncated"),
        ("{\"steps\": [{\"id\": \"a\", \"tool\": [1]}]}", "step"),
        ("{\"steps\": [{\"id\": \"a\", \"tool\": \"t\"}}]", "malformed"),
    ];
    for (text, expected) in cases {
        assert_eq!(kind(&parse_draft(text, FinishReason::Stop).unwrap_err()), expected, "{text}");
    }
}

#[test]
fn errors_say_what_was_found_and_where() {
    let check = |text: &str, expected: &str| {
        assert_eq!(parse_draft(text, FinishReason::Stop).unwrap_err().to_string(), expected);
    };
    check("I cannot\ndo that.", "the answer holds no JSON; it begins with `I cannot do that.`");
    check(
        "Plan:\n{\"steps\": [{\"id\": \"a\", ",
        "the answer is cut off: JSON that does not close, at line 2 (byte 6); it ends with `Plan: {\"steps\": [{\"id\": \"a\",`",
    );
    check(
        "{\"steps\": [{\"id\": \"a\", \"tool\": \"t\", \"id\": \"b\"}]}",
        "the JSON at line 1 (byte 0) cannot be read: duplicate key `id` in one object; keep one of the two; it begins with `{\"steps\": [{\"id\": \"a\", \"tool\": \"t\", \"id\": \"b\"}]}`",
    );
    check(
        "[{\"id\": \"a\", \"tool\": \"t\"}, {\"id\": \"b\", \"tool\": \"t\", \"times\": \"often\"}]",
        "step number 2 cannot be read: `times`: expected a number, found a string",
    );
}

#[test]
fn the_goal_and_what_was_tolerated_are_told() {
    let text = "{\"objective\": \"tidy up\", \"steps\": [{\"id\": \"a\", \"tool\": \"t\", \"args\": \"{}\", \"mood\": \"good\"}]}";
    let draft = parse_draft(text, FinishReason::Stop).unwrap();
    assert_eq!(draft.goal.as_deref(), Some("tidy up"));
    assert_eq!(draft.mended, ["arguments that were no object", "the field `mood` was left out"]);
    let draft = parse_draft("[{\"id\": \"a\", \"tool\": \"t\"}]", FinishReason::Stop).unwrap();
    assert_eq!((draft.goal, draft.mended.len()), (None, 0));
}

#[test]
fn a_step_is_given_when_its_object_closes() {
    let mut parser = DraftParser::new();
    assert!(parser.push("Here:\n```json\n{\"steps\": [{\"id\": \"a\", \"tool\": \"t\", \"args\": {\"x\": {}}").is_empty());
    let first = parser.push("}, {\"id\"");
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].step_id.as_str(), "a");
    let second = parser.push(": \"b\", \"tool\": \"u\", \"args\": {\"y\": \"{{a.z}}\"}}");
    assert_eq!(second[0].dependencies, ["a".into()]);
    assert!(
        parser.push("]}\n```\n{\"id\": \"c\", \"tool\": \"t\"}").is_empty(),
        "an example after the plan"
    );
    assert_eq!(parser.finish(FinishReason::Stop).unwrap().steps.len(), 2);
}

#[test]
fn a_thought_gives_no_steps() {
    let mut parser = DraftParser::new();
    assert!(parser.push("<think>{\"steps\": [{\"id\": \"a\", \"tool\": \"t\"}]}").is_empty());
    assert_eq!(parser.push("</think>{\"steps\": [{\"id\": \"b\", \"tool\": \"t\"}").len(), 1);
}

#[test]
fn any_json_can_be_extracted() {
    let check = |text: &str, expected: Value| {
        assert_eq!(extract_json(text, FinishReason::Stop).unwrap(), expected, "{text}");
    };
    check(
        "{\"reason\": \"x\", \"modifications\": []}",
        json!({"reason": "x", "modifications": []}),
    );
    check("<think>{\"a\": 1}</think>```json\n{'b': None,}\n```", json!({"b": null}));
    check("As [1] says: {\"answer\": 42} [2]", json!({"answer": 42}));
    check("[1, 2, 3]", json!([1, 2, 3]));
    check("[\"a\", \"b\"]", json!(["a", "b"]));
    check(
        "{\"steps\": [{\"id\": \"a\", \"tool\": \"t\"}]}",
        json!({"steps": [{"id": "a", "tool": "t"}]}),
    );
    let refused = |text: &str, finish, expected: &str| {
        assert_eq!(kind(&extract_json(text, finish).unwrap_err()), expected, "{text}");
    };
    refused("no", FinishReason::Stop, "no_json");
    refused("{\"a\": [1, 2", FinishReason::Stop, "truncated");
    refused("{\"a\": 1}", FinishReason::Length, "truncated");
    refused("{\"a\": 1, \"a\": 2}", FinishReason::Stop, "malformed");
    assert!(!matches!(extract_json("{}", FinishReason::Stop), Err(DraftError::NoSteps)));
}
