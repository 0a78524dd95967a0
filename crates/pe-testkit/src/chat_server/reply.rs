//! What a chat server answers: a completion, an error, or a fault.

use std::time::Duration;

use serde_json::{Value, json};

/// One reply of the script. The same completion comes streamed or whole, as it is asked for.
#[derive(Debug, Clone)]
pub struct Reply {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Body,
    pub(super) delay: Duration,
}

#[derive(Debug, Clone)]
pub(super) enum Body {
    Completion(Completion),
    Raw { kind: String, text: String },
}

/// A completion, and what goes wrong with it.
#[derive(Debug, Clone, Default)]
pub(super) struct Completion {
    pub(super) content: Option<String>,
    pub(super) pieces: Vec<String>,
    pub(super) calls: Vec<(String, Value)>,
    pub(super) finish: Option<String>,
    pub(super) usage: Option<(u64, u64)>,
    pub(super) pause: Duration,
    pub(super) fault: Option<Fault>,
}

/// What goes wrong with a completion.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is closed without an answer.
    HangUp,
    /// No answer at all.
    Silence,
    /// The answer begins, and then nothing more comes.
    Stall,
    /// A byte at a time, with this pause before each.
    Slow(Duration),
    /// A stream that ends in good order without saying why the model stopped; whole, an answer
    /// without a reason whose text is the first half.
    Truncated,
    /// A stream that is complete and does not end.
    Open,
    /// The connection is closed in the middle of the body.
    Broken,
    /// So many bytes of text.
    Huge(u64),
    /// Text without end.
    Endless,
    /// One line without end.
    EndlessLine,
    /// A list of choices that is empty.
    NoChoices,
}

impl Reply {
    fn completion(completion: Completion) -> Self {
        let body = Body::Completion(completion);
        Self { status: 200, headers: Vec::new(), body, delay: Duration::ZERO }
    }

    /// A text, with 10 tokens sent and one received for every four bytes.
    pub fn text(content: impl Into<String>) -> Self {
        let content = content.into();
        let letters: Vec<char> = content.chars().collect();
        let pieces = letters.chunks(4).map(|piece| piece.iter().collect()).collect();
        Self::completion(Completion {
            usage: Some((10, content.len().div_ceil(4) as u64)),
            content: Some(content),
            pieces,
            finish: Some("stop".to_owned()),
            ..Completion::default()
        })
    }

    /// Calls of tools: names and arguments.
    pub fn calls<'n>(calls: impl IntoIterator<Item = (&'n str, Value)>) -> Self {
        let calls = calls.into_iter().map(|(name, arguments)| (name.to_owned(), arguments));
        Self::completion(Completion {
            calls: calls.collect(),
            finish: Some("tool_calls".to_owned()),
            usage: Some((10, 5)),
            ..Completion::default()
        })
    }

    /// A text with which something goes wrong.
    pub fn fault(fault: Fault) -> Self {
        Self::text("half of this answer is missing, or it takes for ever").but(fault)
    }

    /// The same completion, with which something goes wrong.
    pub fn but(mut self, fault: Fault) -> Self {
        self.change(|completion| completion.fault = Some(fault));
        self
    }

    /// Any body of any type.
    pub fn raw(status: u16, kind: &str, text: impl Into<String>) -> Self {
        let body = Body::Raw { kind: kind.to_owned(), text: text.into() };
        Self { status, headers: Vec::new(), body, delay: Duration::ZERO }
    }

    /// Any JSON.
    pub fn json(status: u16, value: &Value) -> Self {
        Self::raw(status, "application/json", value.to_string())
    }

    /// An error as OpenAI words it.
    pub fn error(status: u16, message: &str, param: Option<&str>, code: Option<&str>) -> Self {
        let error = json!({
            "message": message, "type": "error", "param": param, "code": code,
        });
        Self::json(status, &json!({"error": error}))
    }

    /// 429, with what else it needs added by [`Reply::header`].
    pub fn too_many_requests() -> Self {
        Self::error(429, "Rate limit reached for requests", None, Some("rate_limit_exceeded"))
    }

    /// 401.
    pub fn unauthorized() -> Self {
        Self::error(401, "Incorrect API key provided", None, Some("invalid_api_key"))
    }

    /// 404 for a model.
    pub fn unknown_model(model: &str) -> Self {
        let message = format!("The model `{model}` does not exist");
        Self::error(404, &message, None, Some("model_not_found"))
    }

    /// 400 for the form of answer that is asked for.
    pub fn format_refused() -> Self {
        let message = "This model does not support the requested response format";
        Self::error(400, message, Some("response_format"), None)
    }

    /// A redirect.
    pub fn redirect(target: &str) -> Self {
        Self::raw(307, "text/plain", "elsewhere").header("location", target)
    }

    /// A page, as gateways send it.
    pub fn page(status: u16, title: &str) -> Self {
        Self::raw(status, "text/html", format!("<html><head><title>{title}</title></head></html>"))
    }

    /// Adds a header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Waits this long before the first byte, in milliseconds.
    pub fn delay_ms(mut self, ms: u64) -> Self {
        self.delay = Duration::from_millis(ms);
        self
    }

    /// Streams the text in these pieces, which must be the text when put together.
    pub fn pieces<S: Into<String>>(mut self, pieces: impl IntoIterator<Item = S>) -> Self {
        self.change(|completion| {
            completion.pieces = pieces.into_iter().map(Into::into).collect();
        });
        self
    }

    /// Waits this long before each piece of a stream, in milliseconds.
    pub fn pause_ms(mut self, ms: u64) -> Self {
        self.change(|completion| completion.pause = Duration::from_millis(ms));
        self
    }

    /// Says why the model stopped; nothing for no word at all.
    pub fn finish(mut self, reason: Option<&str>) -> Self {
        self.change(|completion| completion.finish = reason.map(str::to_owned));
        self
    }

    /// Says what it cost, tokens sent and received; nothing for a server that does not count.
    pub fn usage(mut self, usage: Option<(u64, u64)>) -> Self {
        self.change(|completion| completion.usage = usage);
        self
    }

    fn change(&mut self, change: impl FnOnce(&mut Completion)) {
        if let Body::Completion(completion) = &mut self.body {
            change(completion);
        }
    }
}

