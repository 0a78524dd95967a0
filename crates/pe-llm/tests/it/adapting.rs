//! A plan that failed is changed by one patch of the model's.

use std::sync::Arc;

use pe_llm::{
    AdaptError, AdaptTask, FailedPlan, FailureAnalysis, PatchProblem, PlanFingerprint,
    write_notation,
};
use pe_model::{Catalog, ErrorClass, Modification, PatchError, Plan, Purpose, Speaker, StepType};
use pe_testkit::{ScriptedClient, plan, step};
use pe_validate::Limits;
use serde_json::json;

use crate::support::{Scene, default_limits, planner, said, twenty_tools};

pub(crate) struct Failed {
    pub(crate) goal: String,
    pub(crate) plan: Plan,
    pub(crate) scene: Scene,
    pub(crate) catalog: Catalog,
    pub(crate) limits: Limits,
    pub(crate) history: Vec<FailedPlan>,
}

impl Failed {
    pub(crate) fn task(&self) -> AdaptTask<'_> {
        AdaptTask {
            goal: &self.goal,
            plan: &self.plan,
            state: &self.scene.state,
            catalog: &self.catalog,
            limits: &self.limits,
            history: &self.history,
            context_tokens: None,
        }
    }
}

fn search_and_mail() -> Plan {
    let mut plan = plan([
        step("find").tool("web_search").parameter("query", "rust"),
        step("page").tool("http_get").parameter("url", "{{ results.find.items[0].url }}"),
        step("short")
            .tool("llm")
            .parameter("prompt", "Summarise")
            .parameter("input", "{{ results.page.body }}"),
    ]);
    plan.plan_id = Some("p".into());
    for (step, need) in [(1, "find"), (2, "page")] {
        plan.steps[step].dependencies = vec![need.into()];
    }
    plan
}

/// A search went well, the page is gone, the summary was skipped.
pub(crate) fn failed_run() -> Failed {
    let plan = search_and_mail();
    let scene = Scene::new(plan.clone())
        .completes("find", json!({"items": [{"url": "https://example.org/gone"}]}))
        .retries_with("page", json!({"url": "https://example.org/gone"}))
        .fails_with(
            "page",
            ErrorClass::NotFound,
            "GET https://example.org/gone: 404",
            json!({"url": "https://example.org/gone"}),
        )
        .skips("short");
    Failed {
        goal: "What is new in Rust?".to_owned(),
        plan: scene.state.executed_plan(),
        scene,
        catalog: twenty_tools(),
        limits: default_limits(),
        history: Vec::new(),
    }
}

fn model(answers: &[&str]) -> Arc<ScriptedClient> {
    Arc::new(ScriptedClient::new(answers.iter().copied()))
}

const PATCH: &str = r#"{"reason":"the page is gone","modifications":[
    {"type":"add","step":{"id":"again","tool":"web_search","args":{"query":"rust blog"}},"after":"find"},
    {"type":"modify","id":"page","fields":{"args":{"url":"{{again.items[0].url}}"}}}]}"#;

#[tokio::test(start_paused = true)]
async fn a1_a_patch_makes_a_new_version_and_leaves_the_plan() {
    let run = failed_run();
    let before = run.plan.clone();
    let client = model(&[PATCH]);
    let adapted = planner(&client).adapt(&run.task()).await.unwrap();
    assert_eq!(run.plan, before, "a4: the original plan is untouched");
    let new = adapted.plan.plan();
    assert_eq!((new.version, &new.parent), (2, &Some("p".into())));
    let ids: Vec<&str> = new.steps.iter().map(|step| step.step_id.as_str()).collect();
    assert_eq!(ids, ["find", "again", "page", "short"]);
    assert_eq!(new.steps[2].dependencies, ["again".into()], "edges follow the references");
    assert_eq!(new.steps[0], run.plan.steps[0].definition(), "a2: what is done stays as it is");
    assert_eq!(adapted.reason, "the page is gone");
    assert_eq!(adapted.patch.modifications.len(), 2);
    assert_eq!(client.requests()[0].purpose, Purpose::Adapt);
}

