//! A real inference server: what it says under our schema, and what we make of that.
//!
//! The server is llama.cpp with a model of random weights, so nothing here depends on what it
//! says, only on what must hold of all that it can say. Seeds make the answers differ.

mod planning;

use pe_llm::{DraftError, DraftParser, OpenAi, OpenAiConfig, Patient, parse_draft, plan_schema};
use pe_model::{
    AnswerFormat, Catalog, ChatMessage, Delta, ErrorClass, FinishReason, LlmClient, ModelAnswer,
    ModelError, ModelErrorKind, ModelRequest, OfferedTool, Purpose,
};
use pe_testkit::{InferenceServer, realistic_catalog};
use serde_json::{Value, json};

fn client(server: &InferenceServer, extra: Value) -> OpenAi {
    let mut config = OpenAiConfig::new(server.base_url(), "chance");
    let Value::Object(extra) = extra else { panic!("extra fields are an object") };
    config.extra = extra;
    OpenAi::new(config).unwrap()
}

fn asks(words: &str, format: AnswerFormat) -> ModelRequest {
    let messages = vec![ChatMessage::system("You plan."), ChatMessage::user(words)];
    let mut request = ModelRequest::new(Purpose::Plan, messages);
    request.format = format;
    request.max_tokens = Some(4_000);
    request
}

fn asks_for_a_plan(catalog: &Catalog) -> ModelRequest {
    let schema = plan_schema(catalog, 6);
    asks(
        "Take an umbrella?",
        AnswerFormat::Schema { name: "plan".into(), schema, described: false },
    )
}

/// The answer and its parts as they came.
async fn streamed(
    client: &dyn LlmClient,
    request: &ModelRequest,
) -> Result<(ModelAnswer, Vec<String>), ModelError> {
    let mut parts = Vec::new();
    let mut sink = |delta: Delta<'_>| match delta {
        Delta::Text(text) => parts.push(text.to_owned()),
        Delta::Restart => parts.clear(),
    };
    let answer = client.ask(request, Some(&mut sink)).await?;
    Ok((answer, parts))
}

/// One tool that needs nothing and takes nothing.
fn only_now() -> Catalog {
    let parameters = json!({"type": "object", "properties": {}, "additionalProperties": false});
    Catalog::from_value(&json!([{"name": "now", "parameters": parameters}])).unwrap()
}

/// A catalog of one tool for each schema of a parameter that decoders may take amiss.
fn oddities() -> Vec<Catalog> {
    let schemas = [
        json!({"type": "integer", "minimum": 0, "maximum": 60}),
        json!({"type": "array", "items": {"type": "number"}, "uniqueItems": true, "maxItems": 2}),
        json!({"type": "string", "pattern": "^.+\\.csv$"}),
        json!({"type": "string", "pattern": "^[^,;]+$"}),
        json!({"type": "string", "pattern": "^#[a-z0-9_-]+$"}),
        json!({"type": "string", "pattern": "\\d\\d"}),
        json!({"type": "array", "prefixItems": [{"type": "string"}, {"enum": [1, "x"]}], "items": false}),
        json!({"oneOf": [{"const": 1}, {"type": "string", "format": "date"}]}),
        json!({"allOf": [{"type": "string"}, {"minLength": 2}]}),
        json!({"type": ["boolean", "null"]}),
        json!({"$ref": "#/$defs/tree"}),
        json!(true),
    ];
    let tool = |schema: Value| {
        let tree = json!({"type": "object", "properties": {"trees": {
            "type": "array", "items": {"$ref": "#/$defs/tree"}, "maxItems": 1,
        }}, "additionalProperties": false});
        json!([{"name": "do", "parameters": {
            "type": "object", "properties": {"it": schema}, "required": ["it"],
            "additionalProperties": false, "$defs": {"tree": tree},
        }}])
    };
    schemas.map(|schema| Catalog::from_value(&tool(schema)).unwrap()).to_vec()
}

