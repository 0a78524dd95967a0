//! Answers of real servers, and of none, read into the one form that we have.

use proptest::prelude::*;

use super::*;

fn read(streamed: bool, chunks: &[&str]) -> (ModelAnswer, String) {
    let mut assembly = Assembly::new(1_000);
    let mut deltas = String::new();
    for chunk in chunks {
        let envelope = serde_json::from_str(chunk).expect("an envelope");
        deltas.push_str(assembly.push(envelope).expect("short"));
    }
    let answer = assembly.into_answer(streamed);
    assert_eq!(answer.content, deltas);
    (answer, deltas)
}

fn finish(streamed: bool, chunk: &str) -> FinishReason {
    read(streamed, &[chunk]).0.finish
}

fn calls(streamed: bool, chunks: &[&str]) -> Vec<(String, String, String)> {
    let (answer, _) = read(streamed, chunks);
    answer.tool_calls.into_iter().map(|call| (call.id, call.name, call.arguments)).collect()
}

fn call(id: &str, name: &str, arguments: &str) -> (String, String, String) {
    (id.to_owned(), name.to_owned(), arguments.to_owned())
}

#[test]
fn the_least_that_a_server_can_send() {
    let (answer, _) = read(false, &[r#"{"choices":[{"message":{"content":"hi"}}]}"#]);
    assert_eq!(answer, ModelAnswer::text("hi"));
}

#[test]
fn everything_else_may_be_odd() {
    let (answer, _) = read(
        false,
        &[r#"{"id":7,"created":"now","object":null,"model":null,"error":null,"choices":[
            {"index":"0","finish_reason":"stop","logprobs":{},"message":{"role":null,
             "content":[{"type":"text","text":"a"},{"text":"b"}],"tool_calls":null,
             "reasoning_content":"hm","function_call":null}}],
            "usage":{"prompt_tokens":"12","total_tokens":20.0,"details":null}}"#],
    );
    assert_eq!(answer.content, "ab");
    assert_eq!(answer.tokens, TokenCount { prompt: Some(12), completion: Some(8) });
    assert_eq!((answer.finish, answer.model.as_str()), (FinishReason::Stop, ""));
}

#[test]
fn tokens_that_are_not_counted_are_unknown() {
    let tokens = |usage: &str| {
        let chunk = format!(r#"{{"choices":[{{"message":{{"content":"x"}}}}],"usage":{usage}}}"#);
        read(false, &[&chunk]).0.tokens
    };
    assert_eq!(tokens("null"), TokenCount::default());
    assert_eq!(tokens(r#"{"prompt_tokens":0,"completion_tokens":0}"#), TokenCount::default());
    let known = TokenCount { prompt: Some(3), completion: None };
    assert_eq!(tokens(r#"{"prompt_tokens":3}"#), known);
}

#[test]
fn why_a_model_stopped() {
    let whole = |word: &str| {
        let chunk =
            format!(r#"{{"choices":[{{"message":{{"content":"x"}},"finish_reason":{word}}}]}}"#);
        (finish(false, &chunk), finish(true, &chunk))
    };
    use FinishReason::*;
    assert_eq!(whole("\"stop\""), (Stop, Stop));
    assert_eq!(whole("\"MAX_TOKENS\""), (Length, Length));
    assert_eq!(whole("\"eos_token\""), (Stop, Stop));
    assert_eq!(whole("\"because\""), (Stop, CutOff));
    assert_eq!(whole("null"), (Stop, CutOff));
    assert_eq!(whole("\"error\""), (CutOff, CutOff));
    let nothing = r#"{"choices":[{"message":{"content":null}}]}"#;
    assert_eq!(finish(false, nothing), CutOff, "there is no text that could be whole");
}

#[test]
fn a_stream_is_put_together() {
    let (answer, deltas) = read(
        true,
        &[
            r#"{"choices":[{"delta":{"role":"assistant"}}]}"#,
            r#"{"choices":[{"delta":{"content":"he"}}]}"#,
            r#"{"choices":[{"delta":{"reasoning":"hm"}}]}"#,
            r#"{"choices":[{"delta":{"content":"llo"},"finish_reason":"stop"}]}"#,
            r#"{"model":"m","choices":[],"usage":{"prompt_tokens":4,"completion_tokens":2}}"#,
        ],
    );
    assert_eq!((deltas.as_str(), answer.model.as_str()), ("hello", "m"));
    assert_eq!(answer.tokens, TokenCount { prompt: Some(4), completion: Some(2) });
    assert_eq!(answer.finish, FinishReason::Stop);
}

#[test]
fn calls_of_a_stream_are_put_together_by_index() {
    let found = calls(
        true,
        &[
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"x","function":{"name":"a","arguments":""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":1,"id":"y","function":{"name":"b"}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"k\""}}]}}]}"#,
            r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"id":"x","function":{"name":"a","arguments":":1}"}}]}}]}"#,
            r#"{"choices":[{"delta":{},"finish_reason":"stop"}]}"#,
        ],
    );
    assert_eq!(found, [call("x", "a", "{\"k\":1}"), call("y", "b", "{}")]);
}

