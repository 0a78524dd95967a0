//! Plans that grow as the run goes on, one call after the other.

use pe_exec::{Answer, Input, Refusal, ReviseError};
use pe_model::{OrchestratorConfig, PlanStage, PlanStatus, StepStatus};
use pe_validate::ValidPlan;
use serde_json::{Value, json};

use crate::support::{ByHand, extension, valid};

fn growing(steps: Value) -> ByHand {
    ByHand::begin_at(PlanStage::Growing, valid(steps), OrchestratorConfig::default())
}

fn grow(run: &mut ByHand, more: Value, stage: PlanStage) {
    let mut steps = serde_json::to_value(&run.scheduler.plan().plan().steps).unwrap();
    steps.as_array_mut().unwrap().extend(more.as_array().unwrap().iter().cloned());
    run.give(extension(valid(steps), stage));
}

fn spare(target: &str) -> Value {
    json!([{"step_id": "f", "tool": "t", "step_type": "fallback", "fallback_for": target}])
}

#[test]
fn a_loop_appends_one_call_at_a_time_and_ends_when_it_says_so() {
    let empty = ValidPlan::without_steps("g", pe_model::JsonMap::new());
    let mut run = ByHand::begin_at(PlanStage::Growing, empty, OrchestratorConfig::default());
    for (number, tool) in ["t", "once", "idempotent"].into_iter().enumerate() {
        assert!(run.scheduler.is_idle());
        let id = format!("call_{number}");
        grow(&mut run, json!([{"step_id": id, "tool": tool}]), PlanStage::Growing);
        assert!(!run.scheduler.is_idle());
        assert_eq!(run.running_ids(), [id.as_str()], "any call may start");
        run.end(&id);
        assert_eq!((run.status(), run.told(&id)), (PlanStatus::Running, "completed".into()));
    }
    grow(&mut run, json!([]), PlanStage::Complete);
    assert_eq!(run.status(), PlanStatus::Completed);
    let state = run.scheduler.state();
    assert_eq!((state.revisions, state.adaptations, state.steps().len()), (4, 0, 3));
}

