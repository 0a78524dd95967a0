//! The driver with real futures, under tokio's paused clock: X2, X10, X11, X13.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use pe_exec::{
    AllowRule, ApprovalRequest, Approver, Control, Decision, Driver, DriverError, Finished,
    MemoryJournal, Observer, Policy,
};
use pe_model::{
    BoxFuture, Claim, Effect, Event, EventKind, Journal, JournalError, JsonMap, OrchestratorConfig,
    PlanFile, PlanStatus, Reason, RunId, StopCause, Tool, ToolCall, ToolError, ToolSet, ToolSpec,
};
use pe_validate::{Limits, ValidPlan, check};
use serde_json::{Value, json};

type Act = fn(ToolCall) -> BoxFuture<'static, Result<Value, ToolError>>;

struct Scripted {
    spec: ToolSpec,
    act: Act,
}

impl Tool for Scripted {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        (self.act)(call)
    }

    fn argv(&self, arguments: &JsonMap) -> Option<Vec<String>> {
        serde_json::from_value(arguments.get("argv")?.clone()).ok()
    }
}

fn tool(name: &str, effect: Effect, consent: bool, act: Act) -> Arc<dyn Tool> {
    let spec = ToolSpec { name: name.to_owned(), effect, consent, ..ToolSpec::default() };
    Arc::new(Scripted { spec, act })
}

/// The lengths of naps that have begun, and of those that were dropped before their end;
/// each test that looks takes lengths of its own.
static BEGUN: Mutex<Vec<u64>> = Mutex::new(Vec::new());
static DROPPED: Mutex<Vec<u64>> = Mutex::new(Vec::new());

struct NoteDrop {
    ms: Option<u64>,
}

impl Drop for NoteDrop {
    fn drop(&mut self) {
        DROPPED.lock().unwrap().extend(self.ms);
    }
}

fn tools() -> ToolSet {
    let echo: Act = |call| Box::pin(async move { Ok(call.arguments["value"].clone()) });
    [
        tool("echo", Effect::Pure, false, echo),
        tool("asks", Effect::Once, true, echo),
        tool("key", Effect::Pure, false, |call| {
            Box::pin(async move {
                if call.attempt < 2 {
                    return Err(ToolError::new(pe_model::ErrorClass::Network, "again"));
                }
                Ok(json!(call.idempotency_key))
            })
        }),
        tool("nap", Effect::Pure, false, |call| {
            Box::pin(async move {
                let ms = call.arguments["ms"].as_u64().unwrap();
                BEGUN.lock().unwrap().push(ms);
                let mut guard = NoteDrop { ms: Some(ms) };
                tokio::time::sleep(Duration::from_millis(ms)).await;
                guard.ms = None;
                Ok(json!(ms))
            })
        }),
        tool("panic", Effect::Once, false, |_| Box::pin(async { panic!("on purpose") })),
    ]
    .into_iter()
    .collect()
}

fn plan(steps: Value) -> ValidPlan {
    let plan = PlanFile::from_value(json!({"goal": "g", "steps": steps})).unwrap().plan;
    check(plan, &tools().catalog(), &Limits::default()).plan.unwrap()
}

async fn drive(driver: Driver, steps: Value) -> Finished {
    driver.run(plan(steps), Control::none()).await.unwrap()
}

