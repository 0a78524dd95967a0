//! Runs that go on in another process, driven with real futures: D2, D4, X13.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pe_exec::{
    AllowRule, Answer, AnswerError, ApprovalRequest, Approver, Control, Decision, Driver,
    MemoryJournal, Policy, Refusal, ResumeError,
};
use pe_model::{
    BoxFuture, Claim, Effect, Event, EventKind, IterationPhase, Journal, JournalError, PlanStatus,
    Resolution, RunId, RunState, StepStatus, Tool, ToolCall, ToolError, ToolSet, ToolSpec,
};
use serde_json::{Value, json};

use crate::support::{compile, valid};

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
