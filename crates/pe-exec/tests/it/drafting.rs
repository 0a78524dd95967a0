//! Plans that are still being written: what starts, what a failure means, and what an extension
//! leaves alone.

use pe_exec::{Answer, Input, Revision};
use pe_model::{
    EventKind, OrchestratorConfig, PlanStage, PlanStatus, Resolution, RevisionCause, StepStatus,
    StopCause,
};
use pe_validate::ValidPlan;
use serde_json::{Value, json};

use crate::support::{ByHand, extension, revision, valid};

fn draft(steps: Value) -> ByHand {
    draft_with(steps, OrchestratorConfig::default())
}

fn draft_with(steps: Value, config: OrchestratorConfig) -> ByHand {
    ByHand::begin_at(PlanStage::Draft, valid(steps), config)
}

/// The steps of the plan in force and these.
fn with(run: &ByHand, more: Value) -> ValidPlan {
    let mut steps = serde_json::to_value(&run.scheduler.plan().plan().steps).unwrap();
    steps.as_array_mut().unwrap().extend(more.as_array().unwrap().iter().cloned());
    valid(steps)
}

fn write_on(run: &mut ByHand, more: Value, stage: PlanStage) {
    let plan = with(run, more);
    run.give(extension(plan, stage));
    assert!(run.refused.is_empty(), "{:?}", run.refused);
}

fn nothing() -> Value {
    json!([])
}

#[test]
fn only_calls_that_change_nothing_start_and_the_rest_when_the_plan_is_whole() {
    let config = OrchestratorConfig { max_parallel_steps: 20, ..OrchestratorConfig::default() };
    let steps = json!([
        {"step_id": "reads", "tool": "t"},
        {"step_id": "changes", "tool": "idempotent"},
        {"step_id": "happens", "tool": "once"},
        {"step_id": "asks", "tool": "asks"},
        {"step_id": "approved", "tool": "t", "approval": true},
        {"step_id": "sees_all", "tool": "t", "parameters": {"out": "{{ len(results) }}"}},
        {"step_id": "unknown", "tool": "absent"},
        {"step_id": "if", "tool": "once", "step_type": "conditional", "condition": "true"},
        {"step_id": "never", "tool": "t", "step_type": "conditional", "condition": "false"},
        {"step_id": "loops", "tool": "once", "step_type": "loop", "loop_count": 2},
    ]);
    let mut run = draft_with(steps, config);
    assert_eq!(run.running_ids(), ["reads"]);
    assert_eq!(
        (run.told("never"), run.told("unknown")),
        ("skipped: condition_false".into(), "pending".into())
    );
    run.end("reads");
    let started = |event: &&pe_model::Event| {
        matches!(event.kind, EventKind::StepWaiting { .. } | EventKind::LoopStarted { .. })
    };
    assert_eq!(run.events.iter().filter(started).count(), 0, "nobody is asked, nothing begins");
    write_on(&mut run, nothing(), PlanStage::Complete);
    // What reads everything waits for what is listed before it, as ever.
    assert_eq!(run.running_ids(), ["changes", "happens", "if", "loops"]);
    assert_eq!(run.told("unknown"), "failed");
    assert_eq!(
        (run.told("asks"), run.told("approved")),
        ("waiting: consent".into(), "waiting: approval".into())
    );
}

#[test]
fn what_cannot_be_judged_before_its_arguments_are_known_is_judged_then() {
    let asks = |id: &str, from: &str| {
        json!({"step_id": id, "tool": "asks_unless_safe",
            "parameters": {"safe": format!("{{{{ results.{from} }}}}")}})
    };
    let over = |id: &str, items: &str| {
        json!({"step_id": id, "tool": "asks_unless_safe", "step_type": "loop", "loop_over": items,
            "dependencies": ["no"], "parameters": {"safe": "{{ item }}"}})
    };
    let mut run = draft(json!([
        {"step_id": "yes", "tool": "t", "parameters": {"out": true}},
        {"step_id": "no", "tool": "t", "parameters": {"out": false}},
        asks("safe", "yes"),
        asks("unsafe", "no"),
        over("all_safe", "[true, results.yes]"),
        over("one_unsafe", "[true, results.no]"),
    ]));
    run.end("yes");
    run.end("no");
    assert_eq!(run.running_ids(), ["safe", "all_safe"]);
    run.crash(None);
    assert_eq!(run.running_ids(), ["safe", "all_safe"], "and so another process judges");
    write_on(&mut run, nothing(), PlanStage::Growing);
    assert_eq!(
        (run.told("unsafe"), run.told("one_unsafe")),
        ("waiting: consent".into(), "waiting: consent".into())
    );
}

