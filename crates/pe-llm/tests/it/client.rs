//! The client against a server that behaves: what is sent, what is read, what is remembered.

use std::time::{Duration, Instant};

use pe_llm::{OpenAi, OpenAiConfig};
use pe_model::{
    AnswerFormat, ChatMessage, Delta, ErrorClass, FinishReason, LlmClient, ModelAnswer, ModelError,
    ModelErrorKind, ModelRequest, OfferedTool, Purpose, TokenCount,
};
use pe_testkit::{ChatServer, Fault, Received, Reply};
use secrecy::SecretString;
use serde_json::json;

pub(crate) const KEY: &str = "sk-hunter2-hunter2";

pub(crate) fn config(server: &ChatServer) -> OpenAiConfig {
    OpenAiConfig {
        api_key: Some(SecretString::from(KEY)),
        total_timeout_ms: 20_000,
        idle_timeout_ms: 10_000,
        ..OpenAiConfig::new(server.base_url(), "test-model")
    }
}

pub(crate) fn client(server: &ChatServer) -> OpenAi {
    OpenAi::new(config(server)).unwrap()
}

pub(crate) fn request() -> ModelRequest {
    ModelRequest::new(Purpose::Plan, vec![ChatMessage::system("s"), ChatMessage::user("plan")])
}

/// Asks with a sink, and gives what it was told beside the answer.
pub(crate) async fn streamed(
    client: &impl LlmClient,
    request: &ModelRequest,
) -> (Result<ModelAnswer, ModelError>, Vec<String>) {
    let mut deltas = Vec::new();
    let mut sink = |delta: Delta<'_>| match delta {
        Delta::Text(text) => deltas.push(text.to_owned()),
        Delta::Restart => deltas.push("<restart>".to_owned()),
    };
    let answer = client.ask(request, Some(&mut sink)).await;
    (answer, deltas)
}

#[tokio::test]
async fn a_whole_answer() {
    let server = ChatServer::start(["hello"]);
    let client = client(&server);
    let answer = client.ask(&request(), None).await.unwrap();
    assert_eq!(answer.content, "hello");
    assert_eq!(answer.tokens, TokenCount { prompt: Some(10), completion: Some(2) });
    assert_eq!((answer.finish, answer.model.as_str()), (FinishReason::Stop, "test-model"));
    let received = &server.requests()[0];
    assert_eq!(received.path, "/v1/chat/completions");
    assert_eq!(received.header("authorization"), Some("Bearer sk-hunter2-hunter2"));
    assert_eq!(received.body["stream"], false);
    assert!(received.body.get("stream_options").is_none());
    assert_eq!(received.body["messages"][1], json!({"role": "user", "content": "plan"}));
    assert_eq!(client.name().endpoint, server.base_url());
}

#[tokio::test]
async fn a_streamed_answer_comes_in_parts_that_are_the_whole() {
    let text = "a plan — with “quotes”, \n lines and 🙂";
    let server = ChatServer::start([text]);
    let (answer, deltas) = streamed(&client(&server), &request()).await;
    let answer = answer.unwrap();
    assert_eq!(answer.content, text);
    assert_eq!(deltas.concat(), text);
    assert!(deltas.len() > 5);
    assert_eq!(answer.tokens.prompt, Some(10));
    assert_eq!(server.requests()[0].body["stream_options"], json!({"include_usage": true}));
}

#[tokio::test]
async fn deltas_come_while_the_answer_is_written() {
    let server = ChatServer::start([Reply::fault(Fault::Stall)]);
    let client = client(&server);
    let (first, seen) = tokio::sync::oneshot::channel();
    let mut first = Some(first);
    let mut sink = |_: Delta<'_>| {
        if let Some(first) = first.take() {
            first.send(()).unwrap();
        }
    };
    let request = request();
    tokio::select! {
        answer = client.ask(&request, Some(&mut sink)) => panic!("{answer:?}"),
        seen = seen => seen.unwrap(),
    }
}

