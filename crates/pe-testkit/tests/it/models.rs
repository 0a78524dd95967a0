//! The model doubles hold what they say.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

use pe_model::{
    ChatMessage, Delta, ErrorClass, FinishReason, LlmClient, ModelError, ModelErrorKind,
    ModelRequest, Purpose,
};
use pe_testkit::{ChatServer, Fault, Reply, Scripted, ScriptedClient};
use serde_json::json;
use tokio::time::Instant;

fn request() -> ModelRequest {
    ModelRequest::new(Purpose::Plan, vec![ChatMessage::user("x")])
}

#[tokio::test(start_paused = true)]
async fn a_script_is_played_in_its_own_time() {
    let scripted = Scripted::text("abc").pieces(["a", "b", "c"]).delay_ms(500);
    let client = ScriptedClient::new([scripted.pieces_per_second(10.0)]);
    let begun = Instant::now();
    let mut heard = Vec::new();
    let mut sink = |delta: Delta<'_>| heard.push((format!("{delta:?}"), begun.elapsed()));
    let answer = client.ask(&request(), Some(&mut sink)).await.unwrap();
    assert_eq!((answer.content.as_str(), answer.finish), ("abc", FinishReason::Stop));
    let ms = Duration::from_millis;
    let at = |piece: &str, at| (format!("Text({piece:?})"), ms(at));
    assert_eq!(heard, [at("a", 600), at("b", 700), at("c", 800)]);
    assert_eq!(client.requests(), [request()]);
    let begun = Instant::now();
    let client = ScriptedClient::new([Scripted::text("12345678").pieces_per_second(10.0)]);
    client.ask(&request(), None).await.unwrap();
    assert_eq!(begun.elapsed(), ms(200), "without a listener it takes as long");
}

#[tokio::test]
async fn a_script_that_is_over_fails() {
    let failure = ModelError::new(ModelErrorKind::Timeout, ErrorClass::Timeout, "late");
    let client = ScriptedClient::new([Scripted::from(failure.clone()), "fine".into()]);
    assert_eq!(client.ask(&request(), None).await.unwrap_err(), failure);
    assert_eq!(client.ask(&request(), None).await.unwrap().content, "fine");
    let error = client.ask(&request(), None).await.unwrap_err();
    assert_eq!(error.message, "call 3 (purpose Plan) of a scripted model that knows 2 answers");
    assert_eq!(client.calls(), 3);
}

/// Without a runtime and without a client of ours: the bytes on the wire.
fn post(server: &ChatServer, body: &str) -> String {
    let address = server.base_url().replace("http://", "").replace("/v1", "");
    let mut stream = TcpStream::connect(address).unwrap();
    let length = body.len();
    write!(
        stream,
        "POST /v1/chat/completions HTTP/1.1\r\nX-A: b\r\ncontent-length: {length}\r\n\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn a_server_answers_any_program() {
    let server = ChatServer::start([
        Reply::text("one two"),
        Reply::error(429, "slow down", None, None).header("retry-after", "3"),
    ]);
    let answer = post(&server, r#"{"model":"m","stream":true}"#);
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
    for part in ["text/event-stream", r#""delta":{"content":"one "}"#, r#""stop""#, "data: [DONE]"]
    {
        assert!(answer.contains(part), "{part}: {answer}");
    }
    assert!(!answer.contains("prompt_tokens"), "counts come when they are asked for");
    for _ in 0..2 {
        let answer = post(&server, "{}");
        assert!(answer.starts_with("HTTP/1.1 429 ") && answer.contains("retry-after: 3"));
    }
    let requests = server.requests();
    assert_eq!((requests.len(), server.calls()), (3, 3));
    assert_eq!(requests[0].body, json!({"model": "m", "stream": true}));
    assert_eq!(
        (requests[0].header("x-a"), requests[0].path.as_str()),
        (Some("b"), "/v1/chat/completions")
    );
}

#[tokio::test]
async fn a_server_sees_who_hangs_up() {
    let server = ChatServer::start([Reply::text("x"), Fault::Silence.into()]);
    post(&server, "{}");
    let address = server.base_url().replace("http://", "").replace("/v1", "");
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "POST /v1/chat/completions HTTP/1.1\r\n\r\n").unwrap();
    assert!(!server.hung_up(1, Duration::from_millis(50)).await);
    drop(stream);
    assert!(server.hung_up(1, Duration::from_secs(5)).await);
    assert_eq!(server.hang_ups(), 1);
}