#[test]
fn a_failure_waits_for_a_fallback_that_may_still_be_written() {
    let config = OrchestratorConfig { fail_fast: true, ..OrchestratorConfig::default() };
    let steps = json!([
        {"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}},
        {"step_id": "b", "tool": "t", "parameters": {"out": "{{ results.a }}"}},
        {"step_id": "any", "tool": "t", "dependencies": ["a"], "trigger_rule": "all_done"},
    ]);
    let mut run = draft_with(steps, config);
    run.end("a");
    assert_eq!((run.told("a"), run.running.len()), ("failed".into(), 0));
    assert_eq!((run.told("b"), run.told("any")), ("pending".into(), "pending".into()));
    let spare = json!([{"step_id": "f", "tool": "t", "step_type": "fallback", "fallback_for": "a",
        "parameters": {"out": "spare"}}]);
    write_on(&mut run, spare, PlanStage::Draft);
    assert_eq!(run.running_ids(), ["f"]);
    run.end("f");
    assert_eq!(
        (run.told("a"), run.running_ids()),
        ("failed recovered by f".into(), vec!["b", "any"])
    );
    assert_eq!(run.running[0].arguments["out"], json!("spare"));
    run.end("b");
    run.end("any");
    assert_eq!((run.status(), run.scheduler.is_idle()), (PlanStatus::Running, true));
    write_on(&mut run, nothing(), PlanStage::Complete);
    assert_eq!(run.status(), PlanStatus::Completed);
}

#[test]
fn a_failure_has_its_consequences_when_the_plan_is_whole() {
    for stage in [PlanStage::Complete, PlanStage::Growing] {
        let mut run = draft(json!([
            {"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}},
            {"step_id": "b", "tool": "t", "dependencies": ["a"]},
            {"step_id": "any", "tool": "t", "dependencies": ["a"], "trigger_rule": "all_done"},
        ]));
        run.end("a");
        write_on(&mut run, nothing(), stage);
        assert_eq!(
            (run.told("b"), run.running_ids()),
            ("skipped: upstream_failed".into(), vec!["any"])
        );
        run.end("any");
        let expected = if stage.is_complete() { PlanStatus::Failed } else { PlanStatus::Running };
        assert_eq!(run.status(), expected);
    }
}

#[test]
fn the_next_fallback_is_not_tried_while_the_one_that_failed_may_get_one_of_its_own() {
    let spare = |id: &str, target: &str, fails: bool| {
        json!({"step_id": id, "tool": "t", "step_type": "fallback", "fallback_for": target,
            "parameters": if fails { json!({"fail": "execution"}) } else { json!({}) }})
    };
    let mut run = draft(json!([
        {"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}},
        spare("first", "a", true),
        spare("second", "a", false),
    ]));
    run.end("a");
    run.end("first");
    assert!(run.running.is_empty(), "{:?}", run.running_ids());
    write_on(&mut run, json!([spare("for_the_first", "first", false)]), PlanStage::Draft);
    assert_eq!(run.running_ids(), ["for_the_first"]);
    run.end("for_the_first");
    assert_eq!(run.told("second"), "skipped: not_needed");
}

#[test]
fn a_fallback_for_what_has_completed_is_not_needed() {
    let mut run = draft(json!([{"step_id": "a", "tool": "t"}]));
    run.end("a");
    write_on(
        &mut run,
        json!([{"step_id": "f", "tool": "t", "step_type": "fallback", "fallback_for": "a"}]),
        PlanStage::Draft,
    );
    assert_eq!(run.told("f"), "skipped: not_needed");
}

#[test]
fn a_fallback_for_a_fallback_that_was_recovered_is_not_needed_either() {
    let spare = |id: &str, target: &str, fails: bool| {
        json!({"step_id": id, "tool": "t", "step_type": "fallback", "fallback_for": target,
            "parameters": if fails { json!({"fail": "execution"}) } else { json!({}) }})
    };
    let mut run = draft(json!([
        {"step_id": "a", "tool": "t", "parameters": {"fail": "execution"}},
        spare("first", "a", true),
        spare("second", "first", false),
    ]));
    for id in ["a", "first", "second"] {
        run.end(id);
    }
    assert_eq!(run.told("a"), "failed recovered by first");
    write_on(&mut run, json!([spare("late", "first", false)]), PlanStage::Complete);
    assert_eq!(
        (run.told("late"), run.status()),
        ("skipped: not_needed".into(), PlanStatus::Completed)
    );
}

#[test]
fn an_extension_touches_nothing_that_is_under_way() {
    let config = OrchestratorConfig { max_parallel_steps: 4, ..OrchestratorConfig::default() };
    let mut run = draft_with(
        json!([
            {"step_id": "runs", "tool": "t", "timeout_ms": 5_000},
            {"step_id": "waits", "tool": "t", "parameters": {"fail": "rate_limit", "after": 300}},
            {"step_id": "holds", "tool": "fetch"},
            {"step_id": "next", "tool": "fetch"},
        ]),
        config,
    );
    assert_eq!(run.running_ids(), ["runs", "waits", "holds"]);
    run.now = 10;
    run.end("waits");
    let retry = run.scheduler.next_wake();
    let keys: Vec<_> = run.running.iter().map(|attempt| attempt.key.clone()).collect();
    run.now = 20;
    write_on(
        &mut run,
        json!([{"step_id": "more", "tool": "t", "dependencies": ["runs"]},
            {"step_id": "third", "tool": "fetch"}]),
        PlanStage::Draft,
    );
    let still: Vec<_> = run.running.iter().map(|attempt| attempt.key.clone()).collect();
    assert_eq!((still, run.cancelled.len()), (keys, 0));
    assert_eq!(run.scheduler.next_wake(), retry);
    run.give_at(retry.unwrap(), Input::Tick);
    assert_eq!(run.running_ids(), ["runs", "holds", "waits"], "the resource is held");
    assert_eq!(run.scheduler.next_wake(), Some(5_000), "the deadline counts from the start");
    run.end("holds");
    assert_eq!(run.running_ids(), ["runs", "waits", "next"]);
    let state = run.scheduler.state();
    assert_eq!((state.revisions, state.adaptations), (1, 0), "to write on is not to adapt");
    assert!(state.steps().iter().all(|step| step.generation == 0));
}

#[test]
fn an_extension_is_in_force_at_once_in_the_middle_of_a_loop() {
    let mut run =
        draft(json!([{"step_id": "l", "tool": "t", "step_type": "loop", "loop_count": 3}]));
    run.end("l");
    write_on(&mut run, json!([{"step_id": "n", "tool": "t"}]), PlanStage::Draft);
    assert_eq!(run.running_ids(), ["l", "n"]);
    run.end("l");
    run.end("l");
    assert!(run.is("l", StepStatus::Completed));
    assert_eq!(run.scheduler.state().step("l").unwrap().attempts(), 3);
}

#[test]
fn a_repaired_draft_keeps_what_is_as_it_was_and_runs_the_rest_again() {
    let mut run = draft(json!([
        {"step_id": "a", "tool": "t"},
        {"step_id": "b", "tool": "t", "parameters": {"fail": "execution"}},
        {"step_id": "c", "tool": "t", "parameters": {"out": 1}},
    ]));
    for id in ["a", "b", "c"] {
        run.end(id);
    }
    let repaired = valid(json!([
        {"step_id": "a", "tool": "t"},
        {"step_id": "b", "tool": "t"},
        {"step_id": "c", "tool": "t", "parameters": {"out": 2}},
        {"step_id": "d", "tool": "once"},
    ]));
    run.give(extension(repaired, PlanStage::Complete));
    assert_eq!(run.running_ids(), ["b", "c", "d"]);
    assert_eq!(run.scheduler.state().adaptations, 0);
}

#[test]
fn a_draft_without_steps_waits_to_be_written_and_can_be_stopped() {
    let empty = || ValidPlan::without_steps("g", pe_model::JsonMap::new());
    let mut run = ByHand::begin_at(PlanStage::Draft, empty(), OrchestratorConfig::default());
    assert!(run.scheduler.is_idle() && run.scheduler.next_wake().is_none());
    run.give(Input::Pause);
    run.give(Input::Conclude);
    assert_eq!((run.status(), run.refused.len()), (PlanStatus::Running, 1));
    assert_eq!(
        run.refused[0].to_string(),
        "the plan of the run is still being written: it is draft"
    );
    run.give(Input::Cancel { cause: StopCause::NoModel, grace_ms: None });
    assert_eq!(run.status(), PlanStatus::Cancelled);
    run.crash(None);
    run.refused.clear();
    write_on(&mut run, json!([{"step_id": "a", "tool": "t"}]), PlanStage::Complete);
    run.end("a");
    assert_eq!(run.status(), PlanStatus::Completed);
    let whole = ByHand::begin(empty(), OrchestratorConfig::default());
    assert_eq!(whole.status(), PlanStatus::Completed, "nothing to do is done");
    let simulated = pe_exec::simulate(&empty(), 3);
    assert_eq!((simulated.makespan_ms, simulated.lower_bound_ms), (0, 0));
}

#[test]
fn a_stopped_draft_takes_what_is_written_since_and_goes_on_later() {
    let mut run = draft(json!([{"step_id": "a", "tool": "t"}]));
    run.give(Input::Cancel { cause: StopCause::Budget, grace_ms: None });
    write_on(&mut run, json!([{"step_id": "b", "tool": "t"}]), PlanStage::Draft);
    assert_eq!(run.running_ids(), ["a"], "nothing new starts");
    run.end("a");
    assert_eq!((run.status(), run.told("b")), (PlanStatus::Cancelled, "pending: budget".into()));
    run.crash(None);
    assert_eq!(run.running_ids(), ["b"]);
}

#[test]
fn a_call_in_doubt_is_not_made_again_while_its_plan_is_a_draft() {
    let mut run = ByHand::begin(
        valid(json!([
            {"step_id": "m", "tool": "once", "parameters": {"fail": "network", "unknown": true}},
            {"step_id": "b", "tool": "t", "dependencies": ["m"]},
        ])),
        OrchestratorConfig::default(),
    );
    run.end("m");
    let Input::Revise(edit) = revision(run.scheduler.plan().clone()) else { unreachable!() };
    run.give(Input::Revise(Box::new(Revision { stage: PlanStage::Draft, ..*edit })));
    let (step_id, resolution) = ("m".into(), Resolution::Retry);
    run.give(Input::Answer(Answer::Resolve {
        step_id,
        generation: 0,
        iteration: 0,
        attempt: 1,
        resolution,
    }));
    assert!(run.running.is_empty() && run.scheduler.is_idle());
    write_on(&mut run, nothing(), PlanStage::Complete);
    assert_eq!(run.running_ids(), ["m"]);
}

#[test]
fn another_cause_or_another_goal_is_no_extension() {
    let mut run = draft(json!([{"step_id": "a", "tool": "t"}]));
    let plan = with(&run, json!([{"step_id": "b", "tool": "t"}]));
    for cause in [RevisionCause::Edit, RevisionCause::Adaptation] {
        let revision = Revision { cause, ..Revision::extension(plan.clone(), PlanStage::Draft) };
        run.give(Input::Revise(Box::new(revision)));
    }
    assert!(run.scheduler.is_revising());
    assert_eq!(run.refused, [pe_exec::Refusal::Superseded], "the later takes the earlier's place");
    assert_eq!(run.scheduler.state().revisions, 0);
    // One that only extends supersedes what has not been put in force yet.
    run.give(extension(plan, PlanStage::Draft));
    assert_eq!((run.refused.len(), run.scheduler.is_revising()), (2, false));
    assert_eq!(run.running_ids(), ["a", "b"]);
    let other = ValidPlan::without_steps("another goal", pe_model::JsonMap::new());
    run.give(extension(other, PlanStage::Draft));
    assert!(run.scheduler.is_revising(), "it is a new plan, which waits");
}
