//! The client against servers that fail, one fault after the other: how it ends, with which
//! message, after how many exchanges and how many bytes.

use std::time::{Duration, Instant};

use pe_llm::{OpenAi, OpenAiConfig};
use pe_model::{ErrorClass, LlmClient, ModelError, ModelErrorKind as Kind};
use pe_testkit::{ChatServer, Fault, Reply};
use serde_json::json;

use super::client::{client, config, request, streamed};

const MIB: u64 = 1024 * 1024;

/// Asks whole and streamed; both must end alike, after one exchange each.
async fn check(reply: impl Into<Reply>, kind: Kind, class: ErrorClass, parts: &[&str]) {
    let reply = reply.into();
    for with_sink in [false, true] {
        let server = ChatServer::start([reply.clone()]);
        let error = ask(&client(&server), with_sink).await;
        assert_eq!((error.kind, error.class), (kind, class), "{error}");
        let place =
            format!("asking model `test-model` at {}/chat/completions: ", server.base_url());
        assert!(error.message.starts_with(&place), "{error}");
        for part in parts {
            assert!(error.message.contains(part), "{part}: {error}");
        }
        assert!(error.message.len() < 1_000, "{error}");
        assert_eq!((server.calls(), error.attempts), (1, 1));
    }
}

async fn ask(client: &OpenAi, with_sink: bool) -> ModelError {
    match with_sink {
        true => streamed(client, &request()).await.0.unwrap_err(),
        false => client.ask(&request(), None).await.unwrap_err(),
    }
}

#[tokio::test]
async fn nobody_is_there() {
    let url = ChatServer::refused_url();
    for with_sink in [false, true] {
        let client = OpenAi::new(OpenAiConfig::new(url.as_str(), "m")).unwrap();
        let error = ask(&client, with_sink).await;
        assert_eq!((error.kind, error.class), (Kind::Unreachable, ErrorClass::Network));
        assert!(error.is_retryable());
        let expected = format!(
            "asking model `m` at {url}/chat/completions: connection refused; is the server \
             running? `PE_BASE_URL` names another"
        );
        assert_eq!(error.message, expected);
    }
}

#[tokio::test]
async fn no_such_host() {
    let client = OpenAi::new(OpenAiConfig::new("http://nowhere.invalid/v1", "m")).unwrap();
    let error = ask(&client, false).await;
    assert_eq!((error.kind, error.class), (Kind::Unreachable, ErrorClass::Network));
    assert!(error.message.contains("is `PE_BASE_URL` its address?"), "{error}");
}

#[tokio::test]
async fn a_status_says_what_is_wrong_and_what_to_do() {
    use ErrorClass::*;
    let status = |status| Reply::error(status, "words", None, None);
    check(Reply::unauthorized(), Kind::Status, Permission, &["401", "check `PE_API_KEY`"]).await;
    check(status(403), Kind::Status, Permission, &["403", "words", "PE_API_KEY"]).await;
    let unknown = ["404", "does not exist", "does not know model `test-model`", "`PE_MODEL`"];
    check(Reply::unknown_model("test-model"), Kind::Status, NotFound, &unknown).await;
    let page = Reply::raw(404, "text/plain", "404 page not found");
    check(page, Kind::Status, NotFound, &["`PE_BASE_URL` mostly ends in /v1"]).await;
    check(status(400), Kind::Status, Validation, &["400", "words"]).await;
    check(status(500), Kind::Status, Internal, &["500", "try again later"]).await;
    check(Reply::page(503, "Busy"), Kind::Status, Internal, &["page titled `Busy`"]).await;
    check(status(504), Kind::Status, Timeout, &["504"]).await;
    check(status(429), Kind::Status, RateLimit, &["429", "too often"]).await;
}

