//! Tools whose arguments are held against their own schema at the moment of the call.
//!
//! Validation sees the arguments that a plan spells out. Those that come out of an expression
//! or from a model's own call exist only now, so they are checked here, before the tool sees
//! them. A call that does not fit fails as `validation` and has had no effect.

use std::sync::Arc;

use jsonschema::Validator;
use pe_model::{
    BoxFuture, Effect, ErrorClass, JsonMap, Tool, ToolCall, ToolError, ToolSet, ToolSpec,
};
use serde_json::Value;

use crate::transcript::UNREADABLE;

/// Wraps every tool.
pub(crate) fn checked(tools: &ToolSet) -> ToolSet {
    tools.iter().map(|tool| Checked::around(Arc::clone(tool))).collect()
}

struct Checked {
    tool: Arc<dyn Tool>,
    /// Of a tool that declares a schema. One that is no schema was reported when the plan was
    /// validated.
    validator: Option<Validator>,
}

impl Checked {
    fn around(tool: Arc<dyn Tool>) -> Arc<dyn Tool> {
        let schema = &tool.spec().parameters;
        let validator = schema.is_object().then(|| jsonschema::validator_for(schema));
        let validator = validator.and_then(Result::ok);
        Arc::new(Self { tool, validator })
    }

    fn problem(&self, arguments: &JsonMap) -> Option<ToolError> {
        const MOST: usize = 3;
        let name = &self.tool.spec().name;
        if arguments.contains_key(UNREADABLE) {
            let message = format!(
                "the arguments of `{name}` are no JSON object, or hold too many double braces; nothing \
                 was called"
            );
            return Some(ToolError::new(ErrorClass::Validation, message));
        }
        let value = Value::Object(arguments.clone());
        let validator = self.validator.as_ref()?;
        // Validation said so: it would take too long to find out.
        if !pe_validate::is_checkable(&self.tool.spec().parameters, &value) {
            return None;
        }
        let mut errors = validator.iter_errors(&value);
        let first = errors.next()?;
        let said = std::iter::once(first).chain(errors).take(MOST).map(|error| {
            let place = error.instance_path().to_string();
            let place =
                if place.is_empty() { "the arguments".to_owned() } else { format!("`{place}`") };
            format!("{place}: {}", excerpt(&error.to_string()))
        });
        let problems: Vec<String> = said.collect();
        let message = format!(
            "the arguments do not fit the schema of `{name}`: {}; nothing was called",
            problems.join("; ")
        );
        Some(ToolError::new(ErrorClass::Validation, message))
    }
}

/// A message may quote a whole argument.
fn excerpt(text: &str) -> String {
    const LONGEST: usize = 300;
    match text.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

impl Tool for Checked {
    fn spec(&self) -> &ToolSpec {
        self.tool.spec()
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        match self.problem(&call.arguments) {
            Some(error) => Box::pin(std::future::ready(Err(error))),
            None => self.tool.call(call),
        }
    }

    fn effect(&self, arguments: &JsonMap) -> Effect {
        self.tool.effect(arguments)
    }

    fn argv(&self, arguments: &JsonMap) -> Option<Vec<String>> {
        self.tool.argv(arguments)
    }
}
