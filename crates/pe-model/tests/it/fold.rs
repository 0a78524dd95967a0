//! The fold of a run's events refuses what does not fit and derives the rest.

use std::sync::Arc;

use pe_model::{
    ApplyError, AttemptKey, EVENT_FORMAT, Effect, ErrorClass, Event, EventKind, IterationPhase,
    OrchestratorConfig, Outcome, PendingCall, Plan, PlanStage, PlanStatus, PlanStep, RevisionCause,
    RunId, RunReport, RunState, StepError, StepId, StepStatus, StopCause, Usage, WaitingFor,
};
use serde_json::json;

fn plan() -> Plan {
    let mut b = PlanStep::new("b", "echo");
    b.dependencies = vec![StepId::new("a")];
    Plan { goal: "g".to_owned(), steps: vec![PlanStep::new("a", "echo"), b], ..Plan::default() }
}

fn started(plan: Plan) -> EventKind {
    EventKind::RunStarted {
        weights: vec![1.0; plan.steps.len()],
        plan: Arc::new(plan),
        config: Arc::new(OrchestratorConfig::default()),
        seed: 7,
        started_at: jiff::Timestamp::UNIX_EPOCH,
        from_run: None,
        origin: pe_model::JsonMap::new(),
        stage: PlanStage::Complete,
    }
}

fn key(step: &str, attempt: u32) -> AttemptKey {
    AttemptKey { step_id: StepId::new(step), generation: 0, iteration: 0, attempt }
}

fn attempt(step: &str, number: u32) -> EventKind {
    EventKind::AttemptStarted {
        key: key(step, number),
        tool: "echo".to_owned(),
        tool_version: String::new(),
        effect: Effect::Pure,
        arguments: Arc::default(),
    }
}

fn succeeded(step: &str, number: u32) -> EventKind {
    EventKind::AttemptSucceeded {
        key: key(step, number),
        output: Arc::new(json!({"n": 1})),
        duration_ms: 5,
    }
}

fn completed(step: &str) -> EventKind {
    EventKind::StepCompleted { step_id: StepId::new(step), generation: 0 }
}

fn events(kinds: Vec<EventKind>) -> Vec<Event> {
    kinds
        .into_iter()
        .enumerate()
        .map(|(seq, kind)| Event {
            format: EVENT_FORMAT,
            run_id: RunId::new("r"),
            seq: seq as u64,
            at_ms: 10 * seq as u64,
            kind,
        })
        .collect()
}

fn fold(kinds: Vec<EventKind>) -> Result<RunState, ApplyError> {
    RunState::fold(&events(kinds)).map(|state| state.expect("events"))
}

#[test]
fn a_run_is_the_fold_of_its_events() {
    let error = StepError::new(ErrorClass::Network, "refused");
    let state = fold(vec![
        started(plan()),
        attempt("a", 1),
        EventKind::AttemptFailed {
            key: key("a", 1),
            error,
            outcome: Outcome::Known,
            duration_ms: 1,
        },
        EventKind::RetryScheduled {
            step_id: StepId::new("a"),
            generation: 0,
            iteration: 0,
            delay_ms: 100,
        },
        attempt("a", 2),
        succeeded("a", 2),
        completed("a"),
        attempt("b", 1),
        succeeded("b", 1),
        completed("b"),
        EventKind::RunFinished { status: PlanStatus::Completed },
    ])
    .unwrap();
    let a = state.step("a").unwrap();
    assert_eq!((a.status, a.attempts(), a.execution_time_ms), (StepStatus::Completed, 2, Some(50)));
    assert_eq!(a.output.as_deref(), Some(&json!({"n": 1})));
    let report = RunReport::new(&state, "done".to_owned(), "file", Usage::none());
    assert!(report.success);
    assert_eq!((report.steps_completed, report.tool_calls_made, report.iterations), (2, 3, 1));
    assert_eq!(report.results.get("b"), Some(&json!({"n": 1})));
    assert_eq!(report.steps[0].result.as_ref().map(|result| result.success), Some(true));
}

