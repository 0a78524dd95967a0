//! Retries, timeouts, post-conditions and effects: cases R1, R2 and X10.

use pe_exec::{Answer, Input};
use pe_model::{EventKind, OrchestratorConfig, PlanStatus, Resolution, StepStatus};
use serde_json::{Value, json};

use crate::support::{ByHand, Ran, run, valid};

fn step(tool: &str, parameters: Value, more: Value) -> Value {
    let mut step = json!({"step_id": "a", "tool": tool, "parameters": parameters});
    for (key, value) in more.as_object().unwrap() {
        step[key] = value.clone();
    }
    json!([step])
}

fn delays(ran: &Ran) -> Vec<u64> {
    let delay = |kind: &EventKind| match kind {
        EventKind::RetryScheduled { delay_ms, .. } => Some(*delay_ms),
        _ => None,
    };
    ran.0.events.iter().filter_map(|event| delay(&event.kind)).collect()
}

#[test]
fn r1_delays_follow_the_policy_and_jitter_stays_within_ten_percent() {
    let failing = json!({"fail": "network", "ms": 0});
    let exact = |retry: Value| delays(&run(step("t", failing.clone(), json!({"retry": retry}))));
    assert_eq!(exact(json!({"jitter": 0.0})), [1_000, 2_000, 4_000]);
    assert_eq!(exact(json!({"jitter": 0.0, "backoff": "linear"})), [1_000, 2_000, 3_000]);
    assert_eq!(exact(json!({"jitter": 0.0, "backoff": "constant"})), [1_000, 1_000, 1_000]);
    let jittered = exact(json!({}));
    assert_ne!(jittered, [1_000, 2_000, 4_000], "the default has jitter");
    for (delay, base) in jittered.iter().zip([1_000_u64, 2_000, 4_000]) {
        assert!(delay.abs_diff(base) <= base / 10, "{jittered:?}");
    }
}

#[test]
fn r2_what_is_worth_retrying_is_tried_one_plus_n_times() {
    for (class, attempts) in [
        ("network", 4),
        ("timeout", 4),
        ("rate_limit", 4),
        ("internal", 4),
        ("validation", 1),
        ("execution", 1),
        ("permission", 1),
        ("not_found", 1),
    ] {
        let ran = run(step("t", json!({"fail": class}), json!({})));
        assert_eq!(
            (ran.step("a").attempts(), ran.status()),
            (attempts, PlanStatus::Failed),
            "{class}"
        );
    }
    let ran = run(step("t", json!({"fail": "network"}), json!({"retry": {"max_retries": 1}})));
    assert_eq!(ran.step("a").attempts(), 2);
    let ran = run(step("t", json!({"fail": "network", "fails": 2}), json!({})));
    assert_eq!((ran.step("a").attempts(), ran.status()), (3, PlanStatus::Completed));
}

#[test]
fn r2_the_tool_may_overrule_the_class() {
    let ran = run(step("t", json!({"fail": "execution", "retryable": true}), json!({})));
    assert_eq!(ran.step("a").attempts(), 4);
    let ran = run(step("t", json!({"fail": "network", "retryable": false}), json!({})));
    assert_eq!(ran.step("a").attempts(), 1);
}

#[test]
fn r2_retry_after_is_honoured() {
    let ran = run(step(
        "t",
        json!({"fail": "rate_limit", "after": 45_000, "fails": 1, "ms": 0}),
        json!({"retry": {"jitter": 0.0}}),
    ));
    assert_eq!(delays(&ran), [45_000], "beyond the cap of our own delays");
    let ran = run(step(
        "t",
        json!({"fail": "rate_limit", "after": 1, "fails": 1}),
        json!({"retry": {"jitter": 0.0}}),
    ));
    assert_eq!(delays(&ran), [1_000], "never sooner than our own");
}

#[test]
fn r2_a_once_step_is_never_retried_after_an_unknown_outcome() {
    let ran = run(step("once", json!({"fail": "network", "unknown": true}), json!({})));
    assert_eq!((ran.step("a").attempts(), ran.told("a")), (1, "in_doubt".to_owned()));
    assert_eq!(ran.status(), PlanStatus::InDoubt);
    let ran = run(step("once", json!({"fail": "network"}), json!({})));
    assert_eq!(ran.step("a").attempts(), 4, "a known outcome may be tried again");
    let ran = run(step("idempotent", json!({"fail": "network", "unknown": true}), json!({})));
    assert_eq!((ran.step("a").attempts(), ran.status()), (4, PlanStatus::Failed));
}

#[test]
fn a_slot_is_free_while_a_retry_waits() {
    let config = OrchestratorConfig { max_parallel_steps: 1, ..OrchestratorConfig::default() };
    let steps = json!([
        {"step_id": "a", "tool": "t", "complexity": 5, "parameters": {"fail": "network", "fails": 1}, "retry": {"jitter": 0.0}},
        {"step_id": "b", "tool": "t", "parameters": {"ms": 500}},
    ]);
    let ran = crate::support::run_with(steps, config);
    assert_eq!(ran.starts(), [("a".into(), 0), ("b".into(), 10), ("a".into(), 1_010)]);
}

#[test]
fn x10_a_timeout_ends_the_attempt_and_is_retried() {
    let ran = run(step(
        "t",
        json!({"ms": 100}),
        json!({"timeout_ms": 60, "retry": {"max_retries": 1, "jitter": 0.0}}),
    ));
    assert!(ran.error("a").starts_with("timeout: no answer after 60 ms"), "{}", ran.error("a"));
    assert_eq!((ran.step("a").attempts(), ran.end_ms()), (2, 60 + 1_000 + 60));
    let ran = run(step("once", json!({"ms": 100}), json!({"timeout_ms": 60})));
    assert_eq!((ran.step("a").attempts(), ran.told("a")), (1, "in_doubt".to_owned()));
}

