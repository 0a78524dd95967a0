//! What each field of a plan file must hold, in words, and what to write instead of what is there.
//!
//! Whether a value fits is for the wire types to say; here is only how it is told. A found value
//! is shown shortened, on one line, so that a message never grows with the file.

use serde_json::Value;

use crate::document::kind_of;
use crate::nearest;

/// What a field must hold.
#[derive(Debug, Clone, Copy)]
pub(super) enum Expected {
    /// Text.
    Text,
    /// An expression; what it is to give, in words.
    Expression(&'static str),
    /// One of these words.
    Word(&'static [&'static str]),
    /// A whole number: in words, and the largest one that can be held.
    Whole(&'static str, Option<u64>),
    /// A length of time in milliseconds.
    Milliseconds,
    /// A number between 0 and 1.
    Fraction,
    /// True or false.
    Flag,
    /// A list of step ids.
    Ids,
    /// One element of such a list.
    Id,
    /// The steps.
    Steps,
    /// One step.
    Step,
    /// A retry policy.
    Retry,
    /// Any other object or text, in words.
    Other(&'static str),
}

use Expected::{
    Expression, Flag, Fraction, Id, Ids, Milliseconds, Other, Retry, Step, Steps, Text, Whole, Word,
};

/// The fields of a record and what each must hold.
pub(super) type Table = [(&'static str, Expected)];

const NAMES_TO_VALUES: Expected = Other("an object (names and values)");
const TIME: Expected = Other("a time such as \"2026-01-31T12:00:00Z\"");
const COUNT: Expected = Whole("a whole number", Some(u32::MAX as u64));
const LOOPS: Expected = Whole("a whole number of at least 1", None);

/// The fields of a plan.
pub(super) const PLAN: [(&str, Expected); 11] = [
    ("plan_id", Text),
    ("goal", Text),
    ("steps", Steps),
    ("context", NAMES_TO_VALUES),
    (
        "status",
        Word(&["created", "running", "completed", "failed", "cancelled", "in_doubt", "waiting"]),
    ),
    ("version", COUNT),
    ("parent", Text),
    ("created_at", TIME),
    ("modified_at", TIME),
    ("metadata", NAMES_TO_VALUES),
    ("format", COUNT),
];

/// The fields of a step.
pub(super) const STEP: [(&str, Expected); 27] = [
    ("step_id", Text),
    ("step_type", Word(&["normal", "conditional", "loop", "parallel", "fallback"])),
    ("action", Text),
    ("tool", Text),
    ("parameters", NAMES_TO_VALUES),
    ("dependencies", Ids),
    ("complexity", Whole("a whole number from 1 to 5", None)),
    ("condition", Expression("an expression (a string)")),
    ("loop_count", LOOPS),
    ("loop_over", Expression("an expression that gives a list (a string)")),
    ("loop_until", Expression("an expression (a string)")),
    ("loop_parallelism", LOOPS),
    ("fallback_for", Id),
    ("trigger_rule", Word(&["all_success", "all_done", "none_failed", "one_success"])),
    ("timeout_ms", Milliseconds),
    ("retry", Retry),
    ("expect", Expression("an expression (a string)")),
    ("approval", Flag),
    ("agent", Text),
    ("metadata", NAMES_TO_VALUES),
    (
        "status",
        Word(&[
            "pending",
            "ready",
            "running",
            "waiting",
            "in_doubt",
            "completed",
            "failed",
            "skipped",
        ]),
    ),
    ("reason", Text),
    ("recovered_by", Id),
    ("result", Other("an object with `success` (true or false), `data` and `error` (a string)")),
    ("error", Text),
    ("execution_time_ms", Milliseconds),
    ("attempts", COUNT),
];

/// The fields of a retry policy.
pub(super) const RETRY: [(&str, Expected); 5] = [
    ("max_retries", COUNT),
    ("base_delay_ms", Milliseconds),
    ("max_delay_ms", Milliseconds),
    ("backoff", Word(&["exponential", "linear", "constant"])),
    ("jitter", Fraction),
];

/// What a field of a table must hold.
pub(super) fn of(table: &Table, name: &str) -> Option<Expected> {
    table.iter().find(|(known, _)| *known == name).map(|(_, expected)| *expected)
}

impl Expected {
    /// "must be .., found ..".
    pub(super) fn but_found(self, value: &Value) -> String {
        let found = match (self, value) {
            (Word(_), Value::String(word)) if !word.trim().is_empty() => {
                format!("`{}`", shortened(word))
            }
            _ => found(value),
        };
        format!("must be {}, found {found}", self.words(value))
    }

    fn words(self, value: &Value) -> String {
        let whole = |text: &str, most: Option<u64>| match (value.as_i64(), value.as_u64(), most) {
            (Some(less), _, Some(_)) if less < 0 => format!("{text}, at least 0"),
            (_, Some(more), Some(most)) if more > most => format!("{text}, at most {most}"),
            _ => text.to_owned(),
        };
        match self {
            Text => "a string".to_owned(),
            Expression(words) | Other(words) => words.to_owned(),
            Word(words) => format!("one of {}", words.join(", ")),
            Whole(text, most) => whole(text, most),
            Milliseconds => whole("a whole number of milliseconds", Some(u64::MAX)),
            Fraction => "a number from 0.0 to 1.0".to_owned(),
            Flag => "true or false".to_owned(),
            Ids => "a list of step ids".to_owned(),
            Id => "a step id (a string)".to_owned(),
            Steps => "a list of steps".to_owned(),
            Step => "an object with the step's fields".to_owned(),
            Retry => "a retry policy (an object)".to_owned(),
        }
    }

    /// What to write in place of a value, where that can be told.
    pub(super) fn instead_of(self, value: &Value) -> Option<String> {
        let write = |text: String| Some(format!("write {text}"));
        match (self, value) {
            (Step, _) => None,
            (Ids, Value::Null) => write("[], or leave it out".to_owned()),
            (_, Value::Null) => Some("give it a value, or leave it out".to_owned()),
            (Text | Id | Expression(_), Value::Number(number)) => write(format!("\"{number}\"")),
            (Text | Id, Value::Bool(flag)) => write(format!("\"{flag}\"")),
            (Text | Id, Value::Array(items)) => match &items[..] {
                [Value::String(only)] if is_short(only) => write(quoted(only)),
                _ => None,
            },
            (Expression(_), Value::Array(items)) => as_expression(items).and_then(write),
            (Word(words), Value::String(word)) => {
                meant(word, words).map(|near| format!("did you mean `{near}`?"))
            }
            (Milliseconds, Value::String(text)) => {
                milliseconds(text).map(|ms| format!("write {ms}"))
            }
            (Whole(..), Value::String(text)) => {
                text.trim().parse::<i64>().ok().and_then(|number| write(number.to_string()))
            }
            (Whole(..) | Milliseconds, Value::Number(number)) => number
                .as_f64()
                .and_then(whole)
                .filter(|_| number.is_f64())
                .and_then(|n| write(n.to_string())),
            (Fraction, Value::String(text)) => {
                let number = text.trim().parse::<f64>().ok();
                number.filter(|n| (0.0..=1.0).contains(n)).and_then(|n| write(n.to_string()))
            }
            (Flag, Value::String(word)) => flag(word).and_then(|flag| write(flag.to_string())),
            (Ids, Value::String(ids)) if is_short(ids) => {
                let ids: Vec<_> =
                    ids.split(',').map(str::trim).filter(|id| !id.is_empty()).map(quoted).collect();
                Some(format!("write it as a list: [{}]", ids.join(", ")))
            }
            (Ids, Value::Number(id)) => Some(format!("write it as a list: [\"{id}\"]")),
            (Steps, Value::Object(_)) => {
                Some("write a list, each step with its own `step_id`".to_owned())
            }
            (Retry, Value::Number(number)) => {
                number.as_u64().and_then(|retries| write(format!("{{\"max_retries\": {retries}}}")))
            }
            _ => None,
        }
    }
}

/// A value in words, and shortened where it is one that can be shown.
fn found(value: &Value) -> String {
    match value {
        Value::String(text) if text.trim().is_empty() => "an empty string".to_owned(),
        Value::String(text) => format!("a string (`{}`)", shortened(text)),
        Value::Number(number) => format!("a number (`{}`)", shortened(&number.to_string())),
        Value::Bool(flag) => format!("`{flag}`"),
        other => kind_of(other).to_owned(),
    }
}

/// So many characters of a value are shown.
const SHOWN: usize = 40;

/// The beginning of a text, on one line and without what would change the text around it.
pub(super) fn shortened(text: &str) -> String {
    let plain = |letter: char| match letter {
        '`' => '\'',
        '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => ' ',
        letter if letter.is_control() => ' ',
        letter => letter,
    };
    let mut letters = text.trim().chars();
    let mut short: String = letters.by_ref().take(SHOWN).map(plain).collect();
    if letters.next().is_some() {
        short.push('…');
    }
    short
}

/// Whether a text can be repeated whole.
fn is_short(text: &str) -> bool {
    shortened(text) == text.trim() && !text.trim().is_empty()
}

/// A text as both notations read it.
fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

/// The word that is nearest, or that goes on or ends as this one does.
fn meant(word: &str, words: &'static [&'static str]) -> Option<&'static str> {
    let word = word.trim();
    if word.chars().count() > SHOWN {
        return None;
    }
    let lower = word.to_lowercase();
    let begins = |known: &&&str| {
        lower.len() > 1 && (known.starts_with(&lower) || lower.starts_with(**known))
    };
    words
        .iter()
        .find(|known| **known == lower)
        .or_else(|| words.iter().find(begins))
        .copied()
        .or_else(|| nearest(word, words.iter().copied()))
}

/// A list of texts and numbers as an expression, when it is short.
fn as_expression(items: &[Value]) -> Option<String> {
    const MOST: usize = 8;
    let plain = |item: &Value| match item {
        Value::String(text) if is_short(text) && !text.contains(['\'', '"', '\\']) => {
            Some(format!("'{}'", text.trim()))
        }
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    };
    let items: Option<Vec<String>> =
        (items.len() <= MOST).then(|| items.iter().map(plain).collect())?;
    Some(format!("\"[{}]\"", items?.join(", ")))
}

/// A length of time such as `30s`, in milliseconds.
fn milliseconds(text: &str) -> Option<u64> {
    let text = text.trim();
    let end = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.');
    let (number, unit) = text.split_at(end.unwrap_or(text.len()));
    let factor = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "ms" | "msec" | "millis" | "milliseconds" => 1.0,
        "s" | "sec" | "secs" | "second" | "seconds" => 1_000.0,
        "m" | "min" | "mins" | "minute" | "minutes" => 60_000.0,
        "h" | "hour" | "hours" => 3_600_000.0,
        _ => return None,
    };
    whole(number.parse::<f64>().ok()? * factor)
}

/// A number that is whole and not negative.
fn whole(number: f64) -> Option<u64> {
    const MOST: f64 = 1e15;
    ((0.0..=MOST).contains(&number) && number.fract() == 0.0).then_some(number as u64)
}

fn flag(word: &str) -> Option<bool> {
    match word.trim().to_ascii_lowercase().as_str() {
        "true" | "yes" | "y" | "on" | "1" => Some(true),
        "false" | "no" | "n" | "off" | "0" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
