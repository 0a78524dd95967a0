//! Recording and replay: what is written, what is found again, what is said of what is not.

use std::fs;
use std::path::PathBuf;
use std::sync::Arc;

use pe_llm::{Recorder, RecordingError, Replay};
use pe_model::{
    AnswerFormat, ChatMessage, Delta, ErrorClass, LlmClient, ModelAnswer, ModelErrorKind,
    ModelRequest, Purpose,
};
use pe_testkit::{Scripted, ScriptedClient};
use secrecy::SecretString;
use serde_json::{Value, json};

fn file() -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("calls.jsonl");
    (folder, path)
}

fn request(purpose: Purpose, text: &str) -> ModelRequest {
    let schema = json!({"z": 1, "a": {"b": 0.1}});
    ModelRequest {
        format: AnswerFormat::Schema { name: "x".into(), schema, described: false },
        temperature: Some(0.7),
        ..ModelRequest::new(purpose, vec![ChatMessage::system("s"), ChatMessage::user(text)])
    }
}

/// Records these calls: purpose, text, and what is answered.
async fn record(path: &PathBuf, calls: Vec<(Purpose, &str, Scripted)>, secrets: Vec<SecretString>) {
    let script: Vec<_> = calls.iter().map(|(_, _, scripted)| scripted.clone()).collect();
    let recorder = Recorder::create(ScriptedClient::new(script), path, secrets).unwrap();
    for (purpose, text, _) in calls {
        let _ = recorder.ask(&request(purpose, text), None).await;
    }
    assert!(recorder.failure().is_none());
}

fn lines(path: &PathBuf) -> Vec<Value> {
    let text = fs::read_to_string(path).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[tokio::test(start_paused = true)]
async fn what_is_recorded_is_said_again() {
    let (_folder, path) = file();
    let failure = || Scripted::error(ModelErrorKind::Status, ErrorClass::Permission, "no");
    let calls = vec![
        (Purpose::Plan, "a", Scripted::text("one").usage(3, 4).delay_ms(250)),
        (Purpose::Repair, "a", Scripted::calls([("t", json!({"k": 1}))])),
    ];
    record(&path, calls, vec![]).await;
    record(&path, vec![(Purpose::Answer, "b", failure())], vec![]).await;
    let written = lines(&path);
    assert_eq!(written.len(), 3, "a second process appends");
    assert_eq!((&written[0]["format"], &written[0]["purpose"]), (&json!(1), &json!("plan")));
    assert_eq!(
        (&written[0]["model"], &written[0]["duration_ms"]),
        (&json!("scripted"), &json!(250))
    );
    let replay = Replay::open(&path).unwrap();
    assert_eq!((replay.len(), replay.name().model.as_str()), (3, "scripted"));
    // In any order, and with another limit of the answer's length.
    let error = replay.ask(&request(Purpose::Answer, "b"), None).await.unwrap_err();
    assert_eq!((error.class, error.message.as_str()), (ErrorClass::Permission, "no"));
    let limited = ModelRequest { max_tokens: Some(7), ..request(Purpose::Plan, "a") };
    let answer = replay.ask(&limited, None).await.unwrap();
    assert_eq!((answer.content.as_str(), answer.tokens.prompt), ("one", Some(3)));
    let answer = replay.ask(&request(Purpose::Repair, "a"), None).await.unwrap();
    assert_eq!(answer.tool_calls[0].arguments, r#"{"k":1}"#);
}

#[tokio::test]
async fn the_same_request_gets_its_next_answer_and_keeps_the_last() {
    let (_folder, path) = file();
    let calls = ["one", "two"].map(|text| (Purpose::Plan, "a", text.into()));
    record(&path, calls.into(), vec![]).await;
    let replay = Replay::open(&path).unwrap();
    for expected in ["one", "two", "two", "two"] {
        let answer = replay.ask(&request(Purpose::Plan, "a"), None).await.unwrap();
        assert_eq!(answer, ModelAnswer::text(expected));
    }
}

#[tokio::test]
async fn a_replay_is_heard_in_pieces() {
    let (_folder, path) = file();
    let text = "ein längerer Text – in Stücken 🙂, wie er geschrieben würde";
    record(&path, vec![(Purpose::Plan, "a", text.into())], vec![]).await;
    let replay = Replay::open(&path).unwrap();
    let mut pieces = Vec::new();
    let mut sink = |delta: Delta<'_>| match delta {
        Delta::Text(text) => pieces.push(text.to_owned()),
        Delta::Restart => panic!("nothing begins anew"),
    };
    replay.ask(&request(Purpose::Plan, "a"), Some(&mut sink)).await.unwrap();
    assert_eq!(pieces.concat(), text);
    assert!(pieces.len() > 2);
}

#[tokio::test]
async fn what_was_not_recorded_names_what_was_expected() {
    let (_folder, path) = file();
    let calls = vec![
        (Purpose::Plan, "plan a trip to Rome", "one".into()),
        (Purpose::Repair, "mend it", "two".into()),
    ];
    record(&path, calls, vec![]).await;
    let replay = Replay::open(&path).unwrap();
    let unknown = |purpose, text: &'static str| {
        let replay = &replay;
        async move { replay.ask(&request(purpose, text), None).await.unwrap_err() }
    };
    let error = unknown(Purpose::Plan, "plan a trip to Oslo").await;
    assert_eq!((error.kind, error.class), (ModelErrorKind::NotRecorded, ErrorClass::NotFound));
    assert_eq!((error.attempts, error.is_retryable()), (0, false));
    let expected = format!(
        "the recording `{}` has no answer to this request for Plan; of its 2 exchanges the next \
         would be number 1, for Plan: message 2 has `n a trip to Oslo` where `n a trip to Rome` \
         was recorded; record again with `--record`",
        path.display()
    );
    assert_eq!(error.message, expected);
    replay.ask(&request(Purpose::Plan, "plan a trip to Rome"), None).await.unwrap();
    let error = unknown(Purpose::Adapt, "mend it").await;
    assert!(error.message.contains("number 2, for Repair: another purpose"), "{error}");
    let mut more = request(Purpose::Repair, "mend it");
    more.messages.push(ChatMessage::assistant("x"));
    let error = replay.ask(&more, None).await.unwrap_err();
    assert!(error.message.contains("3 messages where 2 were recorded"), "{error}");
    replay.ask(&request(Purpose::Repair, "mend it"), None).await.unwrap();
    let error = unknown(Purpose::Adapt, "x").await;
    assert!(error.message.contains("all of its 2 exchanges were given"), "{error}");
}

