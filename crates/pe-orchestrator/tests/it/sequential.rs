//! The sequential loop: A6, A7.

use pe_model::{ErrorClass, OrchestratorConfig, PlanStatus, Purpose, Speaker, StopCause};
use pe_orchestrator::{Notice, Trouble};
use pe_testkit::Scripted;
use serde_json::json;

use crate::support::{Scene, config, plan, status};

/// A configuration in which the first answer that is no plan leads to the loop.
fn impatient() -> OrchestratorConfig {
    OrchestratorConfig { max_repair_rounds: 0, ..config() }
}

#[tokio::test(start_paused = true)]
async fn a6_after_failed_generation_the_goal_is_worked_on_call_by_call() {
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::calls([("read", json!({"value": "{{ not a template }}"}))]),
        Scripted::calls([("write", json!({"value": 2}))]),
        Scripted::text("All done."),
    ]);
    let outcome = scene.run(scene.builder().config(impatient())).await;
    let report = &outcome.report;
    assert!(report.success, "{:?} {:?}", outcome.trouble, report.errors);
    assert_eq!(report.final_response, "All done.");
    assert_eq!(report.planner, "sequential");
    assert_eq!((report.iterations, report.tool_calls_made), (3, 2));
    assert_eq!(report.results["call_1"], json!("{{ not a template }}"));
    assert_eq!(scene.log.steps(), ["call_1", "call_2"]);
    assert_eq!(
        scene.purposes(),
        [Purpose::Plan, Purpose::Sequential, Purpose::Sequential, Purpose::Sequential]
    );
    // The model sees what it asked for, and what came of it.
    let last = scene.model.requests().pop().unwrap();
    let results: Vec<_> =
        last.messages.iter().filter(|message| message.role == Speaker::Tool).collect();
    assert_eq!(results[0].content, "{{ not a template }}");
    assert_eq!(results[1].content, "2");
    let asked = last.messages.iter().find(|message| !message.tool_calls.is_empty()).unwrap();
    assert_eq!(asked.tool_calls[0].arguments, r#"{"value":"{{ not a template }}"}"#);
    assert_eq!(results[0].tool_call_id.as_deref(), Some(asked.tool_calls[0].id.as_str()));
}

#[tokio::test(start_paused = true)]
async fn a6_after_failed_validation_too() {
    let scene = Scene::new([
        plan(json!([{"id": "a", "tool": "nowhere"}])),
        Scripted::text("Nothing to do."),
    ]);
    let outcome = scene.run(scene.builder().config(impatient())).await;
    assert!(outcome.report.success);
    assert_eq!(outcome.report.final_response, "Nothing to do.");
    assert_eq!(outcome.report.planner, "sequential", "without a single call");
    let why = |notice: &Notice| match notice {
        Notice::FellBack { reason } => reason.contains("nowhere"),
        _ => false,
    };
    assert_eq!(scene.notices.count(why), 1, "{:?}", scene.notices.all());
}

#[tokio::test(start_paused = true)]
async fn a6_when_it_is_off_a_failed_generation_is_an_error() {
    let scene = Scene::new([Scripted::text("no plan")]);
    let config = OrchestratorConfig { fallback_to_sequential: false, ..impatient() };
    let outcome = scene.run(scene.builder().config(config)).await;
    assert!(matches!(outcome.trouble, Some(Trouble::Planning(_))));
    assert_eq!(scene.model.calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a7_an_unknown_tool_and_bad_arguments_are_failed_calls_and_the_loop_goes_on() {
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::calls([("nowhere", json!({}))]),
        Scripted::calls([("write", json!({"vaule": 1}))]),
        Scripted::calls([("write", json!({"value": 3}))]),
        Scripted::text("Three."),
    ]);
    let outcome = scene.run(scene.builder().config(impatient())).await;
    let report = &outcome.report;
    assert!(report.success, "{:?}", report.errors);
    assert_eq!(report.steps_recovered, 2, "a call that works makes up for those that failed");
    assert_eq!(status(&outcome, "call_1"), "failed");
    assert_eq!(status(&outcome, "call_2"), "failed");
    assert_eq!(scene.log.steps(), ["call_3"], "the tool saw only what fits its schema");
    let last = scene.model.requests().pop().unwrap();
    let said: Vec<_> = last.messages.iter().filter(|m| m.role == Speaker::Tool).collect();
    assert!(said[0].content.contains("nowhere"), "{}", said[0].content);
    assert!(said[1].content.contains("vaule"), "{}", said[1].content);
}

#[tokio::test(start_paused = true)]
async fn arguments_that_are_no_json_are_a_failed_call() {
    let mut call = pe_model::ModelAnswer::text("");
    call.tool_calls.push(pe_model::RequestedCall {
        id: "1".to_owned(),
        name: "write".to_owned(),
        arguments: "{\"value\": ".to_owned(),
    });
    let scene = Scene::new([
        Scripted::text("no plan"),
        call.into(),
        Scripted::calls([("read", json!({"value": 1}))]),
        Scripted::text("One."),
    ]);
    let outcome = scene.run(scene.builder().config(impatient())).await;
    assert!(outcome.report.success);
    assert_eq!(scene.log.steps(), ["call_2"]);
    let asked = scene.model.requests().pop().unwrap();
    let call = asked.messages.iter().find(|message| !message.tool_calls.is_empty()).unwrap();
    assert_eq!(call.tool_calls[0].arguments, "{\"value\": ", "the model sees what it wrote");
}

#[tokio::test(start_paused = true)]
async fn a_failure_that_nothing_makes_up_for_is_no_success() {
    let scene = Scene::new([
        Scripted::text("no plan"),
        Scripted::calls([("broken", json!({"value": 1}))]),
        Scripted::text("It works!"),
    ]);
    let outcome = scene.run(scene.builder().config(impatient())).await;
    assert_eq!(outcome.state.status, PlanStatus::Failed);
    assert!(!outcome.report.success);
    assert_eq!(outcome.report.errors[0].class, ErrorClass::Execution);
    let Some(Trouble::LastWords(words)) = &outcome.trouble else { panic!("{:?}", outcome.trouble) };
    assert_eq!(words, "It works!");
    assert_eq!(scene.model.calls(), 3, "nobody is asked to mend a plan that nobody made");
}

#[tokio::test(start_paused = true)]
async fn the_turns_are_bounded() {
    let mut script = vec![Scripted::text("no plan")];
    script.extend((0..9).map(|n| Scripted::calls([("read", json!({"value": n}))])));
    let scene = Scene::new(script);
    let config = OrchestratorConfig { max_iterations: 3, ..impatient() };
    let outcome = scene.run(scene.builder().config(config)).await;
    assert_eq!(scene.model.calls(), 1 + 3);
    assert_eq!(scene.log.steps().len(), 3);
    assert_eq!(outcome.state.stopping, Some(StopCause::Budget));
    assert!(matches!(outcome.trouble, Some(Trouble::NoAnswer { turns: 3 })));
    assert!(!outcome.report.success);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_an_answer_is_none() {
    for last in [Scripted::text("Half of").finish(pe_model::FinishReason::Length), "".into()] {
        let scene = Scene::new([
            Scripted::text("no plan"),
            Scripted::calls([("read", json!({"value": 1}))]),
            last,
        ]);
        let outcome = scene.run(scene.builder().config(impatient())).await;
        assert!(!outcome.report.success);
        assert_eq!(outcome.state.stopping, Some(StopCause::NoModel));
        assert!(matches!(outcome.trouble, Some(Trouble::Model(_))));
    }
}
