//! Revising a run: what is kept, what runs again, and rebuilding from the journal.

use pe_exec::{Input, ReviseError};
use pe_model::{OrchestratorConfig, PlanStatus, StepStatus};
use serde_json::{Value, json};

use crate::support::{ByHand, revision, valid};

fn steps() -> Value {
    json!([
        {"step_id": "a", "tool": "t"},
        {"step_id": "b", "tool": "t", "parameters": {"out": "{{ results.a }}"}},
        {"step_id": "bad", "tool": "t", "parameters": {"fail": "execution"}},
        {"step_id": "c", "tool": "t", "dependencies": ["b", "bad"]},
    ])
}

fn failed() -> ByHand {
    let mut run = ByHand::begin(valid(steps()), OrchestratorConfig::default());
    for id in ["a", "bad", "b"] {
        run.end(id);
    }
    assert_eq!(run.status(), PlanStatus::Failed);
    run
}

fn revise(run: &mut ByHand, steps: Value) {
    let plan = Box::new(valid(steps));
    assert_eq!(run.scheduler.check_revision(&plan), Ok(()));
    run.give(revision(*plan));
}

#[test]
fn completed_steps_are_kept_and_others_run_again() {
    let mut run = failed();
    let mut patched = steps();
    patched[2]["parameters"] = json!({});
    patched[0]["action"] = json!("new words change nothing");
    patched
        .as_array_mut()
        .unwrap()
        .push(json!({"step_id": "new", "tool": "t", "dependencies": ["a"]}));
    revise(&mut run, patched);
    assert_eq!(run.running_ids(), ["bad", "new"], "only what failed and what is new");
    assert_eq!(run.running[0].key.generation, 1);
    for id in ["bad", "new", "c"] {
        run.end(id);
    }
    assert_eq!((run.status(), run.scheduler.state().revisions), (PlanStatus::Completed, 1));
    assert_eq!(run.scheduler.state().step("a").unwrap().attempts(), 1);
}

#[test]
fn a_changed_step_and_its_descendants_run_again() {
    let mut run = failed();
    let mut patched = steps();
    patched[0]["parameters"] = json!({"out": 2});
    patched[2]["parameters"] = json!({});
    revise(&mut run, patched);
    assert_eq!(run.running_ids(), ["a", "bad"]);
    run.end("a");
    run.end("bad");
    run.end("b");
    assert_eq!(run.scheduler.state().step("b").unwrap().output.as_deref(), Some(&json!(2)));
}

#[test]
fn a_revision_waits_until_running_steps_have_ended_and_nothing_starts() {
    let mut run = ByHand::begin(valid(steps()), OrchestratorConfig::default());
    let mut patched = steps();
    patched[2]["parameters"] = json!({});
    revise(&mut run, patched);
    run.end("a");
    assert_eq!(run.running_ids(), ["bad"], "b is ready but does not start");
    run.end("bad");
    assert_eq!(run.running_ids(), ["b", "bad"]);
    assert_eq!(run.scheduler.state().step("bad").unwrap().generation, 1);
}

#[test]
fn a_step_in_doubt_may_not_be_touched() {
    let doubtful = json!([
        {"step_id": "a", "tool": "once", "parameters": {"fail": "network", "unknown": true}},
        {"step_id": "b", "tool": "t", "dependencies": ["a"]},
    ]);
    let mut run = ByHand::begin(valid(doubtful.clone()), OrchestratorConfig::default());
    run.end("a");
    let mut changed = doubtful.clone();
    changed[0]["parameters"] = json!({});
    let refused = Err(ReviseError::InDoubt { step_id: "a".into() });
    assert_eq!(run.scheduler.check_revision(&valid(changed.clone())), refused);
    let before = run.events.len();
    run.give(revision(valid(changed)));
    assert_eq!((run.events.len(), run.refused.len()), (before, 1), "refused aloud");
    let mut around = doubtful;
    around[1]["parameters"] = json!({"out": "new"});
    revise(&mut run, around);
    assert!(run.is("a", StepStatus::InDoubt));
}