#[test]
fn what_does_not_fit_is_refused_and_changes_nothing() {
    let mut state = fold(vec![started(plan()), attempt("a", 1)]).unwrap();
    let before = state.clone();
    let event = |seq: u64, kind: EventKind| Event {
        format: EVENT_FORMAT,
        run_id: RunId::new("r"),
        seq,
        at_ms: 99,
        kind,
    };
    assert!(matches!(
        state.apply(&event(3, completed("a"))),
        Err(ApplyError::Gap { expected: 2, found: 3, .. })
    ));
    assert!(matches!(state.apply(&event(2, completed("zz"))), Err(ApplyError::UnknownStep { .. })));
    assert!(matches!(state.apply(&event(2, succeeded("a", 2))), Err(ApplyError::Mismatch { .. })));
    assert!(matches!(state.apply(&event(2, attempt("a", 2))), Err(ApplyError::Mismatch { .. })));
    assert!(matches!(state.apply(&event(2, started(plan()))), Err(ApplyError::Misplaced { .. })));
    let newer = Event { format: EVENT_FORMAT + 1, ..event(2, completed("a")) };
    assert!(matches!(state.apply(&newer), Err(ApplyError::Format { .. })));
    let other = Event { run_id: RunId::new("x"), ..event(2, completed("a")) };
    assert!(matches!(state.apply(&other), Err(ApplyError::OtherRun { .. })));
    let stale = EventKind::StepCompleted { step_id: StepId::new("a"), generation: 1 };
    assert!(matches!(state.apply(&event(2, stale)), Err(ApplyError::Mismatch { .. })));
    assert_eq!(state, before);

    let ended = fold(vec![
        started(plan()),
        attempt("a", 1),
        succeeded("a", 1),
        completed("a"),
        completed("a"),
    ]);
    assert!(matches!(ended, Err(ApplyError::Mismatch { problem: "the step has ended", .. })));
    assert!(matches!(fold(vec![completed("a")]), Err(ApplyError::Misplaced { .. })));
}

#[test]
fn x12_a_run_that_stops_early_says_why_its_steps_did_not_start() {
    let state = fold(vec![
        started(plan()),
        attempt("a", 1),
        EventKind::RunStopping { cause: StopCause::Interrupted },
        EventKind::AttemptInterrupted { key: key("a", 1) },
        EventKind::RunFinished { status: PlanStatus::Cancelled },
    ])
    .unwrap();
    for step in state.steps() {
        assert_eq!(
            (step.status, step.reason.map(pe_model::Reason::as_str)),
            (StepStatus::Pending, Some("interrupted"))
        );
    }
    assert_eq!(state.step("a").unwrap().iterations[0].phase, IterationPhase::Again);
}

#[test]
fn a_revision_keeps_resets_and_never_reuses_a_generation() {
    let revised = |steps: Vec<PlanStep>, reset: &[&str]| EventKind::PlanRevised {
        weights: vec![1.0; steps.len()],
        plan: Arc::new(Plan { steps, ..plan() }),
        reset: reset.iter().map(StepId::new).collect(),
        cause: RevisionCause::Adaptation,
        reason: String::new(),
        patch: serde_json::Value::Null,
        stage: PlanStage::Complete,
    };
    let (a, b) = (PlanStep::new("a", "echo"), PlanStep::new("b", "echo"));
    let state = fold(vec![
        started(plan()),
        attempt("a", 1),
        succeeded("a", 1),
        completed("a"),
        revised(vec![b.clone(), a.clone()], &["b"]),
        revised(vec![a.clone()], &[]),
        revised(vec![a, b], &[]),
    ])
    .unwrap();
    assert_eq!(state.step("a").unwrap().status, StepStatus::Completed, "kept, though it moved");
    assert_eq!(state.step("b").unwrap().generation, 2, "reset once, then removed and added again");
    assert_eq!((state.revisions, state.place("b")), (3, Some(1)));
}

fn started_at(stage: PlanStage) -> EventKind {
    match started(plan()) {
        EventKind::RunStarted {
            plan, config, weights, seed, started_at, from_run, origin, ..
        } => EventKind::RunStarted {
            plan,
            config,
            weights,
            seed,
            started_at,
            from_run,
            origin,
            stage,
        },
        other => other,
    }
}