#[tokio::test]
async fn an_error_within_a_success_is_an_error() {
    let body = json!({"error": {"message": "overloaded", "code": 503}});
    check(Reply::json(200, &body), Kind::Status, ErrorClass::Internal, &["overloaded"]).await;
    let body = json!({"error": "no memory"});
    check(Reply::json(200, &body), Kind::Status, ErrorClass::Internal, &["no memory"]).await;
    let fine = json!({"error": {}, "choices": [{"message": {"content": "x"}}]});
    let server = ChatServer::start([Reply::json(200, &fine)]);
    assert!(client(&server).ask(&request(), None).await.is_ok(), "an error that is none");
    let stream = "data: {\"choices\":[{\"delta\":{\"content\":\"a\"}}]}\n\n\
                  data: {\"error\":{\"message\":\"slow down\",\"code\":429}}\n\n";
    let server = ChatServer::start([Reply::raw(200, "text/event-stream", stream)]);
    let (answer, deltas) = streamed(&client(&server), &request()).await;
    let error = answer.unwrap_err();
    assert_eq!((error.kind, error.class), (Kind::Status, ErrorClass::RateLimit));
    assert!(error.is_retryable() && error.message.contains("slow down"), "{error}");
    assert_eq!(deltas, ["a"]);
}

#[tokio::test]
async fn every_form_of_retry_after() {
    let date = |seconds: i64| {
        let at = jiff::Timestamp::from_second(seconds).unwrap();
        jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&at).unwrap()
    };
    let reply = Reply::too_many_requests;
    for (reply, expected) in [
        (reply().header("retry-after", "7"), Some(7_000)),
        (reply().header("retry-after", &date(90)).header("date", &date(30)), Some(60_000)),
        (reply().header("retry-after-ms", "1500").header("retry-after", "2"), Some(1_500)),
        (reply().header("retry-after", "soon"), None),
        (reply(), None),
    ] {
        let server = ChatServer::start([reply]);
        let error = ask(&client(&server), true).await;
        assert_eq!((error.status, error.retry_after_ms), (Some(429), expected));
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let other = ChatServer::start(["from elsewhere"]);
    let target = format!("{}/chat/completions?token=secret", other.base_url());
    let shown = format!("`{}/chat/completions`", other.base_url());
    check(Reply::redirect(&target), Kind::Status, ErrorClass::Validation, &["307", &shown]).await;
    assert_eq!(other.calls(), 0);
    let server = ChatServer::start([Reply::redirect(&target)]);
    assert!(!ask(&client(&server), false).await.message.contains("secret"));
}

#[tokio::test]
async fn what_is_no_answer_is_malformed() {
    use ErrorClass::Internal;
    let hint = "is `PE_BASE_URL` the address of an OpenAI-compatible API?";
    check(Fault::NoChoices, Kind::Malformed, Internal, &["without a choice", hint]).await;
    let page = Reply::page(200, "Welcome");
    check(page, Kind::Malformed, ErrorClass::NotFound, &["text/html", "Welcome", hint]).await;
    let text = Reply::raw(200, "application/json", "it works");
    check(text, Kind::Malformed, Internal, &["it works", hint]).await;
    let shape = Reply::json(200, &json!({"choices": "none"}));
    check(shape, Kind::Malformed, Internal, &["none", hint]).await;
    let other = Reply::json(200, &json!({"done": true}));
    check(other, Kind::Malformed, Internal, &["without a choice", "done", hint]).await;
    check(Reply::raw(200, "text/plain", ""), Kind::Malformed, Internal, &["empty body"]).await;
    let deep = Reply::raw(200, "application/json", "[".repeat(100_000));
    check(deep, Kind::Malformed, Internal, &[hint]).await;
}

#[tokio::test]
async fn a_broken_connection_is_an_error() {
    check(Fault::HangUp, Kind::Unreachable, ErrorClass::Network, &["the connection broke"]).await;
    check(Fault::Broken, Kind::Unreachable, ErrorClass::Network, &["the connection broke"]).await;
}

#[tokio::test]
async fn a_silent_answer_is_not_waited_for() {
    let server = ChatServer::start([Fault::Silence, Fault::Stall, Fault::Stall]);
    let config = OpenAiConfig { idle_timeout_ms: 150, ..config(&server) };
    let client = OpenAi::new(config).unwrap();
    for with_sink in [true, true, false] {
        let begun = Instant::now();
        let error = ask(&client, with_sink).await;
        assert_eq!((error.kind, error.class), (Kind::Timeout, ErrorClass::Timeout));
        assert!(error.message.contains("nothing came for 150 ms"), "{error}");
        assert!(begun.elapsed() < Duration::from_secs(5));
    }
    assert!(server.hung_up(3, Duration::from_secs(5)).await);
}

