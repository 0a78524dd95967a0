//! D2, X13: a run goes on in another process as if nothing had happened.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pe_exec::{
    AllowRule, Answer, AnswerError, ApprovalRequest, Approver, CallRule, CallRules, Control,
    Decision, Driver, Policy, Refusal, ResumeError,
};
use pe_exec::{Input, MemoryJournal};
use pe_model::JsonMap;
use pe_model::{
    BoxFuture, Claim, Effect, Event, EventKind, IterationPhase, Journal, JournalError,
    OrchestratorConfig, PlanStatus, Resolution, RunId, RunState, StepStatus, StopCause, Tool,
    ToolCall, ToolError, ToolSet, ToolSpec,
};
use serde_json::{Value, json};

use crate::support::{ByHand, Rules, compile, valid};

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
    run.give(Input::Resolve {
        step_id: "once".into(),
        generation: 0,
        iteration: 0,
        attempt: 1,
        resolution: done,
    });
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
    run.give(Input::Approve { step_id: "a".into(), generation: 0 });
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
    run.give(Input::Resolve { step_id, generation: 0, iteration: 0, attempt: 1, resolution });
    assert_eq!((run.running.len(), run.told("a")), (1, "running".into()));
}

#[test]
fn a_decision_about_an_earlier_attempt_does_not_mean_a_later_one() {
    let mut run = begin(json!([{"step_id": "a", "tool": "once"}]));
    let retry = |attempt| Input::Resolve {
        step_id: "a".into(),
        generation: 0,
        iteration: 0,
        attempt,
        resolution: Resolution::Retry,
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

/// Counts its calls; takes a second, or for ever.
struct Counted {
    spec: ToolSpec,
    calls: Arc<AtomicU32>,
    alive: Arc<AtomicU32>,
}

struct Alive(Arc<AtomicU32>);

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Tool for Counted {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.alive.fetch_add(1, Ordering::SeqCst);
        let alive = Alive(Arc::clone(&self.alive));
        Box::pin(async move {
            let _alive = alive;
            tokio::time::sleep(Duration::from_secs(1)).await;
            if call.arguments.get("hangs").is_some() && call.attempt == 1 {
                std::future::pending::<()>().await;
            }
            Ok(json!(call.step_id))
        })
    }
}

struct World {
    journal: Arc<MemoryJournal>,
    calls: Arc<AtomicU32>,
    alive: Arc<AtomicU32>,
    tools: ToolSet,
}

impl World {
    fn new() -> Self {
        let (calls, alive) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
        let tool = |name: &str, effect, consent| -> Arc<dyn Tool> {
            let spec = ToolSpec { name: name.to_owned(), effect, consent, ..ToolSpec::default() };
            Arc::new(Counted { spec, calls: Arc::clone(&calls), alive: Arc::clone(&alive) })
        };
        let tools = [
            tool("t", Effect::Read, false),
            tool("once", Effect::Once, false),
            tool("asks", Effect::Once, true),
        ];
        let tools = tools.into_iter().collect();
        Self { journal: Arc::default(), calls, alive, tools }
    }

    /// What another process has at hand.
    fn driver(&self) -> Driver {
        Driver::new(self.tools.clone()).journal(self.journal.clone())
    }

    fn calls(&self) -> u32 {
        self.calls.load(Ordering::SeqCst)
    }

    /// A run whose process is dropped after this time.
    async fn killed(&self, steps: Value, after_ms: u64) -> RunId {
        let plan = crate::support::compile(
            pe_model::PlanFile::from_value(json!({"goal": "g", "steps": steps})).unwrap().plan,
        );
        let driver = self.driver();
        let run = driver.run(plan, Control::none());
        assert!(tokio::time::timeout(Duration::from_millis(after_ms), run).await.is_err());
        // What a dead process held is gone at once; here its attempts are to be dropped first.
        while self.alive.load(Ordering::SeqCst) > 0 {
            tokio::task::yield_now().await;
        }
        self.journal.events()[0].run_id.clone()
    }

    async fn state(&self, run_id: &RunId) -> RunState {
        RunState::fold(&self.journal.load(run_id).await.unwrap()).unwrap().unwrap()
    }
}

#[tokio::test(start_paused = true)]
async fn d2_a_resumed_run_ends_as_an_undisturbed_one_and_a_second_resume_does_nothing() {
    let world = World::new();
    let steps = json!([
        {"step_id": "a", "tool": "t"},
        {"step_id": "b", "tool": "t", "dependencies": ["a"], "parameters": {"hangs": true}},
        {"step_id": "c", "tool": "t", "dependencies": ["b"]},
    ]);
    let run_id = world.killed(steps, 1_500).await;
    assert_eq!(world.calls(), 2);
    let finished = world.driver().resume(&run_id, None, Control::none()).await.unwrap();
    assert_eq!((finished.state.status, finished.answer.as_str()), (PlanStatus::Completed, "c"));
    assert_eq!(world.calls(), 4, "`a` is not called again");
    assert_eq!(finished.state, world.state(&run_id).await, "and so does its journal tell it");
    let events = world.journal.events().len();
    let again = world.driver().resume(&run_id, None, Control::none()).await.unwrap();
    assert_eq!((again.answer.as_str(), world.calls()), ("c", 4));
    assert_eq!(world.journal.events().len(), events);
}

#[tokio::test(start_paused = true)]
async fn d4_two_processes_cannot_own_one_run() {
    let world = World::new();
    let run_id = world.killed(json!([{"step_id": "a", "tool": "t"}]), 500).await;
    let (first, second) = (world.driver(), world.driver());
    let (first, second) = tokio::join!(
        first.resume(&run_id, None, Control::none()),
        second.resume(&run_id, None, Control::none()),
    );
    assert_eq!(first.unwrap().state.status, PlanStatus::Completed);
    assert!(matches!(second, Err(ResumeError::Journal(JournalError::Owned { .. }))));
    assert_eq!(world.calls(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_step_in_doubt_is_decided_about_while_nobody_runs_the_run() {
    let world = World::new();
    let steps = json!([
        {"step_id": "a", "tool": "once"},
        {"step_id": "b", "tool": "t", "dependencies": ["a"]},
    ]);
    let run_id = world.killed(steps, 500).await;
    // Nobody has resumed it: that nobody knows the outcome is found out now.
    let answer = |iteration| Answer::Resolve {
        step_id: "a".into(),
        generation: 0,
        iteration,
        attempt: 1,
        resolution: Resolution::Done { output: json!("seen").into() },
    };
    let events = world.journal.events().len();
    let refused = world.driver().decide(&run_id, vec![answer(1)]).await;
    assert!(matches!(
        refused,
        Err(ResumeError::Refused { refusal: Refusal::NotInDoubt { .. }, .. })
    ));
    assert_eq!(world.journal.events().len(), events, "nothing is recorded");
    let state = world.driver().decide(&run_id, vec![answer(0)]).await.unwrap();
    assert_eq!(world.calls(), 1, "deciding calls nothing");
    assert_eq!(state.step("a").unwrap().status, StepStatus::Completed);
    assert_eq!(
        (state.status, state.step("b").unwrap().status),
        (PlanStatus::Running, StepStatus::Pending)
    );
    assert_eq!(state, world.state(&run_id).await);
    let finished = world.driver().resume(&run_id, None, Control::none()).await.unwrap();
    assert_eq!((finished.answer.as_str(), world.calls()), ("b", 2));
}

#[tokio::test(start_paused = true)]
async fn a_run_in_doubt_stays_so_until_somebody_decides() {
    let world = World::new();
    let run_id = world.killed(json!([{"step_id": "a", "tool": "once"}]), 500).await;
    for _ in 0..2 {
        let state = world.driver().resume(&run_id, None, Control::none()).await.unwrap().state;
        assert_eq!((state.status, world.calls()), (PlanStatus::InDoubt, 1));
    }
    let phase = world.state(&run_id).await.step("a").unwrap().iterations[0].phase.clone();
    let IterationPhase::InDoubt { error } = phase else { panic!("{phase:?}") };
    assert!(error.message.contains("the process that made the call ended"), "{error}");
    let resumed = |event: &&Event| matches!(event.kind, EventKind::RunResumed { .. });
    assert_eq!(world.journal.events().iter().filter(resumed).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_waiting_step_is_approved_rejected_or_allowed_later() {
    for how in ["approve", "reject", "allow", "ask"] {
        let world = World::new();
        let plan = compile(
            pe_model::PlanFile::from_value(json!({"goal": "g", "steps": [
                {"step_id": "a", "tool": "asks"},
                {"step_id": "b", "tool": "t", "dependencies": ["a"]}]}))
            .unwrap()
            .plan,
        );
        let state = world.driver().run(plan, Control::none()).await.unwrap().state;
        assert_eq!(state.status, PlanStatus::Waiting);
        let run_id = state.run_id.clone();
        let still = world.driver().resume(&run_id, None, Control::none()).await.unwrap();
        assert_eq!(still.state, state, "nobody is there to be asked");
        let (step_id, generation) = ("a".into(), 0);
        let mut driver = world.driver();
        match how {
            "approve" => {
                let answer = Answer::Approve { step_id, generation };
                let state = driver.decide(&run_id, vec![answer]).await.unwrap();
                assert_eq!((state.status, world.calls()), (PlanStatus::Running, 0));
            }
            "reject" => {
                let answer = Answer::Reject { step_id, generation };
                let state = driver.decide(&run_id, vec![answer]).await.unwrap();
                assert_eq!(state.status, PlanStatus::Failed, "all that follows is drawn");
                assert_eq!(state.step("b").unwrap().status, StepStatus::Skipped);
                continue;
            }
            "allow" => {
                let rule = AllowRule::parse("asks").unwrap();
                driver = driver.policy(Policy::default().allow(rule));
            }
            _ => driver = driver.approver(Arc::new(Agrees)),
        }
        let finished = driver.resume(&run_id, None, Control::none()).await.unwrap();
        assert_eq!((finished.state.status, world.calls()), (PlanStatus::Completed, 2), "{how}");
    }
}

struct Agrees;

impl Approver for Agrees {
    fn decide(&self, _: ApprovalRequest) -> BoxFuture<'_, Decision> {
        Box::pin(async { Decision::Approve })
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_nobody_runs_is_cancelled_and_can_still_be_resumed() {
    let world = World::new();
    let run_id = world.killed(json!([{"step_id": "a", "tool": "t"}]), 500).await;
    let state = world.driver().cancel(&run_id).await.unwrap();
    assert_eq!((state.status, world.calls()), (PlanStatus::Cancelled, 1));
    let finished = world.driver().resume(&run_id, None, Control::none()).await.unwrap();
    assert_eq!(finished.state.status, PlanStatus::Completed);
    let error = world.driver().cancel(&run_id).await.unwrap_err();
    assert!(matches!(error, ResumeError::Refused { refusal: Refusal::Ended { .. }, .. }));
}

#[tokio::test(start_paused = true)]
async fn tools_that_are_gone_stop_a_resume_before_anything_is_recorded() {
    let world = World::new();
    let steps = json!([{"step_id": "a", "tool": "t"}, {"step_id": "b", "tool": "once"}]);
    let run_id = world.killed(steps, 500).await;
    let events = world.journal.events().len();
    let bare = Driver::new(ToolSet::new()).journal(world.journal.clone());
    let error = bare.resume(&run_id, None, Control::none()).await.unwrap_err();
    let ResumeError::MissingTools { tools, .. } = error else { panic!("{error}") };
    assert_eq!(tools, ["t", "once"]);
    assert_eq!(world.journal.events().len(), events);
}

#[tokio::test(start_paused = true)]
async fn a_person_elsewhere_answers_the_open_question_of_a_live_run() {
    /// Is asked, and never answers.
    struct Ponders(Mutex<u32>);
    impl Approver for Ponders {
        fn decide(&self, _: ApprovalRequest) -> BoxFuture<'_, Decision> {
            *self.0.lock().unwrap() += 1;
            Box::pin(std::future::pending())
        }
    }
    let world = World::new();
    let ponders = Arc::new(Ponders(Mutex::new(0)));
    let driver = world.driver().approver(ponders.clone());
    let plan = compile(
        pe_model::PlanFile::from_value(json!({"goal": "g", "steps": [
            {"step_id": "a", "tool": "asks"}, {"step_id": "b", "tool": "asks"}]}))
        .unwrap()
        .plan,
    );
    let (controller, control) = Control::new();
    let answers = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let answer = |id: &str, generation| Answer::Approve { step_id: id.into(), generation };
        let late = controller.answer(answer("a", 7)).await;
        assert!(matches!(late, Err(AnswerError::Refused(Refusal::NotWaiting { .. }))), "{late:?}");
        controller.answer(answer("a", 0)).await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
        assert_eq!(*ponders.0.lock().unwrap(), 2, "the next question is asked");
        controller.answer(answer("b", 0)).await.unwrap();
    };
    let (finished, ()) = tokio::join!(driver.run(plan, control), answers);
    assert_eq!(finished.unwrap().state.status, PlanStatus::Completed);
    let answer = Answer::Approve { step_id: "a".into(), generation: 0 };
    assert_eq!(controller.answer(answer).await, Err(AnswerError::Ended));
}

/// A run of `asks` steps x and y, of which b depends on x, that waits for both.
async fn two_waiting(world: &World) -> RunId {
    let steps = json!([{"step_id": "x", "tool": "asks"}, {"step_id": "y", "tool": "asks"},
        {"step_id": "b", "tool": "t", "dependencies": ["x"]}]);
    let state = world.driver().run(valid(steps), Control::none()).await.unwrap().state;
    assert_eq!(state.status, PlanStatus::Waiting);
    state.run_id
}

#[tokio::test(start_paused = true)]
async fn one_of_two_waiting_steps_is_answered_and_goes_on() {
    let (step_id, generation) = (|| "x".into(), 0);
    let world = World::new();
    let run_id = two_waiting(&world).await;
    let approve = Answer::Approve { step_id: step_id(), generation };
    world.driver().decide(&run_id, vec![approve]).await.unwrap();
    let state = world.driver().resume(&run_id, None, Control::none()).await.unwrap().state;
    let status = |id: &str| state.step(id).unwrap().status;
    assert_eq!((status("x"), status("b")), (StepStatus::Completed, StepStatus::Completed));
    assert_eq!((state.status, world.calls()), (PlanStatus::Waiting, 2));

    let world = World::new();
    let run_id = two_waiting(&world).await;
    let reject = Answer::Reject { step_id: step_id(), generation };
    let state = world.driver().decide(&run_id, vec![reject]).await.unwrap();
    assert_eq!(state.step("b").unwrap().status, StepStatus::Skipped);
    assert_eq!((state.status, world.calls()), (PlanStatus::Waiting, 0));
}

#[tokio::test(start_paused = true)]
async fn a_decision_beside_a_waiting_step_draws_all_its_consequences() {
    let world = World::new();
    let steps = json!([{"step_id": "x", "tool": "asks"}, {"step_id": "a", "tool": "once"},
        {"step_id": "f", "tool": "t", "step_type": "fallback", "fallback_for": "a"},
        {"step_id": "b", "tool": "asks", "dependencies": ["a"]}]);
    let run_id = world.killed(steps, 500).await;
    let resolution = Resolution::Done { output: json!(1).into() };
    let (step_id, generation) = ("a".into(), 0);
    let done = Answer::Resolve { step_id, generation, iteration: 0, attempt: 1, resolution };
    let state = world.driver().decide(&run_id, vec![done]).await.unwrap();
    assert_eq!(state.step("f").unwrap().status, StepStatus::Skipped);
    let before = world.journal.events().len();
    let state = world.driver().resume(&run_id, None, Control::none()).await.unwrap().state;
    assert_eq!(state.step("b").unwrap().status, StepStatus::Waiting, "it is asked about now");
    let first = &world.journal.events()[before].kind;
    assert!(matches!(first, EventKind::RunResumed { .. }), "nothing comes before: {first:?}");
}

#[tokio::test(start_paused = true)]
async fn a_waiting_run_is_cancelled_and_goes_on_where_it_can() {
    let world = World::new();
    let run_id = two_waiting(&world).await;
    let state = world.driver().cancel(&run_id).await.unwrap();
    assert_eq!(state.status, PlanStatus::Cancelled);
    let steps = json!([{"step_id": "x", "tool": "asks"}, {"step_id": "a", "tool": "t"}]);
    let world = World::new();
    let run_id = world.killed(steps, 500).await;
    world.driver().cancel(&run_id).await.unwrap();
    let state = world.driver().resume(&run_id, None, Control::none()).await.unwrap().state;
    assert_eq!(state.step("a").unwrap().status, StepStatus::Completed);
    assert_eq!((state.status, state.stopping), (PlanStatus::Waiting, None));
}

/// Refuses every batch but the first.
struct Fails(Arc<MemoryJournal>);

impl Journal for Fails {
    fn claim<'a>(&'a self, run_id: &'a RunId) -> BoxFuture<'a, Result<Claim, JournalError>> {
        self.0.claim(run_id)
    }

    fn append<'a>(&'a self, batch: &'a [Event]) -> BoxFuture<'a, Result<(), JournalError>> {
        if batch[0].seq == 0 {
            return self.0.append(batch);
        }
        let (attempted, problem) = ("record events".to_owned(), "disk full".to_owned());
        Box::pin(async { Err(JournalError::Unavailable { attempted, problem }) })
    }

    fn load<'a>(&'a self, run_id: &'a RunId) -> BoxFuture<'a, Result<Vec<Event>, JournalError>> {
        self.0.load(run_id)
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_is_given_back_only_when_its_last_attempt_has_ended() {
    let world = World::new();
    let driver =
        Driver::new(world.tools.clone()).journal(Arc::new(Fails(Arc::clone(&world.journal))));
    let steps = json!([{"step_id": "a", "tool": "t"}, {"step_id": "b", "tool": "t",
        "parameters": {"hangs": true}}]);
    driver.run(valid(steps), Control::none()).await.unwrap_err();
    let run_id = world.journal.events()[0].run_id.clone();
    assert_eq!(world.alive.load(Ordering::SeqCst), 0);
    world.journal.claim(&run_id).await.unwrap();
    // A driver that is dropped holds the run until its attempts are dropped.
    let world = World::new();
    let driver = world.driver();
    let steps = json!([{"step_id": "a", "tool": "t"}]);
    let run = driver.run(valid(steps), Control::none());
    assert!(tokio::time::timeout(Duration::from_millis(500), run).await.is_err());
    let run_id = world.journal.events()[0].run_id.clone();
    while world.alive.load(Ordering::SeqCst) > 0 {
        assert!(world.journal.claim(&run_id).await.is_err(), "an attempt is alive");
        tokio::task::yield_now().await;
    }
    world.journal.claim(&run_id).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_two_answers_at_once_one_is_told_that_it_was_taken() {
    struct Ponders;
    impl Approver for Ponders {
        fn decide(&self, _: ApprovalRequest) -> BoxFuture<'_, Decision> {
            Box::pin(std::future::pending())
        }
    }
    let world = World::new();
    let driver = world.driver().approver(Arc::new(Ponders));
    let (controller, control) = Control::new();
    let both = async {
        tokio::time::sleep(Duration::from_millis(10)).await;
        let yes = Answer::Approve { step_id: "a".into(), generation: 0 };
        let no = Answer::Reject { step_id: "a".into(), generation: 0 };
        tokio::join!(controller.answer(yes), controller.answer(no))
    };
    let plan = valid(json!([{"step_id": "a", "tool": "asks"}]));
    let (finished, (first, second)) = tokio::join!(driver.run(plan, control), both);
    assert_eq!(finished.unwrap().state.status, PlanStatus::Completed);
    assert_eq!(first, Ok(()));
    assert!(matches!(second, Err(AnswerError::Refused(Refusal::NotWaiting { .. }))));
}
