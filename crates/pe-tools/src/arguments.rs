//! Reading a call's arguments into a typed struct.
//!
//! A plan is checked against the schemas before it runs, but templates resolve at run time,
//! so every call is read again here. What does not fit is a validation error that names the
//! tool and the parameter.

use std::fmt::Display;

use pe_model::{ErrorClass, JsonMap, ToolError};
use serde::de::{DeserializeOwned, Error as _, Unexpected};
use serde::{Deserialize, Deserializer};
use serde_json::Value;

/// The arguments of a call of `tool` as a `T`.
pub(crate) fn read<T: DeserializeOwned>(tool: &str, arguments: &JsonMap) -> Result<T, ToolError> {
    let value = Value::Object(arguments.clone());
    serde_path_to_error::deserialize(value).map_err(|error| {
        let path = error.path().to_string();
        let reason = error.inner();
        // A missing or unknown parameter is reported at the root, and its message has the name.
        let message = match path.as_str() {
            "." => format!("arguments of `{tool}`: {reason}"),
            path => format!("parameter `{path}` of `{tool}`: {reason}"),
        };
        ToolError::new(ErrorClass::Validation, message)
    })
}

/// A validation error about one parameter.
pub(crate) fn invalid(tool: &str, parameter: &str, reason: impl Display) -> ToolError {
    ToolError::new(ErrorClass::Validation, format!("parameter `{parameter}` of `{tool}`: {reason}"))
}

/// A list of strings, or one string as JSON authors like to write it.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "expected a string or a list of strings")]
pub(crate) enum OneOrMany {
    /// A single string.
    One(String),
    /// Any number of strings.
    Many(Vec<String>),
}

impl OneOrMany {
    /// The strings, in the order given.
    pub(crate) fn as_slice(&self) -> &[String] {
        match self {
            Self::One(text) => std::slice::from_ref(text),
            Self::Many(texts) => texts,
        }
    }
}

/// Reads a whole number ≥ 0; `2.0` is one, as JSON Schema has it.
pub(crate) fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<u64, D::Error> {
    /// Above this a float no longer tells neighbouring whole numbers apart.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    let value = Value::deserialize(deserializer)?;
    if let Some(number) = value.as_u64() {
        return Ok(number);
    }
    match value.as_f64() {
        Some(float) if float.fract() == 0.0 && (0.0..=EXACT).contains(&float) => Ok(float as u64),
        _ => Err(D::Error::invalid_value(unexpected(&value), &"a whole number of at least 0")),
    }
}

/// As [`whole`], for a parameter that may be left out or null.
pub(crate) fn whole_or_none<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<u64>, D::Error> {
    #[derive(Deserialize)]
    struct Whole(#[serde(deserialize_with = "whole")] u64);
    Ok(Option::<Whole>::deserialize(deserializer)?.map(|number| number.0))
}

/// Tells a value that is null from one that was left out.
pub(crate) fn present<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Value>, D::Error> {
    Value::deserialize(deserializer).map(Some)
}

fn unexpected(value: &Value) -> Unexpected<'_> {
    match value {
        Value::Null => Unexpected::Unit,
        Value::Bool(bool) => Unexpected::Bool(*bool),
        Value::Number(number) => Unexpected::Float(number.as_f64().unwrap_or(f64::NAN)),
        Value::String(text) => Unexpected::Str(text),
        Value::Array(_) => Unexpected::Seq,
        Value::Object(_) => Unexpected::Map,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[derive(Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Sample {
        #[serde(deserialize_with = "whole")]
        size: u64,
        #[serde(default, deserialize_with = "whole_or_none")]
        limit: Option<u64>,
        #[serde(default)]
        glob: Option<OneOrMany>,
    }

    fn check(arguments: Value, expected: &str) {
        let arguments = arguments.as_object().expect("the test passes an object");
        let found = match read::<Sample>("t", arguments) {
            Ok(sample) => format!("{} {:?} {:?}", sample.size, sample.limit, sample.glob),
            Err(error) => format!("{error}"),
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn whole_numbers_may_be_written_as_floats() {
        check(json!({"size": 2.0}), "2 None None");
        check(json!({"size": 2, "limit": 3.0}), "2 Some(3) None");
        check(json!({"size": 2, "limit": null}), "2 None None");
    }

    #[test]
    fn what_does_not_fit_names_the_parameter() {
        let whole = "expected a whole number of at least 0";
        let at =
            |what| format!("validation: parameter `size` of `t`: invalid value: {what}, {whole}");
        check(json!({"size": 1.5}), &at("floating point `1.5`"));
        check(json!({"size": -1}), &at("floating point `-1.0`"));
        check(json!({"size": "2"}), &at("string \"2\""));
        check(json!({}), "validation: arguments of `t`: missing field `size`");
        check(
            json!({"size": 1, "glob": 3}),
            "validation: parameter `glob` of `t`: expected a string or a list of strings",
        );
        check(
            json!({"size": 1, "sise": 2}),
            "validation: parameter `sise` of `t`: unknown field `sise`, expected one of `size`, `limit`, `glob`",
        );
    }
}
