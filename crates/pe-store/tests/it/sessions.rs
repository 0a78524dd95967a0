//! Conversations, and calls to models that are paid for once.

use pe_store::{ModelCall, RunQuery, SessionId, StoreError};
use serde_json::{Value, json};

use crate::scene::{Scene, Script};

#[test]
fn messages_keep_their_order_and_sessions_show_the_last_one_first() {
    let scene = Scene::new();
    let store = scene.store();
    let (first, second) = (store.begin_session("ü").unwrap(), store.begin_session("b").unwrap());
    let said = [("user", json!("„Grüße“ 漢字 \u{0}")), ("assistant", json!([{"text": "ok"}]))];
    for (role, content) in &said {
        store.add_message(first, role, content).unwrap();
    }
    let heard: Vec<(String, Value)> =
        store.messages(first).unwrap().into_iter().map(|it| (it.role, it.content)).collect();
    assert_eq!(heard, said.map(|(role, content)| (role.to_owned(), content)));
    assert_eq!(store.messages(second).unwrap(), []);
    let script = Script::new("r", 1);
    script.record(&store, 1);
    store.attach_run(first, &script.run_id).unwrap();
    let mut sessions = store.sessions(None).unwrap();
    sessions.sort_by_key(|session| session.id);
    assert_eq!((sessions[0].messages, sessions[0].runs, sessions[0].title.as_str()), (2, 1, "ü"));
    assert_eq!(store.sessions(Some(1)).unwrap().len(), 1);
    let query = RunQuery { session_id: Some(first.0), ..RunQuery::default() };
    assert_eq!(store.runs(&query).unwrap().len(), 1);
    let nowhere = store.add_message(SessionId(99), "user", &json!(1));
    assert!(matches!(nowhere, Err(StoreError::NotFound { kind: "session", .. })));
    assert!(store.attach_run(SessionId(99), &script.run_id).is_err());
}

/// A call to a model that was answered, or failed.
pub(crate) fn call(request: Value, response: Option<Value>) -> ModelCall {
    ModelCall {
        purpose: "plan".to_owned(),
        model: "m".to_owned(),
        endpoint: "http://localhost/v1".to_owned(),
        request,
        response,
        prompt_tokens: Some(12),
        completion_tokens: None,
        cost_usd: Some(0.25),
        started_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        duration_ms: 1_500,
        error: None,
    }
}

#[test]
fn an_answer_is_found_again_by_its_request_and_run() {
    let scene = Scene::new();
    let store = scene.store();
    for run in ["r", "other"] {
        Script::new(run, 1).record(&store, 1);
    }
    let request = json!({"messages": [{"content": "x".repeat(9_000)}]});
    let failed = ModelCall { error: Some("500".to_owned()), ..call(request.clone(), None) };
    assert_eq!(store.record_model_call(&"r".into(), &failed).unwrap(), 0);
    assert_eq!(store.recorded_answer(&"r".into(), &request).unwrap(), None);
    let answered = call(request.clone(), Some(json!({"steps": []})));
    assert_eq!(store.record_model_call(&"r".into(), &answered).unwrap(), 1);
    assert_eq!(store.recorded_answer(&"r".into(), &request).unwrap(), Some(answered.clone()));
    assert_eq!(store.recorded_answer(&"other".into(), &request).unwrap(), None);
    assert_eq!(store.recorded_answer(&"r".into(), &json!(1)).unwrap(), None);
    assert_eq!(store.model_calls(&"r".into()).unwrap(), [failed, answered]);
    assert!(store.record_model_call(&"nobody".into(), &call(request, None)).is_err());
}

#[test]
fn a_call_is_on_record_before_it_ends_and_says_later_what_became_of_it() {
    let scene = Scene::new();
    let store = scene.store();
    Script::new("r", 1).record(&store, 1);
    let run = "r".into();
    let request = json!({"messages": []});
    let begun = ModelCall { duration_ms: 0, cost_usd: None, ..call(request.clone(), None) };
    assert_eq!(store.record_model_call(&run, &begun).unwrap(), 0);
    assert_eq!(store.model_calls(&run).unwrap(), [begun]);
    let meant = json!({"messages": [], "for": "a"});
    let answered = call(meant.clone(), Some(json!({"content": "one"})));
    store.complete_model_call(&run, 0, &answered).unwrap();
    assert_eq!(store.model_calls(&run).unwrap(), std::slice::from_ref(&answered));
    assert_eq!(store.recorded_answer(&run, &meant).unwrap(), Some(answered.clone()));
    assert_eq!(store.recorded_answer(&run, &request).unwrap(), None);
    let rejected = ModelCall { error: Some("it is no number".to_owned()), ..answered };
    store.complete_model_call(&run, 0, &rejected).unwrap();
    assert_eq!(store.recorded_answer(&run, &meant).unwrap(), None, "it is not given again");
    assert_eq!(store.model_calls(&run).unwrap(), std::slice::from_ref(&rejected));
    assert!(store.complete_model_call(&run, 1, &rejected).is_err());
}