#[test]
fn calls_without_an_index_or_an_id() {
    let whole = r#"{"choices":[{"message":{"tool_calls":[
        {"function":{"name":"a","arguments":{"k":[1,"x"]}}},
        {"id":"","function":{"name":"b","arguments":null}}]}}]}"#;
    assert_eq!(
        calls(false, &[whole]),
        [call("call_1", "a", r#"{"k":[1,"x"]}"#), call("call_2", "b", "{}")]
    );
    let ids = r#"{"choices":[{"delta":{"tool_calls":[
        {"index":0,"id":"p","function":{"name":"a","arguments":"{}"}},
        {"index":0,"id":"q","function":{"name":"a","arguments":"{}"}}]}}]}"#;
    assert_eq!(calls(true, &[ids]), [call("p", "a", "{}"), call("q", "a", "{}")]);
    let same = r#"{"choices":[{"message":{"tool_calls":[
        {"index":0,"id":"p","function":{"name":"a"}},
        {"index":1,"id":"p","function":{"name":"b"}}]}}]}"#;
    assert_eq!(calls(false, &[same]), [call("p", "a", "{}"), call("call_2", "b", "{}")]);
}

#[test]
fn a_function_call_of_old_is_a_call() {
    let old = r#"{"choices":[{"finish_reason":"function_call","message":{"content":null,
        "function_call":{"name":"a","arguments":"{\"k\":1}"}}}]}"#;
    assert_eq!(calls(false, &[old]), [call("call_1", "a", "{\"k\":1}")]);
    assert_eq!(finish(false, old), FinishReason::ToolCalls);
}

#[test]
fn an_answer_has_a_greatest_length() {
    let mut assembly = Assembly::new(8);
    let chunk = || serde_json::from_str(r#"{"choices":[{"delta":{"content":"12345"}}]}"#);
    assert_eq!(assembly.push(chunk().expect("an envelope")), Ok("12345"));
    assert_eq!(assembly.push(chunk().expect("an envelope")), Err(TooLong));
}

const SAMPLES: [&str; 4] = [
    r#"{"id":"c","choices":[{"index":0,"delta":{"content":[{"text":"a"}]},"finish_reason":"stop"}]}"#,
    r#"{"choices":[{"message":{"tool_calls":[{"index":1,"id":"x","function":{"name":"a","arguments":{"k":1}}}]}}],"usage":{"prompt_tokens":1}}"#,
    r#"{"choices":[{"delta":{"tool_calls":[{"index":0,"function":{"arguments":"{\"k"}}]}}],"error":null}"#,
    r#"{"choices":[{"message":{"content":"x","function_call":{"name":"f","arguments":"{}"}}}]}"#,
];

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a server sends is read or refused, and the parts are the whole.
    #[test]
    fn nothing_that_is_sent_makes_it_fall(
        chunks in prop::collection::vec((0..SAMPLES.len(), 0_usize..200, any::<u8>(), 0_u8..4), 1..6),
        streamed in any::<bool>(),
    ) {
        let mut assembly = Assembly::new(60);
        let mut heard = String::new();
        for (sample, at, byte, how) in chunks {
            let mut bytes = SAMPLES[sample].as_bytes().to_vec();
            let at = at % bytes.len();
            match how {
                0 => {}
                1 => bytes[at] = byte,
                2 => drop(bytes.remove(at)),
                _ => bytes.truncate(at),
            }
            let Ok(envelope) = serde_json::from_slice(&bytes) else { continue };
            match assembly.push(envelope) {
                Ok(text) => heard.push_str(text),
                Err(TooLong) => return Ok(()),
            }
        }
        let answer = assembly.into_answer(streamed);
        prop_assert_eq!(&answer.content, &heard);
        prop_assert!(answer.content.len() <= 60);
        let mut ids: Vec<_> = answer.tool_calls.iter().map(|call| &call.id).collect();
        ids.sort();
        ids.dedup();
        prop_assert_eq!(ids.len(), answer.tool_calls.len(), "ids are distinct");
    }
}
