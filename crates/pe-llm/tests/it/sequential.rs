//! The requests of the sequential loop fit the window.

use pe_llm::{Prompts, estimate_prompt_tokens, estimate_tokens, sequential_request};
use pe_model::{Catalog, ChatMessage, JsonMap, ModelRequest, RequestedCall, Speaker, ToolSpec};
use serde_json::{Value, json};

use crate::support::twenty_tools;

fn call(turn: usize, arguments: &Value, result: &str) -> [ChatMessage; 2] {
    let id = format!("call_{turn}");
    let call = RequestedCall {
        id: id.clone(),
        name: "http_get".to_owned(),
        arguments: arguments.to_string(),
    };
    let asked = ChatMessage { tool_calls: vec![call], ..ChatMessage::assistant("looking") };
    [asked, ChatMessage::tool(id, result)]
}

fn request(catalog: &Catalog, transcript: &[ChatMessage], window: u64) -> ModelRequest {
    let prompts = Prompts::builtin();
    sequential_request(&prompts, "Is it warm?", &JsonMap::new(), catalog, transcript, Some(window))
}

fn tokens(request: &ModelRequest) -> u64 {
    let messages = request.messages.iter().map(|message| {
        let calls = message.tool_calls.iter();
        let calls = calls.map(|it| 8 + estimate_tokens(&it.name) + estimate_tokens(&it.arguments));
        8 + estimate_tokens(&message.content) + calls.sum::<u64>()
    });
    let tools = request.tools.iter().map(|tool| {
        8 + estimate_tokens(&tool.name)
            + estimate_tokens(&tool.description)
            + estimate_tokens(&tool.parameters.to_string())
    });
    messages.sum::<u64>() + tools.sum::<u64>()
}

fn assert_fits(request: &ModelRequest, window: u64) {
    let answer = request.max_tokens.unwrap();
    assert!(answer >= 1_000, "{answer}");
    assert!(tokens(request) + answer <= window, "{} + {answer}", tokens(request));
    assert!(estimate_prompt_tokens(request) + answer <= window + 8);
    for message in &request.messages {
        for call in &message.tool_calls {
            assert!(serde_json::from_str::<JsonMap>(&call.arguments).is_ok(), "{}", call.arguments);
        }
    }
}

#[test]
fn twenty_tools_and_twenty_long_turns_fit_a_small_window() {
    let texts = ["word ".repeat(1_638), "{\"a\": 12345}".repeat(682), "ä火".repeat(1_638)];
    for text in texts {
        for arguments in
            [json!({"url": "u"}), json!({"url": "u", "body": text}), json!({"l": [text]})]
        {
            let transcript: Vec<ChatMessage> =
                (1..=20).flat_map(|turn| call(turn, &arguments, &text)).collect();
            let request = request(&twenty_tools(), &transcript, 8_192);
            assert_fits(&request, 8_192);
            assert_eq!(request.tools.len(), 20);
            let said = &request.messages[2..];
            assert_eq!(said.len(), 40, "every call is told of");
            let results: Vec<&ChatMessage> =
                said.iter().filter(|message| message.role == Speaker::Tool).collect();
            assert!(results.iter().all(|result| result.content.contains("[cut: ")));
            assert!(results.iter().all(|result| result.content.contains(" of ")));
            let (oldest, newest) = (&results[0].content, &results[19].content);
            assert!(newest.len() > 4 * oldest.len() && oldest.len() < 250, "{oldest} {newest}");
            let again = self::request(&twenty_tools(), &transcript, 8_192);
            assert_eq!(request, again);
        }
    }
}

#[test]
fn what_fits_is_not_cut() {
    let transcript: Vec<ChatMessage> =
        (1..=3).flat_map(|turn| call(turn, &json!({"url": "u"}), "sunny")).collect();
    let request = request(&twenty_tools(), &transcript, 32_768);
    assert_eq!(request.messages[2..], transcript);
    for tool in request.tools {
        assert_eq!(tool.parameters, twenty_tools().get(&tool.name).unwrap().parameters);
    }
}

#[test]
fn a_newest_result_that_fits_stays_whole() {
    let mut transcript: Vec<ChatMessage> =
        (1..=10).flat_map(|turn| call(turn, &json!({}), &"x".repeat(8_192))).collect();
    transcript.extend(call(11, &json!({"url": "u"}), &"y".repeat(1_500)));
    let request = request(&twenty_tools(), &transcript, 8_192);
    assert_eq!(request.messages.last().unwrap().content, "y".repeat(1_500));
    assert_fits(&request, 8_192);
}

#[test]
fn turns_for_which_there_is_no_room_are_counted() {
    let transcript: Vec<ChatMessage> =
        (1..=200).flat_map(|turn| call(turn, &json!({}), &"x".repeat(500))).collect();
    let request = request(&twenty_tools(), &transcript, 8_192);
    assert_fits(&request, 8_192);
    let note = &request.messages[2];
    assert_eq!(note.role, Speaker::User);
    let turns = (request.messages.len() - 3) / 2;
    assert_eq!(note.content, format!("[{} earlier turns are left out]", 200 - turns));
}

#[test]
fn no_tool_is_left_out_however_many_there_are() {
    let property = json!({"type": "string", "description": "long words ".repeat(30)});
    let tool = |n| ToolSpec {
        name: format!("tool_{n}"),
        description: "What it does. ".repeat(80),
        parameters: json!({"type": "object", "required": ["must"],
            "properties": {"must": property, "may": property, "description": {"type": "string"}}}),
        ..ToolSpec::default()
    };
    let mut parameters = Vec::new();
    for count in [5, 12, 20, 25, 60] {
        let catalog: Catalog = (0..count).map(tool).collect();
        let request = request(&catalog, &[], 8_192);
        assert_eq!(request.tools.len(), count);
        assert_fits(&request, 8_192);
        assert!(request.tools.iter().all(|tool| tool.description.starts_with("What it does")));
        parameters.push(request.tools[0].parameters.clone());
    }
    let described =
        |at: usize, name: &str| parameters[at]["properties"][name]["description"].is_string();
    assert!(described(0, "must") && described(0, "may"));
    assert!(described(1, "must") && !described(1, "may"), "{}", parameters[1]);
    assert!(!described(2, "must") && parameters[2]["properties"]["description"].is_object());
    assert!(parameters[3]["properties"]["must"].is_object());
    assert_eq!(parameters[4]["type"], "object");
}
