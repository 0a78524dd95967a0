//! `ask_user`: a step that asks a person.

use std::sync::{Arc, LazyLock};

use pe_model::{BoxFuture, Effect, ErrorClass, Tool, ToolCall, ToolError, ToolSpec};
use serde_json::{Value, json};

use super::ASK_USER;

/// What a person is asked by a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Question {
    /// The step that asks.
    pub step_id: pe_model::StepId,
    /// The question.
    pub question: String,
    /// The answers to choose from; none: any text.
    pub choices: Vec<String>,
}

/// Answers questions. Dropping the future withdraws the question.
pub trait Person: Send + Sync {
    /// Asks; `None` when nobody is there or wants to answer.
    fn ask(&self, question: Question) -> BoxFuture<'_, Option<String>>;
}

/// How long a person may think, in milliseconds, where the step does not say.
const PATIENCE_MS: u64 = 3_600_000;

pub(crate) struct AskUser {
    person: Option<Arc<dyn Person>>,
}

impl AskUser {
    pub(crate) fn new(person: Option<Arc<dyn Person>>) -> Self {
        Self { person }
    }

    /// What the tool says about itself.
    pub(crate) fn described() -> &'static ToolSpec {
        &SPEC
    }
}

static SPEC: LazyLock<ToolSpec> = LazyLock::new(|| ToolSpec {
    name: ASK_USER.to_owned(),
    description: "Asks the person who runs the plan a question and returns the answer as text."
        .to_owned(),
    version: "1".to_owned(),
    parameters: json!({
        "type": "object",
        "properties": {
            "question": {"type": "string", "minLength": 1, "maxLength": 4000,
                "description": "One clear question."},
            "choices": {"type": "array", "items": {"type": "string", "minLength": 1},
                "maxItems": 20, "description": "The answers to choose from; any text when left out."}
        },
        "required": ["question"],
        "additionalProperties": false
    }),
    output: json!({"type": "string"}),
    // Asking changes nothing, but a plan that is still being written bothers nobody.
    effect: Effect::Idempotent,
    resource: Some("person".to_owned()),
    concurrent: false,
    timeout_ms: Some(PATIENCE_MS),
    ..ToolSpec::default()
});

impl Tool for AskUser {
    fn spec(&self) -> &ToolSpec {
        &SPEC
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        Box::pin(async move {
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            let question = call.arguments.get("question").map(text).unwrap_or_default();
            let choices = call.arguments.get("choices").and_then(Value::as_array);
            let choices: Vec<String> = choices.into_iter().flatten().map(text).collect();
            let asked = Question { step_id: call.step_id, question, choices: choices.clone() };
            let answer = match &self.person {
                Some(person) => person.ask(asked).await,
                None => None,
            };
            match answer {
                Some(answer) if choices.is_empty() || choices.contains(&answer) => {
                    Ok(Value::String(answer))
                }
                Some(answer) => Err(ToolError::new(
                    ErrorClass::Validation,
                    format!("`{answer}` is none of the choices: {}", choices.join(", ")),
                )),
                None => Err(ToolError::new(
                    ErrorClass::Permission,
                    "nobody is there to answer; run it on a terminal, or give the answer with \
                     `-p KEY=VALUE` and let the plan read `context.KEY`",
                )),
            }
        })
    }
}
