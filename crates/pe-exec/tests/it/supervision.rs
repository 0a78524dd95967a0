//! Runs that somebody supervises, driven with real futures.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use pe_exec::{
    Answer, Control, ControlError, Controller, Driver, Finished, MemoryJournal, NewRun, Observer,
    Refusal, ResumeError, Revision, fresh_run_id,
};
use pe_model::{
    BoxFuture, Effect, ErrorClass, Event, EventKind, OrchestratorConfig, PlanStage, PlanStatus,
    RevisionCause, RunId, RunState, StopCause, Tool, ToolCall, ToolError, ToolSet, ToolSpec,
};
use pe_validate::ValidPlan;
use serde_json::{Value, json};
use tokio::sync::mpsc;

use crate::support::valid;

/// Takes `ms` milliseconds; fails as often as `fails` says, with the class `fail`.
struct Scripted(ToolSpec);

impl Tool for Scripted {
    fn spec(&self) -> &ToolSpec {
        &self.0
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        Box::pin(async move {
            let ms = call.arguments.get("ms").and_then(Value::as_u64).unwrap_or(10);
            tokio::time::sleep(Duration::from_millis(ms)).await;
            let fails = call.arguments.get("fails").and_then(Value::as_u64).unwrap_or(0);
            if u64::from(call.attempt) <= fails {
                return Err(ToolError::new(ErrorClass::RateLimit, "no").retry_after_ms(50));
            }
            if call.arguments.contains_key("fail") {
                return Err(ToolError::new(ErrorClass::Execution, "no"));
            }
            Ok(json!(call.step_id))
        })
    }
}

/// Tells the supervisor where the run stands when it has come to rest.
struct Watch {
    idle: mpsc::UnboundedSender<RunState>,
    seen: Mutex<Vec<Event>>,
}

impl Observer for Watch {
    fn observe(&self, events: &[Event]) {
        self.seen.lock().unwrap().extend_from_slice(events);
    }

    fn idle(&self, state: &RunState) {
        let last = self.seen.lock().unwrap().last().map(|event| event.seq + 1);
        // Everything that led here was published before. A panic here would go unnoticed.
        let mut state = state.clone();
        if last != Some(state.next_seq) {
            state.status = PlanStatus::Created;
        }
        let _ = self.idle.send(state);
    }
}

/// Where a supervisor hears that the run has come to rest.
struct Rests(mpsc::UnboundedReceiver<RunState>);

impl Rests {
    /// Waits for that, but not for ever.
    async fn recv(&mut self) -> Option<RunState> {
        let wait = tokio::time::timeout(Duration::from_secs(3_600), self.0.recv());
        wait.await.expect("the run comes to rest and says so")
    }
}

struct World {
    journal: Arc<MemoryJournal>,
    idle: Rests,
    driver: Driver,
}

impl World {
    fn new() -> Self {
        Self::with(Arc::default())
    }

    fn with(journal: Arc<MemoryJournal>) -> Self {
        let tool = |name: &str, effect, consent| -> Arc<dyn Tool> {
            let spec = ToolSpec { name: name.to_owned(), effect, consent, ..ToolSpec::default() };
            Arc::new(Scripted(spec))
        };
        let tools = [
            tool("t", Effect::Read, false),
            tool("once", Effect::Once, false),
            tool("asks", Effect::Read, true),
        ];
        let tools: ToolSet = tools.into_iter().collect();
        let (told, idle) = mpsc::unbounded_channel();
        let watch = Watch { idle: told, seen: Mutex::default() };
        let config =
            OrchestratorConfig { plan_timeout_ms: 60_000, ..OrchestratorConfig::default() };
        let driver =
            Driver::new(tools).journal(journal.clone()).observer(Arc::new(watch)).config(config);
        Self { journal, idle: Rests(idle), driver }
    }

    /// Runs a plan while `supervise` has its controller; the controller is gone when that ends.
    async fn run(
        &mut self,
        run: NewRun,
        supervise: impl AsyncFnOnce(Controller, &mut Rests),
    ) -> Finished {
        let (controller, control) = Control::new();
        let driver = self.driver.clone();
        let run = tokio::spawn(async move { driver.run(run, control).await.unwrap() });
        supervise(controller, &mut self.idle).await;
        run.await.unwrap()
    }

