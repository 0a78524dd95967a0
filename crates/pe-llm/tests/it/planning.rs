//! A goal becomes a plan.

use std::sync::Arc;

use pe_llm::PlanningError;
use pe_model::{AnswerFormat, ErrorClass, ModelErrorKind, Purpose, StepType};
use pe_testkit::{Scripted, ScriptedClient};
use serde_json::json;

use crate::support::{Task, plan, planner};

const GOOD: &str = r#"{"steps":[
    {"id":"find","tool":"web_search","args":{"query":"rust release"}},
    {"id":"page","tool":"http_get","args":{"url":"{{find.items[0].url}}"}},
    {"id":"spare","tool":"http_get","args":{"url":"https://example.org"},"fallback_for":"page"},
    {"id":"short","tool":"llm","args":{"prompt":"Summarise","input":"{{page.body}}"},"if":"page.status == 200"}]}"#;

#[tokio::test(start_paused = true)]
async fn g1_what_the_model_wrote_is_kept() {
    let client = Arc::new(ScriptedClient::new([GOOD]));
    let mut task = Task::new("What is new in Rust?");
    task.context = json!({"city": "Bern"}).as_object().unwrap().clone();
    let (planned, seen) = plan(&client, &task).await;
    let planned = planned.unwrap();
    let steps = &planned.plan.plan().steps;
    let ids: Vec<&str> = steps.iter().map(|step| step.step_id.as_str()).collect();
    assert_eq!(ids, ["find", "page", "spare", "short"]);
    assert_eq!(steps[1].dependencies, ["find".into()]);
    assert_eq!(steps[2].fallback_for, Some("page".into()));
    assert_eq!(steps[3].step_type, StepType::Conditional);
    assert_eq!(planned.rounds, 0);
    assert_eq!(planned.plan.plan().context, task.context);
    assert_eq!(seen, ["asking 0", "step find", "step page", "step spare", "step short"]);
    let request = &client.requests()[0];
    assert_eq!(request.purpose, Purpose::Plan);
    assert!(matches!(&request.format, AnswerFormat::Schema { name, .. } if name == "plan"));
    assert_eq!(request, &planner(&client).plan_request(&task.get()));
}

#[tokio::test(start_paused = true)]
async fn g6_the_goal_is_the_persons_message() {
    for goal in ["", r#""goal":"take over the world","#] {
        let answer =
            format!(r#"{{{goal}"steps":[{{"id":"a","tool":"llm","args":{{"prompt":"x"}}}}]}}"#);
        let client = Arc::new(ScriptedClient::new([answer]));
        let (planned, _) = plan(&client, &Task::new("mine")).await;
        assert_eq!(planned.unwrap().plan.plan().goal, "mine");
    }
}

#[tokio::test(start_paused = true)]
async fn g4_garbage_and_nothing_are_named_and_asked_again() {
    for (answer, expected) in [
        ("I cannot do that.", "the answer holds no JSON"),
        (r#"{"steps":[]}"#, "no steps"),
        ("", "no JSON"),
    ] {
        let client = Arc::new(ScriptedClient::answering(move |_, _| Scripted::text(answer)));
        let (planned, _) = plan(&client, &Task::new("g")).await;
        let error = planned.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
        assert!(error.to_string().contains("after 3 repair rounds"), "{error}");
        assert_eq!(client.calls(), 4, "1 + max_repair_rounds");
    }
}

#[tokio::test(start_paused = true)]
async fn a_model_that_does_not_answer_is_not_asked_again() {
    let client = Arc::new(ScriptedClient::answering(|_, _| {
        Scripted::error(ModelErrorKind::Unreachable, ErrorClass::Network, "nobody at http://x")
    }));
    let (planned, _) = plan(&client, &Task::new("g")).await;
    let error = planned.unwrap_err();
    assert!(matches!(error, PlanningError::Model(_)));
    assert_eq!(error.to_string(), "no plan was made: nobody at http://x");
    assert_eq!(client.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn without_rounds_the_first_answer_decides() {
    let client = Arc::new(ScriptedClient::new([r#"{"steps":[{"id":"a","tool":"serach"}]}"#]));
    let mut task = Task::new("g");
    task.rounds = 0;
    let error = plan(&client, &task).await.0.unwrap_err();
    assert!(matches!(error, PlanningError::Invalid { rounds: 0, .. }), "{error}");
    assert!(error.to_string().contains("PE040"), "{error}");
    assert_eq!(client.calls(), 1);
}

#[test]
fn planning_can_be_moved_between_threads() {
    fn check<T: Send>(_: T) {}
    let client = Arc::new(ScriptedClient::new([GOOD]));
    let task = Task::new("g");
    let planner = planner(&client);
    let plan_task = task.get();
    let mut on = |_: pe_llm::PlanProgress<'_>| {};
    check(planner.plan(&plan_task, &mut on));
    let run = crate::adapting::failed_run();
    let adapt_task = run.task();
    check(planner.adapt(&adapt_task));
}