#[test]
fn a_run_whose_plan_is_still_being_written_can_pause_or_stop_but_not_end() {
    let end = |stage, status| fold(vec![started_at(stage), EventKind::RunFinished { status }]);
    for stage in [PlanStage::Draft, PlanStage::Growing] {
        for status in [PlanStatus::Completed, PlanStatus::Failed] {
            assert!(matches!(end(stage, status), Err(ApplyError::Misplaced { seq: 1, .. })));
        }
        for status in [PlanStatus::Cancelled, PlanStatus::Waiting, PlanStatus::InDoubt] {
            assert_eq!(end(stage, status).unwrap().stage, stage);
        }
    }
    assert!(end(PlanStage::Complete, PlanStatus::Failed).is_ok());
}

#[test]
fn the_stage_of_a_plan_is_written_only_where_it_is_not_whole() {
    let written = |stage| serde_json::to_value(started_at(stage)).unwrap();
    assert_eq!(written(PlanStage::Draft)["stage"], "draft");
    assert_eq!(written(PlanStage::Complete).get("stage"), None);
    let read: EventKind = serde_json::from_value(written(PlanStage::Complete)).unwrap();
    assert_eq!(read, started_at(PlanStage::Complete));
}

#[test]
fn a_run_names_where_its_plan_came_from() {
    let mut state = fold(vec![started(plan())]).unwrap();
    assert_eq!(state.planner(), "file", "where it was not said");
    state.origin.insert("planner".to_owned(), json!("model"));
    assert_eq!(state.planner(), "model");
}

#[test]
fn what_was_agreed_to_is_kept_by_a_revision_that_leaves_the_step_as_it_is() {
    let (step_id, generation) = (StepId::new("a"), 0);
    let arguments = Arc::new(json!({"x": 1}).as_object().unwrap().clone());
    let call = PendingCall { iteration: 0, tool: "echo".to_owned(), arguments: arguments.clone() };
    let granted_after = |change: fn(&mut PlanStep), rejected: bool| {
        let mut steps = plan().steps;
        change(&mut steps[0]);
        let (id, calls) = (step_id.clone(), vec![call.clone()]);
        let waiting_for = WaitingFor::Approval;
        let ask = |generation| EventKind::StepWaiting {
            step_id: id.clone(),
            generation,
            waiting_for,
            calls: calls.clone(),
        };
        let revised = || EventKind::PlanRevised {
            weights: vec![1.0; steps.len()],
            plan: Arc::new(Plan { steps: steps.clone(), ..plan() }),
            reset: vec![id.clone()],
            cause: RevisionCause::Adaptation,
            reason: String::new(),
            patch: serde_json::Value::Null,
            stage: PlanStage::Complete,
        };
        let approved = EventKind::StepApproved { step_id: id.clone(), generation };
        let mut script = vec![started(plan()), ask(0), approved, revised()];
        if rejected {
            script.extend([ask(1), EventKind::StepRejected { step_id: id.clone(), generation: 1 }]);
        }
        let state = fold(script).unwrap();
        assert!(!state.step("a").unwrap().approved, "this generation was not asked about");
        state.step("a").unwrap().is_granted(0, &arguments)
    };
    assert!(granted_after(|step| step.action = "other words".to_owned(), false));
    assert!(!granted_after(|step| step.tool = "other".to_owned(), false));
    assert!(!granted_after(|_| {}, true));
}

#[test]
fn events_are_written_flat_and_read_again() {
    let all = events(vec![started(plan()), attempt("a", 1), succeeded("a", 1)]);
    for event in &all {
        let text = serde_json::to_string(event).unwrap();
        assert_eq!(serde_json::from_str::<Event>(&text).unwrap(), *event, "{text}");
    }
    let value = serde_json::to_value(&all[1]).unwrap();
    assert_eq!(value["type"], "attempt_started");
    assert_eq!(
        (&value["step_id"], &value["attempt"], &value["format"]),
        (&json!("a"), &json!(1), &json!(1))
    );
    assert_eq!(
        key("a", 1).idempotency_key(&RunId::new("r")),
        key("a", 2).idempotency_key(&RunId::new("r"))
    );
}
