//! What earlier processes asked and spent, and what a later one makes of it.

use std::sync::Arc;
use std::time::Duration;

use pe_exec::Control;
use pe_model::{
    BoxFuture, Effect, ErrorClass, LlmClient, ModelErrorKind, OrchestratorConfig, PlanStatus,
    Purpose, RetryPolicy, Tool, ToolCall, ToolError, ToolSpec,
};
use pe_orchestrator::OrchestratorError;
use pe_testkit::{Scripted, ScriptedClient};
use serde_json::{Value, json};
use tokio::time::timeout;

use crate::support::{Refuses, Scene, config, patch, plan};
use crate::world::{World, finish, goal, resume, work_until};

fn impatient() -> OrchestratorConfig {
    OrchestratorConfig { max_repair_rounds: 0, ..config() }
}

fn quick() -> RetryPolicy {
    RetryPolicy { max_retries: 3, base_delay_ms: 1, max_delay_ms: 1, ..RetryPolicy::default() }
}

fn down() -> Scripted {
    Scripted::error(ModelErrorKind::Status, ErrorClass::Internal, "500")
}

fn one() -> Scripted {
    plan(json!([{"id": "a", "tool": "read", "args": {"value": 1}}]))
}

#[test]
fn exchanges_of_an_earlier_process_count_one_by_one() {
    let world = World::new();
    let scene = Scene::new([Scripted::text("One.")]);
    let script = vec![down(), down(), down(), one()];
    let config = || {
        let mut config = config();
        config.budget.llm_calls = Some(5);
        config
    };
    work_until(&world, scene.builder().config(config()).retry(quick()), script, 4, goal());
    // Five exchanges were begun: the budget is used up.
    let outcome = finish(&world, scene.builder());
    assert!(!outcome.report.success);
    assert_eq!(scene.model.calls(), 0, "six exchanges in a budget of five");
}

#[test]
fn tokens_that_nobody_counted_are_judged_after_a_resume_too() {
    let world = World::new();
    let scene = Scene::new([Scripted::text("One.")]);
    let prompt = "p".repeat(30_000);
    let steps = json!([{"id": "a", "tool": "llm", "args": {"prompt": prompt}},
        {"id": "b", "tool": "llm", "args": {"prompt": "{{ results.a }}"}}]);
    // The endpoint says nothing about tokens.
    let script = vec![plan(steps), Scripted::text("x".repeat(30_000))];
    let config = || {
        let mut config = config();
        // Plan: ~1k; `a`: 10k + 10k; `b`: 10k. Less than that is allowed for all of it.
        config.budget.tokens = Some(45_000);
        config
    };
    work_until(&world, scene.builder().config(config()), script, 2, goal());
    finish(&world, scene.builder());
    // Whatever is left is far below what a new process believes it has.
    let granted = scene.model.requests().first().and_then(|request| request.max_tokens);
    assert!(
        granted.is_none_or(|granted| granted < 12_000),
        "granted {granted:?} as if nothing was spent"
    );
}

#[test]
fn an_answer_that_did_not_fit_is_not_given_to_the_next_attempt() {
    let world = World::new();
    let scene = Scene::new([Scripted::text("{\"n\": 1}"), Scripted::text("One.")]);
    let steps = json!([{"id": "a", "tool": "llm", "retry": {"max_retries": 1, "base_delay_ms": 1},
        "args": {"prompt": "p", "schema": {"type": "object", "required": ["n"]}}}]);
    // The first attempt gets an answer that does not fit; the process dies in the second.
    let script = vec![plan(steps), Scripted::text("{}")];
    let mut config = config();
    config.max_iterations = 1;
    work_until(&world, scene.builder().config(config), script, 2, goal());
    let outcome = finish(&world, scene.builder());
    assert!(outcome.report.success, "{:?} {:?}", outcome.report.errors, scene.purposes());
    assert_eq!(scene.purposes(), [Purpose::Step, Purpose::Answer]);
}

#[test]
fn calls_that_were_under_way_when_a_process_ended_count() {
    let world = World::new();
    let scene = Scene::new([one(), Scripted::text("One.")]);
    let mut config = config();
    config.budget.llm_calls = Some(1);
    work_until(&world, scene.builder().config(config), vec![], 0, goal());
    finish(&world, scene.builder());
    assert_eq!(scene.model.calls(), 0, "two calls in a budget of one");
}

