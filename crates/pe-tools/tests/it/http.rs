//! `http_request` against a real server on the loopback interface.

use std::time::Duration;

use pe_model::{ErrorClass, Outcome, ToolError};
use serde_json::{Value, json};
use tokio::net::TcpListener;

use crate::http_server::{Answer, Server, response, self_signed};
use crate::support::{Bench, says};

fn bench() -> Bench {
    Bench::with_hosts(&["127.0.0.1"])
}

const JSON: &str = "content-type: application/json; charset=utf-8";

async fn get(answer: Answer) -> Result<Value, ToolError> {
    let server = Server::answering(answer).await;
    bench().try_call("http_request", json!({"url": server.url("/a?token=s3cret")})).await
}

async fn post(answer: Answer) -> Result<Value, ToolError> {
    let server = Server::answering(answer).await;
    let arguments = json!({"url": server.url("/a"), "method": "POST", "body": "x"});
    bench().try_call("http_request", arguments).await
}

#[tokio::test]
async fn an_answer_has_status_headers_body_and_json() {
    let output = get(response("201 Created", &[JSON, "x-a: 1", "X-A: 2"], r#"{"n": [1]}"#)).await;
    let output = output.unwrap();
    assert_eq!(output["status"], 201);
    assert_eq!(output["headers"]["x-a"], "1, 2");
    assert_eq!(output["body"], r#"{"n": [1]}"#);
    assert_eq!((&output["json"], &output["truncated"]), (&json!({"n": [1]}), &json!(false)));

    let text = get(response("200 OK", &["content-type: text/plain"], "[1]")).await.unwrap();
    assert_eq!((&text["body"], &text["json"]), (&json!("[1]"), &json!(null)));
    let problem = response("200 OK", &["content-type: application/problem+json"], "[1]");
    assert_eq!(get(problem).await.unwrap()["json"], json!([1]));
    let empty = get(response("204 No Content", &[JSON], "")).await.unwrap();
    assert_eq!((&empty["status"], &empty["json"]), (&json!(204), &json!(null)));
    let unchanged = get(response("304 Not Modified", &[], "")).await.unwrap();
    assert_eq!(unchanged["status"], 304);
}

#[tokio::test]
async fn a_request_carries_method_headers_and_body() {
    let server = Server::answering(response("200 OK", &[], "")).await;
    let bench = bench();
    let url = server.url("/x?q=1");
    let json = json!({"url": url, "method": "PUT", "json": {"a": 1}, "headers": {"X-B": "2"}});
    bench.call("http_request", json).await;
    let text = json!({"url": url, "method": "POST", "body": "plain",
        "headers": {"content-type": "text/x", "idempotency-key": "mine"}});
    bench.call("http_request", text).await;
    bench.call("http_request", json!({"url": url, "method": "HEAD"})).await;

    let requests = server.requests();
    let has = |request: usize, part: &str| {
        assert!(requests[request].contains(part), "no `{part}` in {}", requests[request]);
    };
    has(0, "PUT /x?q=1 HTTP/1.1\r\n");
    has(0, "x-b: 2\r\n");
    has(0, "content-type: application/json\r\n");
    has(0, "idempotency-key: run/step/0/0\r\n");
    has(0, "\r\n\r\n{\"a\":1}");
    has(1, "content-type: text/x\r\n");
    has(1, "idempotency-key: mine\r\n");
    has(1, "\r\n\r\nplain");
    has(2, "HEAD /x?q=1");
    assert!(!requests[2].contains("idempotency-key"));
}

#[tokio::test]
async fn e1_statuses_have_the_class_of_the_status() {
    use ErrorClass::*;
    for (status, class, retryable) in [
        ("400 Bad Request", Validation, false),
        ("401 Unauthorized", Permission, false),
        ("403 Forbidden", Permission, false),
        ("404 Not Found", NotFound, false),
        ("409 Conflict", Execution, false),
        ("422 Unprocessable Content", Validation, false),
        ("429 Too Many Requests", RateLimit, true),
        ("500 Internal Server Error", Internal, true),
        ("503 Service Unavailable", Internal, true),
    ] {
        // The digits in the body must not matter.
        let error = get(response(status, &[], "error 404 or 500 or 429")).await.unwrap_err();
        assert_eq!((error.class, error.is_retryable()), (class, retryable), "{error}");
        assert_eq!(error.outcome, Outcome::Known, "{error}");
        let posted = post(response(status, &[], "")).await.unwrap_err();
        assert_eq!((posted.class, posted.outcome), (class, Outcome::Known), "{posted}");
    }
    // A gateway does not know what became of the request behind it.
    for status in ["502 Bad Gateway", "504 Gateway Timeout"] {
        assert_eq!(get(response(status, &[], "")).await.unwrap_err().outcome, Outcome::Known);
        assert_eq!(post(response(status, &[], "")).await.unwrap_err().outcome, Outcome::Unknown);
    }
}

#[tokio::test]
async fn an_error_shows_the_request_and_the_start_of_the_body_but_no_query() {
    let body = format!("no\n such   thing {}", "x".repeat(9_000));
    let error = get(response("404 Not Found", &[], &body)).await.unwrap_err();
    says(
        &error,
        &["GET http://127.0.0.1:", "/a?… answered 404 Not Found: no such thing xxx", "x…"],
    );
    assert!(!error.message.contains("s3cret"), "{error}");
    assert!(error.message.len() < 320, "{}", error.message.len());
}

#[tokio::test]
async fn e1_an_error_whose_body_stalls_keeps_its_class() {
    let head = "HTTP/1.1 503 Service Unavailable\r\ncontent-length: 99\r\nretry-after: 1\r\n\r\n";
    let error = get(Answer::Stall(head.into())).await.unwrap_err();
    assert_eq!((error.class, error.retry_after_ms), (ErrorClass::Internal, Some(1_000)));
}

#[tokio::test]
async fn r2_retry_after_is_read_in_both_forms() {
    for (headers, expected) in [
        (vec!["retry-after: 7"], Some(7_000)),
        (
            vec![
                "retry-after: Sun, 06 Nov 1994 08:50:07 GMT",
                "date: Sun, 06 Nov 1994 08:49:37 GMT",
            ],
            Some(30_000),
        ),
        (vec!["retry-after: soon"], None),
        (vec![], None),
    ] {
        let error = get(response("429 Too Many Requests", &headers, "")).await.unwrap_err();
        assert_eq!(error.retry_after_ms, expected, "{headers:?}");
    }
}

#[tokio::test]
async fn only_allowed_hosts_are_reached() {
    let server = Server::answering(response("200 OK", &[], "")).await;
    let arguments = json!({"url": server.url("/")});
    let error = Bench::new().fail("http_request", arguments.clone(), ErrorClass::Permission).await;
    says(&error, &["`[http] hosts`", &server.address, "no host is allowed"]);
    for hosts in [["localhost"], ["127.0.0.1:1"], ["*.0.0.1x"]] {
        let other = Bench::with_hosts(&hosts);
        other.fail("http_request", arguments.clone(), ErrorClass::Permission).await;
    }
    assert!(server.requests().is_empty(), "nothing was sent");
    Bench::with_hosts(&[&server.address]).call("http_request", arguments).await;
    assert_eq!(server.requests().len(), 1);
}

#[tokio::test]
async fn redirects_are_followed_and_each_hop_is_checked() {
    let target = Server::answering(response("200 OK", &[], "there")).await;
    let location = format!("location: {}", target.url("/final"));
    let server = Server::answering(response("302 Found", &[&location], "")).await;
    let arguments = json!({"url": server.url("/"), "headers": {
        "authorization": "Bearer s3cret", "x-api-key": "s3cret", "accept": "text/plain",
    }});
    assert_eq!(bench().call("http_request", arguments.clone()).await["body"], "there");
    // What identified the caller to the first server is not shown to the second.
    let seen = target.requests().remove(0);
    assert!(seen.contains("accept: text/plain") && !seen.contains("s3cret"), "{seen}");

    let narrow = Bench::with_hosts(&[&server.address]);
    let error = narrow.fail("http_request", arguments, ErrorClass::Permission).await;
    says(&error, &[&target.address, "`[http] hosts`"]);
    assert_eq!(target.requests().len(), 1, "the refused hop was not sent");

    for location in ["file:///etc/passwd", "http://user:pw@127.0.0.1/"] {
        let away = response("302 Found", &[&format!("location: {location}")], "");
        assert_eq!(get(away).await.unwrap_err().class, ErrorClass::Permission, "{location}");
    }
}

#[tokio::test]
async fn redirects_end_and_change_the_method_as_browsers_do() {
    let around = Server::answering(response("302 Found", &["location: /again"], "")).await;
    let error =
        bench().fail("http_request", json!({"url": around.url("/")}), ErrorClass::Execution).await;
    says(&error, &["more than 5"]);
    assert_eq!(around.requests().len(), 6);

    for (status, method, expected) in [
        ("303 See Other", "POST", "GET /b"),
        ("302 Found", "POST", "GET /b"),
        ("307 Temporary Redirect", "POST", "POST /b"),
        ("301 Moved Permanently", "PUT", "PUT /b"),
        ("302 Found", "HEAD", "HEAD /b"),
    ] {
        let answers = vec![response(status, &["location: /b"], ""), response("200 OK", &[], "")];
        let server = Server::start(answers).await;
        let arguments = json!({"url": server.url("/a"), "method": method, "body": "data"});
        bench().call("http_request", arguments).await;
        let second = server.requests().remove(1);
        assert!(second.starts_with(expected), "{status} {method}: {second}");
        assert_eq!(second.ends_with("data"), !expected.starts_with("GET"), "{second}");
    }
}

#[tokio::test]
async fn a_change_that_was_answered_with_see_other_is_not_made_again() {
    for (second, class) in [
        (Answer::Close, ErrorClass::Network),
        (response("503 Service Unavailable", &[], ""), ErrorClass::Internal),
        (response("302 Found", &["location: http://localhost:1/"], ""), ErrorClass::Permission),
    ] {
        let answers = vec![response("303 See Other", &["location: /b"], ""), second];
        let server = Server::start(answers).await;
        let arguments = json!({"url": server.url("/a"), "method": "POST"});
        let error = bench().fail("http_request", arguments, class).await;
        assert_eq!(error.outcome, Outcome::Unknown, "{error}");
    }
}

#[tokio::test]
async fn e1_a_refused_connection_and_an_unknown_name_are_network_errors() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap();
    drop(listener);
    let bench = Bench::with_hosts(&["127.0.0.1", "nowhere.invalid"]);
    for url in [format!("http://{closed}/?token=s3cret"), "http://nowhere.invalid/".to_owned()] {
        let arguments = json!({"url": url, "method": "POST"});
        let error = bench.fail("http_request", arguments, ErrorClass::Network).await;
        // Nothing was sent, so even a POST may be tried again.
        assert_eq!((error.outcome, error.is_retryable()), (Outcome::Known, true), "{error}");
        assert!(!error.message.contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn e1_a_lost_connection_leaves_a_change_in_doubt() {
    let short = Answer::Bytes("HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nshort".into());
    let garbage = Answer::Bytes("this is not HTTP\r\n\r\n".into());
    for answer in [Answer::Close, short, garbage] {
        let error = get(answer.clone()).await.unwrap_err();
        assert_eq!((error.class, error.outcome), (ErrorClass::Network, Outcome::Known), "{error}");
        let error = post(answer).await.unwrap_err();
        assert_eq!(
            (error.class, error.outcome),
            (ErrorClass::Network, Outcome::Unknown),
            "{error}"
        );
    }
}

#[tokio::test]
async fn e1_a_slow_answer_is_a_timeout() {
    for stalled in ["", "HTTP/1.1 200 OK\r\ncontent-length: 50\r\n\r\nslow"] {
        let server = Server::answering(Answer::Stall(stalled.into())).await;
        for (method, outcome) in [("GET", Outcome::Known), ("PUT", Outcome::Unknown)] {
            let arguments = json!({"url": server.url("/"), "method": method, "timeout_ms": 150});
            let call = bench();
            let call = call.fail("http_request", arguments, ErrorClass::Timeout);
            let error = tokio::time::timeout(Duration::from_secs(20), call).await.unwrap();
            assert_eq!(error.outcome, outcome, "{error}");
            says(&error, &["150 ms", method]);
        }
    }
}

#[tokio::test]
async fn an_endless_body_is_cut() {
    let server = Server::answering(Answer::Endless).await;
    let call = bench();
    let call = call.call_within("http_request", json!({"url": server.url("/")}), 50_000);
    let output = tokio::time::timeout(Duration::from_secs(20), call).await.unwrap();
    assert_eq!(output["truncated"], true);
    assert!(output["body"].as_str().unwrap().len() > 49_000);
}

#[tokio::test]
async fn parsed_json_goes_before_its_text() {
    let body = json!({"a": "x".repeat(600)}).to_string();
    let server = Server::answering(response("200 OK", &[JSON], &body)).await;
    let arguments = json!({"url": server.url("/")});
    let output = bench().call_within("http_request", arguments, 1_000).await;
    assert_eq!(output["json"]["a"].as_str().unwrap().len(), 600);
    assert!(output["truncated"] == true && body.starts_with(output["body"].as_str().unwrap()));
}

#[tokio::test]
async fn e1_json_that_does_not_parse_is_a_validation_error() {
    let error = get(response("200 OK", &[JSON], r#"{"a": "#)).await.unwrap_err();
    assert_eq!(error.class, ErrorClass::Validation);
    says(&error, &["200 OK", "not JSON", "column"]);
    let deep = get(response("200 OK", &[JSON], &"[".repeat(100_000))).await.unwrap_err();
    assert_eq!(deep.class, ErrorClass::Validation);
}

#[tokio::test]
async fn bad_requests_are_not_sent() {
    let server = Server::answering(response("200 OK", &[], "")).await;
    let url = server.url("/");
    for (arguments, part) in [
        (json!({"url": "not a url"}), "`url`"),
        (json!({"url": "file:///etc/passwd"}), "scheme `file`"),
        (json!({"url": format!("http://user:pw@{}/", server.address)}), "user name"),
        (json!({"url": url, "method": "TRACE"}), "`method`"),
        (json!({"url": url, "method": "get"}), "`method`"),
        (json!({"url": url, "headers": {"Host": "other"}}), "`Host`"),
        (json!({"url": url, "headers": {"a b": "c"}}), "`a b`"),
        (json!({"url": url, "headers": {"a": "s3cret\r\nx: y"}}), "`a`"),
        (json!({"url": url, "headers": {"a": 1}}), "`headers.a`"),
        (json!({"url": url, "body": "a", "json": 1}), "both"),
        (json!({"url": url, "timeout_ms": "1s"}), "`timeout_ms`"),
    ] {
        let error = bench().fail("http_request", arguments, ErrorClass::Validation).await;
        says(&error, &[part]);
        assert!(!error.message.contains("s3cret") && !error.message.contains("pw"), "{error}");
    }
    assert!(server.requests().is_empty());
}

#[tokio::test]
async fn a_failed_tls_handshake_sends_nothing() {
    // A server that speaks no TLS at all: the handshake fails before anything is sent.
    let server = Server::answering(Answer::Bytes("HTTP/1.1 400 Bad Request\r\n\r\n".into())).await;
    let url = format!("https://{}/", server.address);
    let arguments = json!({"url": url, "method": "POST", "body": "s3cret"});
    let error = bench().fail("http_request", arguments, ErrorClass::Network).await;
    assert_eq!(error.outcome, Outcome::Known, "{error}");
    assert!(!server.requests().iter().any(|request| request.contains("s3cret")));
}

#[tokio::test]
async fn a_certificate_nobody_vouches_for_is_refused_for_good() {
    let url = format!("https://{}/", self_signed().await);
    let arguments = json!({"url": url, "method": "POST"});
    let error = bench().fail("http_request", arguments, ErrorClass::Network).await;
    assert_eq!((error.outcome, error.is_retryable()), (Outcome::Known, false), "{error}");
    says(&error, &["certificate"]);
}
