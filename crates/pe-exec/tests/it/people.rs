//! Consent and approval.

use pe_exec::{Answer, Input};
use pe_model::{EventKind, OrchestratorConfig, PlanStatus, WaitingFor};
use serde_json::json;

use crate::support::{ByHand, revision, run, run_with, valid};

fn asked() -> ByHand {
    let plan = valid(json!([
        {"step_id": "who", "tool": "t", "parameters": {"out": "world"}},
        {"step_id": "a", "tool": "t", "approval": true, "parameters": {"out": "hello {{ results.who }}"}},
        {"step_id": "spare", "tool": "t", "step_type": "fallback", "fallback_for": "a"},
        {"step_id": "after", "tool": "t", "dependencies": ["a"]},
        {"step_id": "other", "tool": "t", "dependencies": ["who"]},
    ]));
    let config = OrchestratorConfig { max_parallel_steps: 1, ..OrchestratorConfig::default() };
    let mut run = ByHand::begin(plan, config);
    run.end("who");
    assert_eq!((run.told("a"), run.running_ids()), ("waiting: approval".into(), vec!["other"]));
    run
}

#[test]
fn a_waiting_step_holds_no_slot_and_shows_its_call() {
    let run = asked();
    let calls = run.events.iter().find_map(|event| match &event.kind {
        EventKind::StepWaiting { calls, waiting_for: WaitingFor::Approval, .. } => Some(calls),
        _ => None,
    });
    assert_eq!(calls.unwrap()[0].arguments["out"], json!("hello world"));
}

#[test]
fn an_approved_step_runs() {
    let mut run = asked();
    run.give(Input::Answer(Answer::Approve { step_id: "a".into(), generation: 0 }));
    run.end("other");
    run.end("a");
    run.end("after");
    assert_eq!(run.status(), PlanStatus::Completed);
}

#[test]
fn a_rejected_step_fails_without_retry_or_fallback() {
    let mut run = asked();
    run.give(Input::Answer(Answer::Reject { step_id: "a".into(), generation: 0 }));
    assert_eq!(
        (run.told("a"), run.told("spare")),
        ("failed".into(), "skipped: upstream_failed".into())
    );
    let error = run.scheduler.state().step("a").unwrap().error.clone().unwrap();
    assert_eq!(error.to_string(), "permission: rejected by a person");
    run.end("other");
    assert_eq!(
        (run.told("after"), run.status()),
        ("skipped: upstream_failed".into(), PlanStatus::Failed)
    );
}

#[test]
fn nobody_there_leaves_the_run_waiting_and_an_answer_reopens_it() {
    let mut run = asked();
    assert!(!run.scheduler.is_stalled());
    run.end("other");
    assert!(run.scheduler.is_stalled());
    run.give(Input::Pause);
    assert_eq!((run.status(), run.told("after")), (PlanStatus::Waiting, "pending: waiting".into()));
    run.give(Input::Answer(Answer::Approve { step_id: "a".into(), generation: 0 }));
    assert_eq!((run.status(), run.running_ids()), (PlanStatus::Running, vec!["a"]));
}

#[test]
fn waiting_is_not_counted_against_the_plan_timeout() {
    let config = OrchestratorConfig { plan_timeout_ms: 100, ..OrchestratorConfig::default() };
    let plan = valid(json!([{"step_id": "a", "tool": "t", "approval": true}]));
    let mut run = ByHand::begin(plan, config);
    assert_eq!(run.scheduler.next_wake(), None);
    run.give_at(1_000_000, Input::Answer(Answer::Approve { step_id: "a".into(), generation: 0 }));
    assert_eq!(run.scheduler.next_wake(), Some(1_000_100));
    run.end("a");
    assert_eq!(run.status(), PlanStatus::Completed);
}

#[test]
fn a_call_that_needs_consent_waits_for_it_and_a_loop_shows_its_calls() {
    let ran = run(json!([{"step_id": "l", "tool": "asks", "step_type": "loop",
        "loop_over": "[1, 2]", "parameters": {"out": "{{ item }}"}}]));
    assert_eq!((ran.told("l"), ran.status()), ("waiting: consent".into(), PlanStatus::Waiting));
    assert_eq!(ran.step("l").pending_calls.len(), 2);
    assert!(ran.starts().is_empty(), "nothing was executed");
}

#[test]
fn fail_fast_does_not_leave_a_step_waiting() {
    let config = OrchestratorConfig { fail_fast: true, ..OrchestratorConfig::default() };
    let ran = run_with(
        json!([
            {"step_id": "a", "tool": "t", "approval": true},
            {"step_id": "bad", "tool": "t", "parameters": {"fail": "execution"}},
        ]),
        config,
    );
    assert_eq!((ran.told("a"), ran.status()), ("skipped: fail_fast".into(), PlanStatus::Failed));
}

#[test]
fn the_call_that_was_asked_about_is_the_call_that_is_made() {
    let plan = valid(json!([
        {"step_id": "a", "tool": "t", "approval": true, "parameters": {"out": "{{ len(results) }} done"}},
        {"step_id": "later", "tool": "t"},
    ]));
    let mut run = ByHand::begin(plan, OrchestratorConfig::default());
    run.end("later");
    run.give(Input::Answer(Answer::Approve { step_id: "a".into(), generation: 0 }));
    assert_eq!(run.running[0].arguments["out"], json!("0 done"), "as it was shown");
}