#[tokio::test(start_paused = true)]
async fn a3_what_is_wrong_goes_back_once_and_then_ends_it() {
    let taken = r#"{"modifications":[{"type":"add","step":{"id":"find","tool":"llm","args":{"prompt":"x"}}}]}"#;
    let client = model(&[taken, PATCH]);
    let run = failed_run();
    planner(&client).adapt(&run.task()).await.unwrap();
    let second = &client.requests()[1];
    let roles: Vec<Speaker> = second.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Speaker::System, Speaker::User, Speaker::Assistant, Speaker::User]);
    assert!(second.messages[3].content.contains("adds step `find`, which the plan has already"));

    let client = model(&[taken, taken, PATCH]);
    let error = planner(&client).adapt(&run.task()).await.unwrap_err();
    assert_eq!(client.calls(), 2);
    assert!(error.to_string().contains("adds step `find`"), "{error}");
    assert!(error.to_string().contains("change the plan by hand"), "{error}");
}

async fn problem_of(run: &Failed, answer: &str) -> PatchProblem {
    let client = model(&[answer, answer]);
    match planner(&client).adapt(&run.task()).await.unwrap_err() {
        AdaptError::Refused { problem } => problem,
        other => panic!("{other}"),
    }
}

#[tokio::test(start_paused = true)]
async fn a4_no_patch_is_used_that_does_not_hold() {
    let run = failed_run();
    let invalid = problem_of(&run, r#"[{"type":"remove","id":"find"}]"#).await;
    assert!(invalid.to_string().contains("find"), "an expression still reads it: {invalid}");
    assert!(matches!(invalid, PatchProblem::Invalid(_)));
    let tool = r#"[{"type":"modify","id":"page","fields":{"tool":"http_gte"}}]"#;
    assert!(matches!(problem_of(&run, tool).await, PatchProblem::Invalid(_)));
    assert!(matches!(problem_of(&run, "sorry").await, PatchProblem::Unreadable(_)));
    assert!(matches!(problem_of(&run, r#"{"plan":"x"}"#).await, PatchProblem::NoPatch(_)));
    let nothing = problem_of(&run, r#"{"modifications":[]}"#).await;
    assert_eq!(nothing, PatchProblem::Patch(PatchError::NoChange));
    let near =
        problem_of(&run, r#"[{"type":"modify","id":"pgae","fields":{"expect":"true"}}]"#).await;
    assert!(near.to_string().contains("did you mean `page`?"), "{near}");
    let field =
        problem_of(&run, r#"[{"type":"modify","id":"page","fields":{"dependancies":[]}}]"#).await;
    assert!(field.to_string().contains("did you mean `dependencies`?"), "{field}");
    let renamed = problem_of(&run, r#"[{"type":"modify","id":"page","fields":{"id":"q"}}]"#).await;
    assert!(matches!(renamed, PatchProblem::Patch(PatchError::Renamed { .. })), "{renamed}");
}

#[tokio::test(start_paused = true)]
async fn a5_a_plan_that_failed_before_does_not_come_back() {
    let mut run = failed_run();
    let client = model(&[PATCH]);
    let second = planner(&client).adapt(&run.task()).await.unwrap();
    // The second plan failed as well, and the model wants the first one again.
    run.history = vec![FailedPlan::of(&run.scene.state)];
    let first = run.plan.clone();
    run.plan = (**second.plan.plan()).clone();
    run.scene = Scene::new(run.plan.clone());
    let back = r#"{"reason":"as before","modifications":[{"type":"remove","id":"again"},
        {"type":"modify","id":"page","fields":{"args":{"url":"{{find.items[0].url}}"},"action":"again"}}]}"#;
    let client = model(&[back, back]);
    let error = planner(&client).adapt(&run.task()).await.unwrap_err();
    assert_eq!(error, AdaptError::Refused { problem: PatchProblem::FailedBefore });
    assert!(error.is_repetition());
    assert_eq!(client.calls(), 2);
    assert!(said(&client.requests()[0]).contains("Tried before, and failed:"));
    assert!(said(&client.requests()[0]).contains("page: not_found: GET"), "with its failure");
    assert!(said(&client.requests()[1]).contains("Reach the goal in another way"));
    let _ = first;
}

#[tokio::test(start_paused = true)]
async fn a_step_in_doubt_is_not_touched_nor_what_it_needs() {
    let plan = search_and_mail();
    let scene = Scene::new(plan).completes("find", json!({"items": [{"url": "u"}]})).doubts("page");
    let mut run = failed_run();
    run.plan = scene.state.executed_plan();
    run.scene = scene;
    for touching in [
        r#"[{"type":"modify","id":"page","fields":{"args":{"url":"https://x.org"}}}]"#,
        r#"[{"type":"modify","id":"find","fields":{"args":{"query":"other"}}}]"#,
        r#"[{"type":"remove","id":"short"},{"type":"remove","id":"page"}]"#,
    ] {
        let problem = problem_of(&run, touching).await;
        assert_eq!(problem, PatchProblem::InDoubt("page".into()), "{touching}");
    }
    let beside = r#"[{"type":"modify","id":"short","fields":{"args":{"prompt":"Shorten"}}}]"#;
    let client = model(&[beside]);
    planner(&client).adapt(&run.task()).await.unwrap();
    assert!(
        said(&client.requests()[0]).contains("Do not touch them, nor anything that they use: page")
    );
}

#[tokio::test(start_paused = true)]
async fn fields_of_a_modification_are_read_in_the_notation() {
    let run = failed_run();
    let patch = r#"{"changes":[{"op":"update","step":"page","set":{"needs":["find"],"if":"len(find.items) > 0",
        "params":{"url":"https://x.org"},"timeout_seconds":5}}]}"#;
    let adapted = planner(&model(&[patch])).adapt(&run.task()).await.unwrap();
    let page = &adapted.plan.plan().steps[1];
    assert_eq!(page.step_type, StepType::Conditional, "it follows from the fields");
    assert_eq!(page.condition.as_deref(), Some("len(results.find.items) > 0"));
    assert_eq!(page.timeout_ms, Some(5_000));
    assert_eq!(page.parameters["url"], "https://x.org");
    assert_eq!(page.tool, "http_get");
    assert!(
        matches!(&adapted.patch.modifications[0], Modification::Modify { fields, .. }
        if fields.contains_key("parameters")),
        "recorded in the plan's own words"
    );
}

#[tokio::test(start_paused = true)]
async fn a_whole_plan_is_read_as_the_changes_that_lead_to_it() {
    let run = failed_run();
    let whole = r#"{"reason":"anew","steps":[
        {"id":"page","tool":"http_get","args":{"url":"https://blog.rust-lang.org"}},
        {"id":"short","tool":"llm","args":{"prompt":"Summarise","input":"{{page.body}}"}}]}"#;
    let adapted = planner(&model(&[whole])).adapt(&run.task()).await.unwrap();
    let ids: Vec<&str> =
        adapted.plan.plan().steps.iter().map(|step| step.step_id.as_str()).collect();
    assert_eq!(ids, ["find", "page", "short"], "what is done stays though it is not named");
    assert_eq!(adapted.patch.modifications.len(), 1);
    assert_eq!(adapted.reason, "anew");
}

