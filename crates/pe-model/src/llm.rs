//! Models: what is asked of one, what comes back, and the port through which it is asked.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{BoxFuture, ErrorClass};

/// What a call to a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Decompose a goal into a plan.
    Plan,
    /// Mend a plan that does not hold.
    Repair,
    /// Change a plan whose execution failed or went astray.
    Adapt,
    /// Write the final answer.
    Answer,
    /// Choose the next call of the sequential loop.
    Sequential,
    /// A step of a plan calls the model.
    Step,
    /// Find out what an endpoint can do.
    Probe,
}

/// Who says a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Speaker {
    /// The program.
    System,
    /// The person.
    User,
    /// The model.
    Assistant,
    /// A tool, answering a call.
    Tool,
}

/// One message of a conversation with a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChatMessage {
    /// Who says it.
    pub role: Speaker,
    /// What is said.
    pub content: String,
    /// The calls that the model asks for; of the model's messages only.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<RequestedCall>,
    /// The call that is answered; of a tool's messages only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tool_call_id: Option<String>,
}

impl ChatMessage {
    /// A message of the program.
    pub fn system(content: impl Into<String>) -> Self {
        Self::of(Speaker::System, content)
    }

    /// A message of the person.
    pub fn user(content: impl Into<String>) -> Self {
        Self::of(Speaker::User, content)
    }

    /// A message of the model.
    pub fn assistant(content: impl Into<String>) -> Self {
        Self::of(Speaker::Assistant, content)
    }

    /// The answer to the call named `call_id`.
    pub fn tool(call_id: impl Into<String>, content: impl Into<String>) -> Self {
        Self { tool_call_id: Some(call_id.into()), ..Self::of(Speaker::Tool, content) }
    }

    fn of(role: Speaker, content: impl Into<String>) -> Self {
        Self { role, content: content.into(), tool_calls: Vec::new(), tool_call_id: None }
    }
}

/// A call of a tool that a model asks for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestedCall {
    /// Names the call within its conversation; made up where the model gave none.
    pub id: String,
    /// The tool.
    pub name: String,
    /// The arguments as the model wrote them, which may be no JSON.
    pub arguments: String,
}

/// A tool that a model may ask to be called.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OfferedTool {
    /// The tool.
    pub name: String,
    /// What it does.
    pub description: String,
    /// JSON Schema of the arguments.
    pub parameters: Value,
}

/// The form in which an answer is asked for, the strictest that the other side supports.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "type")]
pub enum AnswerFormat {
    /// Any text.
    #[default]
    Text,
    /// Some JSON.
    Json,
    /// JSON that a schema accepts.
    Schema {
        /// Names the schema: letters, digits, `_` and `-`.
        name: String,
        /// The schema.
        schema: Value,
        /// Whether the messages say by themselves what the answer has to look like. Where not,
        /// the schema is put into words for an endpoint that takes none.
        #[serde(default, skip_serializing_if = "std::ops::Not::not")]
        described: bool,
    },
}

/// What is asked of a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelRequest {
    /// What for.
    pub purpose: Purpose,
    /// The conversation so far.
    pub messages: Vec<ChatMessage>,
    /// The tools that it may ask for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tools: Vec<OfferedTool>,
    /// The form of the answer.
    #[serde(default)]
    pub format: AnswerFormat,
    /// The longest answer, in tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_tokens: Option<u64>,
    /// How much chance there is in the answer; the other side's default where not given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub temperature: Option<f64>,
}

impl ModelRequest {
    /// Asks for a text.
    pub fn new(purpose: Purpose, messages: Vec<ChatMessage>) -> Self {
        Self {
            purpose,
            messages,
            tools: Vec::new(),
            format: AnswerFormat::Text,
            max_tokens: None,
            temperature: None,
        }
    }
}

/// Why a model stopped writing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FinishReason {
    /// It had said everything.
    Stop,
    /// It asks for calls.
    ToolCalls,
    /// It ran out of tokens: the answer is a part.
    Length,
    /// The other side withheld the rest: the answer is a part.
    ContentFilter,
    /// The stream ended without a reason: the answer may be a part.
    CutOff,
}