    async fn resumed(&mut self, run_id: &RunId) -> (Controller, tokio::task::JoinHandle<Finished>) {
        let (controller, control) = Control::new();
        let (driver, run_id) = (self.driver.clone(), run_id.clone());
        let run =
            tokio::spawn(
                async move { driver.resume_supervised(&run_id, None, control).await.unwrap() },
            );
        (controller, run)
    }
}

fn supervised(steps: Value) -> NewRun {
    NewRun { supervised: true, ..NewRun::from(valid(steps)) }
}

fn empty(stage: PlanStage) -> NewRun {
    let plan = ValidPlan::without_steps("g", pe_model::JsonMap::new());
    NewRun { stage, ..NewRun::from(plan) }
}

fn appended(steps: &Value, stage: PlanStage) -> Revision {
    Revision::extension(valid(steps.clone()), stage)
}

fn edited(steps: Value) -> Revision {
    let cause = RevisionCause::Adaptation;
    Revision { cause, ..appended(&steps, PlanStage::Complete) }
}

fn kinds(journal: &MemoryJournal) -> Vec<EventKind> {
    journal.events().into_iter().map(|event| event.kind).collect()
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_through_waits_to_be_told_and_is_idle_once() {
    let mut world = World::new();
    let run_id = fresh_run_id();
    let new = NewRun {
        run_id: Some(run_id.clone()),
        ..supervised(json!([{"step_id": "a", "tool": "t"}]))
    };
    let finished = world
        .run(new, async |controller, idle| {
            let state = idle.recv().await.unwrap();
            assert_eq!((state.status, state.done_count()), (PlanStatus::Running, 1));
            // Longer than the plan may take: waiting to be told is not counted.
            tokio::time::sleep(Duration::from_secs(600)).await;
            controller.conclude().await.unwrap();
            let after = controller.conclude().await;
            assert_eq!(after, Err(ControlError::Ended));
        })
        .await;
    assert!(finished.is_success() && finished.state.run_id == run_id);
    assert!(world.idle.0.try_recv().is_err(), "nobody is told twice");
}

#[tokio::test(start_paused = true)]
async fn a_sequential_loop_appends_calls_and_ends_the_run() {
    let mut world = World::new();
    let (controller, control) = Control::new();
    let driver = world.driver.clone();
    let run = tokio::spawn(async move { driver.run(empty(PlanStage::Growing), control).await });
    let mut steps = json!([]);
    for number in 0..3 {
        let state = world.idle.recv().await.unwrap();
        assert_eq!((state.done_count(), state.steps().len()), (number, number));
        assert_eq!(
            controller.conclude().await,
            Err(ControlError::Refused(Refusal::Unfinished { stage: PlanStage::Growing }))
        );
        steps
            .as_array_mut()
            .unwrap()
            .push(json!({"step_id": format!("c{number}"), "tool": "once"}));
        controller.revise(appended(&steps, PlanStage::Growing)).await.unwrap();
    }
    world.idle.recv().await.unwrap();
    controller.revise(appended(&steps, PlanStage::Complete)).await.unwrap();
    assert!(
        world.idle.recv().await.unwrap().stage.is_complete(),
        "idle again: it was told something"
    );
    controller.conclude().await.unwrap();
    let finished = run.await.unwrap().unwrap();
    assert!(finished.is_success());
    assert_eq!(finished.answer, "c0\nc1\nc2");
    let recorded = RunState::fold(&world.journal.events()).unwrap().unwrap();
    assert_eq!(recorded, finished.state);
}

#[tokio::test(start_paused = true)]
async fn a_failed_run_is_mended_and_goes_on_in_the_same_run() {
    let mut world = World::new();
    let failing = json!([{"step_id": "a", "tool": "t"}, {"step_id": "b", "tool": "t", "parameters": {"fail": true}}]);
    let finished = world
        .run(supervised(failing), async |controller, idle| {
            idle.recv().await.unwrap();
            let mended = json!([{"step_id": "a", "tool": "t"}, {"step_id": "b", "tool": "t"}]);
            controller.revise(edited(mended)).await.unwrap();
            controller.conclude().await.unwrap();
        })
        .await;
    assert!(finished.is_success(), "it ends as soon as everything has settled");
    assert_eq!((finished.state.adaptations, finished.state.attempts_started), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn while_a_run_is_suspended_what_has_begun_goes_on_and_nothing_begins() {
    let mut world = World::new();
    let steps = json!([
        {"step_id": "retries", "tool": "t", "parameters": {"fails": 1}},
        {"step_id": "loops", "tool": "t", "step_type": "loop", "loop_count": 5},
        {"step_id": "next", "tool": "t", "dependencies": ["loops"]},
    ]);
    let finished = world
        .run(supervised(steps), async |controller, idle| {
            tokio::time::sleep(Duration::from_millis(5)).await;
            controller.suspend().await.unwrap();
            tokio::time::sleep(Duration::from_secs(60)).await;
            controller.go_on().await.unwrap();
            let state = idle.recv().await.unwrap();
            assert_eq!(state.done_count(), 3, "a run that stands still is not idle");
        })
        .await;
    assert!(finished.is_success());
    let started = |id: &str| finished.state.step(id).unwrap().first_started_ms.unwrap();
    let took = |id: &str| finished.state.step(id).unwrap().execution_time_ms.unwrap();
    assert!(took("retries") < 5_000 && took("loops") < 100, "they were not held up");
    assert!(started("next") >= 60_000);
}

#[tokio::test(start_paused = true)]
async fn a_new_plan_is_confirmed_when_it_is_in_force() {
    let mut world = World::new();
    let steps = json!([{"step_id": "a", "tool": "t", "parameters": {"ms": 1_000}}]);
    let plan = |out: u32| {
        edited(json!([{"step_id": "a", "tool": "t", "parameters": {"ms": 1_000}},
            {"step_id": "b", "tool": "t", "parameters": {"out": out}}]))
    };
    let journal = world.journal.clone();
    let finished = world
        .run(supervised(steps), async |controller, _| {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let revised = |journal: &MemoryJournal| {
                let kinds = kinds(journal);
                kinds.iter().filter(|kind| matches!(kind, EventKind::PlanRevised { .. })).count()
            };
            let begin = tokio::time::Instant::now();
            let first = async {
                let superseded = Err(ControlError::Refused(Refusal::Superseded));
                assert_eq!(controller.revise(plan(1)).await, superseded);
                assert!(begin.elapsed() < Duration::from_millis(200));
            };
            let second = async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                assert_eq!(revised(&journal), 0);
                controller.revise(plan(2)).await.unwrap();
                assert_eq!((revised(&journal), begin.elapsed().as_millis()), (1, 900));
            };
            tokio::join!(first, second);
        })
        .await;
    assert!(finished.is_success(), "nobody supervises it any more");
    assert_eq!(finished.state.plan.steps[1].parameters["out"], 2);
}

#[tokio::test(start_paused = true)]
async fn a_new_plan_that_never_comes_into_force_is_said_to_be_lost() {
    let mut world = World::new();
    let steps = json!([{"step_id": "a", "tool": "t", "parameters": {"ms": 1_000}}]);
    let finished = world
        .run(supervised(steps), async |controller, _| {
            tokio::time::sleep(Duration::from_millis(100)).await;
            let revise = controller.revise(edited(json!([{"step_id": "b", "tool": "t"}])));
            let stop = async {
                tokio::time::sleep(Duration::from_millis(100)).await;
                controller.stop_for(StopCause::NoModel).await.unwrap();
            };
            assert_eq!(tokio::join!(revise, stop).0, Err(ControlError::Ended));
        })
        .await;
    assert_eq!(finished.state.stopping, Some(StopCause::NoModel));
    assert_eq!(finished.state.status, PlanStatus::Cancelled, "the new plan may still be given");
}

#[tokio::test(start_paused = true)]
async fn a_draft_whose_writer_is_gone_stops_when_nothing_runs_and_only_a_writer_resumes_it() {
    let mut world = World::new();
    let steps = json!([{"step_id": "a", "tool": "t"}, {"step_id": "b", "tool": "once"}]);
    let new = NewRun { stage: PlanStage::Draft, ..NewRun::from(valid(steps.clone())) };
    let finished = world.run(new, async |controller, _| drop(controller)).await;
    let state = &finished.state;
    assert_eq!(
        (state.status, state.stopping),
        (PlanStatus::Cancelled, Some(StopCause::Interrupted))
    );
    assert_eq!((state.done_count(), state.attempts_started), (1, 1), "what ran has ended");

    let mut world = World::with(world.journal.clone());
    let refused = world.driver.resume(&state.run_id, None, Control::none()).await.unwrap_err();
    let run_id = state.run_id.clone();
    assert_eq!(refused, ResumeError::Unfinished { run_id: run_id.clone() });
    let events = world.journal.events().len();
    let cancelled = world.driver.cancel(&run_id).await.unwrap();
    assert_eq!((cancelled.status, cancelled.stage), (PlanStatus::Cancelled, PlanStage::Draft));
    assert!(world.journal.events().len() > events, "others may record what they decide");

    let (controller, run) = world.resumed(&run_id).await;
    assert_eq!(world.idle.recv().await.unwrap().done_count(), 1);
    controller.revise(appended(&steps, PlanStage::Complete)).await.unwrap();
    controller.conclude().await.unwrap();
    assert!(run.await.unwrap().is_success());
}

#[tokio::test(start_paused = true)]
async fn a_stop_leaves_a_failure_that_may_still_be_mended() {
    let mut world = World::new();
    let failing = json!([{"step_id": "a", "tool": "t", "parameters": {"fail": true}}]);
    let finished = world
        .run(supervised(failing), async |controller, idle| {
            idle.recv().await.unwrap();
            controller.stop_for(StopCause::Budget).await.unwrap();
        })
        .await;
    let state = finished.state;
    assert_eq!((state.status, state.stopping), (PlanStatus::Cancelled, Some(StopCause::Budget)));
    let mut world = World::with(world.journal.clone());
    let (controller, run) = world.resumed(&state.run_id).await;
    world.idle.recv().await.unwrap();
    controller.revise(edited(json!([{"step_id": "a", "tool": "t"}]))).await.unwrap();
    drop(controller);
    assert!(run.await.unwrap().is_success());
    let ended = world.driver.resume_supervised(&state.run_id, None, Control::none()).await.unwrap();
    assert!(ended.is_success(), "one that has ended is returned as it is");
}

#[tokio::test(start_paused = true)]
async fn without_anybody_to_answer_a_whole_plan_pauses_and_a_growing_one_asks_its_supervisor() {
    let asks = json!([{"step_id": "a", "tool": "asks"}]);
    let mut world = World::new();
    let finished = world
        .run(supervised(asks.clone()), async |controller, _| {
            tokio::time::sleep(Duration::from_secs(1)).await;
            drop(controller);
        })
        .await;
    assert_eq!(finished.state.status, PlanStatus::Waiting);
    assert!(world.idle.0.try_recv().is_err());

    let mut world = World::new();
    let new = NewRun { stage: PlanStage::Growing, ..NewRun::from(valid(asks)) };
    let finished = world
        .run(new, async |controller, idle| {
            idle.recv().await.unwrap();
            controller.pause().await.unwrap();
        })
        .await;
    let state = finished.state;
    assert_eq!(state.status, PlanStatus::Waiting);
    let approve = Answer::Approve { step_id: "a".into(), generation: 0 };
    let decided = world.driver.decide(&state.run_id, vec![approve]).await.unwrap();
    assert_eq!(decided.stage, PlanStage::Growing);

    let mut world = World::with(world.journal.clone());
    let (controller, run) = world.resumed(&state.run_id).await;
    assert_eq!(world.idle.recv().await.unwrap().done_count(), 1);
    let refused = Err(ControlError::Refused(Refusal::NotStalled));
    assert_eq!(controller.pause().await, refused, "nobody is asked anything");
    controller.stop();
    assert_eq!(run.await.unwrap().state.status, PlanStatus::Cancelled);
}

#[tokio::test(start_paused = true)]
async fn a_suspended_run_whose_supervisor_is_gone_goes_on_alone() {
    let mut world = World::new();
    let steps = json!([{"step_id": "a", "tool": "t"}, {"step_id": "b", "tool": "t", "dependencies": ["a"]}]);
    let finished = world
        .run(supervised(steps), async |controller, _| {
            controller.suspend().await.unwrap();
        })
        .await;
    assert!(finished.is_success());
}
