//! What the frames say.

use pe_model::Event;
use serde_json::{Value, json};

use super::*;

fn state(steps: usize, rest: &[Value]) -> RunState {
    let all: Vec<Value> = (0..steps)
        .map(|n| json!({"step_id": format!("s{n}"), "tool": "t", "action": "do it"}))
        .collect();
    let begin = json!({"type": "run_started", "plan": {"steps": all}, "config": {},
        "weights": vec![1; steps], "seed": 1, "started_at": "2026-01-01T00:00:00Z"});
    let events: Vec<Event> = std::iter::once(&begin)
        .chain(rest)
        .enumerate()
        .map(|(seq, kind)| {
            let mut event = json!({"format": 1, "run_id": "r", "seq": seq, "at_ms": 100});
            event.as_object_mut().unwrap().extend(kind.as_object().unwrap().clone());
            serde_json::from_value(event).unwrap()
        })
        .collect();
    RunState::fold(&events).unwrap().unwrap()
}

fn attempt(kind: &str, id: &str, attempt: u32) -> Value {
    json!({"type": kind, "step_id": id, "generation": 0, "iteration": 0, "attempt": attempt,
        "tool": "t", "effect": "read", "arguments": {}, "outcome": "known", "duration_ms": 1,
        "output": 1, "error": {"class": "network", "message": "refused"}})
}

fn texts(state: &RunState, most: usize) -> Vec<String> {
    rows(state, 1_300, most).into_iter().map(|row| row.text).collect()
}

#[test]
fn running_steps_have_their_time_and_attempt() {
    let state = state(
        5,
        &[
            attempt("attempt_started", "s0", 1),
            attempt("attempt_started", "s1", 1),
            attempt("attempt_failed", "s1", 1),
            json!({"type": "retry_scheduled", "step_id": "s1", "generation": 0, "iteration": 0,
                "delay_ms": 4_200}),
            attempt("attempt_started", "s2", 1),
            attempt("attempt_succeeded", "s2", 1),
            json!({"type": "step_completed", "step_id": "s2", "generation": 0}),
            json!({"type": "step_waiting", "step_id": "s3", "generation": 0,
                "waiting_for": "consent", "calls": []}),
            json!({"type": "step_failed", "step_id": "s4", "generation": 0,
                "error": {"class": "execution", "message": "no"}}),
        ],
    );
    assert_eq!(
        texts(&state, 9),
        [
            "s0  1.2 s  do it",
            "s1  1.2 s, retries in 3.0 s  do it",
            "s3  waits for consent  do it",
            "2/5 finished, 1 failed, 1.3 s",
        ]
    );
}

#[test]
fn a_frame_is_never_higher_than_it_may_be() {
    let started: Vec<Value> =
        (0..40).map(|n| attempt("attempt_started", &format!("s{n}"), 1)).collect();
    let state = state(40, &started);
    for most in 2..10 {
        let texts = texts(&state, most);
        assert!(texts.len() <= most + 1, "{most}: {texts:?}");
    }
    assert!(texts(&state, 4).contains(&"and 37 more".to_owned()));
    assert_eq!(texts(&state, 60).len(), 41);
}
