//! Stopping early: cases X12 and X13 as far as the scheduler decides them.

use pe_exec::{GRACE_MS, Input};
use pe_model::{Budget, OrchestratorConfig, PlanStatus, StopCause};
use serde_json::json;

use crate::support::{ByHand, run_with, valid};

fn interrupted(grace_ms: u64) -> ByHand {
    let plan = valid(json!([
        {"step_id": "pure", "tool": "t"},
        {"step_id": "once", "tool": "once"},
        {"step_id": "next", "tool": "t", "dependencies": ["pure"]},
        {"step_id": "spare", "tool": "t", "step_type": "fallback", "fallback_for": "next"},
    ]));
    let mut run = ByHand::begin(plan, OrchestratorConfig::default());
    run.give_at(10, Input::Cancel { cause: StopCause::Interrupted, grace_ms: Some(grace_ms) });
    run
}

#[test]
fn x13_running_steps_may_end_within_the_grace_period_and_nothing_starts() {
    let mut run = interrupted(GRACE_MS);
    run.end("pure");
    assert!(run.running_ids() == ["once"] && run.status() == PlanStatus::Running);
    run.end("once");
    assert_eq!((run.told("pure"), run.told("once")), ("completed".into(), "completed".into()));
    assert_eq!(run.status(), PlanStatus::Cancelled);
    assert_eq!(run.told("next"), "pending: interrupted");
}

#[test]
fn x13_after_the_grace_period_attempts_are_dropped() {
    let mut run = interrupted(GRACE_MS);
    assert_eq!(run.scheduler.next_wake(), Some(10 + GRACE_MS));
    run.give_at(10 + GRACE_MS, Input::Tick);
    assert_eq!(run.cancelled, ["pure", "once"]);
    assert_eq!(
        (run.told("pure"), run.told("once")),
        ("pending: interrupted".into(), "in_doubt".into())
    );
    assert_eq!(run.status(), PlanStatus::Cancelled);
}

#[test]
fn x13_a_second_stop_is_immediate() {
    let mut run = interrupted(GRACE_MS);
    run.give_at(20, Input::Cancel { cause: StopCause::Interrupted, grace_ms: Some(0) });
    assert_eq!((run.running.len(), run.status()), (0, PlanStatus::Cancelled));
}

#[test]
fn a_run_whose_last_steps_end_within_the_grace_period_is_complete() {
    let plan = valid(json!([{"step_id": "a", "tool": "t"}]));
    let mut run = ByHand::begin(plan, OrchestratorConfig::default());
    run.give(Input::Cancel { cause: StopCause::Interrupted, grace_ms: Some(GRACE_MS) });
    run.end("a");
    assert_eq!(run.status(), PlanStatus::Completed);
}

#[test]
fn a_retry_that_is_pending_when_the_run_stops_stays_pending() {
    let plan = valid(json!([{"step_id": "a", "tool": "t", "parameters": {"fail": "network"}}]));
    let mut run = ByHand::begin(plan, OrchestratorConfig::default());
    run.give(Input::Cancel { cause: StopCause::Interrupted, grace_ms: Some(GRACE_MS) });
    run.end("a");
    assert_eq!(
        (run.told("a"), run.status()),
        ("pending: interrupted".into(), PlanStatus::Cancelled)
    );
}

#[test]
fn a_budget_of_tool_calls_is_a_hard_stop() {
    let config = OrchestratorConfig {
        budget: Budget { tool_calls: Some(2), ..Budget::default() },
        ..OrchestratorConfig::default()
    };
    let steps = json!([
        {"step_id": "a", "tool": "t"},
        {"step_id": "b", "tool": "t", "dependencies": ["a"]},
        {"step_id": "c", "tool": "t", "dependencies": ["b"]},
    ]);
    let ran = run_with(steps.clone(), config.clone());
    assert_eq!((ran.starts().len(), ran.status()), (2, PlanStatus::Cancelled));
    assert_eq!((ran.told("b"), ran.told("c")), ("completed".into(), "pending: budget".into()));
    let enough =
        OrchestratorConfig { budget: Budget { tool_calls: Some(3), ..config.budget }, ..config };
    assert_eq!(run_with(steps, enough).status(), PlanStatus::Completed);
}

#[test]
fn the_plan_timeout_holds_while_a_budget_lets_running_steps_end() {
    let config = OrchestratorConfig {
        plan_timeout_ms: 500,
        budget: Budget { tool_calls: Some(1), ..Budget::default() },
        ..OrchestratorConfig::default()
    };
    let ran = run_with(
        json!([
            {"step_id": "a", "tool": "t", "parameters": {"ms": 3_000}},
            {"step_id": "b", "tool": "t"},
        ]),
        config,
    );
    assert_eq!((ran.end_ms(), ran.told("a")), (500, "pending: timeout".into()));
}

#[test]
fn an_outcome_beats_a_stop_and_a_deadline_that_come_with_it() {
    let steps = json!([{"step_id": "a", "tool": "once", "timeout_ms": 100}, {"step_id": "b", "tool": "once", "timeout_ms": 100}]);
    let outcome = |run: &ByHand, at: usize| Input::AttemptSucceeded {
        key: run.running[at].key.clone(),
        output: json!(1).into(),
    };
    let mut run = ByHand::begin(valid(steps), OrchestratorConfig::default());
    let stop = Input::Cancel { cause: StopCause::Interrupted, grace_ms: Some(0) };
    let inputs = [stop, outcome(&run, 0), outcome(&run, 1)];
    let turn = run.scheduler.handle_all(inputs, 100);
    assert!(turn.commands.is_empty());
    assert_eq!((run.told("a"), run.told("b")), ("completed".into(), "completed".into()));
    assert_eq!(run.status(), PlanStatus::Completed);
}
