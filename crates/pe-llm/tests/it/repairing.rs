//! An answer that does not hold goes back with what was found.

use std::sync::Arc;

use pe_llm::PlanningError;
use pe_model::{FinishReason, Purpose, Speaker};
use pe_testkit::{Scripted, ScriptedClient};

use crate::support::{Task, plan, said};

const BAD: &str = r#"{"steps":[{"id":"a","tool":"web_serach","args":{"query":"x"}},{"id":"b","tool":"http_get","args":{}}]}"#;
const GOOD: &str = r#"{"steps":[{"id":"a","tool":"web_search","args":{"query":"x"}},{"id":"b","tool":"http_get","args":{"url":"{{a.items[0].url}}"}}]}"#;

#[tokio::test(start_paused = true)]
async fn v1_findings_go_back_with_the_models_own_answer() {
    let client = Arc::new(ScriptedClient::new([BAD, GOOD]));
    let (planned, seen) = plan(&client, &Task::new("g")).await;
    assert_eq!(planned.unwrap().rounds, 1);
    assert_eq!(
        seen,
        ["asking 0", "step a", "step b", "findings 0: 2", "asking 1", "step a", "step b"]
    );
    let request = &client.requests()[1];
    assert_eq!(request.purpose, Purpose::Repair);
    let roles: Vec<Speaker> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Speaker::System, Speaker::User, Speaker::Assistant, Speaker::User]);
    assert!(request.messages[2].content.contains("web_serach"));
    let last = &request.messages[3].content;
    for part in ["PE040", "step `a`", "did you mean `web_search`?", "PE041", "step `b`", "url"] {
        assert!(last.contains(part), "{part} in {last}");
    }
}

#[tokio::test(start_paused = true)]
async fn g5_too_many_steps_are_repaired_and_never_cut() {
    let step = |n: usize| format!(r#"{{"id":"s{n}","tool":"weather","args":{{"place":"Bern"}}}}"#);
    let steps: Vec<String> = (0..25).map(step).collect();
    let long = format!(r#"{{"steps":[{}]}}"#, steps.join(","));
    let short = format!(r#"{{"steps":[{}]}}"#, steps[..3].join(","));
    let client = Arc::new(ScriptedClient::new([long.clone(), short]));
    let (planned, _) = plan(&client, &Task::new("g")).await;
    assert_eq!(planned.unwrap().plan.plan().steps.len(), 3);
    let last = client.requests()[1].messages[3].content.clone();
    assert!(last.contains("25 steps") && last.contains("at most 20"), "{last}");

    let client = Arc::new(ScriptedClient::answering(move |_, _| Scripted::text(long.clone())));
    match plan(&client, &Task::new("g")).await.0.unwrap_err() {
        PlanningError::Invalid { plan, .. } => assert_eq!(plan.steps.len(), 25, "as written"),
        other => panic!("{other}"),
    }
    assert_eq!(client.calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn g4_a_cut_off_answer_is_asked_for_again_shorter() {
    let cut = Scripted::text(&GOOD[..GOOD.len() - 20]).finish(FinishReason::Length);
    let client = Arc::new(ScriptedClient::new([cut, Scripted::text(GOOD)]));
    let (planned, seen) = plan(&client, &Task::new("g")).await;
    assert_eq!(planned.unwrap().rounds, 1);
    assert!(seen.contains(&"unreadable 0".to_owned()), "{seen:?}");
    let last = client.requests()[1].messages[3].content.clone();
    assert!(last.contains("cut off") && last.contains("shorter"), "{last}");
}

#[tokio::test(start_paused = true)]
async fn a_model_that_repeats_itself_is_told_so_and_asked_warmer() {
    let client = Arc::new(ScriptedClient::answering(|_, _| Scripted::text(BAD)));
    let (planned, _) = plan(&client, &Task::new("g")).await;
    let error = planned.unwrap_err();
    assert!(matches!(error, PlanningError::Invalid { rounds: 3, .. }));
    let text = error.to_string();
    assert!(text.contains("2 errors after 3 repair rounds, first: PE040"), "{text}");
    assert!(text.contains("raise `max_repair_rounds`"), "{text}");
    let requests = client.requests();
    assert_eq!(requests.len(), 4, "1 + max_repair_rounds");
    let warmth: Vec<Option<f64>> = requests.iter().map(|request| request.temperature).collect();
    assert_eq!(warmth, [Some(0.0), Some(0.0), Some(0.6), Some(0.6)]);
    assert!(!said(&requests[1]).contains("in your last answer"));
    assert!(said(&requests[2]).contains("The same was found in your last answer"));
}

#[tokio::test(start_paused = true)]
async fn what_goes_back_is_bounded() {
    let huge = format!(
        r#"{{"steps":[{{"id":"a","tool":"nothing","args":{{"x":"{}"}}}}]}}"#,
        "y".repeat(1_000_000)
    );
    let client = Arc::new(ScriptedClient::new([huge, "z".repeat(1_000_000), GOOD.to_owned()]));
    plan(&client, &Task::new("g")).await.0.unwrap();
    for request in client.requests() {
        assert!(said(&request).len() < 40_000, "{}", said(&request).len());
    }
}
