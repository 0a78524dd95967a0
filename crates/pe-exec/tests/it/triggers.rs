//! Trigger rules over completed, failed, recovered and skipped dependencies: case X6.

use serde_json::{Value, json};

use crate::support::run;

/// How a step with `rule` ends over dependencies of these kinds.
fn check(rule: &str, kinds: &[&str], expected: &str) {
    let mut steps: Vec<Value> = Vec::new();
    for (n, kind) in kinds.iter().enumerate() {
        let id = format!("d{n}");
        let ms = 10 * (n + 1);
        steps.push(match *kind {
            "completed" => json!({"step_id": id, "tool": "t", "parameters": {"ms": ms}}),
            "skipped" => json!({"step_id": id, "tool": "t", "step_type": "conditional",
                "condition": "steps.gate.status != 'completed'"}),
            "failed" | "recovered" => {
                json!({"step_id": id, "tool": "t", "parameters": {"ms": ms, "fail": "execution"}})
            }
            "not_needed" => {
                json!({"step_id": id, "tool": "t", "step_type": "fallback", "fallback_for": "gate"})
            }
            _ => unreachable!(),
        });
        if *kind == "recovered" {
            steps.push(json!({"step_id": format!("f{n}"), "tool": "t", "step_type": "fallback",
                "fallback_for": format!("d{n}")}));
        }
    }
    steps.push(json!({"step_id": "gate", "tool": "t"}));
    let dependencies: Vec<String> = (0..kinds.len()).map(|n| format!("d{n}")).collect();
    steps.push(
        json!({"step_id": "x", "tool": "t", "trigger_rule": rule, "dependencies": dependencies}),
    );
    let ran = run(Value::Array(steps));
    assert_eq!(ran.told("x"), expected, "{rule} over {kinds:?}");
}

const RUNS: &str = "completed";
const FAILED: &str = "skipped: upstream_failed";
const SKIPPED: &str = "skipped: upstream_skipped";

#[test]
fn x6_all_success() {
    check("all_success", &["completed", "completed"], RUNS);
    check("all_success", &["completed", "recovered"], RUNS);
    check("all_success", &["completed", "failed"], FAILED);
    check("all_success", &["completed", "skipped"], SKIPPED);
    check("all_success", &["skipped", "failed"], FAILED);
    check("all_success", &["completed", "not_needed"], RUNS);
}

#[test]
fn x6_all_done() {
    check("all_done", &["completed", "failed", "skipped", "recovered"], RUNS);
    check("all_done", &["failed"], RUNS);
    check("all_done", &["skipped"], RUNS);
}

#[test]
fn x6_none_failed() {
    check("none_failed", &["completed", "skipped"], RUNS);
    check("none_failed", &["skipped", "skipped"], RUNS);
    check("none_failed", &["completed", "recovered"], RUNS);
    check("none_failed", &["completed", "failed"], FAILED);
}

#[test]
fn x6_one_success() {
    check("one_success", &["completed", "failed"], RUNS);
    check("one_success", &["failed", "skipped", "completed"], RUNS);
    check("one_success", &["failed", "recovered"], RUNS);
    check("one_success", &["failed", "skipped"], FAILED);
    check("one_success", &["skipped", "skipped"], SKIPPED);
}

#[test]
fn x6_one_success_starts_as_soon_as_one_has_completed() {
    let ran = run(json!([
        {"step_id": "quick", "tool": "t", "parameters": {"ms": 10}},
        {"step_id": "slow", "tool": "t", "parameters": {"ms": 500}},
        {"step_id": "x", "tool": "t", "trigger_rule": "one_success", "dependencies": ["quick", "slow"]},
    ]));
    assert_eq!(ran.starts()[2], ("x".to_owned(), 10));
}

#[test]
fn x6_all_done_waits_for_the_last_one() {
    let ran = run(json!([
        {"step_id": "bad", "tool": "t", "parameters": {"ms": 10, "fail": "execution"}},
        {"step_id": "slow", "tool": "t", "parameters": {"ms": 500}},
        {"step_id": "x", "tool": "t", "trigger_rule": "all_done", "dependencies": ["bad", "slow"]},
        {"step_id": "y", "tool": "t", "dependencies": ["bad", "slow"]},
    ]));
    assert_eq!(ran.starts()[2], ("x".to_owned(), 500));
    assert_eq!(ran.told("y"), FAILED);
}

#[test]
fn guarded_references_order_but_do_not_judge() {
    let ran = run(json!([
        {"step_id": "bad", "tool": "t", "parameters": {"ms": 40, "fail": "execution"}},
        {"step_id": "x", "tool": "t", "parameters": {"out": "{{ default(results.bad.n, 'none') }}"}},
        {"step_id": "y", "tool": "t", "parameters": {"out": "{{ steps.bad.error }}"}},
    ]));
    assert_eq!((ran.output("x"), ran.output("y")), (json!("none"), json!("scripted execution")));
    assert_eq!(ran.starts()[1].1, 40, "they wait for it to settle");
}