#[tokio::test]
async fn a_byte_at_a_time_ends_with_the_total() {
    for with_sink in [false, true] {
        let server = ChatServer::start([Fault::Slow(Duration::from_millis(40))]);
        let limits = OpenAiConfig { idle_timeout_ms: 2_000, ..config(&server) };
        let client = OpenAi::new(OpenAiConfig { total_timeout_ms: 400, ..limits }).unwrap();
        let error = ask(&client, with_sink).await;
        assert_eq!((error.kind, error.class), (Kind::Timeout, ErrorClass::Timeout));
        assert!(error.message.contains("no complete answer within 400 ms"), "{error}");
        assert!(server.hung_up(1, Duration::from_secs(5)).await);
    }
}

#[tokio::test]
async fn a_whole_answer_may_be_silent_before_it_begins() {
    let server = ChatServer::start([Reply::text("x").delay_ms(1_000)]);
    let config = OpenAiConfig { idle_timeout_ms: 500, ..config(&server) };
    assert!(OpenAi::new(config).unwrap().ask(&request(), None).await.is_ok());
}

#[tokio::test]
async fn a_long_answer_is_left() {
    for fault in [Fault::Huge(100 * MIB), Fault::Endless, Fault::EndlessLine] {
        for with_sink in [false, true] {
            let server = ChatServer::start([fault]);
            let error = ask(&client(&server), with_sink).await;
            assert_eq!((error.kind, error.class), (Kind::TooLarge, ErrorClass::Validation));
            assert!(!error.is_retryable());
            assert!(error.message.contains("longer than the"), "{error}");
            assert!(server.hung_up(1, Duration::from_secs(5)).await, "{fault:?}");
            // What is sent is what was read and what the system holds in its buffers.
            assert!(server.bytes_sent() < 24 * MIB, "{fault:?}: {}", server.bytes_sent());
        }
    }
}

#[tokio::test]
async fn a_declared_length_is_believed_when_it_is_too_much() {
    let server = ChatServer::start([Reply::raw(200, "application/json", " ".repeat(3_000_000))]);
    let config = OpenAiConfig { max_answer_bytes: 1_000, ..config(&server) };
    let error = ask(&OpenAi::new(config).unwrap(), false).await;
    assert_eq!(error.kind, Kind::TooLarge);
}

#[tokio::test]
async fn a_long_error_is_cut() {
    let words = "word ".repeat(MIB as usize);
    check(
        Reply::raw(500, "text/plain", words),
        Kind::Status,
        ErrorClass::Internal,
        &["500", "word word", "…"],
    )
    .await;
    check(
        Reply::raw(500, "text/plain", "a\u{1b}[31mb\u{7}\u{0}c"),
        Kind::Status,
        ErrorClass::Internal,
        &["a [31mb c"],
    )
    .await;
}

#[tokio::test]
async fn a_list_of_models_fails_like_anything_else() {
    let url = ChatServer::refused_url();
    let client = OpenAi::new(OpenAiConfig::new(url.as_str(), "m")).unwrap();
    let error = client.models().await.unwrap_err();
    assert_eq!(error.kind, Kind::Unreachable);
    assert!(error.message.contains(&format!("{url}/models: connection refused")), "{error}");
}

#[tokio::test]
async fn json_of_another_shape_is_an_answer_like_any() {
    let server = ChatServer::start([r#"{"tasks": "none of ours"}"#]);
    let (answer, _) = streamed(&client(&server), &request()).await;
    assert_eq!(answer.unwrap().content, r#"{"tasks": "none of ours"}"#);
}

/// Short lines are what an event reader is slowest with.
#[tokio::test]
async fn a_stream_of_nothing_is_left() {
    for text in ["\n", ":\n", "a\n", "data\n", "data:\n\n", "event:x\n\n"] {
        let body = text.repeat(3 * MIB as usize / text.len());
        let server = ChatServer::start([Reply::raw(200, "text/event-stream", body)]);
        let begun = Instant::now();
        let error = ask(&client(&server), true).await;
        assert!(matches!(error.kind, Kind::Malformed | Kind::TooLarge), "{text:?}: {error}");
        assert!(begun.elapsed() < Duration::from_secs(10), "{text:?}: {:?}", begun.elapsed());
    }
}
