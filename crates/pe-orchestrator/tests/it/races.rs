//! What happens between the loop and the run that it steers: neither waits for the other for
//! ever, and neither goes on without the other.

use std::sync::Arc;
use std::time::Duration;

use pe_exec::{ApprovalRequest, Approver, Control, Decision, MemoryJournal, Revision};
use pe_model::{
    BoxFuture, ErrorClass, FinishReason, JsonMap, ModelError, ModelErrorKind, OrchestratorConfig,
    Plan, PlanStage, PlanStatus, RetryPolicy, RevisionCause, Streaming,
};
use pe_orchestrator::{Builder, Outcome, Supervision, Task, Trouble};
use pe_testkit::{Scripted, step};
use pe_validate::ValidPlan;
use serde_json::json;
use tokio::time::{sleep, timeout};

use crate::support::{Scene, config, patch, plan, status};

const LONG: Duration = Duration::from_secs(3_600);

/// Works on a goal; a run that stands still for ever fails the test.
async fn ends(scene: &Scene, builder: Builder) -> Outcome {
    timeout(LONG, scene.run(builder)).await.expect("the run stands still for ever")
}

fn impatient() -> OrchestratorConfig {
    OrchestratorConfig { max_repair_rounds: 0, ..config() }
}

fn two_slow_reads() -> Plan {
    let slow = |id: &str| step(id).tool("read").parameter("value", 1).parameter("ms", 1_000);
    pe_testkit::plan([slow("a"), slow("b").after(["a"])])
}

#[tokio::test(start_paused = true)]
async fn whoever_drops_the_work_stops_the_run() {
    let scene = Scene::new([] as [Scripted; 0]);
    let orchestrator = scene.builder().build();
    let work = orchestrator.execute_plan(two_slow_reads());
    timeout(Duration::from_millis(500), work).await.unwrap_err();
    sleep(LONG).await;
    assert_eq!(scene.log.steps(), ["a"]);
}

#[test]
fn a_run_whose_work_was_dropped_is_gone_on_with() {
    let journal = Arc::new(MemoryJournal::new());
    let scene = Scene::new([] as [Scripted; 0]);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(async {
        let orchestrator = scene.builder().journal(journal.clone()).build();
        let work = orchestrator.execute_plan(two_slow_reads());
        timeout(Duration::from_millis(1_500), work).await.unwrap_err();
        sleep(LONG).await;
        let run_id = journal.events()[0].run_id.clone();
        let task = Task::Resume { run_id, config: None, supervision: None };
        let (controller, control) = Control::new();
        let outcome = orchestrator.work(task, controller, control).await.unwrap();
        assert!(outcome.report.success);
        assert_eq!(scene.log.steps(), ["a", "b", "b"], "what was cut short ran again");
    });
}

#[tokio::test(start_paused = true)]
async fn a_call_that_makes_no_valid_step_is_a_failed_call() {
    let long = "x".repeat(100_000);
    let odd = ["", " ", "two words", "a\nb", "{{ x }}", "call_1", long.as_str()];
    for name in odd {
        let scene = Scene::new([
            Scripted::text("no plan"),
            Scripted::calls([(name, json!({}))]),
            Scripted::calls([("read", json!({"value": 3}))]),
            Scripted::text("Three."),
        ]);
        let outcome = ends(&scene, scene.builder().config(impatient())).await;
        let said: String = name.chars().take(20).collect();
        assert!(outcome.report.success, "{said:?}: {:?}", outcome.trouble);
        assert_eq!(outcome.report.final_response, "Three.", "{said:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn arguments_that_nest_too_deep_are_a_failed_call() {
    let deep = (0..500).fold(json!(1), |inner, _| json!([inner]));
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::calls([("read", json!({"value": deep}))]),
        Scripted::calls([("read", json!({"value": 3}))]),
        Scripted::text("Three."),
    ]);
    let outcome = ends(&scene, scene.builder().config(impatient())).await;
    assert_eq!(outcome.report.final_response, "Three.", "{:?}", outcome.trouble);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_needs_a_person_who_is_not_there_lets_the_run_wait() {
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::calls([("ask", json!({"value": 1}))]),
        Scripted::text("I asked."),
    ]);
    let outcome = ends(&scene, scene.builder().config(impatient())).await;
    assert_eq!(outcome.state.status, PlanStatus::Waiting, "{:?}", outcome.report.final_response);
    assert_eq!(status(&outcome, "call_1"), "waiting");
    assert_eq!(scene.model.calls(), 2, "the model is not asked before the person has answered");
}

