//! Readiness, parallelism, priority and data: cases X1, X2, X3, X4, X9, X12.

use pe_model::{OrchestratorConfig, PlanStatus};
use serde_json::json;

use crate::support::{run, run_with};

#[test]
fn x1_a_diamond_completes() {
    let ran = run(json!([
        {"step_id": "a", "tool": "t"},
        {"step_id": "b", "tool": "t", "dependencies": ["a"]},
        {"step_id": "c", "tool": "t", "dependencies": ["a"]},
        {"step_id": "d", "tool": "t", "dependencies": ["b", "c"]},
    ]));
    assert_eq!(ran.status(), PlanStatus::Completed);
    assert_eq!((ran.order().concat(), ran.end_ms()), ("abcd".to_owned(), 30));
}

#[test]
fn x2_independent_steps_run_together_up_to_the_bound() {
    let steps = |count: usize| -> serde_json::Value {
        (0..count)
            .map(|n| json!({"step_id": format!("s{n}"), "tool": "t", "parameters": {"ms": 200}}))
            .collect()
    };
    let ran = run(steps(3));
    assert_eq!((ran.end_ms(), ran.most_at_once()), (200, 3));
    let ran = run(steps(7));
    assert_eq!((ran.end_ms(), ran.most_at_once()), (600, 3), "never more than three at once");
    let config = OrchestratorConfig { max_parallel_steps: 5, ..OrchestratorConfig::default() };
    assert_eq!(run_with(steps(5), config).end_ms(), 200);
}

#[test]
fn x2_one_at_a_time_in_plan_order_without_parallelism() {
    let config = OrchestratorConfig { enable_parallel: false, ..OrchestratorConfig::default() };
    let ran = run_with(
        json!([
            {"step_id": "a", "tool": "t"},
            {"step_id": "b", "tool": "t", "complexity": 5},
            {"step_id": "c", "tool": "t"},
            {"step_id": "d", "tool": "t", "dependencies": ["c"]},
        ]),
        config,
    );
    assert_eq!((ran.order().concat(), ran.most_at_once()), ("abcd".to_owned(), 1));
}

#[test]
fn x3_there_is_no_level_barrier() {
    let ran = run(json!([
        {"step_id": "slow", "tool": "t", "parameters": {"ms": 1000}},
        {"step_id": "quick", "tool": "t", "parameters": {"ms": 10}},
        {"step_id": "next", "tool": "t", "dependencies": ["quick"]},
    ]));
    assert_eq!(ran.starts()[2], ("next".to_owned(), 10));
}

#[test]
fn the_longest_remaining_path_goes_first_and_ties_keep_plan_order() {
    let config = OrchestratorConfig { max_parallel_steps: 1, ..OrchestratorConfig::default() };
    let ran = run_with(
        json!([
            {"step_id": "short", "tool": "t"},
            {"step_id": "head", "tool": "t"},
            {"step_id": "tail", "tool": "t", "dependencies": ["head"], "complexity": 3},
            {"step_id": "tie", "tool": "t"},
        ]),
        config,
    );
    assert_eq!(ran.order(), ["head", "tail", "short", "tie"]);
}

#[test]
fn an_exclusive_resource_is_held_by_one_call_at_a_time() {
    let steps = |kind: &str, tool: &str| {
        json!([
            {"step_id": "a", "tool": tool, "step_type": kind},
            {"step_id": "b", "tool": tool, "step_type": kind},
            {"step_id": "c", "tool": "t"},
        ])
    };
    let ran = run(steps("normal", "exclusive"));
    assert_eq!(ran.starts(), [("a".into(), 0), ("c".into(), 0), ("b".into(), 10)]);
    let ran = run(steps("parallel", "exclusive"));
    assert_eq!(ran.end_ms(), 10, "the author asserts that reading beside others is safe");
    let ran = run(steps("parallel", "exclusive_once"));
    assert_eq!(ran.end_ms(), 20, "no assertion makes an effect safe");
}

#[test]
fn whoever_waits_for_a_resource_is_not_forgotten_when_the_first_in_line_has_failed() {
    let ran = run(json!([
        {"step_id": "l", "tool": "exclusive", "step_type": "loop", "loop_over": "[1, 2]", "loop_parallelism": 2,
         "complexity": 5, "parameters": {"fail": "execution"}},
        {"step_id": "other", "tool": "exclusive"},
    ]));
    assert_eq!((ran.told("l"), ran.told("other")), ("failed".into(), "completed".into()));
}

#[test]
fn x4_conditions_run_skip_or_fail() {
    let ran = run(json!([
        {"step_id": "a", "tool": "t"},
        {"step_id": "runs", "tool": "t", "step_type": "conditional", "condition": "len(results) > 0", "dependencies": ["a"]},
        {"step_id": "skips", "tool": "t", "step_type": "conditional", "condition": "len(results) > 99"},
        {"step_id": "fails", "tool": "t", "step_type": "conditional", "condition": "1/0 > 1"},
        {"step_id": "text", "tool": "t", "step_type": "conditional", "condition": "'yes'"},
        {"step_id": "python", "tool": "t", "step_type": "conditional", "condition": "True"},
        {"step_id": "after", "tool": "t", "dependencies": ["skips"]},
    ]));
    assert_eq!(ran.told("runs"), "completed");
    assert_eq!(ran.told("skips"), "skipped: condition_false");
    assert_eq!(ran.told("after"), "skipped: upstream_skipped");
    assert!(ran.error("fails").contains("division by zero"), "{}", ran.error("fails"));
    assert!(ran.error("fails").starts_with("validation: "));
    assert_eq!((ran.told("text"), ran.told("python")), ("failed".into(), "completed".into()));
    assert_eq!(ran.status(), PlanStatus::Failed);
}

