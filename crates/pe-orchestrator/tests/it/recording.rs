//! What is recorded: a run that dies goes on, and no answer is paid for twice.

use std::sync::Arc;
use std::time::Duration;

use pe_exec::Control;
use pe_model::{
    ErrorClass, LlmClient, ModelErrorKind, OrchestratorConfig, PlanStage, PlanStatus, Purpose,
};
use pe_testkit::{Scripted, ScriptedClient};
use serde_json::json;

use crate::support::{Scene, config, patch, plan};
use crate::world::{World, finish, goal, work_until};

fn two_steps() -> Scripted {
    plan(json!([
        {"id": "a", "tool": "write", "args": {"value": 1}},
        {"id": "b", "tool": "write", "args": {"value": "{{ results.a }}"}}
    ]))
    .usage(100, 10)
}

#[test]
fn a_run_that_dies_while_it_is_planned_is_planned_by_the_next_process() {
    let world = World::new();
    let scene = Scene::new([two_steps(), Scripted::text("One.")]);
    work_until(&world, scene.builder(), vec![], 0, goal());
    let outcome = finish(&world, scene.builder());
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    assert_eq!(outcome.report.final_response, "One.");
    assert_eq!(scene.purposes(), [Purpose::Plan, Purpose::Answer]);
}

#[test]
fn an_answer_that_was_recorded_is_not_asked_for_again() {
    let world = World::new();
    // The first process had its first plan refused, and died while it asked for a repair.
    let refused = plan(json!([{"id": "a", "tool": "nowhere"}])).usage(70, 7);
    let scene = Scene::new([two_steps(), Scripted::text("One.").usage(20, 2)]);
    work_until(&world, scene.builder(), vec![refused], 1, goal());
    let outcome = finish(&world, scene.builder());
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    assert_eq!(scene.purposes(), [Purpose::Repair, Purpose::Answer], "the plan was not paid twice");
    let usage = &outcome.report.usage;
    assert_eq!(usage.llm_calls, Some(4), "with the one that was under way when the first one died");
    assert_eq!(usage.prompt_tokens, None, "what that one cost is not known");
}

#[test]
fn a_run_that_dies_while_its_answer_is_written_makes_no_call_again() {
    let world = World::new();
    let scene = Scene::new([Scripted::text("One.")]);
    work_until(&world, scene.builder(), vec![two_steps()], 1, goal());
    assert_eq!(scene.log.steps(), ["a", "b"]);
    let outcome = finish(&world, scene.builder());
    assert!(outcome.report.success);
    assert_eq!(outcome.report.final_response, "One.");
    assert_eq!(scene.log.steps(), ["a", "b"]);
    // Whoever asks once more gets the same answer, and nobody is asked for it.
    assert_eq!(finish(&world, scene.builder()).report.final_response, "One.");
    assert_eq!(scene.model.calls(), 1);
}

#[test]
fn a_run_that_dies_while_it_is_adapted_is_adapted_by_the_next_process() {
    let world = World::new();
    let failing = plan(json!([
        {"id": "a", "tool": "write", "args": {"value": 1}},
        {"id": "b", "tool": "broken", "args": {"value": "{{ results.a }}"}}
    ]));
    let mend = patch(json!([{"op": "modify", "id": "b", "fields": {"tool": "read"}}]));
    let scene = Scene::new([mend, Scripted::text("One.")]);
    work_until(&world, scene.builder(), vec![failing], 1, goal());
    let outcome = finish(&world, scene.builder());
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    assert_eq!(scene.log.times("a"), 1);
    assert_eq!(scene.purposes(), [Purpose::Adapt, Purpose::Answer]);
}

#[test]
fn a_sequential_run_goes_on_with_its_next_turn() {
    let world = World::new();
    let scene =
        Scene::new([Scripted::calls([("write", json!({"value": 2}))]), Scripted::text("Two.")]);
    let script = [Scripted::text("no plan"), Scripted::calls([("write", json!({"value": 1}))])];
    let impatient = OrchestratorConfig { max_repair_rounds: 0, ..config() };
    let first = Scene { log: scene.log.clone(), ..Scene::new([] as [Scripted; 0]) };
    {
        // The configuration is recorded with the run.
        let (asked, mut hears) = tokio::sync::mpsc::unbounded_channel();
        let model = ScriptedClient::answering(move |_, call| match script.get(call) {
            Some(answer) => answer.clone(),
            None => {
                asked.send(()).unwrap();
                Scripted::text("too late").delay_ms(86_400_000)
            }
        });
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        let builder = first.builder().client(Arc::new(model) as Arc<dyn LlmClient>);
        let orchestrator = builder.config(impatient).store(world.store()).build();
        runtime.block_on(async {
            let (controller, control) = Control::new();
            tokio::select! {
                _ = orchestrator.work(goal(), controller, control) => panic!("it did not die"),
                _ = hears.recv() => {}
            }
        });
        runtime.shutdown_timeout(Duration::from_secs(5));
    }
    let outcome = finish(&world, scene.builder());
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    assert_eq!(outcome.report.final_response, "Two.");
    assert_eq!(outcome.report.planner, "sequential");
    assert_eq!(scene.log.steps(), ["call_1", "call_2"]);
}

