//! Given values that look like secrets reach no model.

use std::sync::Arc;

use pe_llm::{AnswerTask, FailedPlan, Prompts, sequential_request};
use pe_model::{Catalog, ChatMessage, ErrorClass, JsonMap, ModelRequest};
use pe_testkit::{ScriptedClient, plan, step};
use serde_json::json;

use crate::adapting::{Failed, failed_run};
use crate::support::{Scene, planner};

const SECRET: &str = "s3cr3t-\"value\"-123";

fn context() -> JsonMap {
    let context = json!({"city": "Bern", "api": {"access_token": SECRET, "url": "u"},
        "note": format!("it is {SECRET}"), "max_tokens": 4096});
    context.as_object().unwrap().clone()
}

/// `page` was called with a secret, failed with it in its message, and `find` gave it back.
fn run() -> Failed {
    let mut plan = plan([
        step("find").tool("llm").parameter("prompt", "p"),
        step("page").tool("http_get").parameter("url", "Bearer {{ context.api.access_token }}"),
    ]);
    plan.context = context();
    let scene = Scene::new(plan)
        .completes("find", json!({"echo": [format!("with {SECRET}")], SECRET: 4096}))
        .fails_with(
            "page",
            ErrorClass::Permission,
            &format!("401 for Bearer {SECRET}"),
            json!({"url": format!("Bearer {SECRET}")}),
        );
    Failed { plan: scene.state.executed_plan(), scene, ..failed_run() }
}

fn assert_clean(request: &ModelRequest) {
    let sent = serde_json::to_string(request).unwrap();
    assert!(!sent.contains("s3cr3t") && !sent.contains("-123"), "{sent}");
    assert!(sent.contains("[secret]"), "{sent}");
    assert!(sent.contains("4096"), "a number is no secret: {sent}");
}

#[test]
fn an_adaptation_shows_arguments_as_written_and_no_secret() {
    let mut run = run();
    run.history = vec![FailedPlan::of(&run.scene.state)];
    let planner = planner(&Arc::new(ScriptedClient::new(["x"])));
    let request = planner.adapt_request(&run.task());
    assert_clean(&request);
    let said = &request.messages[1].content;
    assert!(
        said.contains("its arguments were {\"url\": \"Bearer {{ context.api.access_token }}\"}"),
        "{said}"
    );
    assert!(said.contains("401 for Bearer [secret]"), "{said}");
}

#[test]
fn an_answer_and_the_sequential_loop_show_no_secret() {
    let run = run();
    let task = AnswerTask {
        goal: "g",
        plan: &run.scene.state.plan,
        state: &run.scene.state,
        max_bytes: 10_000,
        context_tokens: None,
    };
    assert_clean(&planner(&Arc::new(ScriptedClient::new(["x"]))).answer_request(&task));
    let transcript = [ChatMessage::tool("c", format!("it answered {SECRET}, 4096"))];
    let catalog = Catalog::default();
    let prompts = Prompts::builtin();
    assert_clean(&sequential_request(&prompts, "g", &context(), &catalog, &transcript, None));
}
