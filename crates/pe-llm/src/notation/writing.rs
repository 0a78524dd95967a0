//! Steps into the notation: nothing is written that reading finds out by itself.

use pe_model::{JsonMap, Plan, PlanStep, RetryPolicy};
use serde_json::{Value, json};

use super::reading::{implied_dependencies, implied_type};
use super::reference::{short_expression, short_text};

/// A step's definition in the short notation: an object, its keys in a fixed order.
///
/// Reading it gives the same definition. Dependencies are left out where they are just the steps
/// that are read through `results`, the type where the other fields tell it.
///
/// ```
/// use pe_llm::{read_step, write_step};
/// use pe_model::PlanStep;
///
/// let mut step = PlanStep::new("b", "fetch");
/// step.parameters.insert("url".to_owned(), "{{ results.a.url }}".into());
/// step.dependencies.push("a".into());
/// let short = write_step(&step);
/// assert_eq!(short.to_string(), r#"{"id":"b","tool":"fetch","args":{"url":"{{a.url}}"}}"#);
/// assert_eq!(read_step(&short)?, step);
/// # Ok::<(), pe_llm::DraftError>(())
/// ```
pub fn write_step(step: &PlanStep) -> Value {
    let mut out = JsonMap::new();
    let mut put = |key: &str, value: Value| {
        out.insert(key.to_owned(), value);
    };
    put("id", step.step_id.as_str().into());
    put("tool", step.tool.as_str().into());
    if !step.parameters.is_empty() {
        let args = step.parameters.iter().map(|(key, value)| (key.clone(), short_value(value)));
        put("args", Value::Object(args.collect()));
    }
    if step.dependencies != implied_dependencies(step) {
        put("after", step.dependencies.iter().map(|id| id.as_str()).collect());
    }
    if let Some(condition) = &step.condition {
        put("if", short_expression(condition).into());
    }
    if let Some(count) = step.loop_count {
        put("times", count.into());
    }
    if let Some(over) = &step.loop_over {
        put("over", short_expression(over).into());
    }
    if let Some(until) = &step.loop_until {
        put("until", short_expression(until).into());
    }
    if let Some(at_once) = step.loop_parallelism {
        put("at_once", at_once.into());
    }
    if let Some(target) = &step.fallback_for {
        put("fallback_for", target.as_str().into());
    }
    if step.step_type != implied_type(step) {
        put("type", step.step_type.as_str().into());
    }
    if let Some(rule) = step.trigger_rule {
        put("trigger", rule.as_str().into());
    }
    if let Some(timeout) = step.timeout_ms {
        put("timeout_ms", timeout.into());
    }
    if let Some(retry) = &step.retry {
        put("retry", short_retry(retry));
    }
    if let Some(expect) = &step.expect {
        put("expect", short_expression(expect).into());
    }
    if step.approval {
        put("approval", true.into());
    }
    if let Some(agent) = &step.agent {
        put("agent", agent.as_str().into());
    }
    if step.complexity != 1 {
        put("complexity", step.complexity.into());
    }
    if !step.action.is_empty() {
        put("action", step.action.as_str().into());
    }
    if !step.metadata.is_empty() {
        put("metadata", Value::Object(step.metadata.clone()));
    }
    Value::Object(out)
}

/// A plan's steps in the short notation, compact: `{"steps":[..]}`. The goal is not written;
/// it is the person's message.
pub fn write_notation(plan: &Plan) -> String {
    json!({"steps": plan.steps.iter().map(write_step).collect::<Vec<_>>()}).to_string()
}

/// A policy that differs from the default in its count alone is a number.
fn short_retry(retry: &RetryPolicy) -> Value {
    let plain = RetryPolicy { max_retries: retry.max_retries, ..RetryPolicy::default() };
    if *retry == plain {
        return retry.max_retries.into();
    }
    let default = serde_json::to_value(RetryPolicy::default()).unwrap_or_default();
    let mut fields = serde_json::to_value(retry).unwrap_or_default();
    if let (Some(fields), Some(default)) = (fields.as_object_mut(), default.as_object()) {
        fields.retain(|key, value| default.get(key) != Some(value));
    }
    fields
}

/// Shortens every text in a value; recursion ends at the depth that values of plans have.
fn short_value(value: &Value) -> Value {
    match value {
        Value::String(text) => short_text(text).into(),
        Value::Array(items) => items.iter().map(short_value).collect(),
        Value::Object(map) => {
            map.iter().map(|(key, value)| (key.clone(), short_value(value))).collect()
        }
        other => other.clone(),
    }
}
