//! What a person put into a plan is there after an adaptation.

use std::sync::Arc;

use pe_llm::{AdaptError, Adapted, PatchProblem};
use pe_model::{ErrorClass, Modification, PatchError, Plan, RetryPolicy, TriggerRule};
use pe_testkit::{ScriptedClient, plan, step};
use serde_json::json;

use crate::adapting::{Failed, failed_run};
use crate::support::{Scene, planner, said};

/// `page` failed; `mail` asks for approval and was skipped.
fn gated() -> Failed {
    let mut plan = plan([
        step("page").tool("http_get").parameter("url", "https://example.org"),
        step("mail")
            .tool("llm")
            .parameter("prompt", "Write")
            .parameter("input", "{{ results.page.body }}"),
    ]);
    plan.steps[0].expect = Some("result != null".to_owned());
    plan.steps[1].dependencies = vec!["page".into()];
    plan.steps[1].approval = true;
    plan.steps[1].expect = Some("len(result) > 3".to_owned());
    let scene = Scene::new(plan).fails("page", ErrorClass::NotFound, "404").skips("mail");
    Failed { plan: scene.state.executed_plan(), scene, ..failed_run() }
}

async fn adapted(run: &Failed, answer: &str) -> Adapted {
    let client = Arc::new(ScriptedClient::new([answer]));
    planner(&client).adapt(&run.task()).await.unwrap()
}

async fn refused(run: &Failed, answer: &str) -> (PatchProblem, String) {
    let client = Arc::new(ScriptedClient::new([answer, answer]));
    match planner(&client).adapt(&run.task()).await.unwrap_err() {
        AdaptError::Refused { problem } => (problem, said(&client.requests()[1])),
        other => panic!("{other}"),
    }
}

fn assert_gates(plan: &Plan) {
    let [page, mail] = &plan.steps[..] else { panic!("{plan:?}") };
    assert_eq!(page.expect.as_deref(), Some("result != null"));
    assert!(mail.approval, "{mail:?}");
    assert_eq!(mail.expect.as_deref(), Some("len(result) > 3"));
}

#[tokio::test(start_paused = true)]
async fn a_patch_does_not_take_gates_away() {
    let run = gated();
    let modified = r#"[{"type":"modify","id":"page","fields":{"args":{"url":"https://x.org"},"expect":null}},
        {"type":"modify","id":"mail","fields":{"approval":false,"expect":" "}}]"#;
    let adapted_by = adapted(&run, modified).await;
    assert_gates(adapted_by.plan.plan());
    let recorded = &adapted_by.patch.modifications;
    assert_eq!(recorded.len(), 1, "what is recorded is what was done");
    let Modification::Modify { fields, .. } = &recorded[0] else { panic!("{recorded:?}") };
    assert!(!fields.contains_key("expect"));

    let anew = r#"[{"type":"modify","id":"page","fields":{"args":{"url":"https://x.org"}}},
        {"type":"remove","id":"mail"},
        {"type":"add","step":{"id":"mail","tool":"llm","args":{"prompt":"w","input":"{{page.body}}"}}}]"#;
    assert_gates(adapted(&run, anew).await.plan.plan());
}

#[tokio::test(start_paused = true)]
async fn a_post_condition_may_be_changed() {
    let run = gated();
    let changed = r#"[{"type":"modify","id":"page","fields":{"expect":"result.status == 200"}}]"#;
    let plan = adapted(&run, changed).await.plan;
    assert_eq!(plan.plan().steps[0].expect.as_deref(), Some("result.status == 200"));
}

#[tokio::test(start_paused = true)]
async fn taking_a_post_condition_away_changes_nothing() {
    let only = r#"[{"type":"modify","id":"page","fields":{"expect":null}}]"#;
    let (problem, back) = refused(&gated(), only).await;
    assert_eq!(problem, PatchProblem::Patch(PatchError::NoChange));
    assert!(back.contains("`expect` of a step cannot be taken away"), "{back}");
}

