//! D2, X13: a run goes on in another process as if nothing had happened.

use std::sync::Arc;

use pe_exec::{Answer, CallRule, CallRules, Input, Refusal};
use pe_model::{
    Event, EventKind, JsonMap, OrchestratorConfig, PlanStatus, Resolution, StepStatus, StopCause,
};
use serde_json::{Value, json};

use crate::support::{ByHand, Rules, valid};

fn begin(steps: Value) -> ByHand {
    ByHand::begin(valid(steps), OrchestratorConfig::default())
}

#[test]
fn what_was_under_way_is_made_again_unless_it_must_not_happen_twice() {
    let mut run = begin(json!([
        {"step_id": "pure", "tool": "t"},
        {"step_id": "twice", "tool": "idempotent"},
        {"step_id": "once", "tool": "once"},
        {"step_id": "after", "tool": "t", "dependencies": ["once"]},
    ]));
    assert_eq!(run.running_ids(), ["once", "pure", "twice"]);
    run.end("pure");
    run.crash(None);
    assert_eq!(run.running_ids(), ["twice"], "what has completed does not run again");
    assert_eq!(run.running[0].key.attempt, 2);
    assert!(run.is("once", StepStatus::InDoubt));
    run.end("twice");
    run.give(Input::Pause);
    assert_eq!(
        (run.status(), run.told("after")),
        (PlanStatus::InDoubt, "pending: in_doubt".into())
    );
    run.crash(None);
    let done = Resolution::Done { output: json!("it happened").into() };
    run.give(Input::Answer(Answer::Resolve {
        step_id: "once".into(),
        generation: 0,
        iteration: 0,
        attempt: 1,
        resolution: done,
    }));
    assert_eq!(run.running_ids(), ["after"]);
    run.end("after");
    assert_eq!(run.status(), PlanStatus::Completed);
}

#[test]
fn an_interruption_uses_up_no_retry() {
    let mut run = begin(json!([{"step_id": "a", "tool": "t", "retry": {"max_retries": 1},
        "parameters": {"fail": "network"}}]));
    for _ in 0..5 {
        run.crash(None);
    }
    run.end("a");
    let wake = run.scheduler.next_wake().expect("the one retry that the step has");
    run.give_at(wake, Input::Tick);
    run.end("a");
    assert_eq!((run.status(), run.scheduler.state().attempts_started), (PlanStatus::Failed, 7));
}

#[test]
fn time_goes_on_from_process_to_process_and_a_delay_starts_again() {
    let mut run = begin(json!([{"step_id": "a", "tool": "t", "parameters": {"fail": "rate_limit",
        "after": 60_000}}]));
    run.now = 400;
    run.end("a");
    assert_eq!(run.scheduler.next_wake(), Some(60_400));
    run.crash(None);
    assert_eq!(run.scheduler.state().base_ms, 400);
    assert_eq!(run.scheduler.next_wake(), Some(60_000), "counted from the new begin");
    run.give_at(59_999, Input::Tick);
    assert!(run.running.is_empty());
    run.give_at(60_000, Input::Tick);
    assert_eq!(run.running_ids(), ["a"]);
    assert_eq!(run.events.last().unwrap().at_ms, 60_000);
    assert_eq!(run.scheduler.state().elapsed_ms, 60_400);
    assert_eq!(run.scheduler.next_wake(), Some(90_000), "its deadline");
}

#[test]
fn each_process_has_the_whole_time_of_the_plan() {
    let config = OrchestratorConfig { plan_timeout_ms: 1_000, ..OrchestratorConfig::default() };
    let mut run = ByHand::begin(valid(json!([{"step_id": "a", "tool": "t"}])), config);
    run.give_at(1_000, Input::Tick);
    assert_eq!(run.scheduler.state().stopping, Some(StopCause::Timeout));
    assert_eq!(run.status(), PlanStatus::Cancelled);
    run.crash(None);
    assert_eq!((run.status(), run.scheduler.state().stopping), (PlanStatus::Running, None));
    assert_eq!(run.scheduler.next_wake(), Some(1_000));
    run.end("a");
    assert_eq!(run.status(), PlanStatus::Completed);
}

#[test]
fn a_loop_whose_iteration_failed_ends_though_the_others_were_lost() {
    let mut run = begin(json!([{"step_id": "a", "tool": "t", "step_type": "loop",
        "loop_over": "[1, 2, 3]", "loop_parallelism": 2, "parameters": {"fail": "execution"}}]));
    run.end("a");
    run.crash(None);
    assert_eq!((run.status(), run.told("a")), (PlanStatus::Failed, "failed".into()));
}

