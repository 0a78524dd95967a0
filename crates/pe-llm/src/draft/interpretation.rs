//! From a JSON value to steps: where in it they are, and what is beside them.

use pe_model::{JsonMap, PlanStep, StepId};
use serde_json::Value;

use super::error::DraftError;
use super::keys::{is_envelope_key, is_goal_key, is_steps_key};
use crate::notation::{looks_like_step, read, read_json_text};

/// How deep a plan may be wrapped.
const WRAPPINGS: usize = 4;

/// Steps as they were found, not yet read.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) goal: Option<String>,
    /// With the key, where they stood in a map.
    pub(crate) steps: Vec<(Option<String>, Value)>,
}

/// The steps in a value; `None` when there is nothing that holds steps.
pub(crate) fn find(value: Value) -> Option<Found> {
    find_at(value, WRAPPINGS)
}

fn find_at(value: Value, depth: usize) -> Option<Found> {
    match value {
        Value::Array(mut items) => {
            let wraps =
                items.len() == 1 && items[0].as_object().is_some_and(|map| !looks_like_step(map));
            if wraps && depth > 0 {
                return find_at(items.remove(0), depth - 1);
            }
            let steps = items.into_iter().map(|item| (None, item)).collect();
            Some(Found { goal: None, steps })
        }
        Value::Object(map) => find_in(map, depth),
        Value::String(text) if depth > 0 => find_at(read_json_text(&text)?, depth - 1),
        _ => None,
    }
}

fn find_in(mut map: JsonMap, depth: usize) -> Option<Found> {
    let goal = map
        .iter()
        .find(|(key, value)| is_goal_key(key) && value.is_string())
        .and_then(|(_, value)| value.as_str().map(str::to_owned));
    let is_step = looks_like_step(&map);
    let key = map.keys().find(|key| is_steps_key(key)).cloned();
    if let Some(key) = key {
        let value = map.shift_remove(&key).unwrap_or_default();
        let found = match value {
            Value::Object(inner) if !inner.is_empty() && inner.values().all(is_step_value) => {
                let steps = inner.into_iter().map(|(key, value)| (Some(key), value));
                Some(Found { goal: None, steps: steps.collect() })
            }
            Value::Object(inner) if inner.is_empty() => Some(Found::default()),
            other if depth > 0 => find_at(other, depth - 1),
            _ => None,
        };
        if let Some(found) = found {
            return Some(Found { goal: goal.or(found.goal), steps: found.steps });
        }
    }
    if depth > 0 {
        for (key, value) in &map {
            let holds_steps = |map: &JsonMap| {
                map.iter().any(|(key, value)| {
                    is_steps_key(key) && (value.is_array() || value.is_object())
                })
            };
            let is_envelope = is_envelope_key(key)
                && match value {
                    Value::Object(inner) => {
                        holds_steps(inner)
                            || (!is_step && inner.keys().any(|key| is_envelope_key(key)))
                    }
                    Value::String(text) => text.trim_start().starts_with('{'),
                    _ => false,
                };
            // A step's own arguments may well hold `steps`: then it has an id of its own.
            let has_id =
                map.keys().any(|key| matches!(super::keys::plain(key).as_str(), "id" | "stepid"));
            if is_envelope
                && !(is_step && has_id)
                && let Some(found) = find_at(value.clone(), depth - 1)
            {
                return Some(Found { goal: goal.or(found.goal), steps: found.steps });
            }
        }
    }
    is_step.then(|| Found { goal: None, steps: vec![(None, Value::Object(map))] })
}

fn is_step_value(value: &Value) -> bool {
    value.as_object().is_some_and(|map| {
        looks_like_step(map) || map.keys().any(|key| crate::notation::canonical(key).is_some())
    })
}

/// `{"step": {..}}` around a step.
fn unwrapped(item: Value) -> Value {
    match item {
        Value::Object(mut map) if map.len() == 1 && !looks_like_step(&map) => {
            let inner = map.values().next().and_then(Value::as_object).is_some_and(looks_like_step);
            match inner {
                true => map.values_mut().next().map(Value::take).unwrap_or_default(),
                false => Value::Object(map),
            }
        }
        other => other,
    }
}

/// Reads one step; without an id it is called by its place.
pub(crate) fn read_one(
    index: usize,
    key: Option<&str>,
    value: Value,
    mended: &mut Vec<String>,
) -> Result<PlanStep, DraftError> {
    let reading = read(unwrapped(value)).map_err(|problem| DraftError::Step {
        index,
        // It may quote what the model wrote.
        problem: problem.replace(char::is_control, " "),
    })?;
    let mut step = reading.step;
    mended.extend(reading.mended);
    if !reading.has_id {
        let id = key.map_or_else(|| format!("step_{}", index + 1), str::to_owned);
        step.step_id = StepId::new(id);
    }
    Ok(step)
}
