//! Loops: case X7.

use pe_model::{OrchestratorConfig, PlanStatus};
use serde_json::{Value, json};

use crate::support::{Ran, run, run_with};

fn iterations(ran: &Ran, id: &str) -> Vec<Value> {
    ran.step(id).iteration_outputs().map(|output| (**output).clone()).collect()
}

#[test]
fn x7_count_repeats_and_gives_the_last_output() {
    let ran = run(json!([
        {"step_id": "l", "tool": "t", "step_type": "loop", "loop_count": 3,
         "parameters": {"out": "{{ index }}/{{ iteration }}"}},
        {"step_id": "after", "tool": "t", "parameters": {"out": "{{ steps.l.iterations }}"}, "dependencies": ["l"]},
    ]));
    assert_eq!(ran.output("l"), json!("2/3"));
    assert_eq!(ran.output("after"), json!(["0/1", "1/2", "2/3"]));
    assert_eq!((ran.step("l").attempts(), ran.end_ms()), (3, 40));
}

#[test]
fn x7_over_keeps_the_order_of_the_elements() {
    let over = |parallelism: u32| {
        run_with(
            json!([
                {"step_id": "list", "tool": "t", "parameters": {"out": [30, 10, 20, 5]}},
                {"step_id": "l", "tool": "t", "step_type": "loop", "loop_over": "results.list",
                 "loop_parallelism": parallelism,
                 "parameters": {"ms": "{{ item }}", "out": {"item": "{{ item }}", "at": "{{ index }}"}}},
            ]),
            OrchestratorConfig { max_parallel_steps: 3, ..OrchestratorConfig::default() },
        )
    };
    let expected = json!([
        {"item": 30, "at": 0}, {"item": 10, "at": 1}, {"item": 20, "at": 2}, {"item": 5, "at": 3}]);
    for (parallelism, end, at_once) in [(1, 75, 1), (2, 45, 2), (9, 40, 3)] {
        let ran = over(parallelism);
        assert_eq!(ran.output("l"), expected);
        assert_eq!((ran.end_ms(), ran.most_at_once()), (end, at_once), "{parallelism} at a time");
    }
}

#[test]
fn x7_an_empty_list_completes_with_an_empty_list() {
    let ran = run(json!([
        {"step_id": "l", "tool": "t", "step_type": "loop", "loop_over": "[]", "parameters": {"out": 1}},
        {"step_id": "after", "tool": "t", "dependencies": ["l"], "parameters": {"out": "{{ results.l }}"}},
    ]));
    assert_eq!((ran.output("after"), ran.step("l").attempts()), (json!([]), 0));
}

#[test]
fn x7_until_ends_when_true_and_fails_when_never() {
    let until = |condition: &str| {
        run(json!([{"step_id": "l", "tool": "t", "step_type": "loop", "loop_count": 4,
            "loop_until": condition, "parameters": {"out": {"n": "{{ index }}"}}}]))
    };
    let ran = until("result.n >= 2 and iteration == 3");
    assert_eq!((ran.output("l"), ran.step("l").attempts()), (json!({"n": 2}), 3));
    let ran = until("result.n > 99");
    assert_eq!(ran.error("l"), "validation: loop_until was not true after 4 iterations");
    let ran = until("result.missing");
    assert!(ran.error("l").starts_with("validation: loop_until: "), "{}", ran.error("l"));
    assert_eq!(ran.step("l").attempts(), 1);
}

#[test]
fn x7_stops_at_the_first_failure_and_keeps_what_is_there() {
    let ran = run(json!([
        {"step_id": "l", "tool": "t", "step_type": "loop", "loop_over": "[1, 2, 0, 3]",
         "parameters": {"out": "{{ 6 / item }}"}},
        {"step_id": "after", "tool": "t", "trigger_rule": "all_done", "dependencies": ["l"],
         "parameters": {"out": "{{ steps.l.iterations }}"}},
    ]));
    assert!(ran.error("l").contains("division by zero"), "{}", ran.error("l"));
    assert_eq!(iterations(&ran, "l"), [json!(6.0), json!(3.0)]);
    assert_eq!((ran.output("after"), ran.status()), (json!([6.0, 3.0]), PlanStatus::Failed));
}

#[test]
fn x7_running_iterations_finish_after_a_failure_and_none_starts() {
    let ran = run(json!([{"step_id": "l", "tool": "t", "step_type": "loop", "loop_parallelism": 2,
        "loop_over": "[{'ms': 10, 'fail': 'execution'}, {'ms': 30}, {'ms': 5}]",
        "parameters": {"ms": "{{ item.ms }}", "fail": "{{ default(item.fail, 'network') }}",
                       "fails": "{{ 1 if exists(item.fail) else 0 }}"}}]));
    assert_eq!(ran.step("l").attempts(), 2, "the third iteration never starts");
    assert_eq!((ran.error("l").as_str(), ran.end_ms()), ("execution: scripted execution", 30));
}

#[test]
fn x7_retries_and_expectations_are_per_iteration() {
    let ran = run(json!([{"step_id": "l", "tool": "t", "step_type": "loop", "loop_count": 2,
        "retry": {"jitter": 0.0}, "expect": "result == iteration",
        "parameters": {"fail": "network", "fails": 1, "out": "{{ iteration }}"}}]));
    assert_eq!((ran.step("l").attempts(), ran.status()), (4, PlanStatus::Completed));
    assert_eq!(ran.end_ms(), 2 * (10 + 1_000 + 10), "each iteration has its own first retry");
}

#[test]
fn a_list_that_is_none_or_too_long_fails_the_step() {
    let ran = run(json!([
        {"step_id": "a", "tool": "t", "step_type": "loop", "loop_over": "'text'"},
        {"step_id": "many", "tool": "t", "parameters": {"out": vec![0; 10_001]}},
        {"step_id": "b", "tool": "t", "step_type": "loop", "loop_over": "results.many"},
    ]));
    assert_eq!(ran.error("a"), "validation: loop_over must give a list, found a string");
    assert!(ran.error("b").contains("10001 elements, more than 10000"), "{}", ran.error("b"));
}