#[test]
fn a_loop_that_was_stopped_after_a_failure_can_be_gone_on_with() {
    let steps = json!([{"step_id": "a", "tool": "t", "step_type": "loop",
        "loop_over": "[1, 2, 3]", "loop_parallelism": 2, "parameters": {"fail": "execution"}}]);
    let mut run = begin(steps);
    run.end("a");
    run.give(Input::Cancel { cause: StopCause::Interrupted, grace_ms: Some(0) });
    assert_eq!(run.status(), PlanStatus::Cancelled);
    run.crash(None);
    assert_eq!((run.status(), run.told("a")), (PlanStatus::Failed, "failed".into()));
}

#[test]
fn a_call_whose_consent_ended_with_its_process_is_asked_about_again() {
    let mut run = begin(json!([{"step_id": "a", "tool": "asks_unless_safe",
        "parameters": {"safe": true}}]));
    assert_eq!(run.running_ids(), ["a"]);
    run.crash_into(Arc::new(Strict), None);
    assert_eq!((run.running.len(), run.told("a")), (0, "waiting: consent".into()));
    run.give(Input::Answer(Answer::Approve { step_id: "a".into(), generation: 0 }));
    assert_eq!(run.running_ids(), ["a"], "and then that very call is made");
    run.end("a");
    assert_eq!(run.status(), PlanStatus::Completed);
}

/// Allows nothing beforehand.
struct Strict;

impl CallRules for Strict {
    fn judge(&self, tool: &str, arguments: &JsonMap) -> Option<CallRule> {
        Rules.judge(tool, arguments).map(|rule| CallRule { allowed: false, ..rule })
    }

    fn may_need_consent(&self, tool: &str) -> bool {
        Rules.may_need_consent(tool)
    }
}

#[test]
fn a_step_runs_while_one_of_its_iterations_does() {
    let mut run = begin(json!([{"step_id": "a", "tool": "once", "step_type": "loop",
        "loop_over": "[1, 2]", "loop_parallelism": 2,
        "parameters": {"fail": "network", "unknown": true}}]));
    run.end("a");
    let (step_id, resolution) = ("a".into(), Resolution::Done { output: json!(1).into() });
    run.give(Input::Answer(Answer::Resolve {
        step_id,
        generation: 0,
        iteration: 0,
        attempt: 1,
        resolution,
    }));
    assert_eq!((run.running.len(), run.told("a")), (1, "running".into()));
}

#[test]
fn a_decision_about_an_earlier_attempt_does_not_mean_a_later_one() {
    let mut run = begin(json!([{"step_id": "a", "tool": "once"}]));
    let retry = |attempt| {
        Input::Answer(Answer::Resolve {
            step_id: "a".into(),
            generation: 0,
            iteration: 0,
            attempt,
            resolution: Resolution::Retry,
        })
    };
    run.crash(None);
    run.give(retry(1));
    assert_eq!(run.running[0].key.attempt, 2);
    run.crash(None);
    run.give(retry(1));
    assert!(run.running.is_empty() && run.is("a", StepStatus::InDoubt));
    run.give(retry(2));
    assert_eq!(run.running[0].key.attempt, 3);
}

#[test]
fn a_run_that_has_ended_is_not_resumed_and_an_older_owner_is_refused() {
    let mut run = begin(json!([{"step_id": "a", "tool": "t"}]));
    run.crash(None);
    let state = run.scheduler.state().clone();
    assert_eq!(state.epoch, 2);
    let mut late = state.clone();
    let resumed = |epoch| Event {
        seq: state.next_seq,
        kind: EventKind::RunResumed {
            epoch,
            config: Arc::default(),
            resumed_at: jiff::Timestamp::UNIX_EPOCH,
        },
        ..run.events[0].clone()
    };
    assert!(late.apply(&resumed(2)).unwrap_err().to_string().contains("another one has followed"));
    late.apply(&resumed(3)).unwrap();
    let config = OrchestratorConfig::default();
    run.give(Input::Resume { epoch: 2, config, resumed_at: jiff::Timestamp::UNIX_EPOCH });
    assert_eq!(run.refused, [Refusal::Overtaken { epoch: 2, current: 2 }]);
    run.refused.clear();
    run.end("a");
    let events = run.events.len();
    let config = OrchestratorConfig::default();
    run.give(Input::Resume { epoch: 9, config, resumed_at: jiff::Timestamp::UNIX_EPOCH });
    assert_eq!(run.events.len(), events, "nothing is recorded");
    assert_eq!(run.refused, [Refusal::Ended { status: PlanStatus::Completed }]);
}
