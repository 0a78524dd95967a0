//! Every event in words.

use serde_json::{Value, json};

use super::*;

/// Narrates a run of `a` (a loop), `b` and `c` from the rest of its events.
fn narrate(rest: &[Value]) -> String {
    let plan = json!({"goal": "say\u{1b} it", "steps": [
        {"step_id": "a", "tool": "t", "step_type": "loop", "loop_count": 2},
        {"step_id": "b", "tool": "t"}, {"step_id": "c", "tool": "t"}]});
    let begin = json!({"type": "run_started", "plan": plan, "config": {}, "weights": [1, 1, 1],
        "seed": 1, "started_at": "2026-01-01T00:00:00Z"});
    let mut state = None;
    let mut narrator = Narrator::new(Box::new(|_| None));
    let mut lines = String::new();
    for (seq, kind) in std::iter::once(&begin).chain(rest).enumerate() {
        let mut event = json!({"format": 1, "run_id": "r", "seq": seq, "at_ms": seq * 10});
        event.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
        let event: Event = serde_json::from_value(event).unwrap();
        match &mut state {
            None => state = Some(RunState::begin(&event).unwrap()),
            Some(state) => state.apply(&event).unwrap(),
        }
        if let Some((tone, line)) = narrator.narrate(&event, state.as_ref().unwrap()) {
            lines += &format!("{tone:?}: {line}\n");
        }
    }
    lines
}

fn attempt(kind: &str, id: &str, iteration: u32, attempt: u32) -> Value {
    json!({"type": kind, "step_id": id, "generation": 0, "iteration": iteration,
        "attempt": attempt, "tool": "t", "effect": "read", "arguments": {}, "output": 1,
        "duration_ms": 1_500, "outcome": "known",
        "error": {"class": "network", "message": "refused\nby x"}})
}

fn step(kind: &str, id: &str, more: Value) -> Value {
    let mut event = json!({"type": kind, "step_id": id, "generation": 0});
    event.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
    event
}

#[test]
fn a_run_in_words() {
    let error = json!({"error": {"class": "execution", "message": "no"}});
    insta::assert_snapshot!(narrate(&[
        step("loop_started", "a", json!({"count": 2})),
        attempt("attempt_started", "a", 0, 1),
        attempt("attempt_succeeded", "a", 0, 1),
        attempt("attempt_started", "a", 1, 1),
        attempt("attempt_failed", "a", 1, 1),
        step("retry_scheduled", "a", json!({"iteration": 1, "delay_ms": 1_000})),
        attempt("attempt_started", "a", 1, 2),
        attempt("attempt_succeeded", "a", 1, 2),
        step("step_completed", "a", json!({})),
        step("step_waiting", "b", json!({"waiting_for": "consent", "calls": []})),
        step("step_approved", "b", json!({})),
        attempt("attempt_started", "b", 0, 1),
        attempt("attempt_failed", "b", 0, 1),
        step("step_failed", "b", error.clone()),
        attempt("attempt_started", "c", 0, 1),
        attempt("attempt_succeeded", "c", 0, 1),
        step("step_completed", "c", json!({})),
        step("step_recovered", "b", json!({"recovered_by": "c"})),
        json!({"type": "run_finished", "status": "completed"}),
    ]), @r"
    Faint: run r: say\u{1b} it (3 steps)
    Faint: a loops, 2 iterations at most
    Faint: a[0] started
    Faint: a[0] completed in 1.5 s
    Faint: a[1] started
    Caution: a[1] retries in 1.0 s after network: refused by x
    Faint: a[1] started (attempt 2)
    Faint: a[1] completed in 1.5 s
    Good: a completed in 70 ms
    Faint: b waits for consent
    Faint: b approved
    Faint: b started
    Bad: b failed: execution: no
    Faint: c started
    Good: c completed in 20 ms
    Caution: b recovered by c
    ");
}

#[test]
fn what_stops_a_run_in_words() {
    let error = json!({"iteration": 0, "error": {"class": "timeout", "message": "30 s"}});
    insta::assert_snapshot!(narrate(&[
        step("step_waiting", "a", json!({"waiting_for": "approval", "calls": []})),
        step("step_rejected", "a", json!({})),
        attempt("attempt_started", "b", 0, 1),
        step("step_in_doubt", "b", error),
        attempt("attempt_started", "c", 0, 1),
        json!({"type": "run_stopping", "cause": "interrupted"}),
        attempt("attempt_interrupted", "c", 0, 1),
        json!({"type": "run_finished", "status": "cancelled"}),
    ]), @r"
    Faint: run r: say\u{1b} it (3 steps)
    Faint: a waits for approval
    Caution: a rejected
    Faint: b started
    Bad: b is in doubt: timeout: 30 s
    Faint: c started
    Caution: stopping: interrupted
    Caution: c interrupted
    ");
}