#[test]
fn x4_a_condition_over_all_results_waits_for_what_is_listed_before() {
    let ran = run(json!([
        {"step_id": "a", "tool": "t", "parameters": {"ms": 50}},
        {"step_id": "all", "tool": "t", "step_type": "conditional", "condition": "len(results) > 0"},
        {"step_id": "later", "tool": "t", "parameters": {"ms": 500}},
    ]));
    assert_eq!(ran.told("all"), "completed");
    assert!(ran.starts().contains(&("all".to_owned(), 50)), "{:?}", ran.starts());
}

#[test]
fn x9_later_steps_get_outputs_with_their_types() {
    let ran = run(json!([
        {"step_id": "a", "tool": "t", "parameters": {"out": {"n": 1.5, "list": [1, {"x": null}], "text": "{{ '{{ results.zzz }} {{' }}"}}},
        {"step_id": "b", "tool": "t", "parameters": {"out": {
            "n": "{{ results.a.n }}", "list": "{{ results.a.list }}", "text": "{{ results.a.text }}",
            "inside": "n={{ results.a.n }} list={{ results.a.list }}"}}},
        {"step_id": "c", "tool": "t", "parameters": {"out": "{{ results.b.text }}"}},
    ]));
    assert_eq!(
        ran.output("b"),
        json!({"n": 1.5, "list": [1, {"x": null}], "text": "{{ results.zzz }} {{",
               "inside": "n=1.5 list=[1,{\"x\":null}]"})
    );
    assert_eq!(ran.output("c"), json!("{{ results.zzz }} {{"), "data is never a template");
}

#[test]
fn a_reference_implies_its_edge_and_a_missing_field_fails_the_step() {
    let ran = run(json!([
        {"step_id": "late", "tool": "t", "parameters": {"out": "{{ results.early.x }}"}},
        {"step_id": "early", "tool": "t", "parameters": {"out": {"x": 7}}},
        {"step_id": "wrong", "tool": "t", "parameters": {"out": "{{ results.early.y }}"}},
    ]));
    assert_eq!((ran.order()[0].as_str(), ran.output("late")), ("early", json!(7)));
    assert!(ran.error("wrong").starts_with("validation: parameters"), "{}", ran.error("wrong"));
}

#[test]
fn a_missing_tool_fails_its_step() {
    let ran = run(json!([{"step_id": "a", "tool": "absent"}, {"step_id": "b", "tool": "t"}]));
    assert_eq!(ran.error("a"), "not_found: there is no tool `absent`");
    assert_eq!((ran.told("b"), ran.status()), ("completed".into(), PlanStatus::Failed));
}

#[test]
fn x12_a_failed_run_leaves_no_step_pending_and_other_branches_go_on() {
    let steps = json!([
        {"step_id": "bad", "tool": "t", "parameters": {"fail": "execution"}},
        {"step_id": "child", "tool": "t", "dependencies": ["bad"]},
        {"step_id": "grandchild", "tool": "t", "dependencies": ["child"]},
        {"step_id": "slow", "tool": "t", "parameters": {"ms": 50}},
        {"step_id": "other", "tool": "t", "dependencies": ["slow"]},
    ]);
    let ran = run(steps.clone());
    assert_eq!(ran.told("child"), "skipped: upstream_failed");
    assert_eq!(ran.told("grandchild"), "skipped: upstream_skipped");
    assert_eq!((ran.told("other"), ran.status()), ("completed".into(), PlanStatus::Failed));

    let config = OrchestratorConfig { fail_fast: true, ..OrchestratorConfig::default() };
    let ran = run_with(steps, config);
    assert_eq!(ran.told("slow"), "completed", "running steps finish");
    assert_eq!(ran.told("other"), "skipped: fail_fast");
    assert_eq!((ran.end_ms(), ran.status()), (50, PlanStatus::Failed));
}

#[test]
fn a_long_chain_and_a_wide_fan_end() {
    let chain: serde_json::Value = (0..20_000)
        .map(|n: usize| {
            let before: Vec<String> =
                n.checked_sub(1).map(|n| format!("s{n}")).into_iter().collect();
            json!({"step_id": format!("s{n}"), "tool": "t", "dependencies": before})
        })
        .collect();
    let config = OrchestratorConfig { plan_timeout_ms: 0, ..OrchestratorConfig::default() };
    let ran = run_with(chain.clone(), config.clone());
    assert_eq!((ran.status(), ran.end_ms()), (PlanStatus::Completed, 200_000));
    let mut failing = chain;
    failing[0]["parameters"] = json!({"fail": "execution"});
    let ran = run_with(failing, config);
    assert_eq!(ran.told("s19999"), "skipped: upstream_skipped");
}