#[tokio::test(start_paused = true)]
async fn a_person_who_decides_late_is_waited_for() {
    /// Agrees after an hour.
    struct Slow;
    impl Approver for Slow {
        fn decide(&self, _: ApprovalRequest) -> BoxFuture<'_, Decision> {
            Box::pin(async {
                sleep(LONG).await;
                Decision::Approve
            })
        }
    }
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::calls([("ask", json!({"value": 1}))]),
        Scripted::text("I asked."),
    ]);
    let builder = scene.builder().config(impatient()).approver(Arc::new(Slow));
    let outcome = timeout(2 * LONG, scene.run(builder)).await.unwrap();
    assert!(outcome.report.success);
    assert_eq!(outcome.report.final_response, "I asked.");
    assert_eq!(scene.log.steps(), ["call_1"]);
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_is_refused_because_somebody_else_gives_one_stops_the_run() {
    let cut = plan(json!([{"id": "a", "tool": "read", "args": {"value": 1, "ms": 60_000}}]))
        .pieces_per_second(10.0)
        .finish(FinishReason::Length);
    let other = plan(json!([{"id": "b", "tool": "read", "args": {"value": 2}}]));
    let scene = Scene::new([cut, other.delay_ms(1_000)]);
    let executing = OrchestratorConfig { streaming: Streaming::Execute, ..config() };
    let orchestrator = scene.builder().config(executing).build();
    let (controller, control) = Control::new();
    let work = orchestrator.work(goal(), controller.clone(), control);
    let meddle = async {
        sleep(Duration::from_secs(30)).await;
        assert_eq!(scene.log.steps(), ["a"], "the plan waits for what was begun");
        let empty = ValidPlan::without_steps("find it out", JsonMap::new());
        let mut revision = Revision::extension(empty, PlanStage::Draft);
        revision.cause = RevisionCause::Edit;
        controller.revise(revision).await
    };
    let both = async { tokio::join!(work, meddle) };
    let (outcome, _) = timeout(LONG, both).await.expect("the run stands still for ever");
    let outcome = outcome.unwrap();
    assert!(outcome.state.is_finished());
    assert!(matches!(outcome.trouble, Some(Trouble::Refused(_))), "{:?}", outcome.trouble);
}

#[tokio::test(start_paused = true)]
async fn a_stream_that_breaks_and_begins_anew_is_executed_once_it_is_whole() {
    let answer = json!({"steps": [
        {"id": "a", "tool": "read", "args": {"value": 1, "ms": 3_000}},
        {"id": "b", "tool": "read", "args": {"value": "{{ results.a }}"}}]});
    let answer = answer.to_string();
    let broken = ModelError::new(ModelErrorKind::Unreachable, ErrorClass::Network, "it broke");
    let slowly = || Scripted::text(answer.clone()).pieces_per_second(10.0);
    let scene = Scene::new([slowly().fails_after(20, broken), slowly(), Scripted::text("done")]);
    let executing = OrchestratorConfig { streaming: Streaming::Execute, ..config() };
    let retry = RetryPolicy { max_retries: 1, ..RetryPolicy::default() };
    let outcome = ends(&scene, scene.builder().config(executing).retry(retry)).await;
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    assert_eq!(scene.log.steps(), ["a", "b"], "what had begun is not done twice");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_stopped_while_the_model_writes_ends_at_once() {
    for (script, says) in [
        (vec![Scripted::text("never").delay_ms(86_400_000)], "while it is planned"),
        (
            vec![
                plan(json!([{"id": "a", "tool": "read", "args": {"value": 1}}])),
                Scripted::text("never").delay_ms(86_400_000),
            ],
            "while it is answered",
        ),
        (
            vec![
                plan(json!([{"id": "a", "tool": "broken", "args": {"value": 1}}])),
                patch(json!([])).delay_ms(86_400_000),
            ],
            "while it is adapted",
        ),
    ] {
        let scene = Scene::new(script);
        let orchestrator = scene.builder().build();
        let (controller, control) = Control::new();
        let work = orchestrator.work(goal(), controller.clone(), control);
        let stop = async {
            sleep(Duration::from_secs(60)).await;
            controller.stop();
        };
        let (outcome, ()) = timeout(LONG, async { tokio::join!(work, stop) }).await.expect(says);
        assert!(outcome.unwrap().state.is_finished(), "{says}");
    }
}

fn goal() -> Task {
    Task::Goal {
        goal: "find it out".to_owned(),
        context: JsonMap::new(),
        origin: JsonMap::new(),
        supervision: Supervision { adapt: true, answer: true },
    }
}

/// With real threads, the loop and the run meet in every order that so many runs lead to.
#[test]
fn no_run_stands_still_whatever_the_threads_do() {
    let chain = json!([
        {"id": "a", "tool": "read", "args": {"value": 1}},
        {"id": "b", "tool": "broken", "args": {"value": "{{ results.a }}"}},
        {"id": "c", "tool": "write", "args": {"value": "{{ results.b }}"}}]);
    let mend = json!([{"op": "modify", "id": "b", "fields": {"tool": "read"}}]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    for round in 0..120 {
        let sequential = round % 3 == 0;
        let scene = match sequential {
            true => Scene::new([
                Scripted::text("no plan"),
                Scripted::calls([("broken", json!({"value": 1}))]),
                Scripted::calls([("write", json!({"value": 2}))]),
                Scripted::text("done"),
            ]),
            false => Scene::new([plan(chain.clone()), patch(mend.clone()), Scripted::text("done")]),
        };
        let streaming = if round % 2 == 0 { Streaming::Execute } else { Streaming::Off };
        let config = OrchestratorConfig { streaming, ..impatient() };
        let outcome = runtime.block_on(async {
            // Far longer than it takes, and only waited for where the run stands still.
            timeout(Duration::from_secs(30), scene.run(scene.builder().config(config))).await
        });
        let outcome = outcome.expect("the run stands still for ever");
        assert!(outcome.report.success, "{:?} {:?}", outcome.trouble, outcome.report.errors);
        assert_eq!(outcome.report.final_response, "done");
        assert_eq!(scene.log.steps().len(), if sequential { 2 } else { 4 });
    }
}
