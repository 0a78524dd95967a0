//! Trying again: how often, after how long, in which form, and what is said in the end.

use std::time::Duration;

use pe_llm::Patient;
use pe_model::{
    AnswerFormat, ChatMessage, Delta, ErrorClass, FinishReason, LlmClient, ModelAnswer, ModelError,
    ModelErrorKind, ModelRequest, Purpose, RetryPolicy, Speaker,
};
use pe_testkit::{Scripted, ScriptedClient};
use serde_json::json;
use tokio::time::Instant;

fn request() -> ModelRequest {
    ModelRequest::new(Purpose::Plan, vec![ChatMessage::system("rules"), ChatMessage::user("goal")])
}

fn schema_request() -> ModelRequest {
    let schema = json!({"type": "object", "required": ["steps"]});
    ModelRequest {
        format: AnswerFormat::Schema { name: "plan".into(), schema, described: false },
        ..request()
    }
}

fn failure(kind: ModelErrorKind, class: ErrorClass) -> ModelError {
    ModelError::new(kind, class, "asking failed")
}

fn busy() -> ModelError {
    ModelError { status: Some(503), ..failure(ModelErrorKind::Status, ErrorClass::Internal) }
}

fn limited(retry_after_ms: Option<u64>) -> ModelError {
    let error = failure(ModelErrorKind::Status, ErrorClass::RateLimit);
    ModelError { status: Some(429), retry_after_ms, ..error }
}

fn refused() -> ModelError {
    failure(ModelErrorKind::FormatRefused, ErrorClass::Validation)
}

/// A policy without chance.
fn even() -> RetryPolicy {
    RetryPolicy { jitter: 0.0, ..RetryPolicy::default() }
}

fn patient(script: Vec<Scripted>) -> Patient<ScriptedClient> {
    Patient::new(ScriptedClient::new(script)).policy(even())
}

/// Asks with the clock paused; the answer and what was waited, in milliseconds.
async fn timed(client: &Patient<ScriptedClient>) -> (Result<ModelAnswer, ModelError>, u64) {
    let begun = Instant::now();
    let answer = client.ask(&request(), None).await;
    (answer, begun.elapsed().as_millis() as u64)
}

#[tokio::test(start_paused = true)]
async fn a_passing_failure_is_tried_again_with_growing_pauses() {
    let client = patient(vec![busy().into(), busy().into(), busy().into(), "fine".into()]);
    let (answer, waited) = timed(&client).await;
    assert_eq!((answer.unwrap().content.as_str(), waited), ("fine", 7_000));
    assert_eq!(client.inner().calls(), 4);
}

