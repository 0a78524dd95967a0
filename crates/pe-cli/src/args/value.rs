//! Values of flags that are more than a word.

use std::str::FromStr;

use clap::ValueEnum;
use pe_model::{Format, ReadError, Strictness, read_value};
use serde_json::Value;

/// A notation, as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Notation {
    /// JSON.
    Json,
    /// YAML.
    Yaml,
}

impl From<Notation> for Format {
    fn from(notation: Notation) -> Self {
        match notation {
            Notation::Json => Self::Json,
            Notation::Yaml => Self::Yaml,
        }
    }
}

/// A strictness, as a flag.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StrictnessArg {
    /// An error is only what makes execution impossible.
    Lenient,
    /// Missing tools and parameters are errors as well.
    Moderate,
    /// Every finding is an error.
    Strict,
}

impl From<StrictnessArg> for Strictness {
    fn from(strictness: StrictnessArg) -> Self {
        match strictness {
            StrictnessArg::Lenient => Self::Lenient,
            StrictnessArg::Moderate => Self::Moderate,
            StrictnessArg::Strict => Self::Strict,
        }
    }
}

/// A duration in milliseconds, written as `500ms`, `30s`, `5m`, `2h`, `7d` or `0`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Duration {
    /// Milliseconds.
    pub(crate) ms: u64,
}

impl FromStr for Duration {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, unit) = text.split_at(digits);
        let wrong =
            || "expected a whole number and a unit, such as `500ms`, `30s` or `5m`".to_owned();
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let factor = match unit.trim() {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            "" if number == 0 => 1,
            "" => return Err(format!("{number} of what? write `{number}s` or `{number}ms`")),
            _ => return Err(wrong()),
        };
        let ms = number.checked_mul(factor).ok_or_else(|| "too long a time".to_owned())?;
        Ok(Self { ms })
    }
}

/// `KEY=VALUE`: one entry of a plan's context.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Parameter {
    /// The name under `context`, taken as it is written.
    pub(crate) key: String,
    /// A JSON value where the text is one, else the text.
    pub(crate) value: Value,
}

impl FromStr for Parameter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (key, value) = text
            .split_once('=')
            .filter(|(key, _)| !key.trim().is_empty())
            .ok_or_else(|| "expected KEY=VALUE, such as `depth=3` or `name=world`".to_owned())?;
        let value = match read_value(value.as_bytes(), Format::Json) {
            Ok(value) => value,
            Err(ReadError::Syntax { .. } | ReadError::Empty) => Value::String(value.to_owned()),
            Err(error) => return Err(format!("the value of `{key}`: {error}")),
        };
        Ok(Self { key: key.trim().to_owned(), value })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn durations_need_a_unit() {
        for (text, ms) in [
            ("500ms", 500),
            ("30s", 30_000),
            ("5m", 300_000),
            ("2h", 7_200_000),
            ("7d", 604_800_000),
            ("0", 0),
        ] {
            assert_eq!(text.parse(), Ok(Duration { ms }), "{text}");
        }
        for text in
            ["", "s", "5 minutes", "-5s", "1.5s", "99999999999999999999s", "9999999999999999h"]
        {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
        assert_eq!("30".parse::<Duration>().unwrap_err(), "30 of what? write `30s` or `30ms`");
    }

    #[test]
    fn parameters_are_json_where_they_parse_as_that() {
        for (text, value) in [
            ("n=5", json!(5)),
            ("n=true", json!(true)),
            ("n=null", json!(null)),
            ("n=[1, \"a\"]", json!([1, "a"])),
            ("n=\"5\"", json!("5")),
            ("n=five", json!("five")),
            ("n=", json!("")),
            ("n=a=b", json!("a=b")),
            ("n={oops", json!("{oops")),
            ("n=1e999", json!("1e999")),
        ] {
            let read: Parameter = text.parse().unwrap();
            assert_eq!((read.key.as_str(), read.value), ("n", value), "{text}");
        }
        assert!("n".parse::<Parameter>().is_err());
        assert!("=5".parse::<Parameter>().is_err());
        let twice = r#"n={"a": 1, "a": 2}"#.parse::<Parameter>().unwrap_err();
        assert!(twice.contains("duplicate key `a`"), "{twice}");
    }
}
