//! From a goal to an answer: F1, F2, G4, G6.

use pe_model::{ErrorClass, ModelErrorKind, OrchestratorConfig, PlanStatus, Purpose, StopCause};
use pe_orchestrator::{Notice, OrchestratorError, PlanExecuteOrchestrator, Trouble};
use pe_testkit::Scripted;
use serde_json::json;

use crate::support::{Scene, config, plan, status};

#[tokio::test(start_paused = true)]
async fn f1_a_goal_is_planned_executed_and_answered() {
    let scene = Scene::new([
        plan(json!([
            {"id": "a", "tool": "read", "args": {"value": 20}},
            {"id": "b", "tool": "read", "args": {"value": 22}},
            {"id": "sum", "tool": "write", "args": {"value": "{{ results.a + results.b }}"}}
        ]))
        .usage(100, 40),
        Scripted::text("It is 42.").usage(50, 5),
    ]);
    let outcome = scene.run(scene.builder()).await;
    let report = &outcome.report;
    assert!(report.success && outcome.trouble.is_none());
    assert_eq!(report.final_response, "It is 42.");
    assert_eq!(report.results["sum"], json!(42));
    assert_eq!((report.iterations, report.tool_calls_made, report.adaptations), (1, 3, 0));
    assert_eq!((report.plan_steps, report.steps_completed), (3, 3));
    assert_eq!(report.planner, "model");
    assert_eq!(report.goal, "find it out");
    let usage = &report.usage;
    assert_eq!(
        (usage.llm_calls, usage.prompt_tokens, usage.completion_tokens, usage.cost_usd),
        (Some(2), Some(150), Some(45), None),
        "tokens are counted, and what has no price has no cost"
    );
    assert_eq!(scene.purposes(), [Purpose::Plan, Purpose::Answer]);
    assert_eq!(scene.log.steps(), ["a", "b", "sum"]);
}

#[tokio::test(start_paused = true)]
async fn g6_the_goal_is_the_users_whatever_the_model_writes() {
    let answer = json!({"goal": "something else", "steps": [
        {"id": "a", "tool": "read", "args": {"value": "{{ goal }}"}}]});
    let scene = Scene::new([Scripted::text(answer.to_string()), Scripted::text("done")]);
    let outcome = scene.run(scene.builder()).await;
    assert_eq!(outcome.report.goal, "find it out");
    assert_eq!(outcome.report.results["a"], json!("find it out"));
}