#[tokio::test(start_paused = true)]
async fn it_ends_and_says_how_often_it_was_tried() {
    let client = patient((0..9).map(|_| busy().into()).collect());
    let (answer, waited) = timed(&client).await;
    let error = answer.unwrap_err();
    assert_eq!((client.inner().calls(), error.attempts, waited), (4, 4, 7_000));
    assert_eq!(error.message, "asking failed; tried 4 times");
    assert_eq!(error.status, Some(503));
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_is_not_tried_again() {
    use ErrorClass::*;
    for (kind, class) in [
        (ModelErrorKind::Status, Permission),
        (ModelErrorKind::Status, Validation),
        (ModelErrorKind::Status, NotFound),
        (ModelErrorKind::TooLarge, Validation),
        (ModelErrorKind::Budget, Permission),
        (ModelErrorKind::NotRecorded, NotFound),
        (ModelErrorKind::Setup, Validation),
    ] {
        let client = patient(vec![failure(kind, class).into()]);
        let (answer, waited) = timed(&client).await;
        assert_eq!(answer.unwrap_err(), failure(kind, class), "unchanged");
        assert_eq!((client.inner().calls(), waited), (1, 0));
    }
}

#[tokio::test(start_paused = true)]
async fn every_passing_kind_is_tried_again() {
    use ErrorClass::*;
    for (kind, class) in [
        (ModelErrorKind::Unreachable, Network),
        (ModelErrorKind::Timeout, Timeout),
        (ModelErrorKind::Malformed, Internal),
        (ModelErrorKind::Status, RateLimit),
    ] {
        let client = patient(vec![failure(kind, class).into(), "fine".into()]);
        assert!(timed(&client).await.0.is_ok(), "{kind:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_asked_for_is_made() {
    let asked = |ms| vec![limited(ms).into(), "fine".into()];
    for (retry_after, expected) in
        [(None, 1_000), (Some(200), 1_000), (Some(9_000), 9_000), (Some(60_000), 60_000)]
    {
        let (answer, waited) = timed(&patient(asked(retry_after))).await;
        assert!(answer.is_ok());
        assert_eq!(waited, expected, "{retry_after:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_pause_that_is_too_long_is_not() {
    let client = patient(vec![limited(Some(3_600_000)).into()]);
    let (answer, waited) = timed(&client).await;
    let error = answer.unwrap_err();
    assert_eq!((client.inner().calls(), waited), (1, 0));
    let expected = "asking failed; it asks to be left alone for 60 min, more than the 60 s that \
                    are waited for: come back then";
    assert_eq!((error.message.as_str(), error.retry_after_ms), (expected, Some(3_600_000)));
    let client = patient(vec![limited(Some(5_000)).into(), "x".into()]).max_wait_ms(4_000);
    assert!(timed(&client).await.0.is_err(), "the cap is the caller's");
    let client = patient(vec![limited(Some(u64::MAX)).into(), "x".into()]);
    assert!(timed(&client).await.0.unwrap_err().message.contains("left alone for"));
}

#[tokio::test(start_paused = true)]
async fn another_way_to_ask_is_taken_at_once() {
    let otherwise = ModelError { status: Some(400), retry_after_ms: Some(0), ..busy() };
    let (answer, waited) = timed(&patient(vec![otherwise.into(), "fine".into()])).await;
    assert_eq!((answer.unwrap().content.as_str(), waited), ("fine", 0));
}

#[tokio::test(start_paused = true)]
async fn chance_comes_from_the_seed() {
    let waits = |seed| async move {
        let script = ScriptedClient::answering(|_, _| busy().into());
        timed(&Patient::new(script).seed(seed)).await.1
    };
    let (one, same, other) = (waits(1).await, waits(1).await, waits(2).await);
    assert_eq!(one, same);
    assert_ne!(one, other);
    assert!((6_300..=7_700).contains(&one), "{one}");
}

#[tokio::test(start_paused = true)]
async fn a_listener_is_told_that_the_answer_begins_anew() {
    let broken = failure(ModelErrorKind::Unreachable, ErrorClass::Network);
    let client = patient(vec![
        busy().into(),
        Scripted::text("half an answer").fails_after(2, broken.clone()),
        Scripted::text("never begun").fails_after(0, broken),
        Scripted::text("whole").pieces(["who", "le"]),
    ]);
    let mut heard = Vec::new();
    let mut sink = |delta: Delta<'_>| match delta {
        Delta::Text(text) => heard.push(text.to_owned()),
        Delta::Restart => heard.push("<restart>".to_owned()),
    };
    let answer = client.ask(&request(), Some(&mut sink)).await.unwrap();
    assert_eq!(answer.content, "whole");
    assert_eq!(heard, ["half", " an ", "<restart>", "who", "le"]);
}

#[tokio::test(start_paused = true)]
async fn a_cut_answer_is_the_callers() {
    let client = patient(vec![Scripted::text("{\"st").finish(FinishReason::Length)]);
    let (answer, _) = timed(&client).await;
    assert_eq!(answer.unwrap().finish, FinishReason::Length);
    assert_eq!(client.inner().calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_budget_that_ends_the_attempts_says_why_there_were_some() {
    let budget = ModelError {
        attempts: 0,
        ..ModelError::new(ModelErrorKind::Budget, ErrorClass::Permission, "no more calls")
    };
    let (answer, _) = timed(&patient(vec![busy().into(), budget.into()])).await;
    let error = answer.unwrap_err();
    assert_eq!((error.kind, error.attempts), (ModelErrorKind::Budget, 1));
    assert_eq!(error.message, "no more calls; the attempt before failed: asking failed");
}

#[tokio::test(start_paused = true)]
async fn forms_that_are_refused_are_not_asked_for_again() {
    let knows = |known: &'static [&'static str]| {
        let name = |format: &AnswerFormat| match format {
            AnswerFormat::Schema { .. } => "json_schema",
            AnswerFormat::Json => "json_object",
            AnswerFormat::Text => "text",
        };
        ScriptedClient::answering(move |request, _| {
            if known.contains(&name(&request.format)) { "fine".into() } else { refused().into() }
        })
    };
    for (known, strictest, exchanges) in [
        (&["json_schema", "json_object", "text"][..], "json_schema", [1, 1]),
        (&["json_object", "text"][..], "json_object", [2, 1]),
        (&["text"][..], "text", [3, 1]),
    ] {
        let client = Patient::new(knows(known));
        let begun = Instant::now();
        let mut before = 0;
        for expected in exchanges {
            client.ask(&schema_request(), None).await.unwrap();
            assert_eq!(client.inner().calls() - before, expected);
            before = client.inner().calls();
        }
        assert_eq!(client.strictest_format(), strictest);
        assert_eq!(begun.elapsed(), Duration::ZERO, "a refused form is no reason to wait");
    }
    // An endpoint that knows schemas, and not JSON alone, keeps its schemas.
    let client = Patient::new(knows(&["json_schema", "text"]));
    let json = ModelRequest { format: AnswerFormat::Json, ..request() };
    client.ask(&json, None).await.unwrap();
    client.ask(&schema_request(), None).await.unwrap();
    let formats: Vec<_> = client.inner().requests().into_iter().map(|r| r.format).collect();
    assert_eq!(formats[1], AnswerFormat::Text);
    assert!(matches!(formats[2], AnswerFormat::Schema { .. }));
}

#[tokio::test(start_paused = true)]
async fn what_a_form_said_is_said_in_words() {
    let client = patient(vec![refused().into(), refused().into(), "fine".into()]);
    client.ask(&schema_request(), None).await.unwrap();
    let requests = client.inner().requests();
    let schema = r#"{"type":"object","required":["steps"]}"#;
    assert_eq!(requests[0].messages, request().messages);
    for degraded in &requests[1..] {
        assert_eq!(degraded.messages.len(), 2, "one system message, and it is the first");
        let first = &degraded.messages[0];
        assert_eq!(first.role, Speaker::System);
        assert!(first.content.starts_with("rules\n\n") && first.content.ends_with(schema));
        assert_eq!(first.content.matches(schema).count(), 1);
        assert_eq!(degraded.messages[1], request().messages[1]);
    }
    let client = patient(vec![refused().into(), "fine".into()]);
    let mut alone = schema_request();
    alone.messages.remove(0);
    client.ask(&alone, None).await.unwrap();
    let first = &client.inner().requests()[1].messages[0];
    assert!(first.role == Speaker::System && first.content.ends_with(schema));
}

#[tokio::test(start_paused = true)]
async fn a_text_that_is_refused_for_its_form_is_an_error() {
    let client = patient(vec![refused().into()]);
    assert_eq!(timed(&client).await.0.unwrap_err().kind, ModelErrorKind::FormatRefused);
    assert_eq!(client.inner().calls(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_request_that_describes_its_answer_is_not_made_longer_by_the_schema() {
    let schema = json!({"type": "object", "required": ["steps"]});
    let format = AnswerFormat::Schema { name: "plan".into(), schema, described: true };
    let client = patient(vec![refused().into(), "fine".into()]);
    client.ask(&ModelRequest { format, ..request() }, None).await.unwrap();
    let asked = &client.inner().requests()[1];
    assert_eq!(asked.format, AnswerFormat::Json);
    assert!(asked.messages[0].content.contains("one JSON object"));
    assert!(!asked.messages[0].content.contains("required"));
}

#[tokio::test(start_paused = true)]
async fn forms_that_are_ruled_out_are_not_tried() {
    let client = patient(vec!["fine".into()]).formats(false, false);
    client.ask(&schema_request(), None).await.unwrap();
    let asked = client.inner().requests();
    assert_eq!((asked.len(), &asked[0].format), (1, &AnswerFormat::Text));
    assert!(asked[0].messages[0].content.contains("steps"), "the schema is said in words");
}

#[tokio::test(start_paused = true)]
async fn one_odd_schema_takes_no_other_schema_away() {
    let asks = |name: &str| {
        let schema = json!({"type": "object", "title": name});
        let format = AnswerFormat::Schema { name: "x".into(), schema, described: true };
        ModelRequest { format, ..request() }
    };
    let client = Patient::new(ScriptedClient::answering(|request, _| match &request.format {
        AnswerFormat::Schema { schema, .. } if schema["title"] != "plan" => refused().into(),
        _ => "fine".into(),
    }));
    for (name, exchanges) in [("odd", 2), ("plan", 1), ("odd", 1), ("odder", 2), ("plan", 1)] {
        let before = client.inner().calls();
        client.ask(&asks(name), None).await.unwrap();
        assert_eq!(client.inner().calls() - before, exchanges, "{name}");
    }
    let last = client.inner().requests().pop().unwrap();
    assert_eq!(last.format, AnswerFormat::Json, "two that are refused speak for all");
}