#[test]
fn a_failure_that_nobody_has_built_upon_can_be_made_good_later() {
    let mut run =
        growing(json!([{"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}}]));
    run.end("a");
    assert!(run.scheduler.is_idle(), "it has settled");
    grow(&mut run, spare("a"), PlanStage::Growing);
    run.crash(None);
    assert_eq!(run.running_ids(), ["f"]);
    run.end("f");
    assert_eq!(run.told("a"), "failed recovered by f");
    grow(
        &mut run,
        json!([{"step_id": "b", "tool": "t", "parameters": {"out": "{{ results.a }}"}}]),
        PlanStage::Complete,
    );
    run.end("b");
    assert_eq!(run.status(), PlanStatus::Completed);
}

#[test]
fn one_whose_dependents_still_wait_for_others_can_be_made_good_too() {
    let mut run = growing(json!([
        {"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}},
        {"step_id": "slow", "tool": "t"},
        {"step_id": "any", "tool": "t", "dependencies": ["a", "slow"], "trigger_rule": "all_done"},
        {"step_id": "sees_all", "tool": "t", "parameters": {"out": "{{ len(results) }}"}},
    ]));
    run.end("a");
    grow(&mut run, spare("a"), PlanStage::Growing);
    run.end("slow");
    assert_eq!(run.running_ids(), ["f"], "they wait for the fallback as well");
    run.end("f");
    assert_eq!(run.running_ids(), ["any"]);
    run.end("any");
    run.end("sees_all");
    assert_eq!(run.scheduler.state().step("sees_all").unwrap().output.as_deref(), Some(&json!(4)));
}

#[test]
fn one_that_others_were_decided_by_stays_and_the_extension_is_refused() {
    // A dependent that was skipped, and one that ran because a reader of everything could.
    for decided in [
        json!({"step_id": "b", "tool": "t", "dependencies": ["a"]}),
        json!({"step_id": "b", "tool": "t", "parameters": {"out": "{{ len(results) }}"}}),
    ] {
        let mut run = growing(json!([
            {"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}},
            {"step_id": "x", "tool": "t"},
            decided,
        ]));
        run.end("a");
        run.end("x");
        let before = run.scheduler.state().clone();
        grow(&mut run, spare("a"), PlanStage::Growing);
        let too_late = ReviseError::TooLate { step_id: "f".into(), target: "a".into() };
        assert_eq!(run.refused, [Refusal::Revision(too_late)]);
        assert_eq!(*run.scheduler.state(), before);
    }
}

#[test]
fn the_dependents_of_a_fallback_that_failed_before_count_as_well() {
    let mut run = growing(json!([
        {"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}},
        {"step_id": "first", "tool": "t", "step_type": "fallback", "fallback_for": "a",
            "parameters": {"fail": "execution"}},
        {"step_id": "after_first", "tool": "t", "dependencies": ["first"]},
    ]));
    run.end("a");
    run.end("first");
    assert_eq!(run.told("after_first"), "skipped: upstream_failed");
    grow(&mut run, spare("a"), PlanStage::Growing);
    let too_late = ReviseError::TooLate { step_id: "f".into(), target: "first".into() };
    assert_eq!(run.refused, [Refusal::Revision(too_late)], "it would be recovered with `a`");
}

#[test]
fn what_was_refused_by_a_person_is_not_done_in_another_way() {
    let mut run = growing(json!([{"step_id": "a", "tool": "t", "approval": true}]));
    run.give(Input::Answer(Answer::Reject { step_id: "a".into(), generation: 0 }));
    grow(&mut run, spare("a"), PlanStage::Complete);
    assert_eq!(
        (run.told("f"), run.status()),
        ("skipped: upstream_failed".into(), PlanStatus::Failed)
    );
}

#[test]
fn what_has_settled_cannot_become_a_draft_again() {
    let mut run = growing(json!([{"step_id": "a", "tool": "t"}]));
    grow(&mut run, json!([]), PlanStage::Draft);
    let stage = PlanStage::Growing;
    assert_eq!(run.refused, [Refusal::Revision(ReviseError::BackToDraft { stage })]);
}

#[test]
fn a_question_pauses_the_run_only_when_somebody_says_so() {
    let mut run = growing(json!([{"step_id": "a", "tool": "asks"}]));
    assert!(run.is("a", StepStatus::Waiting) && run.scheduler.is_idle());
    run.give(Input::Pause);
    assert_eq!(run.status(), PlanStatus::Waiting);
    run.crash(None);
    run.give(Input::Answer(Answer::Approve { step_id: "a".into(), generation: 0 }));
    run.end("a");
    assert_eq!(run.status(), PlanStatus::Running, "and the plan may still grow");
}

#[test]
fn a_whole_plan_that_has_run_can_be_written_on_under_supervision() {
    let plan = valid(json!([{"step_id": "a", "tool": "t"}]));
    let mut run = ByHand::begin_supervised(plan, OrchestratorConfig::default());
    run.end("a");
    assert!(run.scheduler.is_idle() && run.status() == PlanStatus::Running);
    grow(&mut run, json!([{"step_id": "b", "tool": "once"}]), PlanStage::Complete);
    assert_eq!(run.running_ids(), ["b"]);
    run.end("b");
    run.give(Input::Conclude);
    assert_eq!(run.status(), PlanStatus::Completed);
}

#[test]
fn a_failure_does_not_end_what_may_still_make_up_for_it() {
    let config = OrchestratorConfig { fail_fast: true, ..OrchestratorConfig::default() };
    let failing =
        valid(json!([{"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}}]));
    let mut run = ByHand::begin_at(PlanStage::Growing, failing, config);
    run.end("a");
    grow(&mut run, spare("a"), PlanStage::Growing);
    assert_eq!(run.running_ids(), ["f"]);
    run.end("f");
    grow(&mut run, json!([]), PlanStage::Complete);
    assert_eq!(run.status(), PlanStatus::Completed);
}
