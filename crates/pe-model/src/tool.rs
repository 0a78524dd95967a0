//! Tools: how they describe themselves, and the port through which they are called.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{Catalog, Effect, RunId, StepId, ToolError};

/// A JSON object whose keys keep their order.
pub type JsonMap = serde_json::Map<String, Value>;

/// A boxed future, as object-safe ports return it.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a tool says about itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ToolSpec {
    /// The name that steps call it by.
    pub name: String,
    /// What it does, in a sentence or two, for people and models.
    pub description: String,
    /// Changes whenever the same arguments may mean something else; empty when unknown.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub version: String,
    /// JSON Schema (2020-12) of the arguments; null when unknown.
    pub parameters: Value,
    /// JSON Schema of the output; null when unknown.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub output: Value,
    /// The effect class of its calls, unless [`Tool::effect`] knows better for one.
    pub effect: Effect,
    /// The resource that a call holds while it runs when `concurrent` is false.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resource: Option<String>,
    /// Whether calls take no resource. A call that is not concurrent holds its resource alone
    /// among those that are not; concurrent ones run beside it.
    pub concurrent: bool,
    /// Whether an operator must consent to each call.
    pub consent: bool,
    /// Bounds an attempt of a step that does not say otherwise, in milliseconds, in the place of
    /// `step_timeout_ms`: for tools that wait for a model or a person.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timeout_ms: Option<u64>,
}

impl Default for ToolSpec {
    fn default() -> Self {
        Self {
            name: String::new(),
            description: String::new(),
            version: String::new(),
            parameters: Value::Null,
            output: Value::Null,
            effect: Effect::Once,
            resource: None,
            concurrent: true,
            consent: false,
            timeout_ms: None,
        }
    }
}

impl ToolSpec {
    /// The names of the parameters that the schema requires, in its order.
    pub fn required_parameters(&self) -> impl Iterator<Item = &str> {
        self.parameters
            .get("required")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(Value::as_str)
    }
}

/// One call of a tool.
#[derive(Debug, Clone)]
pub struct ToolCall {
    /// The run that makes the call.
    pub run_id: RunId,
    /// The step that makes the call.
    pub step_id: StepId,
    /// Which attempt this is, from 1.
    pub attempt: u32,
    /// The same for every attempt of one iteration of one step; lets the other side
    /// recognise a call that it has already carried out.
    pub idempotency_key: String,
    /// The arguments, references resolved.
    pub arguments: Arc<JsonMap>,
    /// The longest output that is accepted, in bytes of JSON.
    pub max_output_bytes: usize,
}

/// Something that a step can call.
///
/// - **Cancellation** is by drop: the future is dropped on a timeout and on a stop, and
///   whatever it started must end with it.
/// - **Retries** are the caller's: an attempt is one call. A tool says in its error whether
///   another attempt makes sense and whether the effect of this one is known.
/// - **Ordering**: calls may arrive at the same time unless the spec says otherwise.
/// - A panic fails the attempt and nothing else.
/// - An error of class `cancelled` with a known outcome says that a budget does not allow the
///   call: the run stops, and makes the call when it goes on.
pub trait Tool: Send + Sync {
    /// What the tool says about itself.
    fn spec(&self) -> &ToolSpec;

    /// Carries out one attempt.
    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>>;

    /// The effect class of a call with these arguments.
    fn effect(&self, arguments: &JsonMap) -> Effect {
        let _ = arguments;
        self.spec().effect
    }

    /// The words of the process that a call with these arguments would start, so that an
    /// operator can allow it by prefix.
    fn argv(&self, arguments: &JsonMap) -> Option<Vec<String>> {
        let _ = arguments;
        None
    }
}

/// The tools of one program, by name, in the order of registration.
#[derive(Clone, Default)]
pub struct ToolSet {
    tools: IndexMap<String, Arc<dyn Tool>>,
}

impl ToolSet {
    /// No tools.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a tool; one of the same name is replaced.
    pub fn insert(&mut self, tool: Arc<dyn Tool>) {
        self.tools.insert(tool.spec().name.clone(), tool);
    }

    /// The tool called `name`.
    pub fn get(&self, name: &str) -> Option<&Arc<dyn Tool>> {
        self.tools.get(name)
    }

    /// All tools, in the order of registration.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<dyn Tool>> {
        self.tools.values()
    }

    /// What the tools say about themselves.
    pub fn catalog(&self) -> Catalog {
        self.iter().map(|tool| tool.spec().clone()).collect()
    }
}

impl FromIterator<Arc<dyn Tool>> for ToolSet {
    fn from_iter<I: IntoIterator<Item = Arc<dyn Tool>>>(tools: I) -> Self {
        let mut set = Self::new();
        for tool in tools {
            set.insert(tool);
        }
        set
    }
}

impl std::fmt::Debug for ToolSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.tools.keys()).finish()
    }
}
