//! The body of a request, and what is left out of it because the endpoint does not take it.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use pe_model::{AnswerFormat, ChatMessage, JsonMap, ModelRequest, OfferedTool, Speaker};
use serde_json::{Value, json};

/// The longest name of a schema.
const SCHEMA_NAME: usize = 64;

/// What an endpoint was found not to take. It only grows: a request that was refused for one
/// of these is never sent like that again.
#[derive(Debug)]
pub(super) struct Habits {
    no_stream_options: AtomicBool,
    no_temperature: AtomicBool,
    /// `max_tokens` has a newer name, which some models insist on.
    newer_max_tokens: AtomicBool,
    /// The greatest `max_tokens` that is asked for.
    token_ceiling: AtomicU64,
}

/// A field that an endpoint refuses, for which there is another way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    StreamOptions,
    Temperature,
    /// `max_tokens` by that name.
    MaxTokens,
    /// So many tokens.
    TokenCount(u64),
}

impl Default for Habits {
    fn default() -> Self {
        Self {
            no_stream_options: AtomicBool::new(false),
            no_temperature: AtomicBool::new(false),
            newer_max_tokens: AtomicBool::new(false),
            token_ceiling: AtomicU64::new(u64::MAX),
        }
    }
}

impl Habits {
    /// Remembers a refused field. False when there is no other way left, as for a field that
    /// was not sent.
    pub(super) fn learn(&self, field: Field) -> bool {
        match field {
            Field::StreamOptions => !self.no_stream_options.swap(true, Ordering::Relaxed),
            Field::Temperature => !self.no_temperature.swap(true, Ordering::Relaxed),
            Field::MaxTokens => !self.newer_max_tokens.swap(true, Ordering::Relaxed),
            Field::TokenCount(sent) => {
                self.token_ceiling.fetch_min(sent / 2, Ordering::Relaxed);
                sent / 2 >= 16
            }
        }
    }

    /// The `max_tokens` that goes out for what is asked.
    pub(super) fn max_tokens(&self, asked: Option<u64>) -> Option<u64> {
        asked.map(|asked| asked.min(self.token_ceiling.load(Ordering::Relaxed)))
    }
}

/// Fields that nothing else may set: another value would be another call.
const OURS: [&str; 3] = ["model", "messages", "stream"];

/// The body that asks `model` for `request`. `extra` is added, and wins over what is here,
/// [`OURS`] aside.
pub(super) fn body(
    model: &str,
    request: &ModelRequest,
    extra: &JsonMap,
    habits: &Habits,
    streamed: bool,
) -> JsonMap {
    let mut body = JsonMap::new();
    body.insert("model".to_owned(), model.into());
    body.insert("messages".to_owned(), request.messages.iter().map(message).collect());
    if !request.tools.is_empty() {
        body.insert("tools".to_owned(), request.tools.iter().map(tool).collect());
    }
    if let Some(format) = format(&request.format) {
        body.insert("response_format".to_owned(), format);
    }
    if let Some(most) = habits.max_tokens(request.max_tokens) {
        let newer = habits.newer_max_tokens.load(Ordering::Relaxed);
        let name = if newer { "max_completion_tokens" } else { "max_tokens" };
        body.insert(name.to_owned(), most.into());
    }
    if let Some(temperature) = request.temperature
        && !habits.no_temperature.load(Ordering::Relaxed)
    {
        body.insert("temperature".to_owned(), temperature.into());
    }
    body.insert("stream".to_owned(), streamed.into());
    if streamed && !habits.no_stream_options.load(Ordering::Relaxed) {
        body.insert("stream_options".to_owned(), json!({"include_usage": true}));
    }
    for (name, value) in extra.iter().filter(|(name, _)| !OURS.contains(&name.as_str())) {
        body.insert(name.clone(), value.clone());
    }
    body
}

fn message(message: &ChatMessage) -> Value {
    let role = match message.role {
        Speaker::System => "system",
        Speaker::User => "user",
        Speaker::Assistant => "assistant",
        Speaker::Tool => "tool",
    };
    let mut wire = json!({"role": role, "content": message.content});
    if !message.tool_calls.is_empty() {
        let call = |call: &pe_model::RequestedCall| {
            json!({
                "id": call.id, "type": "function",
                "function": {"name": call.name, "arguments": call.arguments},
            })
        };
        wire["tool_calls"] = message.tool_calls.iter().map(call).collect();
        if message.content.is_empty() {
            wire["content"] = Value::Null;
        }
    }
    if let Some(id) = &message.tool_call_id {
        wire["tool_call_id"] = id.as_str().into();
    }
    wire
}