#[test]
fn a_changed_fallback_takes_the_recovery_back() {
    let plan = |out: &str| {
        json!([
            {"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}},
            {"step_id": "f", "tool": "t", "step_type": "fallback", "fallback_for": "a", "parameters": {"out": out}},
            {"step_id": "z", "tool": "t", "parameters": {"out": "{{ results.a }}"}},
        ])
    };
    let mut run = ByHand::begin(valid(plan("one")), OrchestratorConfig::default());
    for id in ["a", "f", "z"] {
        run.end(id);
    }
    revise(&mut run, plan("two"));
    for id in ["a", "f", "z"] {
        run.end(id);
    }
    assert_eq!(run.scheduler.state().step("z").unwrap().output.as_deref(), Some(&json!("two")));
}

#[test]
fn a_step_that_goes_into_doubt_meanwhile_stops_the_revision() {
    let steps = json!([{"step_id": "m", "tool": "once", "timeout_ms": 1_000}]);
    let mut run = ByHand::begin(valid(steps.clone()), OrchestratorConfig::default());
    let mut changed = steps;
    changed[0]["parameters"] = json!({"x": 1});
    run.give_at(500, revision(valid(changed)));
    run.give_at(1_000, Input::Tick);
    assert!(run.is("m", StepStatus::InDoubt) && run.running.is_empty(), "nothing is made twice");
    assert_eq!(run.refused.len(), 1);
}

#[test]
fn a_new_fallback_that_is_not_needed_runs_nothing_again() {
    let mut run = ByHand::begin(
        valid(json!([
            {"step_id": "t", "tool": "once"},
            {"step_id": "bad", "tool": "t", "parameters": {"fail": "execution"}},
        ])),
        OrchestratorConfig::default(),
    );
    run.end("t");
    run.end("bad");
    revise(
        &mut run,
        json!([
            {"step_id": "t", "tool": "once"},
            {"step_id": "bad", "tool": "t"},
            {"step_id": "f", "tool": "t", "step_type": "fallback", "fallback_for": "t"},
        ]),
    );
    assert_eq!(run.running_ids(), ["bad"]);
    assert_eq!(run.scheduler.state().step("t").unwrap().generation, 0);
}

#[test]
fn a_loop_that_has_begun_ends_before_a_revision_is_in_force() {
    let steps = json!([
        {"step_id": "l", "tool": "once", "step_type": "loop", "loop_over": "[1, 2]"},
        {"step_id": "z", "tool": "t", "dependencies": ["l"]},
    ]);
    let mut run = ByHand::begin(valid(steps.clone()), OrchestratorConfig::default());
    let mut more = steps;
    more.as_array_mut().unwrap().push(json!({"step_id": "n", "tool": "t"}));
    revise(&mut run, more);
    run.end("l");
    assert_eq!(run.running_ids(), ["l"], "the second iteration, nothing else");
    run.end("l");
    assert_eq!(run.running_ids(), ["z", "n"]);
    let l = run.scheduler.state().step("l").unwrap();
    assert_eq!((l.generation, l.attempts()), (0, 2), "no effect happened twice");
}

#[test]
fn a_budget_counts_what_a_revision_has_reset() {
    let config = OrchestratorConfig {
        budget: pe_model::Budget { tool_calls: Some(2), ..pe_model::Budget::default() },
        ..OrchestratorConfig::default()
    };
    let plan = |out: u32| {
        json!([
            {"step_id": "a", "tool": "t", "parameters": {"out": out}},
            {"step_id": "bad", "tool": "t", "parameters": {"fail": "execution"}},
        ])
    };
    let mut run = ByHand::begin(valid(plan(1)), config);
    run.end("a");
    run.end("bad");
    revise(&mut run, plan(2));
    assert_eq!((run.running.len(), run.status()), (0, PlanStatus::Cancelled));
}