fn naps(count: usize, ms: u64) -> Value {
    (0..count)
        .map(|n| json!({"step_id": format!("n{n}"), "tool": "nap", "parameters": {"ms": ms}}))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn x2_independent_steps_overlap() {
    let begin = tokio::time::Instant::now();
    let finished = drive(Driver::new(tools()), naps(3, 200)).await;
    assert!(finished.is_success());
    assert!(begin.elapsed() < Duration::from_millis(210), "{:?}", begin.elapsed());
    let begin = tokio::time::Instant::now();
    drive(Driver::new(tools()), naps(4, 200)).await;
    assert!(begin.elapsed() >= Duration::from_millis(400), "three slots: the fourth waits");
}

#[tokio::test(start_paused = true)]
async fn x10_a_timed_out_attempt_is_dropped() {
    let steps = json!([{"step_id": "a", "tool": "nap", "parameters": {"ms": 60_000_000},
        "timeout_ms": 100, "retry": {"max_retries": 0}}]);
    let finished = drive(Driver::new(tools()), steps).await;
    assert_eq!(finished.state.status, PlanStatus::Failed);
    assert!(DROPPED.lock().unwrap().contains(&60_000_000), "its future is gone");
}

#[tokio::test(start_paused = true)]
async fn x11_a_panicking_tool_fails_its_step_and_nothing_else() {
    let finished = drive(
        Driver::new(tools()),
        json!([
            {"step_id": "bad", "tool": "panic"},
            {"step_id": "child", "tool": "echo", "parameters": {"value": 1}, "dependencies": ["bad"]},
            {"step_id": "good", "tool": "echo", "parameters": {"value": "fine"}},
        ]),
    )
    .await;
    let bad = finished.state.step("bad").unwrap();
    assert_eq!(bad.error.as_ref().unwrap().to_string(), "internal: the tool panicked: on purpose");
    assert_eq!((bad.attempts(), finished.answer.as_str()), (1, "fine"));
    assert_eq!(finished.state.status, PlanStatus::Failed);
}

#[tokio::test(start_paused = true)]
async fn the_idempotency_key_is_the_same_for_every_attempt() {
    let finished = drive(Driver::new(tools()), json!([{"step_id": "a", "tool": "key"}])).await;
    let expected = format!("{}/0/0/a", finished.state.run_id);
    assert_eq!(finished.state.step("a").unwrap().attempts(), 2);
    assert_eq!(finished.answer, expected);
}

#[tokio::test(start_paused = true)]
async fn x13_a_stop_lets_running_steps_end_and_a_second_one_does_not() {
    let steps = json!([
        {"step_id": "a", "tool": "nap", "parameters": {"ms": 1_000}},
        {"step_id": "b", "tool": "nap", "parameters": {"ms": 1_000}, "dependencies": ["a"]},
    ]);
    let (handle, stop) = Control::new();
    let driver = Driver::new(tools());
    let asking = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        handle.stop();
    };
    let (finished, ()) = tokio::join!(driver.run(plan(steps.clone()), stop), asking);
    let state = finished.unwrap().state;
    assert_eq!(state.status, PlanStatus::Cancelled);
    assert_eq!(state.step("a").unwrap().status.as_str(), "completed");
    assert_eq!(state.step("b").unwrap().reason, Some(Reason::Stopped(StopCause::Interrupted)));

    let (handle, stop) = Control::new();
    let asking = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        handle.stop();
        tokio::time::sleep(Duration::from_millis(100)).await;
        handle.stop_now();
    };
    let (finished, ()) = tokio::join!(driver.run(plan(steps), stop), asking);
    let state = finished.unwrap().state;
    assert_eq!(state.step("a").unwrap().reason, Some(Reason::Stopped(StopCause::Interrupted)));
    assert!(state.elapsed_ms < 300, "{}", state.elapsed_ms);
}

/// Refuses after so many batches.
struct Brittle {
    left: AtomicUsize,
}

impl Journal for Brittle {
    fn claim<'a>(&'a self, run_id: &'a RunId) -> BoxFuture<'a, Result<Claim, JournalError>> {
        Box::pin(async { Ok(Claim::new(run_id.clone(), 1, ())) })
    }

    fn append<'a>(&'a self, _: &'a [Event]) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async {
            let left = self.left.load(Ordering::SeqCst);
            self.left.store(left.saturating_sub(1), Ordering::SeqCst);
            match left {
                0 => Err(disk_full()),
                _ => Ok(()),
            }
        })
    }

    fn load<'a>(&'a self, run_id: &'a RunId) -> BoxFuture<'a, Result<Vec<Event>, JournalError>> {
        Box::pin(async { Err(JournalError::NotFound { run_id: run_id.clone() }) })
    }
}

fn disk_full() -> JournalError {
    JournalError::Unavailable {
        attempted: "record events".to_owned(),
        problem: "disk full".to_owned(),
    }
}

#[derive(Default)]
struct Seen(Mutex<Vec<Event>>);

