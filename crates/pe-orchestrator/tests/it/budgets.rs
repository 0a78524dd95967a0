//! Budgets are hard stops, wherever the model is asked.

use pe_llm::Prices;
use pe_model::{OrchestratorConfig, PlanStatus, StopCause};
use pe_orchestrator::{Task, Trouble};
use pe_testkit::Scripted;
use serde_json::json;

use crate::support::{Scene, config, plan, status};

#[tokio::test(start_paused = true)]
async fn a_model_that_never_converges_is_called_as_often_as_the_budget_says() {
    let scene = Scene::new((0..50).map(|_| Scripted::text("no plan")));
    let mut config = OrchestratorConfig { max_repair_rounds: 40, ..config() };
    config.budget.llm_calls = Some(7);
    let outcome = scene.run(scene.builder().config(config)).await;
    assert_eq!(scene.model.calls(), 7);
    assert_eq!(outcome.state.stopping, Some(StopCause::Budget));
    assert_eq!(outcome.state.status, PlanStatus::Cancelled, "it can be resumed");
    assert!(matches!(outcome.trouble, Some(Trouble::Model(_))));
}

#[tokio::test(start_paused = true)]
async fn money_is_counted_where_there_is_a_price_and_bounds_the_run() {
    let prices = Prices { prompt_per_million: 1_000.0, completion_per_million: 10_000.0 };
    let script = || {
        [
            plan(json!([{"id": "a", "tool": "read", "args": {"value": 1}}])).usage(1_000, 100),
            Scripted::text("One.").usage(500, 50),
        ]
    };
    let scene = Scene::new(script());
    let outcome = scene.run(scene.builder().prices(prices)).await;
    let cost = outcome.report.usage.cost_usd.unwrap();
    assert!((cost - 3.0).abs() < 1e-9, "{cost}");

    let scene = Scene::new(script());
    let mut config = config();
    config.budget.cost_usd = Some(0.01);
    let outcome = scene.run(scene.builder().prices(prices).config(config)).await;
    assert_eq!(scene.model.calls(), 0, "not even the first call fits");
    assert_eq!(outcome.state.stopping, Some(StopCause::Budget));
}

#[tokio::test(start_paused = true)]
async fn a_step_that_asks_the_model_stops_the_run_when_the_budget_is_spent() {
    let scene = Scene::new([plan(json!([
        {"id": "a", "tool": "read", "args": {"value": 1}},
        {"id": "think", "tool": "llm", "args": {"prompt": "think"}},
        {"id": "b", "tool": "read", "args": {"value": "{{ results.think }}"}}
    ]))]);
    let mut config = config();
    config.budget.llm_calls = Some(1);
    let outcome = scene.run(scene.builder().config(config)).await;
    assert_eq!(outcome.state.stopping, Some(StopCause::Budget));
    assert_eq!(outcome.state.status, PlanStatus::Cancelled);
    assert_eq!(status(&outcome, "a"), "completed");
    assert_eq!(status(&outcome, "think"), "pending", "it is asked again when the run goes on");
    assert_eq!(status(&outcome, "b"), "pending");
}

#[tokio::test(start_paused = true)]
async fn tool_calls_are_bounded_as_well() {
    let scene = Scene::new([plan(json!([
        {"id": "a", "tool": "read", "args": {"value": 1}},
        {"id": "b", "tool": "read", "args": {"value": "{{ results.a }}"}},
        {"id": "c", "tool": "read", "args": {"value": "{{ results.b }}"}}
    ]))]);
    let mut config = config();
    config.budget.tool_calls = Some(2);
    let outcome = scene.run(scene.builder().config(config)).await;
    assert_eq!(scene.log.steps(), ["a", "b"]);
    assert_eq!(outcome.state.stopping, Some(StopCause::Budget));
    assert_eq!(scene.model.calls(), 1, "no answer is written about half of the work");
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_the_budget_does_not_allow_is_written_when_the_run_goes_on() {
    let script =
        [plan(json!([{"id": "a", "tool": "read", "args": {"value": 1}}])), Scripted::text("One.")];
    let scene = Scene::new(script);
    let mut config = config();
    config.budget.llm_calls = Some(1);
    let orchestrator = scene.builder().config(config.clone()).build();
    let outcome = orchestrator.execute_with_tools("find it out", None).await.unwrap();
    assert_eq!(outcome.state.stopping, Some(StopCause::Budget));
    assert!(!outcome.report.success, "there is no answer yet");
    config.budget.llm_calls = Some(2);
    let run_id = outcome.state.run_id;
    let (controller, control) = pe_exec::Control::new();
    let task = Task::Resume { run_id, config: Some(config), supervision: None };
    let outcome = orchestrator.work(task, controller, control).await.unwrap();
    assert!(outcome.report.success);
    assert_eq!(outcome.report.final_response, "One.");
    assert_eq!(scene.log.steps(), ["a"]);
}
