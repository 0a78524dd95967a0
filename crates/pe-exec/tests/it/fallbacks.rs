//! Fallbacks: case X8.

use pe_model::{PlanStatus, RunReport, Usage};
use serde_json::json;

use crate::support::run;

#[test]
fn x8_a_fallback_stands_in_for_a_step_that_failed_for_good() {
    let ran = run(json!([
        {"step_id": "a", "tool": "t", "parameters": {"fail": "network"}, "retry": {"max_retries": 2, "jitter": 0.0}},
        {"step_id": "b", "tool": "t", "step_type": "fallback", "fallback_for": "a", "parameters": {"out": "plan b"}},
        {"step_id": "c", "tool": "t", "parameters": {"out": "got {{ results.a }}"}},
    ]));
    assert_eq!(ran.told("a"), "failed recovered by b");
    assert_eq!(ran.step("a").attempts(), 3, "its retries are used up first");
    assert_eq!((ran.output("a"), ran.output("c")), (json!("plan b"), json!("got plan b")));
    let report = RunReport::new(&ran.0.state, String::new(), "file", Usage::none());
    assert!(report.success);
    let counts = (report.steps_completed, report.steps_recovered, report.steps_failed);
    assert_eq!(counts, (2, 1, 0));
    assert_eq!(report.results["a"], json!("plan b"));
}

#[test]
fn x8_a_fallback_that_is_not_needed_is_skipped() {
    let ran = run(json!([
        {"step_id": "a", "tool": "t"},
        {"step_id": "b", "tool": "t", "step_type": "fallback", "fallback_for": "a"},
        {"step_id": "no", "tool": "t", "step_type": "conditional", "condition": "results.a == 'x'"},
        {"step_id": "d", "tool": "t", "step_type": "fallback", "fallback_for": "no"},
    ]));
    assert_eq!(
        (ran.told("b"), ran.told("d")),
        ("skipped: not_needed".into(), "skipped: not_needed".into())
    );
    assert_eq!(ran.status(), PlanStatus::Completed);
}

#[test]
fn x8_several_are_tried_in_plan_order() {
    let ran = run(json!([
        {"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}},
        {"step_id": "first", "tool": "t", "step_type": "fallback", "fallback_for": "a", "parameters": {"fail": "execution"}},
        {"step_id": "second", "tool": "t", "step_type": "fallback", "fallback_for": "a"},
        {"step_id": "third", "tool": "t", "step_type": "fallback", "fallback_for": "a"},
        {"step_id": "after", "tool": "t", "dependencies": ["first"]},
    ]));
    assert_eq!(ran.order(), ["a", "first", "second", "after"]);
    assert_eq!(ran.told("a"), "failed recovered by second");
    assert_eq!(ran.told("first"), "failed recovered by second", "it counts as recovered");
    assert_eq!(
        (ran.told("third"), ran.status()),
        ("skipped: not_needed".into(), PlanStatus::Completed)
    );
}

#[test]
fn x8_one_that_its_own_dependencies_skip_hands_on_to_the_next() {
    let ran = run(json!([
        {"step_id": "bad", "tool": "t", "parameters": {"fail": "execution"}},
        {"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}},
        {"step_id": "first", "tool": "t", "step_type": "fallback", "fallback_for": "a", "dependencies": ["bad"]},
        {"step_id": "second", "tool": "t", "step_type": "fallback", "fallback_for": "a", "dependencies": ["a"]},
    ]));
    assert_eq!(ran.told("first"), "skipped: upstream_failed");
    assert_eq!(ran.told("a"), "failed recovered by second", "its target is no dependency");
    assert_eq!(ran.status(), PlanStatus::Failed, "nothing recovered `bad`");
}

#[test]
fn x8_a_fallback_may_have_a_fallback() {
    let ran = run(json!([
        {"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}},
        {"step_id": "b", "tool": "t", "step_type": "fallback", "fallback_for": "a", "parameters": {"fail": "execution"}},
        {"step_id": "c", "tool": "t", "step_type": "fallback", "fallback_for": "b", "parameters": {"out": 3}},
        {"step_id": "d", "tool": "t", "parameters": {"out": "{{ results.a }}"}},
    ]));
    assert_eq!(
        (ran.told("b"), ran.told("a")),
        ("failed recovered by c".into(), "failed recovered by b".into())
    );
    assert_eq!((ran.output("d"), ran.status()), (json!(3), PlanStatus::Completed));
}

#[test]
fn x8_when_all_fail_the_step_is_failed_and_so_are_they() {
    let ran = run(json!([
        {"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}},
        {"step_id": "b", "tool": "t", "step_type": "fallback", "fallback_for": "a", "parameters": {"fail": "timeout"}, "retry": {"max_retries": 0}},
        {"step_id": "c", "tool": "t", "step_type": "fallback", "fallback_for": "b", "parameters": {"fail": "execution"}},
        {"step_id": "d", "tool": "t", "dependencies": ["a"]},
        {"step_id": "e", "tool": "t", "dependencies": ["b"], "trigger_rule": "all_done"},
    ]));
    assert_eq!(ran.told("d"), "skipped: upstream_failed");
    assert_eq!((ran.told("e"), ran.status()), ("completed".into(), PlanStatus::Failed));
    let report = RunReport::new(&ran.0.state, String::new(), "file", Usage::none());
    assert_eq!((report.steps_failed, report.errors.len(), report.success), (3, 3, false));
}

#[test]
fn x8_a_fallback_sees_how_its_target_failed() {
    let ran = run(json!([
        {"step_id": "a", "tool": "t", "parameters": {"fail": "not_found"}},
        {"step_id": "b", "tool": "t", "step_type": "fallback", "fallback_for": "a",
         "parameters": {"out": "because: {{ steps.a.error }}"}},
    ]));
    assert_eq!(ran.output("a"), json!("because: scripted not_found"));
}

#[test]
fn a_long_chain_of_fallbacks_does_not_overflow_the_stack() {
    let steps: serde_json::Value = (0..5_000)
        .map(|n: usize| {
            let mut step = json!({"step_id": format!("s{n}"), "tool": "t", "parameters": {"fail": "execution", "ms": 0}});
            if n > 0 {
                step["step_type"] = json!("fallback");
                step["fallback_for"] = json!(format!("s{}", n - 1));
            }
            if n == 4_999 {
                step["parameters"] = json!({"out": "at last"});
            }
            step
        })
        .collect();
    let ran = run(steps);
    assert_eq!((ran.output("s0"), ran.status()), (json!("at last"), PlanStatus::Completed));
}

#[test]
fn the_fallbacks_of_a_fallback_that_is_not_needed_are_not_needed_either() {
    let ran = run(json!([
        {"step_id": "a", "tool": "t"},
        {"step_id": "b", "tool": "t", "step_type": "fallback", "fallback_for": "a"},
        {"step_id": "c", "tool": "t", "step_type": "fallback", "fallback_for": "b"},
    ]));
    assert_eq!(
        (ran.told("b"), ran.told("c")),
        ("skipped: not_needed".into(), "skipped: not_needed".into())
    );
    assert_eq!(ran.status(), PlanStatus::Completed);
}