#[tokio::test(start_paused = true)]
async fn f2_a_model_that_is_down_is_named_and_the_run_can_be_resumed() {
    let down = Scripted::error(
        ModelErrorKind::Unreachable,
        ErrorClass::Network,
        "cannot reach http://localhost:1/v1",
    );
    let scene = Scene::new([down]);
    let outcome = scene.run(scene.builder()).await;
    assert!(!outcome.report.success);
    assert_eq!(outcome.state.status, PlanStatus::Cancelled);
    assert_eq!(outcome.state.stopping, Some(StopCause::NoModel));
    let Some(Trouble::Model(error)) = &outcome.trouble else { panic!("{:?}", outcome.trouble) };
    assert!(error.message.contains("http://localhost:1/v1"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn g4_garbage_is_a_named_error_and_nothing_is_executed() {
    let scene = Scene::new((0..4).map(|_| Scripted::text("I would rather not.")));
    let config = OrchestratorConfig { fallback_to_sequential: false, ..config() };
    let outcome = scene.run(scene.builder().config(config)).await;
    assert_eq!(scene.model.calls(), 4, "one asking and three repairs");
    assert!(matches!(&outcome.trouble, Some(Trouble::Planning(_))), "{:?}", outcome.trouble);
    assert!(!outcome.report.success && outcome.report.plan_steps == 0);
    assert!(scene.log.steps().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_plan_that_does_not_hold_is_repaired_before_anything_runs() {
    let scene = Scene::new([
        plan(json!([{"id": "a", "tool": "raed", "args": {"value": 1}}])),
        plan(json!([{"id": "a", "tool": "read", "args": {"value": 1}}])),
        Scripted::text("one"),
    ]);
    let outcome = scene.run(scene.builder()).await;
    assert!(outcome.report.success);
    assert_eq!(scene.purposes(), [Purpose::Plan, Purpose::Repair, Purpose::Answer]);
    let refused = |notice: &Notice| match notice {
        Notice::PlanRefused { round: 1, problems } => problems[0].contains("raed"),
        _ => false,
    };
    assert_eq!(scene.notices.count(refused), 1, "{:?}", scene.notices.all());
    assert_eq!(scene.log.steps(), ["a"]);
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_not_written_is_rendered_from_the_results() {
    for silent in [
        Scripted::error(ModelErrorKind::Timeout, ErrorClass::Timeout, "no answer"),
        Scripted::text("as it").finish(pe_model::FinishReason::Length),
    ] {
        let scene = Scene::new([
            plan(json!([{"id": "a", "tool": "read", "args": {"value": "as it is"}}])),
            silent,
        ]);
        let outcome = scene.run(scene.builder()).await;
        assert!(outcome.report.success, "the goal's work is done");
        assert_eq!(outcome.report.final_response, "as it is");
        assert_eq!(scene.notices.count(|n| matches!(n, Notice::NotAnswered { .. })), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn a_plan_of_a_person_calls_no_model() {
    let scene = Scene::new([] as [Scripted; 0]);
    let written = json!({"goal": "g", "steps": [
        {"step_id": "a", "tool": "read", "parameters": {"value": 1}}]});
    let plan = serde_json::from_value(written).unwrap();
    let outcome = scene.builder().build().execute_plan(plan).await.unwrap();
    assert!(outcome.report.success);
    assert_eq!(scene.model.calls(), 0);
    assert_eq!(outcome.report.planner, "file");
    assert_eq!(outcome.report.usage.llm_calls, Some(0));
    assert_eq!(outcome.report.usage.cost_usd, Some(0.0));
}

#[tokio::test(start_paused = true)]
async fn an_invalid_plan_of_a_person_is_an_error_with_its_report() {
    let scene = Scene::new([] as [Scripted; 0]);
    let written = json!({"goal": "g", "steps": [
        {"step_id": "a", "tool": "read", "parameters": {"value": 1}},
        {"step_id": "b", "tool": "nowhere", "dependencies": ["a"]}]});
    let plan = serde_json::from_value(written).unwrap();
    let error = scene.builder().build().execute_plan(plan).await.unwrap_err();
    let OrchestratorError::Invalid(report) = error else { panic!("{error}") };
    assert_eq!(report.missing_tools, ["nowhere"]);
    assert!(scene.log.steps().is_empty());
}

#[tokio::test]
async fn without_a_model_a_goal_is_an_error_and_no_run_begins() {
    let orchestrator = PlanExecuteOrchestrator::builder().build();
    let error = orchestrator.execute_with_tools("g", None).await.unwrap_err();
    assert!(matches!(error, OrchestratorError::NoModel { .. }), "{error}");
    let error = orchestrator.generate_plan("g").await.unwrap_err();
    assert!(matches!(error, OrchestratorError::NoModel { .. }), "{error}");
}

#[tokio::test(start_paused = true)]
async fn arguments_that_come_out_of_expressions_are_held_against_the_schema() {
    let scene = Scene::new([
        plan(json!([
            {"id": "a", "tool": "read", "args": {"value": "no number"}},
            {"id": "b", "tool": "write", "args": {"value": 1, "ms": "{{ results.a }}"}}
        ])),
        Scripted::text("{\"reason\": \"I give up\", \"modifications\": []}"),
        Scripted::text("{\"reason\": \"I give up\", \"modifications\": []}"),
    ]);
    let outcome = scene.run(scene.builder()).await;
    assert_eq!(status(&outcome, "b"), "failed");
    assert_eq!(scene.log.steps(), ["a"], "nothing was called with what does not fit");
    let error = &outcome.report.errors[0];
    assert_eq!(error.class, ErrorClass::Validation);
    assert!(error.message.contains("`/ms`"), "{}", error.message);
}