impl Observer for Seen {
    fn observe(&self, events: &[Event]) {
        self.0.lock().unwrap().extend_from_slice(events);
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_append_stops_the_run_before_any_effect_of_the_batch() {
    let seen = Arc::new(Seen::default());
    let driver = Driver::new(tools())
        .journal(Arc::new(Brittle { left: AtomicUsize::new(0) }))
        .observer(seen.clone());
    let error = driver.run(plan(naps(1, 4_711)), Control::none()).await.unwrap_err();
    assert_eq!(error, DriverError::Journal(disk_full()));
    assert!(seen.0.lock().unwrap().is_empty(), "what is not durable is not published");
    assert!(!BEGUN.lock().unwrap().contains(&4_711), "nor carried out");
}

#[tokio::test(start_paused = true)]
async fn observers_and_the_journal_see_the_same_gap_free_events() {
    let (journal, seen) = (Arc::new(MemoryJournal::new()), Arc::new(Seen::default()));
    let driver = Driver::new(tools()).journal(journal.clone()).observer(seen.clone());
    let finished = drive(driver, naps(5, 10)).await;
    let events = journal.events();
    assert_eq!(*seen.0.lock().unwrap(), events);
    let numbers: Vec<u64> = events.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (0..events.len() as u64).collect::<Vec<_>>());
    let folded = pe_model::RunState::fold(&events).unwrap().unwrap();
    assert_eq!(folded, finished.state);
}

struct Says(Decision);

impl Approver for Says {
    fn decide(&self, request: ApprovalRequest) -> BoxFuture<'_, Decision> {
        assert_eq!(request.calls[0].tool, "asks");
        Box::pin(async { self.0 })
    }
}

async fn with_consent(driver: Driver) -> (PlanStatus, u32) {
    let steps = json!([{"step_id": "a", "tool": "asks",
        "parameters": {"value": 1, "argv": ["git", "log", "-1"]}}]);
    let finished = drive(driver, steps).await;
    (finished.state.status, finished.state.step("a").unwrap().attempts())
}

#[tokio::test(start_paused = true)]
async fn consent_comes_from_the_policy_or_from_a_person() {
    let driver = || Driver::new(tools());
    assert_eq!(with_consent(driver()).await, (PlanStatus::Waiting, 0), "nobody to ask");
    let says = |decision| driver().approver(Arc::new(Says(decision)));
    assert_eq!(with_consent(says(Decision::Approve)).await, (PlanStatus::Completed, 1));
    assert_eq!(with_consent(says(Decision::Reject)).await, (PlanStatus::Failed, 0));
    assert_eq!(with_consent(says(Decision::Unanswered)).await, (PlanStatus::Waiting, 0));
    let allow =
        |rule: &str| driver().policy(Policy::default().allow(AllowRule::parse(rule).unwrap()));
    assert_eq!(with_consent(allow("git log")).await.0, PlanStatus::Completed);
    assert_eq!(with_consent(allow("asks")).await.0, PlanStatus::Completed);
    assert_eq!(with_consent(allow("git push")).await.0, PlanStatus::Waiting);
    let everything = driver().policy(Policy::default().allow_everything());
    assert_eq!(with_consent(everything).await.0, PlanStatus::Completed);
}

#[tokio::test(start_paused = true)]
async fn a_rule_may_state_the_effect_of_what_it_allows() {
    let journal = Arc::new(MemoryJournal::new());
    let rule = AllowRule::parse("git log").unwrap().with_effect(Effect::Read);
    let driver =
        Driver::new(tools()).policy(Policy::default().allow(rule)).journal(journal.clone());
    with_consent(driver).await;
    let effects: Vec<Effect> = journal
        .events()
        .iter()
        .filter_map(|event| match event.kind {
            EventKind::AttemptStarted { effect, .. } => Some(effect),
            _ => None,
        })
        .collect();
    assert_eq!(effects, [Effect::Read]);
}