#[tokio::test]
async fn an_answer_comes_whole_and_in_parts() {
    let Some(server) = InferenceServer::shared() else { return };
    let client = client(server, json!({"seed": 1, "ignore_eos": true}));
    let mut request = asks("Grüß Gott 🌧 \u{0}\n{{ results.a }}", AnswerFormat::Text);
    request.max_tokens = Some(50);
    let whole = client.ask(&request, None).await.unwrap();
    let (answer, parts) = streamed(&client, &request).await.unwrap();
    assert_eq!(answer.content, whole.content);
    assert_eq!(parts.concat(), answer.content);
    assert!(parts.len() > 10, "{parts:?}");
    for answer in [whole, answer] {
        assert_eq!(answer.finish, FinishReason::Length);
        assert_eq!(answer.tokens.completion, Some(50));
        assert!(answer.tokens.prompt > Some(20), "{:?}", answer.tokens);
        assert_eq!(answer.model, "chance");
    }
}

#[tokio::test]
async fn whatever_is_written_under_the_schema_is_accepted_and_read() {
    let Some(server) = InferenceServer::shared() else { return };
    let several = [only_now(), realistic_catalog(), Catalog::default()].map(|several| (several, 4));
    for (catalog, seeds) in several.into_iter().chain(oddities().into_iter().map(|odd| (odd, 2))) {
        let request = asks_for_a_plan(&catalog);
        let AnswerFormat::Schema { schema, .. } = &request.format else { unreachable!() };
        let validator = jsonschema::validator_for(schema).unwrap();
        let mut read = 0;
        for seed in 0..seeds {
            let client = client(server, json!({"seed": seed}));
            let whole = client.ask(&request, None).await;
            let whole = whole.unwrap_or_else(|error| panic!("{error}\n{schema:#}"));
            let (answer, parts) = streamed(&client, &request).await.unwrap();
            read += accepted(&whole, &validator) + accepted(&answer, &validator);
            let mut parser = DraftParser::new();
            let steps: Vec<_> = parts.iter().flat_map(|part| parser.push(part)).collect();
            if let Ok(draft) = parser.finish(answer.finish) {
                assert_eq!(steps, draft.steps, "{}", answer.content);
            }
        }
        assert!(read > 0, "no answer was complete:\n{schema:#}");
    }
}

/// One if the answer is complete, and then it is accepted by the schema and read as it is.
fn accepted(answer: &ModelAnswer, validator: &jsonschema::Validator) -> usize {
    let ModelAnswer { content, finish, .. } = answer;
    let draft = parse_draft(content, *finish);
    if *finish == FinishReason::Length {
        assert!(matches!(draft, Err(DraftError::Truncated { .. })), "{content}");
        return 0;
    }
    // A number of free choice may be too great for any program.
    let Ok(value) = serde_json::from_str(content) else {
        assert!(matches!(draft, Err(DraftError::Malformed { .. })), "{content}");
        return 0;
    };
    let problems: Vec<_> = validator.iter_errors(&value).collect();
    assert!(problems.is_empty(), "{problems:?}\n{content}");
    let draft = draft.unwrap_or_else(|error| panic!("{error}\n{content}"));
    assert_eq!(draft.steps.len(), value["steps"].as_array().unwrap().len());
    assert!(draft.mended.is_empty(), "{:?}\n{content}", draft.mended);
    1
}

#[tokio::test]
async fn a_plan_that_is_cut_off_is_noticed_wherever_it_is_cut() {
    let Some(server) = InferenceServer::shared() else { return };
    let client = client(server, json!({"seed": 2}));
    let mut request = asks_for_a_plan(&realistic_catalog());
    let mut cut = 0;
    for most in [1, 2, 3, 5, 8, 13, 21, 34] {
        request.max_tokens = Some(most);
        let whole = client.ask(&request, None).await.unwrap();
        let (answer, parts) = streamed(&client, &request).await.unwrap();
        let mut parser = DraftParser::new();
        for part in &parts {
            parser.push(part);
        }
        let drafts = [
            (whole.finish, parse_draft(&whole.content, whole.finish)),
            (answer.finish, parse_draft(&answer.content, answer.finish)),
            (answer.finish, parser.finish(answer.finish)),
        ];
        for (finish, draft) in drafts {
            if finish == FinishReason::Length {
                assert!(matches!(draft, Err(DraftError::Truncated { .. })), "{most}: {draft:?}");
                cut += 1;
            }
        }
    }
    // No plan is shorter than `{"steps":[{"id":"a","tool":"current_time"}]}`.
    assert_eq!(cut, 3 * 8);
}