#[test]
fn the_deadline_of_a_failed_attempt_does_not_bring_its_retry_forward() {
    let ran = run(step(
        "t",
        json!({"ms": 10, "fail": "network", "fails": 1}),
        json!({"timeout_ms": 100, "retry": {"jitter": 0.0}}),
    ));
    assert_eq!(ran.starts(), [("a".into(), 0), ("a".into(), 1_010)]);
}

#[test]
fn a_default_timeout_applies() {
    let ran = run(step("t", json!({"ms": 31_000}), json!({"retry": {"max_retries": 0}})));
    assert_eq!((ran.end_ms(), ran.status()), (30_000, PlanStatus::Failed));
}

#[test]
fn x10_the_plan_timeout_ends_the_run_resumable() {
    let config = OrchestratorConfig { plan_timeout_ms: 150, ..OrchestratorConfig::default() };
    let steps = json!([
        {"step_id": "a", "tool": "t", "parameters": {"ms": 100}},
        {"step_id": "b", "tool": "t", "parameters": {"ms": 100}, "dependencies": ["a"]},
        {"step_id": "c", "tool": "t", "dependencies": ["b"]},
    ]);
    let ran = crate::support::run_with(steps, config);
    assert_eq!((ran.status(), ran.end_ms()), (PlanStatus::Cancelled, 150));
    assert_eq!(ran.told("a"), "completed");
    assert_eq!(
        (ran.told("b"), ran.told("c")),
        ("pending: timeout".into(), "pending: timeout".into())
    );
}

#[test]
fn a_false_expectation_is_a_validation_failure() {
    let ran = run(step("t", json!({"out": {"n": 3}}), json!({"expect": "result.n > 5"})));
    assert_eq!(ran.error("a"), "validation: the output does not meet `expect`: `result.n > 5`");
    assert_eq!(ran.step("a").attempts(), 1);
    let ran = run(step("t", json!({"out": {"n": 3}}), json!({"expect": "result.n == 3"})));
    assert_eq!(ran.status(), PlanStatus::Completed);
    let ran = run(step("t", json!({}), json!({"expect": "result.nothing"})));
    assert!(ran.error("a").starts_with("validation: expect: "), "{}", ran.error("a"));
}

fn in_doubt() -> ByHand {
    let plan = valid(json!([
        {"step_id": "a", "tool": "once", "parameters": {"fail": "network", "unknown": true}},
        {"step_id": "b", "tool": "t", "parameters": {"out": "{{ results.a }}"}},
        {"step_id": "f", "tool": "t", "step_type": "fallback", "fallback_for": "a", "parameters": {"out": "from f"}},
        {"step_id": "other", "tool": "t"},
    ]));
    let mut run = ByHand::begin(plan, OrchestratorConfig::default());
    run.end("a");
    assert!(run.is("a", StepStatus::InDoubt) && run.is("b", StepStatus::Pending));
    run.end("other");
    assert!(run.scheduler.is_stalled(), "dependents wait, other branches finish");
    run.give(Input::Pause);
    assert_eq!((run.status(), run.told("b")), (PlanStatus::InDoubt, "pending: in_doubt".into()));
    run
}

fn resolve(resolution: Resolution) -> ByHand {
    let mut run = in_doubt();
    run.give(Input::Answer(Answer::Resolve {
        step_id: "a".into(),
        generation: 0,
        iteration: 0,
        attempt: 1,
        resolution,
    }));
    run
}

#[test]
fn a_step_in_doubt_is_resolved_as_done() {
    let mut run = resolve(Resolution::Done { output: json!("by hand").into() });
    assert_eq!(run.told("a"), "completed");
    run.end("b");
    assert_eq!(
        (run.told("f"), run.status()),
        ("skipped: not_needed".into(), PlanStatus::Completed)
    );
    let b = run.scheduler.state().step("b").unwrap();
    assert_eq!(b.output.as_deref(), Some(&json!("by hand")));
}

#[test]
fn a_step_in_doubt_is_resolved_as_failed_and_its_fallback_runs() {
    let mut run = resolve(Resolution::Failed);
    assert_eq!(run.running_ids(), ["f"]);
    run.end("f");
    run.end("b");
    assert_eq!(
        (run.told("a"), run.status()),
        ("failed recovered by f".into(), PlanStatus::Completed)
    );
}

#[test]
fn a_step_in_doubt_is_resolved_by_a_new_attempt() {
    let mut run = resolve(Resolution::Retry);
    assert_eq!((run.running_ids(), run.running[0].key.attempt), (vec!["a"], 2));
    run.end("a");
    assert!(run.is("a", StepStatus::InDoubt), "and it can be in doubt again");
}

#[test]
fn an_outcome_that_comes_too_late_is_ignored() {
    let plan = valid(step("t", json!({}), json!({"timeout_ms": 50, "retry": {"max_retries": 0}})));
    let mut run = ByHand::begin(plan, OrchestratorConfig::default());
    let late = run.running[0].key.clone();
    run.give_at(50, Input::Tick);
    assert_eq!(run.cancelled, ["a"]);
    let before = run.events.len();
    run.give_at(60, Input::AttemptSucceeded { key: late, output: json!(1).into() });
    assert_eq!((run.events.len(), run.told("a")), (before, "failed".to_owned()));
}