#[test]
fn a_run_that_is_reviewed_stays_so() {
    let world = World::new();
    let first = Scene::new([plan(json!([{"id": "a", "tool": "write", "args": {"value": 1}}]))]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let orchestrator = first.builder().reviewer(Arc::new(Refuses)).store(world.store()).build();
    runtime.block_on(async {
        let (controller, control) = Control::new();
        orchestrator.work(goal(), controller, control).await.unwrap()
    });
    drop(orchestrator);
    let run_id = world.store().runs(&Default::default()).unwrap()[0].run_id.clone();
    let second = Scene::new([Scripted::text("One.")]);
    let orchestrator = second.builder().store(world.store()).build();
    let (controller, control) = Control::new();
    let work = orchestrator.work(resume(&run_id), controller, control);
    let error = runtime.block_on(work).unwrap_err();
    assert!(matches!(error, OrchestratorError::NoReviewer { .. }), "{error}");
    assert!(second.log.steps().is_empty(), "the rejected plan was executed");
}

#[test]
fn a_tool_output_that_is_deep_can_be_read_back() {
    struct Deep(ToolSpec);
    impl Tool for Deep {
        fn spec(&self) -> &ToolSpec {
            &self.0
        }
        fn call(&self, _: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
            let deep = (0..125).fold(json!(1), |inner, _| json!([inner]));
            Box::pin(std::future::ready(Ok(deep)))
        }
    }
    let world = World::new();
    let spec = ToolSpec {
        name: "deep".to_owned(),
        effect: Effect::Read,
        parameters: json!({"type": "object"}),
        ..ToolSpec::default()
    };
    let scene = Scene::new([Scripted::text("One.")]);
    let script = vec![plan(json!([{"id": "a", "tool": "deep"}]))];
    work_until(&world, scene.builder().tool(Arc::new(Deep(spec))), script, 1, goal());
    let outcome = finish(&world, scene.builder());
    assert!(outcome.report.success);
}

/// The exchange that failed is forgotten when its retry was refused by the budget.
#[test]
fn exchanges_before_a_refusal_count_after_a_resume() {
    let world = World::new();
    let scene = Scene::new([down(), down(), down(), down(), down()]);
    let mut config = config();
    config.budget.llm_calls = Some(2);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let orchestrator = scene.builder().config(config).retry(quick()).store(world.store()).build();
    runtime.block_on(async {
        let (controller, control) = Control::new();
        orchestrator.work(goal(), controller, control).await.unwrap()
    });
    drop(orchestrator);
    assert_eq!(scene.model.calls(), 2);
    finish(&world, scene.builder().retry(quick()));
    assert_eq!(scene.model.calls(), 2, "a budget of two calls");
}

/// (Stops in each stage, then resumes.)
#[test]
fn a_stop_in_each_stage_can_be_resumed() {
    let one = || plan(json!([{"id": "a", "tool": "broken", "args": {"value": 1}}]));
    let mend = || patch(json!([{"op": "modify", "id": "a", "fields": {"tool": "read"}}]));
    let call = || Scripted::calls([("read", json!({"value": 1}))]);
    let garbage = || Scripted::text("no plan");
    let scripts: Vec<(&str, Vec<Scripted>)> = vec![
        ("plan", vec![one(), mend(), Scripted::text("One.")]),
        ("sequential", vec![garbage(), call(), Scripted::text("One.")]),
    ];
    for (what, script) in scripts {
        for at in 0..script.len() {
            let world = World::new();
            let first = Scene::new([Scripted::text("")]);
            let (asked, mut hears) = tokio::sync::mpsc::unbounded_channel();
            let answers = script.clone();
            let model = ScriptedClient::answering(move |_, call| {
                if call == at {
                    asked.send(()).unwrap();
                    return answers[call].clone().delay_ms(86_400_000);
                }
                answers[call].clone()
            });
            let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
            let orchestrator = first
                .builder()
                .config(impatient())
                .client(Arc::new(model) as Arc<dyn LlmClient>)
                .store(world.store())
                .build();
            let stopped = runtime.block_on(async {
                let (controller, control) = Control::new();
                let work = orchestrator.work(goal(), controller.clone(), control);
                let stop = async {
                    hears.recv().await;
                    controller.stop();
                };
                let (outcome, ()) =
                    timeout(Duration::from_secs(20), async { tokio::join!(work, stop) })
                        .await
                        .expect("hangs");
                outcome.unwrap()
            });
            drop(orchestrator);
            if stopped.state.status == PlanStatus::Completed {
                assert_eq!(at, script.len() - 1);
                continue;
            }
            let second = Scene::new(script[at..].to_vec());
            let outcome = finish(&world, second.builder());
            assert!(outcome.report.success, "{what} {at} {:?}", outcome.trouble);
            assert_eq!(outcome.report.final_response, "One.", "{what} {at}");
        }
    }
}
