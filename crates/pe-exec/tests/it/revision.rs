//! Revising a run: what is kept, what runs again, and rebuilding from the journal.

use pe_exec::{Input, ReviseError};
use pe_model::{OrchestratorConfig, PlanStatus, StepStatus};
use serde_json::{Value, json};

use crate::support::{ByHand, valid};

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
    run.give(Input::Revise { plan, weights: Vec::new() });
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
    run.give(Input::Revise { plan: Box::new(valid(changed)), weights: Vec::new() });
    assert_eq!(run.events.len(), before);
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