#[test]
fn what_failed_is_told_with_all_that_follows() {
    let run = failed_run();
    let analysis = FailureAnalysis::of(&run.scene.state);
    assert_eq!(analysis.failed.len(), 1);
    let failed = &analysis.failed[0];
    assert_eq!((failed.step_id.as_str(), failed.attempts), ("page", 2));
    assert_eq!(failed.skipped, ["short".into()]);
    assert_eq!(failed.error.as_ref().unwrap().class, ErrorClass::NotFound);
    assert_eq!(analysis.done.len(), 1);
}

#[test]
fn fingerprints_tell_what_a_plan_does() {
    let plan = search_and_mail();
    let print = PlanFingerprint::of(&plan);
    let mut same = plan.clone();
    same.version = 7;
    same.plan_id = None;
    same.steps.reverse();
    same.steps[0].action = "words".to_owned();
    same.steps[0].complexity = 4;
    same.steps[0].metadata.insert("k".to_owned(), json!(1));
    assert_eq!(PlanFingerprint::of(&same), print);
    let mut other = plan.clone();
    other.steps[0].parameters.insert("query".to_owned(), json!("other"));
    assert_ne!(PlanFingerprint::of(&other), print);
    assert_eq!(write_notation(&plan).len(), FailedPlan::of(&Scene::new(plan).state).plan.len());
}