#[test]
fn a_run_without_a_model_is_planned_when_there_is_one() {
    let world = World::new();
    let down = Scripted::error(ModelErrorKind::Unreachable, ErrorClass::Network, "nobody there");
    let scene = Scene::new([down]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let orchestrator = scene.builder().store(world.store()).build();
    let outcome = runtime.block_on(async {
        let (controller, control) = Control::new();
        orchestrator.work(goal(), controller, control).await.unwrap()
    });
    assert_eq!(outcome.state.status, PlanStatus::Cancelled);
    assert_eq!(outcome.state.stage, PlanStage::Draft);
    let calls = world.store().model_calls(&outcome.state.run_id).unwrap();
    assert_eq!(calls[0].error.as_deref(), Some("nobody there"), "failures are on record as well");
    drop((runtime, orchestrator));
    let scene = Scene::new([two_steps(), Scripted::text("One.")]);
    assert!(finish(&world, scene.builder()).report.success);
}

#[test]
fn two_steps_that_ask_the_same_each_get_an_answer_of_their_own() {
    let world = World::new();
    let scene = Scene::new([
        plan(json!([
            {"id": "a", "tool": "llm", "args": {"prompt": "a number"}},
            {"id": "b", "tool": "llm", "args": {"prompt": "a number"}, "after": ["a"]}
        ])),
        Scripted::text("4"),
        Scripted::text("7"),
        Scripted::text("4 and 7"),
    ]);
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let orchestrator = scene.builder().store(world.store()).build();
    let outcome = runtime.block_on(async {
        let (controller, control) = Control::new();
        orchestrator.work(goal(), controller, control).await.unwrap()
    });
    assert_eq!(outcome.report.results["a"], json!("4"));
    assert_eq!(outcome.report.results["b"], json!("7"));
    let calls = world.store().model_calls(&outcome.state.run_id).unwrap();
    let purposes: Vec<&str> = calls.iter().map(|call| call.purpose.as_str()).collect();
    assert_eq!(purposes, ["plan", "step", "step", "answer"]);
}

#[test]
fn every_exchange_is_on_record_and_counts_in_the_next_process() {
    let world = World::new();
    let scene = Scene::new([
        Scripted::error(ModelErrorKind::FormatRefused, ErrorClass::Validation, "no schema"),
        Scripted::error(ModelErrorKind::FormatRefused, ErrorClass::Validation, "no JSON"),
        Scripted::error(ModelErrorKind::Unreachable, ErrorClass::Network, "nobody there"),
    ]);
    let budget = pe_model::Budget { llm_calls: Some(4), ..Default::default() };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let orchestrator = scene
        .builder()
        .config(OrchestratorConfig { budget, ..config() })
        .store(world.store())
        .build();
    let outcome = runtime.block_on(async {
        let (controller, control) = Control::new();
        orchestrator.work(goal(), controller, control).await.unwrap()
    });
    assert_eq!(outcome.report.usage.llm_calls, Some(3));
    let calls = world.store().model_calls(&outcome.state.run_id).unwrap();
    let errors: Vec<_> = calls.iter().map(|call| call.error.as_deref().unwrap()).collect();
    assert_eq!(errors, ["no schema", "no JSON", "nobody there"]);
    drop((runtime, orchestrator));
    // One more is allowed, and it is spent on the plan; nothing is left for the answer.
    let scene = Scene::new([two_steps(), Scripted::text("One.")]);
    let outcome = finish(&world, scene.builder());
    assert_eq!(scene.model.calls(), 1);
    assert_eq!(outcome.report.usage.llm_calls, Some(4));
}

#[test]
fn a_run_that_is_stopped_while_its_answer_is_written_has_not_ended() {
    let world = World::new();
    let scene = Scene::new([Scripted::text("One.")]);
    let (asked, mut hears) = tokio::sync::mpsc::unbounded_channel();
    let model = ScriptedClient::answering(move |_, call| match call {
        0 => two_steps(),
        _ => {
            asked.send(()).unwrap();
            Scripted::text("too late").delay_ms(86_400_000)
        }
    });
    let builder = scene.builder().client(Arc::new(model) as Arc<dyn LlmClient>);
    let orchestrator = builder.store(world.store()).build();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let outcome = runtime.block_on(async {
        let (controller, control) = Control::new();
        let stop = controller.clone();
        let work = orchestrator.work(goal(), controller, control);
        let stopped = async {
            hears.recv().await;
            stop.stop();
        };
        tokio::join!(work, stopped).0.unwrap()
    });
    assert_eq!(outcome.state.status, PlanStatus::Cancelled);
    assert!(!outcome.report.success);
    drop((runtime, orchestrator));
    let outcome = finish(&world, scene.builder());
    assert!(outcome.report.success);
    assert_eq!(outcome.report.final_response, "One.");
    assert_eq!(scene.log.steps(), ["a", "b"]);
}