#[tokio::test]
async fn secrets_are_taken_out_of_every_text() {
    let (_folder, path) = file();
    let secrets = || ["hunter2\"x", "tok-en-value", "no"].map(SecretString::from).to_vec();
    let quoted = json!({"password": "hunter2\"x"}).to_string();
    let text = format!("log in with hunter2\"x, or {quoted}; no is no secret");
    let answer = || {
        let mut scripted = ModelAnswer::text("use tok-en-value");
        scripted.model = "tok-en-value".to_owned();
        Scripted::from(scripted)
    };
    record(&path, vec![(Purpose::Plan, &text, answer())], secrets()).await;
    let failure = Scripted::error(ModelErrorKind::Status, ErrorClass::Internal, "tok-en-value!");
    record(&path, vec![(Purpose::Answer, &text, failure)], secrets()).await;
    let written = fs::read_to_string(&path).unwrap();
    assert!(!written.contains("hunter2") && !written.contains("tok-en"), "{written}");
    assert_eq!(lines(&path)[0]["answer"]["content"], "use [secret]");
    assert_eq!(lines(&path)[1]["error"]["message"], "[secret]!");
    assert!(written.contains("no is no secret"));
    let asked = request(Purpose::Plan, &text);
    assert!(Replay::open(&path).unwrap().ask(&asked, None).await.is_err());
    let replay = Replay::open(&path).unwrap().secrets(secrets());
    assert_eq!(replay.ask(&asked, None).await.unwrap().content, "use [secret]");
}

#[tokio::test]
async fn a_line_is_whole_when_the_call_is_over() {
    let (_folder, path) = file();
    let client = Arc::new(ScriptedClient::new(["one", "two"]));
    let recorder = Recorder::create(client, &path, vec![]).unwrap();
    for count in 1..=2 {
        recorder.ask(&request(Purpose::Plan, "a"), None).await.unwrap();
        assert_eq!(lines(&path).len(), count);
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

#[tokio::test]
async fn damage_is_named_by_its_line() {
    let (_folder, path) = file();
    record(&path, vec![(Purpose::Plan, "a", "one".into())], vec![]).await;
    let good = fs::read_to_string(&path).unwrap();
    let open = |text: String| {
        fs::write(&path, text).unwrap();
        Replay::open(&path).map(|replay| replay.len())
    };
    assert_eq!(open(format!("{good}\n\n{good}")).unwrap(), 2, "empty lines are nothing");
    let torn = &good[..good.len() / 2];
    for (text, expected) in [
        (format!("{good}{torn}"), 2),
        (format!("{good}{good}{{\"format\":1}}\n"), 3),
        (format!("[]\n{good}"), 1),
        (format!("{good}\u{0}\n"), 2),
        (good.replace("\"answer\"", "\"replaced\""), 1),
    ] {
        match open(text) {
            Err(RecordingError::Damaged { line, .. }) => assert_eq!(line, expected),
            other => panic!("line {expected}: {other:?}"),
        }
    }
    let error = open(good.replace("\"format\":1", "\"format\":9")).unwrap_err().to_string();
    assert!(error.contains("line 1 of") && error.contains("format 9"), "{error}");
    fs::remove_file(&path).unwrap();
    let error = Replay::open(&path).unwrap_err().to_string();
    assert!(error.contains("cannot be opened") && error.contains("calls.jsonl"), "{error}");
    assert!(Recorder::create(ScriptedClient::new(["x"]), "/nowhere/x", vec![]).is_err());
}
