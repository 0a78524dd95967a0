//! The simulation of a plan, and of real ones.

use pe_exec::simulate;
use serde_json::json;

use crate::support::valid;

#[test]
fn a_simulation_gives_makespan_bounds_and_schedule() {
    let plan = valid(json!([
        {"step_id": "a", "tool": "sleep", "parameters": {"duration_ms": 100}},
        {"step_id": "b", "tool": "t", "metadata": {"duration_ms": 50}},
        {"step_id": "c", "tool": "t", "complexity": 2, "dependencies": ["a"]},
        {"step_id": "spare", "tool": "sleep", "parameters": {"duration_ms": 9_000}, "step_type": "fallback", "fallback_for": "a"},
    ]));
    let simulation = serde_json::to_value(simulate(&plan, 2)).unwrap();
    assert_eq!(
        simulation,
        json!({
            "workers": 2, "makespan_ms": 2_100, "lower_bound_ms": 2_100, "critical_path_ms": 2_100,
            "work_ms": 2_150, "critical_path": ["a", "c"],
            "schedule": [
                {"step_id": "a", "start_ms": 0, "end_ms": 100},
                {"step_id": "b", "start_ms": 0, "end_ms": 50},
                {"step_id": "c", "start_ms": 100, "end_ms": 2_100},
            ],
        })
    );
    let one = simulate(&plan, 1);
    assert_eq!((one.makespan_ms, one.lower_bound_ms), (2_150, 2_150));
}

#[test]
fn a_simulation_evaluates_nothing_and_asks_nobody() {
    let plan = valid(json!([
        {"step_id": "a", "tool": "t", "approval": true, "parameters": {"x": "{{ 1/0 }}"}, "expect": "1/0 == 1"},
        {"step_id": "b", "tool": "t", "step_type": "conditional", "condition": "results.a.missing"},
        {"step_id": "c", "tool": "sleep", "step_type": "loop", "loop_count": 3, "parameters": {"duration_ms": 10}},
        {"step_id": "d", "tool": "t", "step_type": "loop", "loop_over": "results.a.items"},
    ]));
    let simulation = simulate(&plan, 3);
    assert_eq!((simulation.schedule.len(), simulation.makespan_ms), (4, 2_000));
    assert_eq!(simulation.work_ms, 3_030);
}