#[tokio::test]
async fn streaming_can_be_off() {
    let server = ChatServer::start(["hello"]);
    let config = OpenAiConfig { streaming: false, ..config(&server) };
    let (answer, deltas) = streamed(&OpenAi::new(config).unwrap(), &request()).await;
    assert_eq!((answer.unwrap().content.as_str(), deltas), ("hello", vec!["hello".to_owned()]));
    assert!(!server.requests()[0].is_streamed());
}

#[tokio::test]
async fn a_whole_answer_to_a_request_for_a_stream_is_taken() {
    let body = "{\n \"choices\": [\r\n {\"message\": {\"content\": \"a\\nb\"}, \
                \"finish_reason\": \"stop\"}]}\n";
    let server = ChatServer::start([Reply::raw(200, "application/json; charset=utf-8", body)]);
    let (answer, deltas) = streamed(&client(&server), &request()).await;
    assert_eq!(answer.unwrap(), ModelAnswer::text("a\nb"));
    assert_eq!(deltas, ["a\nb"]);
}

#[tokio::test]
async fn a_stream_under_a_wrong_name_is_taken() {
    let body =
        "data: {\"choices\":[{\"delta\":{\"content\":\"a\"},\"finish_reason\":\"stop\"}]}\n\n";
    let server = ChatServer::start([Reply::raw(200, "application/json", body)]);
    let (answer, _) = streamed(&client(&server), &request()).await;
    assert_eq!(answer.unwrap().content, "a");
}

#[tokio::test]
async fn comments_keepalives_and_line_ends_of_all_kinds() {
    let chunk = |content: &str| json!({"choices": [{"delta": {"content": content}}]}).to_string();
    let body = format!(
        ": OPENROUTER PROCESSING\r\n\r\ndata:{}\r\n\r\nevent: keepalive\ndata: {{}}\n\n: x\n\n\n\
         data: {}\n\ndata: {{\"choices\":[{{\"delta\":{{}},\"finish_reason\":\"stop\"}}]}}\n\n",
        chunk("a"),
        chunk("b")
    );
    let server = ChatServer::start([Reply::raw(200, "text/event-stream", body)]);
    let (answer, _) = streamed(&client(&server), &request()).await;
    assert_eq!(answer.unwrap(), ModelAnswer::text("ab"));
}