fn tool(tool: &OfferedTool) -> Value {
    let parameters = match &tool.parameters {
        Value::Null => json!({"type": "object", "properties": {}}),
        schema => schema.clone(),
    };
    let function = json!({
        "name": tool.name, "description": tool.description, "parameters": parameters,
    });
    json!({"type": "function", "function": function})
}

/// `strict` is left out: with it some endpoints refuse every schema that has optional fields,
/// and the others constrain the answer without it.
fn format(format: &AnswerFormat) -> Option<Value> {
    match format {
        AnswerFormat::Text => None,
        AnswerFormat::Json => Some(json!({"type": "json_object"})),
        AnswerFormat::Schema { name, schema, .. } => {
            let letters = name.chars().map(|c| match c {
                'a'..='z' | 'A'..='Z' | '0'..='9' | '_' | '-' => c,
                _ => '_',
            });
            let mut name: String = letters.take(SCHEMA_NAME).collect();
            if name.is_empty() {
                name.push_str("answer");
            }
            let schema = json!({"name": name, "schema": schema});
            Some(json!({"type": "json_schema", "json_schema": schema}))
        }
    }
}

#[cfg(test)]
mod tests {
    use pe_model::{Purpose, RequestedCall};

    use super::*;

    fn sent(request: &ModelRequest, habits: &Habits, streamed: bool) -> Value {
        Value::Object(body("m", request, &JsonMap::new(), habits, streamed))
    }

    #[test]
    fn a_conversation_with_calls() {
        let mut asked = ChatMessage::assistant("");
        let call = RequestedCall { id: "c1".into(), name: "t".into(), arguments: "{}".into() };
        asked.tool_calls.push(call);
        let messages = vec![ChatMessage::system("s"), asked, ChatMessage::tool("c1", "42")];
        let mut request = ModelRequest::new(Purpose::Sequential, messages);
        request.tools.push(OfferedTool {
            name: "t".into(),
            description: "does".into(),
            parameters: Value::Null,
        });
        let function = json!({
            "name": "t", "description": "does",
            "parameters": {"type": "object", "properties": {}},
        });
        let expected = json!({
            "model": "m",
            "messages": [
                {"role": "system", "content": "s"},
                {"role": "assistant", "content": null, "tool_calls": [
                    {"id": "c1", "type": "function", "function": {"name": "t", "arguments": "{}"}},
                ]},
                {"role": "tool", "content": "42", "tool_call_id": "c1"},
            ],
            "tools": [{"type": "function", "function": function}],
            "stream": false,
        });
        assert_eq!(sent(&request, &Habits::default(), false), expected);
    }

    #[test]
    fn what_was_refused_is_left_out() {
        let mut request = ModelRequest::new(Purpose::Plan, Vec::new());
        request.max_tokens = Some(4_000);
        request.temperature = Some(0.5);
        let habits = Habits::default();
        let before = sent(&request, &habits, true);
        assert_eq!(before["stream_options"]["include_usage"], true);
        assert_eq!((&before["max_tokens"], &before["temperature"]), (&json!(4000), &json!(0.5)));
        for field in [Field::StreamOptions, Field::Temperature, Field::MaxTokens] {
            assert!(habits.learn(field));
            assert!(!habits.learn(field), "there is no third way");
        }
        assert!(habits.learn(Field::TokenCount(4_000)));
        let after = sent(&request, &habits, true);
        let expected = json!({
            "model": "m", "messages": [], "max_completion_tokens": 2000, "stream": true,
        });
        assert_eq!(after, expected);
    }

    #[test]
    fn the_form_of_the_answer() {
        let mut request = ModelRequest::new(Purpose::Plan, Vec::new());
        let shown = |request: &ModelRequest| sent(request, &Habits::default(), false);
        assert!(shown(&request).get("response_format").is_none());
        request.format = AnswerFormat::Json;
        assert_eq!(shown(&request)["response_format"], json!({"type": "json_object"}));
        request.format =
            AnswerFormat::Schema { name: "a plan".into(), schema: json!({}), described: false };
        let expected =
            json!({"type": "json_schema", "json_schema": {"name": "a_plan", "schema": {}}});
        assert_eq!(shown(&request)["response_format"], expected);
    }
}