impl From<&str> for Reply {
    fn from(text: &str) -> Self {
        Self::text(text)
    }
}

impl From<String> for Reply {
    fn from(text: String) -> Self {
        Self::text(text)
    }
}

impl From<Fault> for Reply {
    fn from(fault: Fault) -> Self {
        Self::fault(fault)
    }
}

impl Completion {
    /// The text that is sent, faults considered.
    fn sent(&self) -> Option<String> {
        let content = self.content.as_ref()?;
        let letters = content.chars().count();
        let kept = if self.fault == Some(Fault::Truncated) { letters / 2 } else { letters };
        Some(content.chars().take(kept).collect())
    }

    fn finish_sent(&self) -> Option<&str> {
        self.finish.as_deref().filter(|_| self.fault != Some(Fault::Truncated))
    }

    /// The completion as one object.
    pub(super) fn whole(&self, model: &str) -> Value {
        let call = |(at, (name, arguments)): (usize, &(String, Value))| {
            json!({
                "id": format!("call_{}", at + 1), "type": "function",
                "function": {"name": name, "arguments": arguments.to_string()},
            })
        };
        let mut message = json!({"role": "assistant", "content": self.sent()});
        if !self.calls.is_empty() {
            message["tool_calls"] = self.calls.iter().enumerate().map(call).collect();
        }
        let choice = json!({
            "index": 0, "message": message, "finish_reason": self.finish_sent(),
        });
        let mut whole = json!({
            "id": "chatcmpl-1", "object": "chat.completion", "created": 0, "model": model,
            "choices": [choice],
        });
        if self.fault == Some(Fault::NoChoices) {
            whole["choices"] = json!([]);
        }
        if let Some(usage) = self.counts() {
            whole["usage"] = usage;
        }
        whole
    }

    /// The completion as the events of a stream.
    pub(super) fn events(&self, model: &str, with_usage: bool) -> Vec<String> {
        let choice = |delta: Value, finish: Option<&str>| {
            chunk(model, json!([{"index": 0, "delta": delta, "finish_reason": finish}]), None)
        };
        let mut events = Vec::new();
        if self.fault == Some(Fault::NoChoices) {
            events.push(chunk(model, json!([]), None));
            events.push(DONE.to_owned());
            return events;
        }
        events.push(choice(json!({"role": "assistant", "content": ""}), None));
        let pieces = self.pieces.len();
        let kept = if self.fault == Some(Fault::Truncated) { pieces / 2 } else { pieces };
        for piece in &self.pieces[..kept] {
            events.push(choice(json!({"content": piece}), None));
        }
        for (index, (name, arguments)) in self.calls.iter().enumerate() {
            let begin = json!({"tool_calls": [{
                "index": index, "id": format!("call_{}", index + 1), "type": "function",
                "function": {"name": name, "arguments": ""},
            }]});
            events.push(choice(begin, None));
            let letters: Vec<char> = arguments.to_string().chars().collect();
            for piece in letters.chunks(4) {
                let function = json!({"arguments": piece.iter().collect::<String>()});
                let part = json!({"tool_calls": [{"index": index, "function": function}]});
                events.push(choice(part, None));
            }
        }
        if self.fault == Some(Fault::Truncated) {
            return events;
        }
        if let Some(reason) = &self.finish {
            events.push(choice(json!({}), Some(reason)));
        }
        if self.fault == Some(Fault::Open) {
            return events;
        }
        if let Some(usage) = self.counts().filter(|_| with_usage) {
            events.push(chunk(model, json!([]), Some(usage)));
        }
        events.push(DONE.to_owned());
        events
    }

    fn counts(&self) -> Option<Value> {
        let (prompt, completion) = self.usage?;
        Some(json!({
            "prompt_tokens": prompt, "completion_tokens": completion,
            "total_tokens": prompt + completion,
        }))
    }
}

const DONE: &str = "data: [DONE]\n\n";

/// One event with these choices.
pub(super) fn chunk(model: &str, choices: Value, usage: Option<Value>) -> String {
    let chunk = json!({
        "id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 0, "model": model,
        "choices": choices, "usage": usage,
    });
    format!("data: {chunk}\n\n")
}