impl FinishReason {
    /// Whether the answer may be only a part of what was to be said.
    pub fn is_truncated(self) -> bool {
        matches!(self, Self::Length | Self::ContentFilter | Self::CutOff)
    }
}

/// The tokens of one answer; none where the other side did not say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct TokenCount {
    /// Tokens sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prompt: Option<u64>,
    /// Tokens received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub completion: Option<u64>,
}

/// What a model answers.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ModelAnswer {
    /// What it says.
    pub content: String,
    /// The calls that it asks for.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tool_calls: Vec<RequestedCall>,
    /// Why it stopped.
    pub finish: FinishReason,
    /// What the answer cost.
    #[serde(default)]
    pub tokens: TokenCount,
    /// The model that answered, as it calls itself; empty when it does not say.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub model: String,
}

impl ModelAnswer {
    /// A complete answer that is a text and nothing else.
    pub fn text(content: impl Into<String>) -> Self {
        Self {
            content: content.into(),
            tool_calls: Vec::new(),
            finish: FinishReason::Stop,
            tokens: TokenCount::default(),
            model: String::new(),
        }
    }
}

/// How a call to a model failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ModelErrorKind {
    /// Nobody answers there: refused, no such host, a broken connection.
    Unreachable,
    /// The other side answered with an HTTP status that is an error, or with a redirect.
    Status,
    /// No answer in time, or no sign of life for too long.
    Timeout,
    /// The answer is not what the protocol says.
    Malformed,
    /// The answer is longer than what is read.
    TooLarge,
    /// The endpoint does not know the form of answer that was asked for.
    FormatRefused,
    /// A budget does not allow the call; it was not made.
    Budget,
    /// A recording has no answer to this request.
    NotRecorded,
    /// The model is not set up, as in an address that is none; no call was made.
    Setup,
}

/// A call to a model that gave no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{message}")]
pub struct ModelError {
    /// How.
    pub kind: ModelErrorKind,
    /// The class, which decides whether it is tried again.
    pub class: ErrorClass,
    /// What was attempted, at which address, what was found, and the next move.
    pub message: String,
    /// The HTTP status, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// When to come back, in milliseconds, where the other side said so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after_ms: Option<u64>,
    /// How often it was tried.
    pub attempts: u32,
}

impl ModelError {
    /// An error after one attempt.
    pub fn new(kind: ModelErrorKind, class: ErrorClass, message: impl Into<String>) -> Self {
        let message = message.into();
        Self { kind, class, message, status: None, retry_after_ms: None, attempts: 1 }
    }

    /// Whether another attempt may go better.
    pub fn is_retryable(&self) -> bool {
        self.class.is_retryable()
            && matches!(
                self.kind,
                ModelErrorKind::Unreachable
                    | ModelErrorKind::Status
                    | ModelErrorKind::Timeout
                    | ModelErrorKind::Malformed
            )
    }
}

/// A part of an answer, while it is being written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delta<'a> {
    /// More of the text.
    Text(&'a str),
    /// What came so far is void: the answer begins anew.
    Restart,
}

/// Takes the parts of an answer as they come. It is called from the task that reads the answer
/// and must not wait.
pub type DeltaSink<'a> = &'a mut (dyn FnMut(Delta<'_>) + Send);

/// Which model, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ModelName {
    /// The model.
    pub model: String,
    /// Its address, without secrets; `scripted` or the like where there is none.
    pub endpoint: String,
}

/// A model that can be asked.
///
/// - **Cancellation** is by drop: the call ends, and the other side is told by the closed
///   connection.
/// - **Retries**: one call is one exchange, unless an implementation says that it wraps another
///   and tries again.
/// - **Ordering**: calls may be made at the same time.
/// - The answer is untrusted words, bounded in length.
pub trait LlmClient: Send + Sync {
    /// Which model this is.
    fn name(&self) -> ModelName;

    /// Asks, and waits for the whole answer. With a sink the parts of the text are passed on as
    /// they are written; the answer holds the whole text all the same.
    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>>;
}

impl<C: LlmClient + ?Sized> LlmClient for std::sync::Arc<C> {
    fn name(&self) -> ModelName {
        (**self).name()
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        (**self).ask(request, sink)
    }
}