#[tokio::test(start_paused = true)]
async fn an_output_beyond_the_limit_fails_its_step() {
    let config = OrchestratorConfig { max_output_bytes: 10, ..OrchestratorConfig::default() };
    let steps =
        |text: &str| json!([{"step_id": "a", "tool": "echo", "parameters": {"value": text}}]);
    let driver = Driver::new(tools()).config(config);
    assert!(drive(driver.clone(), steps("12345678")).await.is_success());
    let finished = drive(driver, steps("123456789")).await;
    let error = finished.state.step("a").unwrap().error.clone().unwrap();
    assert!(error.message.contains("11 bytes, more than the 10"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn the_answer_is_what_the_last_steps_returned() {
    let finished = drive(
        Driver::new(tools()),
        json!([
            {"step_id": "used", "tool": "echo", "parameters": {"value": "inner"}},
            {"step_id": "text", "tool": "echo", "parameters": {"value": "as it is: {{ results.used }}"}},
            {"step_id": "bad", "tool": "panic"},
            {"step_id": "list", "tool": "echo", "parameters": {"value": [1, "x"]}},
            {"step_id": "spare", "tool": "echo", "step_type": "fallback", "fallback_for": "bad", "parameters": {"value": "plan b"}},
        ]),
    )
    .await;
    assert_eq!(finished.answer, "as it is: inner\nplan b\n[1,\"x\"]");
}

/// Notes who is asked, and whether two questions were ever open.
#[derive(Default)]
struct Asks {
    order: Mutex<Vec<String>>,
    open: AtomicUsize,
}

impl Approver for Asks {
    fn decide(&self, request: ApprovalRequest) -> BoxFuture<'_, Decision> {
        Box::pin(async move {
            assert_eq!(self.open.fetch_add(1, Ordering::SeqCst), 0, "one question at a time");
            self.order.lock().unwrap().push(request.step_id.to_string());
            tokio::time::sleep(Duration::from_millis(5)).await;
            self.open.fetch_sub(1, Ordering::SeqCst);
            Decision::Approve
        })
    }
}

#[tokio::test(start_paused = true)]
async fn people_are_asked_one_thing_at_a_time_in_plan_order() {
    let steps: Value = (0..6)
        .map(|n| json!({"step_id": format!("s{n}"), "tool": "asks", "parameters": {"value": n}}))
        .collect();
    let asks = Arc::new(Asks::default());
    let finished = drive(Driver::new(tools()).approver(asks.clone()), steps).await;
    assert!(finished.is_success());
    assert_eq!(*asks.order.lock().unwrap(), ["s0", "s1", "s2", "s3", "s4", "s5"]);
}

/// How many calls of `alone` exist; the end of one takes its time.
static ALONE: AtomicUsize = AtomicUsize::new(0);

struct SlowEnd;

impl Drop for SlowEnd {
    fn drop(&mut self) {
        std::thread::sleep(Duration::from_millis(60));
        ALONE.fetch_sub(1, Ordering::SeqCst);
    }
}

#[test]
fn a_dropped_attempt_has_ended_before_another_takes_its_resource() {
    let act: Act = |call| {
        Box::pin(async move {
            if ALONE.fetch_add(1, Ordering::SeqCst) > 0 {
                return Err(ToolError::new(pe_model::ErrorClass::Execution, "not alone"));
            }
            let _end = SlowEnd;
            if call.step_id.as_str() == "hangs" {
                std::future::pending::<()>().await;
            }
            Ok(Value::Null)
        })
    };
    let spec = ToolSpec {
        name: "alone".to_owned(),
        effect: Effect::Pure,
        concurrent: false,
        ..ToolSpec::default()
    };
    let tools: ToolSet = [Arc::new(Scripted { spec, act }) as Arc<dyn Tool>].into_iter().collect();
    let steps = json!([
        {"step_id": "hangs", "tool": "alone", "complexity": 5, "timeout_ms": 20, "retry": {"max_retries": 0}},
        {"step_id": "next", "tool": "alone"},
    ]);
    let plan = PlanFile::from_value(json!({"goal": "g", "steps": steps})).unwrap().plan;
    let plan = check(plan, &tools.catalog(), &Limits::default()).plan.unwrap();
    // On several threads, where a dropped attempt may still be ending while others run.
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_time()
        .build()
        .unwrap();
    let state = runtime.block_on(Driver::new(tools).run(plan, Control::none())).unwrap().state;
    assert_eq!(state.step("next").unwrap().status.as_str(), "completed");
}