#[tokio::test]
async fn tool_calls_whole_and_streamed_are_the_same() {
    let calls = || Reply::calls([("search", json!({"q": "a b"})), ("now", json!({}))]);
    let server = ChatServer::start([calls(), calls()]);
    let client = client(&server);
    let mut request = request();
    request.tools.push(OfferedTool {
        name: "search".into(),
        description: "finds".into(),
        parameters: json!({"type": "object"}),
    });
    let whole = client.ask(&request, None).await.unwrap();
    let (parts, deltas) = streamed(&client, &request).await;
    assert_eq!(whole, parts.unwrap());
    assert!(deltas.is_empty(), "arguments are no text");
    assert_eq!(whole.finish, FinishReason::ToolCalls);
    let found: Vec<_> =
        whole.tool_calls.iter().map(|c| (&*c.id, &*c.name, &*c.arguments)).collect();
    assert_eq!(found, [("call_1", "search", r#"{"q":"a b"}"#), ("call_2", "now", "{}")]);
    let sent = &server.requests()[0].body["tools"][0]["function"];
    assert_eq!((&sent["name"], &sent["description"]), (&json!("search"), &json!("finds")));
}

#[tokio::test]
async fn a_cut_answer_says_so() {
    for (reply, expected) in [
        (Reply::text("x").finish(Some("length")), FinishReason::Length),
        (Reply::text("x").finish(Some("content_filter")), FinishReason::ContentFilter),
        (Reply::fault(Fault::Truncated), FinishReason::CutOff),
        (Reply::text("x").finish(None), FinishReason::CutOff),
    ] {
        let server = ChatServer::start([reply]);
        let (answer, _) = streamed(&client(&server), &request()).await;
        let answer = answer.unwrap();
        assert_eq!(answer.finish, expected);
        assert!(answer.finish.is_truncated());
    }
}

#[tokio::test]
async fn a_server_that_does_not_close_is_not_waited_for() {
    // The reason has been given; all that could follow are the counts.
    let server = ChatServer::start([Fault::Open]);
    let begun = Instant::now();
    let (answer, _) = streamed(&client(&server), &request()).await;
    let answer = answer.unwrap();
    assert_eq!((answer.finish, answer.tokens), (FinishReason::Stop, TokenCount::default()));
    assert!(begun.elapsed() < Duration::from_secs(5), "the idle timeout is 10 s");
    assert!(server.hung_up(1, Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_refused_field_is_left_out_from_then_on() {
    let refuses = |field: &'static str, words: &'static str| {
        move |received: &Received, _: usize| match received.body.get(field) {
            Some(_) => {
                Reply::json(422, &json!({"detail": [{"loc": ["body", field], "msg": words}]}))
            }
            None => Reply::text("fine"),
        }
    };
    let mut request = request();
    request.temperature = Some(0.0);
    request.max_tokens = Some(500);
    for (field, words) in [
        ("stream_options", "Extra inputs are not permitted"),
        ("temperature", "not supported"),
        ("max_tokens", "use max_completion_tokens instead"),
    ] {
        let server = ChatServer::answering(refuses(field, words));
        let client = client(&server);
        let (first, _) = streamed(&client, &request).await;
        let first = first.unwrap_err();
        assert!(first.is_retryable(), "{first}");
        assert_eq!((first.status, first.retry_after_ms), (Some(422), Some(0)));
        assert_eq!(server.calls(), 1, "one call is one exchange");
        assert_eq!(streamed(&client, &request).await.0.unwrap().content, "fine");
        assert_eq!(streamed(&client, &request).await.0.unwrap().content, "fine");
        assert_eq!(server.calls(), 3);
    }
}

#[tokio::test]
async fn fewer_tokens_are_asked_for_where_so_many_are_refused() {
    let server = ChatServer::answering(|received, _| match received.body["max_tokens"].as_u64() {
        Some(..=4_096) => Reply::text("fine"),
        _ => Reply::error(400, "max_tokens is too large", Some("max_tokens"), None),
    });
    let client = client(&server);
    let mut request = request();
    request.max_tokens = Some(16_384);
    let mut refused = 0;
    while client.ask(&request, None).await.is_err() {
        refused += 1;
        assert!(refused < 5);
    }
    assert_eq!(refused, 2);
}

#[tokio::test]
async fn a_refused_form_is_the_callers_to_change() {
    for reply in [
        Reply::format_refused(),
        Reply::error(400, "'response_format.type' must be 'json_schema' or 'text'", None, None),
        Reply::error(422, "JSON schema conversion failed", None, None),
    ] {
        let server = ChatServer::start([reply]);
        let mut request = request();
        let schema = json!({"type": "object"});
        request.format =
            AnswerFormat::Schema { name: "plan".into(), schema: schema.clone(), described: false };
        let error = client(&server).ask(&request, None).await.unwrap_err();
        assert_eq!(
            (error.kind, error.class),
            (ModelErrorKind::FormatRefused, ErrorClass::Validation)
        );
        assert!(!error.is_retryable());
        let sent = &server.requests()[0].body["response_format"];
        assert_eq!(sent["json_schema"], json!({"name": "plan", "schema": schema}));
        request.format = AnswerFormat::Text;
        let error = client(&server).ask(&request, None).await.unwrap_err();
        assert_eq!(error.kind, ModelErrorKind::Status, "no form was asked for");
    }
}

#[tokio::test]
async fn extra_fields_and_the_query_of_the_address_are_sent() {
    let server = ChatServer::start(["x"]);
    let mut config = config(&server);
    config.base_url.push_str("/?api-version=1");
    config.extra.insert("top_p".to_owned(), json!(0.5));
    OpenAi::new(config).unwrap().ask(&request(), None).await.unwrap();
    let received = &server.requests()[0];
    assert_eq!(received.path, "/v1/chat/completions?api-version=1");
    assert_eq!(received.body["top_p"], 0.5);
}

#[tokio::test]
async fn fields_of_the_call_are_not_overridden() {
    let server = ChatServer::start(["x"]);
    let mut config = config(&server);
    for (name, value) in [("stream", json!(true)), ("model", json!("other"))] {
        config.extra.insert(name.to_owned(), value);
    }
    OpenAi::new(config).unwrap().ask(&request(), None).await.unwrap();
    let body = &server.requests()[0].body;
    assert_eq!((&body["stream"], &body["model"]), (&json!(false), &json!("test-model")));
}

#[tokio::test]
async fn the_models_are_listed() {
    let server = ChatServer::start(["x"]);
    server.set_models(["a", "b"]);
    assert_eq!(client(&server).models().await.unwrap(), ["a", "b"]);
    assert_eq!(server.calls(), 0, "no completion was asked for");
}

#[tokio::test]
async fn no_key_no_header() {
    let server = ChatServer::start(["x"]);
    let config = OpenAiConfig { api_key: None, ..config(&server) };
    OpenAi::new(config).unwrap().ask(&request(), None).await.unwrap();
    assert_eq!(server.requests()[0].header("authorization"), None);
}

#[tokio::test]
async fn the_key_is_never_shown() {
    let echo = json!({"error": {"message": format!("bad key {KEY}"), "code": KEY}});
    let text = format!("{{\"error\": {{\"message\": \"{KEY}\"}}}}");
    for reply in [
        Reply::json(401, &echo),
        Reply::json(200, &echo),
        Reply::raw(500, "text/plain", KEY),
        Reply::raw(200, "text/html", KEY),
        Reply::raw(200, "text/event-stream", format!("data: {text}\n\n")),
        Reply::redirect(&format!("http://127.0.0.1:1/{KEY}")),
        Reply::unknown_model(KEY),
    ] {
        let server = ChatServer::start([reply]);
        let client = client(&server);
        let whole = client.ask(&request(), None).await.unwrap_err();
        let (parts, _) = streamed(&client, &request()).await;
        let shown = format!("{whole} {whole:?} {parts:?} {client:?} {:?}", config(&server));
        assert!(!shown.contains("hunter2"), "{shown}");
        assert!(!serde_json::to_string(&whole).unwrap().contains("hunter2"));
    }
}

#[test]
fn an_address_is_checked_before_anything_is_sent() {
    let error = OpenAi::new(OpenAiConfig::new("http://me:hunter2@a.b/v1", "m")).unwrap_err();
    assert_eq!((error.kind, error.class), (ModelErrorKind::Setup, ErrorClass::Validation));
    assert!(!format!("{error:?}").contains("hunter2"));
    assert!(error.message.contains("PE_BASE_URL"), "{error}");
}

/// Waits until the server has so many requests.
pub(crate) async fn arrived(server: &ChatServer, count: usize) {
    while server.calls() < count {
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
}

#[tokio::test]
async fn a_dropped_call_hangs_up() {
    for fault in [Fault::Silence, Fault::Stall, Fault::Slow(Duration::from_millis(50))] {
        for with_sink in [false, true] {
            let server = ChatServer::start([fault]);
            let client = client(&server);
            let request = request();
            let mut sink = |_: Delta<'_>| {};
            let sink: Option<pe_model::DeltaSink<'_>> = with_sink.then_some(&mut sink);
            tokio::select! {
                answer = client.ask(&request, sink) => panic!("{answer:?}"),
                () = arrived(&server, 1) => {}
            }
            assert!(server.hung_up(1, Duration::from_secs(5)).await, "{fault:?}");
        }
    }
}

#[tokio::test]
async fn calls_run_beside_each_other() {
    let server = ChatServer::start([Fault::Silence.into(), Reply::text("x")]);
    let client = client(&server);
    let request = request();
    let second = async {
        arrived(&server, 1).await;
        client.ask(&request, None).await
    };
    tokio::select! {
        answer = client.ask(&request, None) => panic!("{answer:?}"),
        answer = second => assert_eq!(answer.unwrap().content, "x"),
    }
}
