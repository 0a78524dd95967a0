//! The values of a step's fields, in the types in which models write them.
//!
//! A number may be a text, one id may stand for a list of one. What cannot mean anything is an
//! error in words, without the field's name.

use pe_model::{RetryPolicy, StepId, TriggerRule, kind_of};
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::fields::{Field, canonical};
use super::reference::{Dialect, long_expression};

fn expected(what: &str, found: &Value) -> String {
    format!("expected {what}, found {}", kind_of(found))
}

pub(super) fn text(value: Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text),
        other => Err(expected("a text", &other)),
    }
}

pub(super) fn identifier(value: &Value) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(text.clone()),
        Value::Number(number) => Ok(match number.as_f64() {
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 1e15 => {
                format!("{float:.0}")
            }
            _ => number.to_string(),
        }),
        other => Err(expected("a step's id", other)),
    }
}

pub(super) fn ids(value: Value, hugging: bool) -> Result<Vec<StepId>, String> {
    let id = |value: &Value| -> Result<Option<StepId>, String> {
        if hugging {
            if value.as_i64() == Some(-1) {
                return Ok(None);
            }
            return Ok(Some(StepId::new(format!("step_{}", identifier(value)?))));
        }
        match value {
            Value::Object(map) => {
                let named = map.iter().find(|(key, _)| canonical(key) == Some(Field::Id));
                let (_, value) = named.ok_or_else(|| expected("a step's id", value))?;
                Ok(Some(StepId::new(identifier(value)?)))
            }
            other => Ok(Some(StepId::new(identifier(other)?))),
        }
    };
    match &value {
        Value::Array(items) => items.iter().filter_map(|item| id(item).transpose()).collect(),
        Value::String(words) => {
            let nothing = ["", "none", "null", "n/a", "-", "[]"];
            let words = words.trim();
            if nothing.contains(&words.to_ascii_lowercase().as_str()) {
                return Ok(Vec::new());
            }
            Ok(words.split(',').map(|word| StepId::new(word.trim())).collect())
        }
        other => Ok(id(other)?.into_iter().collect()),
    }
}

pub(super) fn expression(value: Value, dialect: Dialect) -> Result<String, String> {
    match value {
        Value::String(text) => Ok(long_expression(&text, dialect)),
        Value::Bool(flag) => Ok(flag.to_string()),
        Value::Array(_) => Ok(value.to_string()),
        other => Err(expected("an expression (a text)", &other)),
    }
}

pub(super) fn number(value: &Value) -> Result<f64, String> {
    let parsed = match value {
        Value::String(text) => text.trim().parse().ok(),
        other => other.as_f64(),
    };
    parsed.filter(|number: &f64| number.is_finite()).ok_or_else(|| expected("a number", value))
}

pub(super) fn whole(value: &Value) -> Result<i64, String> {
    if let Some(number) = value.as_i64() {
        return Ok(number);
    }
    let float = number(value)?;
    match float.fract() == 0.0 && float.abs() < 9e15 {
        true => Ok(float as i64),
        false => Err("expected a whole number".to_owned()),
    }
}

pub(super) fn unsigned(value: &Value) -> Result<u64, String> {
    if let Some(number) = value.as_u64() {
        return Ok(number);
    }
    u64::try_from(whole(value)?).map_err(|_| "expected a number that is not negative".to_owned())
}

pub(super) fn flag(value: &Value) -> Result<bool, String> {
    match value {
        Value::Bool(flag) => Ok(*flag),
        Value::String(text) => match text.trim().to_ascii_lowercase().as_str() {
            "true" | "yes" | "required" => Ok(true),
            "false" | "no" | "none" => Ok(false),
            _ => Err(expected("true or false", value)),
        },
        other => Err(expected("true or false", other)),
    }
}

pub(super) fn typed<T: DeserializeOwned>(value: Value) -> Result<T, String> {
    serde_json::from_value(value).map_err(|error| error.to_string())
}

pub(super) fn rule(value: Value) -> Result<TriggerRule, String> {
    match value {
        Value::String(word) => typed(word.trim().to_ascii_lowercase().into()),
        other => typed(other),
    }
}

pub(super) fn retry(value: Value) -> Result<RetryPolicy, String> {
    match value {
        Value::Object(_) => typed(value),
        Value::Bool(false) => Ok(RetryPolicy { max_retries: 0, ..RetryPolicy::default() }),
        Value::Bool(true) => Ok(RetryPolicy::default()),
        other => {
            let max_retries = u32::try_from(whole(&other)?)
                .map_err(|_| "expected a count of retries".to_owned())?;
            Ok(RetryPolicy { max_retries, ..RetryPolicy::default() })
        }
    }
}
