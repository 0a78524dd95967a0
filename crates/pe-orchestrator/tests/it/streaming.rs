//! A plan that is executed while it is being written.

use pe_model::{OrchestratorConfig, Streaming};
use pe_orchestrator::Notice;
use pe_testkit::Scripted;
use serde_json::{Value, json};

use crate::support::{Scene, config, plan, status};

fn executing() -> OrchestratorConfig {
    OrchestratorConfig { streaming: Streaming::Execute, ..config() }
}

/// Steps whose text takes a second each, at ten pieces a second.
fn slowly(steps: Value) -> Scripted {
    let steps = steps.as_array().unwrap();
    let mut pieces = Vec::new();
    for (place, step) in steps.iter().enumerate() {
        pieces.push(if place == 0 { "{\"steps\":[".to_owned() } else { ",".to_owned() });
        let characters: Vec<char> = step.to_string().chars().collect();
        let cut = |part: usize| part * characters.len() / 9;
        pieces.extend((0..9).map(|part| characters[cut(part)..cut(part + 1)].iter().collect()));
    }
    pieces.push("]}".to_owned());
    Scripted::text(pieces.concat()).pieces(pieces).pieces_per_second(10.0)
}

fn read(id: &str, value: Value) -> Value {
    json!({"id": id, "tool": "read", "args": {"value": value}})
}

#[tokio::test(start_paused = true)]
async fn a_safe_step_begins_when_its_own_text_is_there() {
    let scene = Scene::new([
        slowly(json!([
            read("a", json!(1)),
            {"id": "w", "tool": "write", "args": {"value": 2}},
            read("b", json!("{{ results.a }}")),
        ])),
        Scripted::text("done"),
    ]);
    scene.log.begin();
    let outcome = scene.run(scene.builder().config(executing())).await;
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    let at = |step: &str| scene.log.at(step).unwrap();
    assert!((1_000..1_100).contains(&at("a")), "a began at {}", at("a"));
    assert!((3_000..3_100).contains(&at("b")), "b began at {}", at("b"));
    assert!(at("w") >= 3_100, "what acts waits for the whole: it began at {}", at("w"));
    assert_eq!(outcome.report.adaptations, 0, "a plan that grows is not adapted");
    assert_eq!(outcome.report.iterations, 1);
}

#[tokio::test(start_paused = true)]
async fn with_show_the_steps_are_shown_and_none_begins() {
    let scene = Scene::new([
        slowly(json!([read("a", json!(1)), read("b", json!(2))])),
        Scripted::text("done"),
    ]);
    scene.log.begin();
    let outcome = scene.run(scene.builder()).await;
    assert!(outcome.report.success);
    assert!(scene.log.at("a").unwrap() >= 2_100);
    assert_eq!(scene.notices.count(|n| matches!(n, Notice::StepDrafted { .. })), 2);

    let scene = Scene::new([
        slowly(json!([read("a", json!(1)), read("b", json!(2))])),
        Scripted::text("done"),
    ]);
    let config = OrchestratorConfig { streaming: Streaming::Off, ..config() };
    scene.run(scene.builder().config(config)).await;
    let detail = |n: &Notice| matches!(n, Notice::StepDrafted { .. } | Notice::Writing { .. });
    assert_eq!(scene.notices.count(detail), 0);
}

#[tokio::test(start_paused = true)]
async fn readers_of_all_results_and_steps_with_approval_wait_for_the_whole() {
    let scene = Scene::new([
        slowly(json!([
            read("a", json!(1)),
            read("all", json!("{{ len(results) }}")),
            read("z", json!(3)),
        ])),
        Scripted::text("done"),
    ]);
    scene.log.begin();
    let outcome = scene.run(scene.builder().config(executing())).await;
    assert!(outcome.report.success);
    assert!(scene.log.at("all").unwrap() >= 3_100);
}

#[tokio::test(start_paused = true)]
async fn a_whole_that_does_not_hold_starts_nothing_more_and_a_repaired_one_keeps_results() {
    let scene = Scene::new([
        slowly(json!([
            read("a", json!(1)),
            {"id": "b", "tool": "raed", "args": {"value": 2}},
            read("c", json!("{{ results.a }}")),
        ])),
        plan(json!([
            read("a", json!(1)),
            read("b", json!(2)),
            read("c", json!("{{ results.a }}"))
        ]))
        .delay_ms(5_000),
        Scripted::text("done"),
    ]);
    scene.log.begin();
    let outcome = scene.run(scene.builder().config(executing())).await;
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    assert_eq!(scene.log.times("a"), 1, "its result is kept");
    let at = |step: &str| scene.log.at(step).unwrap();
    assert!(at("b") >= 8_000 && at("c") >= 8_000, "{:?}", scene.log.steps());
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_cut_off_starts_nothing_more() {
    let cut = slowly(json!([read("a", json!(1)), read("b", json!(2))]))
        .finish(pe_model::FinishReason::Length);
    let scene = Scene::new([
        cut,
        plan(json!([read("b", json!(2))])).delay_ms(5_000),
        Scripted::text("done"),
    ]);
    let outcome = scene.run(scene.builder().config(executing())).await;
    assert!(outcome.report.success, "{:?}", outcome.trouble);
    assert_eq!(status(&outcome, "a"), "gone", "the plan is what the model wrote in the end");
    assert_eq!(status(&outcome, "b"), "completed");
}

#[tokio::test(start_paused = true)]
async fn a_failure_in_a_draft_has_no_consequences_before_its_fallback_may_have_come() {
    let scene = Scene::new([
        slowly(json!([
            {"id": "a", "tool": "broken", "args": {"value": 1}},
            read("b", json!("{{ results.a }}")),
            {"id": "f", "tool": "read", "args": {"value": 5}, "fallback_for": "a"},
        ])),
        Scripted::text("done"),
    ]);
    let outcome = scene.run(scene.builder().config(executing())).await;
    assert!(outcome.report.success, "{:?} {:?}", outcome.trouble, outcome.report.errors);
    assert_eq!(outcome.report.results["b"], json!(5));
    assert_eq!(outcome.report.steps_recovered, 1);
    assert_eq!(scene.log.times("a"), 1);
}
