//! Parsers' errors in words that a writer of plans can act on, and help for common slips.
//!
//! Nothing of a parser's own interface is named. Help is given only where the text shows what
//! was meant.

use serde_saphyr::Error;
use serde_saphyr::budget::BudgetBreach;

use super::{MAX_DOCUMENT_BYTES, MAX_NESTING, MAX_REPLAYED, ReadError};
use crate::Format;

/// Longer lines are not looked at for help.
const LONGEST_LINE: usize = 4096;
/// So many characters of the document are shown in a message.
const SHOWN: usize = 40;

/// What the YAML parser found; `text` is the whole document.
pub(super) fn yaml(error: &Error, text: &str, at: Option<(usize, usize)>) -> ReadError {
    let refused = |message: String| ReadError::Refused { message, at };
    let syntax = |message: String| ReadError::Syntax {
        format: Format::Yaml,
        message,
        at,
        help: help(text, at),
    };
    match innermost(error) {
        Error::DuplicateMappingKey { key, .. } => {
            let key = key.clone().unwrap_or_else(|| "?".to_owned());
            ReadError::DuplicateKey { key, at }
        }
        Error::MultipleDocuments { .. } => {
            refused("the file holds more than one YAML document; keep one".to_owned())
        }
        Error::NonFiniteFloat { value, .. } => {
            let value: String = value.chars().take(SHOWN).collect();
            refused(format!("`{value}`: NaN and infinities are no JSON numbers"))
        }
        Error::Budget { breach: BudgetBreach::Depth { .. }, .. } => {
            ReadError::TooDeep { limit: MAX_NESTING, at }
        }
        Error::Budget { breach, .. } => refused(beyond(breach)),
        Error::AliasReplayCounterOverflow { .. }
        | Error::AliasReplayLimitExceeded { .. }
        | Error::AliasExpansionLimitExceeded { .. }
        | Error::AliasReplayStackDepthExceeded { .. } => refused(format!(
            "the aliases stand for too much, more than {MAX_REPLAYED} values; write some of it out"
        )),
        Error::RecursiveReferencesRequireWeakTypes { .. } => {
            refused("an alias stands inside what it stands for; write it out".to_owned())
        }
        Error::NullIntoString { .. } => syntax("a key must be a string, found null".to_owned()),
        Error::Unexpected { expected: "string scalar", .. } => {
            syntax("a key must be a string".to_owned())
        }
        _ => {
            let message = error.to_string();
            let line = message.lines().next().unwrap_or_default();
            let line = line.trim_start_matches("error: ");
            match line.rsplit_once(" at line ").map_or(line, |(words, _)| words) {
                "recursion limit exceeded" => ReadError::TooDeep { limit: MAX_NESTING, at },
                words => syntax(words.to_owned()),
            }
        }
    }
}

/// The error itself, without what is wrapped around it.
fn innermost(mut error: &Error) -> &Error {
    const DEEPEST: usize = 8;
    for _ in 0..DEEPEST {
        error = match error {
            Error::AliasError { error, .. } | Error::WithSnippet { error, .. } => error,
            _ => break,
        };
    }
    error
}

/// Which bound on YAML documents was passed.
fn beyond(breach: &BudgetBreach) -> String {
    let what = match breach {
        BudgetBreach::Events { .. } | BudgetBreach::Nodes { .. } => "too many values",
        BudgetBreach::Aliases { .. } | BudgetBreach::AliasAnchorRatio { .. } => {
            "too many aliases (`*name`)"
        }
        BudgetBreach::Anchors { .. } => "too many anchors (`&name`)",
        BudgetBreach::MergeKeys { .. } => "too many merge keys (`<<`)",
        BudgetBreach::Documents { .. } => "too many YAML documents",
        BudgetBreach::ScalarBytes { .. } => {
            return format!("the file holds more than {MAX_DOCUMENT_BYTES} bytes of text");
        }
        _ => return "the file is too large or too tangled to be read; split the plan".to_owned(),
    };
    format!("the file holds {what}; split the plan, or write it more plainly")
}

/// What to write instead, when the text shows what was meant.
pub(super) fn help(text: &str, at: Option<(usize, usize)>) -> Option<&'static str> {
    if text.trim_start().starts_with("```") {
        return Some("remove the ``` lines around the plan");
    }
    let (line, _) = at?;
    let line = text.lines().nth(line.checked_sub(1)?)?;
    (line.len() <= LONGEST_LINE && has_bare_template(line))
        .then_some("put the template in quotes: \"{{ .. }}\"")
}

/// Whether a template begins outside quotes; `{{"` is rather a doubled brace.
fn has_bare_template(line: &str) -> bool {
    line.match_indices("{{").any(|(start, _)| {
        let (before, after) = (&line[..start], line[start..].trim_start_matches('{').trim_start());
        let is_even = |quote| before.matches(quote).count() % 2 == 0;
        is_even('"') && is_even('\'') && !after.is_empty() && !after.starts_with('"')
    })
}

/// Whether these are the first bytes of a text in UTF-16: they are marked so, or two letters of
/// ASCII are as wide as that.
pub(super) fn is_utf16(bytes: &[u8]) -> bool {
    let is_marked = bytes.starts_with(b"\xFF\xFE") || bytes.starts_with(b"\xFE\xFF");
    let is_wide = bytes.first_chunk().is_some_and(|first: &[u8; 4]| {
        let zeros = first.map(|byte| byte == 0);
        zeros == [true, false, true, false] || zeros == [false, true, false, true]
    });
    is_marked || is_wide
}