#[tokio::test]
async fn a_json_answer_is_json() {
    let Some(server) = InferenceServer::shared() else { return };
    let client = client(server, json!({"seed": 3}));
    let answer = client.ask(&asks("a plan", AnswerFormat::Json), None).await.unwrap();
    assert_eq!(answer.finish, FinishReason::Stop);
    match serde_json::from_str::<Value>(&answer.content) {
        Ok(value) => assert!(value.is_object()),
        // A number of free choice may be too great for any program.
        Err(error) => assert!(error.to_string().contains("out of range"), "{error}: {answer:?}"),
    }
}

#[tokio::test]
async fn calls_of_tools_are_read_and_answered() {
    let Some(server) = InferenceServer::shared() else { return };
    let catalog = realistic_catalog();
    let client =
        client(server, json!({"seed": 4, "tool_choice": "required", "parallel_tool_calls": false}));
    let mut request = asks("What is the weather?", AnswerFormat::Text);
    request.purpose = Purpose::Sequential;
    request.tools = ["get_weather", "current_time"]
        .map(|name| catalog.get(name).unwrap())
        .map(|tool| OfferedTool {
            name: tool.name.clone(),
            description: tool.description.clone(),
            parameters: tool.parameters.clone(),
        })
        .to_vec();
    for turn in 0..3 {
        let whole = client.ask(&request, None).await.unwrap();
        let (answer, _) = streamed(&client, &request).await.unwrap();
        for answer in [&whole, &answer] {
            assert_eq!(answer.finish, FinishReason::ToolCalls, "turn {turn}: {answer:?}");
            let [call] = answer.tool_calls.as_slice() else { panic!("{answer:?}") };
            let tool = catalog.get(&call.name).unwrap();
            let arguments: Value = serde_json::from_str(&call.arguments).unwrap();
            assert!(tool.required_parameters().all(|name| arguments.get(name).is_some()));
            assert!(!call.id.is_empty());
        }
        let mut said = ChatMessage::assistant(whole.content);
        let id = whole.tool_calls[0].id.clone();
        said.tool_calls = whole.tool_calls;
        request.messages.extend([said, ChatMessage::tool(id, "{\"rain\": 3}")]);
    }
}

#[tokio::test]
async fn what_the_server_refuses_is_said_and_not_tried_again() {
    let Some(server) = InferenceServer::shared() else { return };
    let client = client(server, json!({}));
    let schema = json!({"type": "object", "properties": {"pair": {
        "type": "array", "prefixItems": [{"type": "string"}], "items": false,
    }}});
    let pair =
        asks("a pair", AnswerFormat::Schema { name: "pair".into(), schema, described: false });
    let error = client.ask(&pair, None).await.unwrap_err();
    assert_eq!(error.kind, ModelErrorKind::FormatRefused, "{error:?}");
    let client = Patient::new(client);
    assert!(client.ask(&pair, None).await.unwrap().content.starts_with('{'));
    assert_eq!(client.strictest_format(), "json_object");

    let long = asks(&"word ".repeat(20_000), AnswerFormat::Text);
    for error in
        [client.ask(&long, None).await.unwrap_err(), streamed(&client, &long).await.unwrap_err()]
    {
        assert_eq!((error.kind, error.status), (ModelErrorKind::Status, Some(400)), "{error:?}");
        assert_eq!(error.class, ErrorClass::Validation, "{error:?}");
        assert!(error.message.contains("context"), "{error}");
        assert!(!error.is_retryable());
    }
}