#[tokio::test(start_paused = true)]
async fn a_step_that_asks_for_approval_is_not_removed_before_it_completed() {
    let away = r#"[{"type":"remove","id":"mail"},
        {"type":"add","step":{"id":"mail2","tool":"llm","args":{"prompt":"w"}}}]"#;
    let (problem, back) = refused(&gated(), away).await;
    assert_eq!(problem, PatchProblem::Approval("mail".into()));
    assert!(back.contains("it removes step `mail`"), "{back}");
    let whole = r#"{"steps":[{"id":"page","tool":"http_get","args":{"url":"https://x.org"}}]}"#;
    assert_eq!(refused(&gated(), whole).await.0, PatchProblem::Approval("mail".into()));

    let mut run = gated();
    let scene = Scene::new(run.plan.definition()).completes("mail", json!("sent")).fails(
        "page",
        ErrorClass::NotFound,
        "404",
    );
    run.plan = scene.state.executed_plan();
    run.scene = scene;
    let removed = r#"[{"type":"remove","id":"mail"},
        {"type":"modify","id":"page","fields":{"args":{"url":"https://x.org"}}}]"#;
    assert_eq!(adapted(&run, removed).await.plan.plan().steps.len(), 1, "its work is done");
}

#[tokio::test(start_paused = true)]
async fn a_whole_plan_keeps_what_it_does_not_say() {
    let mut run = gated();
    let mut plan = run.plan.definition();
    plan.steps.insert(0, step("first").tool("llm").parameter("prompt", "p").into());
    let mail = &mut plan.steps[2];
    mail.dependencies = vec!["page".into(), "first".into()];
    mail.retry = Some(RetryPolicy { max_retries: 1, ..RetryPolicy::default() });
    mail.timeout_ms = Some(5_000);
    mail.trigger_rule = Some(TriggerRule::AllDone);
    mail.agent = Some("Ann".to_owned());
    mail.action = "Write to Ann".to_owned();
    mail.complexity = 4;
    mail.metadata.insert("k".to_owned(), json!(1));
    let old = mail.clone();
    let scene = Scene::new(plan).fails("page", ErrorClass::NotFound, "404").skips("mail");
    run.plan = scene.state.executed_plan();
    run.scene = scene;
    let whole = r#"{"steps":[{"id":"first","tool":"llm","args":{"prompt":"p"}},
        {"id":"page","tool":"http_get","args":{"url":"https://x.org"}},
        {"id":"mail","tool":"llm","args":{"prompt":"Write","input":"{{page.body}}"}}]}"#;
    let new = adapted(&run, whole).await;
    assert_eq!(new.plan.plan().steps[2], old);
    assert_eq!(new.patch.modifications.len(), 1, "only the address changed: {:?}", new.patch);
    assert_eq!(new.plan.plan().steps[1].expect.as_deref(), Some("result != null"));

    let said = r#"{"steps":[{"id":"first","tool":"llm","args":{"prompt":"p"}},
        {"id":"page","tool":"http_get","args":{"url":"https://x.org"},"after":["first"]},
        {"id":"mail","tool":"llm","args":{"prompt":"W"},"after":["page"],"timeout_ms":9}]}"#;
    let new = adapted(&run, said).await;
    let mail = &new.plan.plan().steps[2];
    assert_eq!((mail.dependencies.as_slice(), mail.timeout_ms), (&["page".into()][..], Some(9)));
}

#[tokio::test(start_paused = true)]
async fn a_large_plan_of_a_person_can_be_adapted() {
    let mut run = failed_run();
    let mut large = plan((0..25).map(|n| {
        let before = (n > 0).then(|| format!("s{}", n - 1));
        step(format!("s{n}")).tool("llm").parameter("prompt", "p").after(before)
    }));
    let often = RetryPolicy { max_retries: 30, ..RetryPolicy::default() };
    large.steps[0].retry = Some(often);
    let scene = Scene::new(large).fails("s3", ErrorClass::NotFound, "404");
    run.plan = scene.state.executed_plan();
    run.scene = scene;
    run.limits.strictness = pe_model::Strictness::Strict;
    let mend = r#"[{"type":"modify","id":"s3","fields":{"args":{"prompt":"q"}}}]"#;
    adapted(&run, mend).await;
    let longer = r#"[{"type":"add","step":{"id":"s25","tool":"llm","args":{"prompt":"q"}}}]"#;
    let (problem, back) = refused(&run, longer).await;
    assert!(problem.to_string().contains("26 steps, more than 25"), "{problem}");
    assert!(back.contains("write at most 25"), "{back}");
}

#[tokio::test(start_paused = true)]
async fn a_patch_asks_for_no_more_retries_than_a_model_may() {
    let often = r#"[{"type":"modify","id":"page","fields":{"retry":{"max_retries":5000}}}]"#;
    let (problem, back) = refused(&failed_run(), often).await;
    assert!(matches!(problem, PatchProblem::Invalid(_)));
    assert!(back.contains("asks for 5000 retries, more than 10; ask for at most 10"), "{back}");
}
