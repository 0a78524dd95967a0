//! `llm`, `ask_user`, and tools made of closures.

use std::sync::Arc;

use pe_model::{AnswerFormat, BoxFuture, Effect, ErrorClass, Plan, Purpose, ToolError};
use pe_orchestrator::{Outcome, Person, Question, tool_fn};
use pe_testkit::Scripted;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::support::Scene;

fn written(steps: Value) -> Plan {
    serde_json::from_value(json!({"goal": "g", "steps": steps})).unwrap()
}

async fn run(scene: &Scene, steps: Value) -> Outcome {
    scene.builder().build().execute_plan(written(steps)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn llm_gives_text_and_sees_its_input_as_data() {
    let scene = Scene::new([Scripted::text("short").usage(10, 2)]);
    let outcome = run(
        &scene,
        json!([
            {"step_id": "a", "tool": "read", "parameters": {"value": {"text": "long {{ '{{' }} x }}"}}},
            {"step_id": "b", "tool": "llm",
             "parameters": {"prompt": "Shorten it.", "input": "{{ results.a }}"}}
        ]),
    )
    .await;
    assert_eq!(outcome.report.results["b"], json!("short"));
    let request = &scene.model.requests()[0];
    assert_eq!(request.purpose, Purpose::Step);
    assert!(request.messages[0].content.contains(r#"{"text":"long {{ x }}"}"#));
    assert_eq!(outcome.report.usage.completion_tokens, Some(2));
}

#[tokio::test(start_paused = true)]
async fn llm_gives_json_that_fits_its_schema_and_asks_again_otherwise() {
    let schema = json!({"type": "object", "required": ["n"],
        "properties": {"n": {"type": "integer"}}});
    let scene = Scene::new([
        Scripted::text(r#"{"n": "three"}"#),
        Scripted::text("```json\n{\"n\": 3}\n```"),
    ]);
    let outcome = run(
        &scene,
        json!([
            {"step_id": "a", "tool": "llm", "parameters": {"prompt": "Count.", "schema": schema}}
        ]),
    )
    .await;
    assert_eq!(outcome.report.results["a"], json!({"n": 3}));
    assert_eq!(scene.model.calls(), 2);
    let asked = &scene.model.requests()[0].format;
    assert!(matches!(asked, AnswerFormat::Schema { schema: given, .. } if *given == schema));
}

#[tokio::test(start_paused = true)]
async fn llm_never_gives_a_part_of_an_answer() {
    let cut = Scripted::text("half of").finish(pe_model::FinishReason::Length);
    let scene = Scene::new([cut]);
    let outcome = run(
        &scene,
        json!([
            {"step_id": "a", "tool": "llm", "parameters": {"prompt": "Tell.", "max_tokens": 2}}
        ]),
    )
    .await;
    assert!(!outcome.report.success);
    assert!(outcome.report.errors[0].message.contains("cut off"));
    assert_eq!(scene.model.calls(), 1);
}

struct Says(Option<&'static str>);

impl Person for Says {
    fn ask(&self, _: Question) -> BoxFuture<'_, Option<String>> {
        Box::pin(std::future::ready(self.0.map(str::to_owned)))
    }
}

#[tokio::test(start_paused = true)]
async fn ask_user_gives_the_answer_of_a_person_and_fails_without_one() {
    let steps = || {
        json!([{"step_id": "a", "tool": "ask_user",
        "parameters": {"question": "Which?", "choices": ["red", "blue"]}}])
    };
    for (person, expected) in [
        (Some("blue"), Ok(json!("blue"))),
        (Some("green"), Err(ErrorClass::Validation)),
        (None, Err(ErrorClass::Permission)),
    ] {
        let scene = Scene::new([] as [Scripted; 0]);
        let builder = scene.builder().person(Arc::new(Says(person)));
        let outcome = builder.build().execute_plan(written(steps())).await.unwrap();
        match expected {
            Ok(answer) => assert_eq!(outcome.report.results["a"], answer),
            Err(class) => assert_eq!(outcome.report.errors[0].class, class),
        }
    }
}

#[derive(Deserialize, JsonSchema)]
struct Rectangle {
    width: u32,
    height: u32,
}

#[derive(Serialize)]
struct Area {
    area: u32,
}

#[tokio::test(start_paused = true)]
async fn a_closure_is_a_tool_with_the_schema_of_its_arguments() {
    let area = tool_fn("area", "The area.", Effect::Pure, |it: Rectangle| async move {
        match it.width.checked_mul(it.height) {
            Some(area) => Ok(Area { area }),
            None => Err(ToolError::new(ErrorClass::Execution, "too large")),
        }
    });
    let scene = Scene::new([] as [Scripted; 0]);
    let orchestrator = scene.builder().tool(area).build();
    let good = json!([{"step_id": "a", "tool": "area", "parameters": {"width": 3, "height": 4}}]);
    let outcome = orchestrator.execute_plan(written(good)).await.unwrap();
    assert_eq!(outcome.report.results["a"], json!({"area": 12}));
    let bad = json!([{"step_id": "a", "tool": "area", "parameters": {"width": 3}}]);
    let report = orchestrator.validate_plan(&written(bad));
    assert_eq!(report.missing_parameters.len(), 1);
}

#[test]
fn the_documented_examples_of_these_tools_fit_their_schemas() {
    let page = include_str!("../../../../docs/tools.md");
    let catalog = pe_orchestrator::catalog(&pe_model::ToolSet::new());
    let mut names = Vec::new();
    for block in page.split("```json\n").skip(1) {
        let (text, _) = block.split_once("```").unwrap();
        let steps: Vec<Value> = serde_json::from_str(&format!("[{text}]")).unwrap();
        for step in steps {
            let Some(spec) = catalog.get(step["tool"].as_str().unwrap()) else { continue };
            let schema = jsonschema::draft202012::new(&spec.parameters).unwrap();
            let errors: Vec<String> =
                schema.iter_errors(&step["parameters"]).map(|error| error.to_string()).collect();
            assert!(errors.is_empty(), "{step}: {errors:?}");
            names.push(spec.name.clone());
        }
    }
    for spec in catalog.iter() {
        assert!(names.contains(&spec.name), "no example of {}", spec.name);
    }
}
