//! The clients on top of each other, as a program stacks them, against a real server.

use std::sync::Arc;
use std::time::Duration;

use pe_llm::{Meter, Metered, OpenAi, Patient, Recorder, Replay};
use pe_model::{
    AnswerFormat, Budget, DeltaSink, LlmClient, ModelErrorKind, ModelRequest, RetryPolicy,
};
use pe_testkit::{ChatServer, Fault, Reply};
use secrecy::SecretString;
use serde_json::json;

use super::client::{KEY, arrived, client, request, streamed};

/// Retries without long pauses: the server's clock is real.
fn patient<C: LlmClient>(inner: C) -> Patient<C> {
    let policy = RetryPolicy { base_delay_ms: 5, max_delay_ms: 20, ..RetryPolicy::default() };
    Patient::new(inner).policy(policy)
}

fn stack(server: &ChatServer, budget: Budget) -> (Patient<Metered<OpenAi>>, Arc<Meter>) {
    let meter = Arc::new(Meter::new(budget, None));
    (patient(Metered::new(client(server), meter.clone())), meter)
}

fn schema_request() -> ModelRequest {
    let schema = json!({"type": "object", "required": ["steps"]});
    ModelRequest {
        format: AnswerFormat::Schema { name: "plan".into(), schema, described: false },
        ..request()
    }
}

#[tokio::test]
async fn an_endpoint_is_asked_in_the_form_that_it_knows() {
    for (known, formats) in [
        (&["json_schema"][..], &["json_schema", "json_schema"][..]),
        (&["json_object", "text"], &["json_schema", "json_object", "json_object"]),
        (&["text"], &["json_schema", "json_object", "text", "text"]),
    ] {
        let server = ChatServer::answering(|received, _| {
            if known.contains(&received.format()) { "{}".into() } else { Reply::format_refused() }
        });
        let (client, meter) = stack(&server, Budget::default());
        for _ in 0..2 {
            assert!(streamed(&client, &schema_request()).await.0.is_ok());
        }
        let requests = server.requests();
        let asked: Vec<&str> = requests.iter().map(|received| received.format()).collect();
        assert_eq!(asked, formats);
        assert_eq!(meter.usage().llm_calls, Some(formats.len() as u64));
        let last = &requests.last().unwrap().body["messages"][0]["content"];
        let in_words = last.as_str().unwrap().contains(r#""required":["steps"]"#);
        assert_eq!(in_words, !known.contains(&"json_schema"));
    }
}

#[tokio::test]
async fn a_field_that_is_refused_costs_one_exchange() {
    let server = ChatServer::answering(|received, _| match received.body.get("stream_options") {
        Some(_) => Reply::error(400, "unknown field: stream_options", None, None),
        None => "fine".into(),
    });
    let (client, _) = stack(&server, Budget::default());
    for _ in 0..2 {
        assert_eq!(streamed(&client, &request()).await.0.unwrap().content, "fine");
    }
    assert_eq!(server.calls(), 3);
}

#[tokio::test]
async fn a_broken_stream_begins_anew() {
    let server = ChatServer::start([Reply::fault(Fault::Broken), "whole".into()]);
    let (client, meter) = stack(&server, Budget::default());
    let (answer, deltas) = streamed(&client, &request()).await;
    assert_eq!(answer.unwrap().content, "whole");
    let restart = deltas.iter().position(|delta| delta == "<restart>").unwrap();
    assert!(restart > 0, "something was heard of the first");
    assert_eq!(deltas[restart + 1..].concat(), "whole");
    let usage = meter.usage();
    assert_eq!(
        (usage.llm_calls, usage.prompt_tokens),
        (Some(2), None),
        "the first was not counted"
    );
}

#[tokio::test]
async fn retry_after_is_obeyed() {
    let server = ChatServer::start([
        Reply::too_many_requests().header("retry-after-ms", "120"),
        Reply::too_many_requests().header("retry-after", "0"),
        "fine".into(),
    ]);
    let (client, meter) = stack(&server, Budget::default());
    let begun = std::time::Instant::now();
    assert_eq!(client.ask(&request(), None).await.unwrap().content, "fine");
    assert!(begun.elapsed() >= Duration::from_millis(120));
    assert_eq!((server.calls(), meter.usage().prompt_tokens), (3, Some(10)));
    let server = ChatServer::start([Reply::too_many_requests().header("retry-after", "86400")]);
    let (client, _) = stack(&server, Budget::default());
    let error = client.ask(&request(), None).await.unwrap_err();
    assert!(error.message.contains("left alone for 24 h"), "{error}");
    assert_eq!(server.calls(), 1);
}

#[tokio::test]
async fn a_budget_is_as_many_exchanges() {
    let server = ChatServer::start([Reply::page(503, "Busy")]);
    let (client, meter) = stack(&server, Budget { llm_calls: Some(2), ..Budget::default() });
    let error = client.ask(&request(), None).await.unwrap_err();
    assert_eq!((error.kind, server.calls()), (ModelErrorKind::Budget, 2));
    assert!(error.message.contains("the attempt before failed: asking model"), "{error}");
    assert!(meter.is_exhausted());
    let server = ChatServer::start(["never asked"]);
    let (client, _) = stack(&server, Budget { tokens: Some(20), ..Budget::default() });
    assert!(client.ask(&request(), None).await.is_err());
    assert_eq!(server.calls(), 0);
    let server = ChatServer::start(["x"]);
    let (client, _) = stack(&server, Budget { tokens: Some(500), ..Budget::default() });
    client.ask(&request(), None).await.unwrap();
    let granted = server.requests()[0].body["max_tokens"].as_u64().unwrap();
    assert!((300..500).contains(&granted), "{granted}");
}

#[tokio::test]
async fn traffic_is_recorded_without_the_key_and_replayed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    let server = ChatServer::start([
        Reply::error(401, &format!("bad key {KEY}"), None, None),
        "fine".into(),
    ]);
    let secrets = vec![SecretString::from(KEY)];
    let (inner, _) = stack(&server, Budget::default());
    let recorder = Recorder::create(inner, &path, secrets).unwrap();
    let refused = recorder.ask(&request(), None).await.unwrap_err();
    let answer = recorder.ask(&request(), None).await.unwrap();
    drop(server);
    let written = std::fs::read_to_string(&path).unwrap();
    assert!(!written.contains("hunter2"), "{written}");
    let replay = Replay::open(&path).unwrap();
    assert_eq!(replay.name(), recorder.name());
    assert_eq!(replay.ask(&request(), None).await.unwrap_err(), refused);
    // A budget around the replay lowers `max_tokens`, and the answer is found all the same.
    let meter = Arc::new(Meter::new(Budget { tokens: Some(900), ..Budget::default() }, None));
    let metered = Metered::new(replay, meter);
    assert_eq!(metered.ask(&request(), None).await.unwrap(), answer);
}

#[tokio::test]
async fn a_dropped_call_reaches_the_server_through_the_stack() {
    let server = ChatServer::start([Fault::Silence]);
    let (client, meter) = stack(&server, Budget::default());
    let request = request();
    let mut sink = |_: pe_model::Delta<'_>| {};
    let sink: DeltaSink<'_> = &mut sink;
    tokio::select! {
        answer = client.ask(&request, Some(sink)) => panic!("{answer:?}"),
        () = arrived(&server, 1) => {}
    }
    assert!(server.hung_up(1, Duration::from_secs(5)).await);
    let usage = meter.usage();
    assert_eq!((usage.llm_calls, usage.prompt_tokens), (Some(1), None));
}