#[test]
fn a_call_that_was_allowed_and_has_become_another_one_is_asked_about() {
    // `b` is allowed as long as nothing is done, waits for the slot, and is another call then.
    let config = OrchestratorConfig { max_parallel_steps: 1, ..OrchestratorConfig::default() };
    let ran = run_with(
        json!([
            {"step_id": "b", "tool": "asks_unless_safe",
             "parameters": {"safe": "{{ len(results) == 0 }}"}},
            {"step_id": "a", "tool": "t", "complexity": 5},
        ]),
        config,
    );
    assert_eq!(ran.order(), ["a"]);
    assert_eq!((ran.status(), ran.told("b")), (PlanStatus::Waiting, "waiting: consent".into()));
    assert_eq!(ran.step("b").pending_calls[0].arguments["safe"], false, "as it would be made");
}

#[test]
fn an_answer_to_another_question_is_refused_aloud() {
    let mut run = asked();
    run.give(Input::Answer(Answer::Approve { step_id: "a".into(), generation: 1 }));
    run.give(Input::Answer(Answer::Reject { step_id: "other".into(), generation: 0 }));
    assert_eq!((run.refused.len(), run.told("a")), (2, "waiting: approval".to_owned()));
}

#[test]
fn a_run_that_was_stopped_and_goes_on_forgets_no_step() {
    let plan = valid(json!([
        {"step_id": "a", "tool": "t"},
        {"step_id": "b", "tool": "t", "dependencies": ["a"]},
        {"step_id": "c", "tool": "t", "approval": true},
    ]));
    let mut run = ByHand::begin(plan, OrchestratorConfig::default());
    run.give(Input::Cancel { cause: pe_model::StopCause::Interrupted, grace_ms: Some(5_000) });
    run.end("a");
    assert_eq!(
        (run.status(), run.told("b")),
        (PlanStatus::Cancelled, "pending: interrupted".into())
    );
    run.give(Input::Answer(Answer::Approve { step_id: "c".into(), generation: 0 }));
    run.give_at(6_000, Input::Tick);
    assert_eq!(run.running_ids(), ["b", "c"], "and no deadline of before holds");
    run.end("b");
    run.end("c");
    assert_eq!(run.status(), PlanStatus::Completed);
}

/// Two steps that ask, of which the second fails once it was approved.
fn approved() -> (ByHand, serde_json::Value) {
    let steps = json!([
        {"step_id": "a", "tool": "t", "approval": true, "parameters": {"out": "{{ goal }}"},
            "expect": "false", "retry": {"max_retries": 0}},
        {"step_id": "l", "tool": "asks", "step_type": "loop", "loop_over": "[1, 2]",
            "parameters": {"fail": "execution", "item": "{{ item }}"}},
    ]);
    let mut run = ByHand::begin(valid(steps.clone()), OrchestratorConfig::default());
    for id in ["a", "l"] {
        let step_id = id.into();
        run.give(Input::Answer(Answer::Approve { step_id, generation: 0 }));
        run.end(id);
    }
    assert_eq!(run.status(), PlanStatus::Failed);
    (run, steps)
}

#[test]
fn what_a_person_has_approved_is_not_asked_again_after_a_revision_that_leaves_it() {
    let (mut run, mut steps) = approved();
    steps[1]["action"] = json!("other words");
    steps.as_array_mut().unwrap().push(json!({"step_id": "new", "tool": "asks"}));
    run.give(revision(valid(steps)));
    assert_eq!(run.running_ids(), ["a", "l"]);
    assert_eq!((run.running[0].key.generation, run.told("new")), (1, "waiting: consent".into()));
    run.crash(None);
    assert_eq!(run.running_ids(), ["a", "l"], "and another process knows it from the record");
}

#[test]
fn what_a_person_has_approved_is_asked_again_when_it_is_another_call_or_another_step() {
    let (mut run, mut steps) = approved();
    steps[0]["parameters"]["more"] = json!(1);
    steps[1]["loop_over"] = json!("[1, 2, 3]");
    run.give(revision(valid(steps.clone())));
    let asked = (run.told("a"), run.told("l"));
    assert_eq!(asked, ("waiting: approval".into(), "waiting: consent".into()));
    assert_eq!(run.scheduler.state().step("l").unwrap().pending_calls.len(), 3, "the whole step");
    assert!(run.running.is_empty());

    // The same definition, but what it reads has changed.
    let (mut run, mut steps) = approved();
    let plan = valid(json!([steps[0].take()]));
    let mut other = (**plan.plan()).clone();
    other.goal = "another goal".to_owned();
    run.give(revision(crate::support::compile(other)));
    assert_eq!(run.told("a"), "waiting: approval");
    run.give(Input::Answer(Answer::Reject { step_id: "a".into(), generation: 1 }));
    let again = run.scheduler.plan().clone();
    run.give(revision(again));
    assert_eq!(run.told("a"), "waiting: approval", "who refuses takes an earlier word back");
}
