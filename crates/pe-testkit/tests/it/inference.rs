//! The inference server starts, answers, and is gone when nobody needs it.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::time::{Duration, Instant};

use pe_testkit::InferenceServer;
use serde_json::{Value, json};

/// The body of the answer to a POST, or nothing where nobody answers.
fn post(base_url: &str, path: &str, body: &Value) -> Option<Value> {
    let address = base_url.strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap();
    let mut stream = TcpStream::connect(address).ok()?;
    let body = body.to_string();
    let length = body.len();
    write!(
        stream,
        "POST /v1{path} HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )
    .ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
}

fn hello(base_url: &str) -> Option<Value> {
    let body = json!({"messages": [{"role": "user", "content": "hello"}], "max_tokens": 8});
    post(base_url, "/chat/completions", &body)
}

#[test]
fn the_server_answers_the_same_question_alike_and_ends_when_dropped() {
    let Some(server) = InferenceServer::start() else { return };
    let base_url = server.base_url();
    let contents = [(); 2].map(|()| {
        let answer = hello(&base_url).unwrap();
        answer["choices"][0]["message"]["content"].as_str().unwrap().to_owned()
    });
    assert!(!contents[0].is_empty());
    assert_eq!(contents[0], contents[1]);
    drop(server);
    assert_eq!(hello(&base_url), None);
}

/// Tells the program that it is the one that ends.
const ENDS: &str = "PE_TESTKIT_ENDS";

#[test]
fn the_server_does_not_outlive_a_process_that_drops_nothing() {
    if std::env::var_os(ENDS).is_some() {
        let server = InferenceServer::shared().unwrap();
        assert!(hello(&server.base_url()).is_some());
        let _ = writeln!(std::io::stdout(), "\nserver at {}", server.base_url());
        std::process::exit(7);
    }
    if InferenceServer::shared().is_none() {
        return;
    }
    let test = "inference::the_server_does_not_outlive_a_process_that_drops_nothing";
    let mut program = Command::new(std::env::current_exe().unwrap());
    let output = program.args(["--exact", test, "--nocapture"]).env(ENDS, "").output().unwrap();
    assert_eq!(output.status.code(), Some(7), "{output:?}");
    let said = String::from_utf8(output.stdout).unwrap();
    let base_url = said.lines().find_map(|line| line.strip_prefix("server at ")).unwrap();
    let patience = Instant::now() + Duration::from_secs(10);
    while hello(base_url).is_some() {
        assert!(Instant::now() < patience, "the server at {base_url} outlived its owner");
        std::thread::sleep(Duration::from_millis(20));
    }
}
