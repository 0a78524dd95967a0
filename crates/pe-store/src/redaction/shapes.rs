//! Secrets that texts name: logins in addresses, headers, flags, assignments, JSON in a text.
//!
//! A template stands for a value that is elsewhere, and stays.

use std::ops::Range;

use super::{REDACTED, is_secret_name};

/// A text without what it names as secret.
pub(super) fn without_secrets(text: &str) -> String {
    let text = without_fields(&without_logins(text));
    without_assignments(&without_schemes(&text))
}

/// Whether all of a text is one template.
pub(super) fn is_template(text: &str) -> bool {
    let text = text.trim();
    OPENERS.iter().any(|(open, close)| {
        text.starts_with(open) && text.find(close) == Some(text.len() - close.len())
    })
}

/// What templates begin and end with.
const OPENERS: &[(&str, &str)] = &[("${", "}"), ("{{", "}}")];

/// Whether the argument that follows this one is a secret: `--password`.
pub(super) fn is_secret_flag(text: &str) -> bool {
    text.strip_prefix("--")
        .is_some_and(|name| name.chars().all(is_name_character) && is_secret_name(name))
}

fn is_name_character(character: char) -> bool {
    character.is_alphanumeric() || matches!(character, '_' | '-')
}

/// Where values of secret fields stand in JSON that a text holds, or that is escaped in it.
pub(super) fn fields(text: &str) -> impl Iterator<Item = Range<usize>> + '_ {
    let mut from = 0;
    std::iter::from_fn(move || {
        while let Some(found) = text[from..].find(':') {
            let colon = from + found;
            from = colon + 1;
            if let Some(value) = field(text, colon) {
                from = value.end;
                return Some(value);
            }
        }
        None
    })
}

/// The value of the field whose colon this is, where that is a text and its name a secret's.
fn field(text: &str, colon: usize) -> Option<Range<usize>> {
    let before = text[..colon].trim_end().strip_suffix('"')?;
    let name = before.trim_end_matches('\\');
    // JSON in JSON has 1, 3, 7, ... of them before each quote.
    let level = before.len() - name.len();
    let start = name.rfind('"')? + 1;
    let opening = &name[..start - 1];
    if opening.len() - opening.trim_end_matches('\\').len() != level
        || !is_secret_name(&name[start..])
    {
        return None;
    }
    let after = text[colon + 1..].trim_start();
    let inner = after.trim_start_matches('\\');
    if after.len() - inner.len() != level {
        return None;
    }
    let inner = inner.strip_prefix('"')?;
    let from = text.len() - inner.len();
    for (at, _) in inner.match_indices('"') {
        let value = &inner[..at];
        let count = at - value.trim_end_matches('\\').len();
        // A backslash of the value is written as so many, and a quote in it has more before it.
        if count >= level && (count - level) % (2 * (level + 1)) == 0 {
            return (at > level && !is_template(&value[..at - level]))
                .then(|| from..from + at - level);
        }
    }
    None
}

/// `"password": "abc"` becomes `"password": "[redacted]"`.
fn without_fields(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    for value in fields(text) {
        clean.push_str(&text[at..value.start]);
        clean.push_str(REDACTED);
        at = value.end;
    }
    clean.push_str(&text[at..]);
    clean
}

/// `token=abc` becomes `token=[redacted]`, and `--token abc` likewise.
fn without_assignments(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut copied = 0;
    let places = text.match_indices(['=', ' ']);
    for (at, sign) in places {
        let before = &text[..at];
        let name = &before[before.trim_end_matches(is_name_character).len()..];
        let is_named = if sign == "=" { is_secret_name(name) } else { is_secret_flag(name) };
        if at < copied || !is_named {
            continue;
        }
        let after = text[at + 1..].trim_start_matches(if sign == " " { " " } else { "" });
        let inner = after.trim_start_matches('\\');
        let quote = inner.chars().next().filter(|first| matches!(first, '"' | '\''));
        let rest = quote.map_or(after, |_| &inner[1..]);
        let ends = |c: char| match quote {
            Some(quote) => c == quote,
            None => c.is_whitespace() || matches!(c, '"' | '\'' | '&' | ';'),
        };
        let value = &rest[..rest.find(ends).unwrap_or(rest.len())];
        let value = value.trim_end_matches('\\');
        let is_other = value.starts_with('=') || (sign == " " && value.starts_with('-'));
        let is_template = OPENERS.iter().any(|(open, _)| value.starts_with(open));
        if value.is_empty() || is_other || is_template {
            continue;
        }
        let start = text.len() - rest.len();
        clean.push_str(&text[copied..start]);
        clean.push_str(REDACTED);
        copied = start + value.len();
    }
    clean.push_str(&text[copied..]);
    clean
}

/// `https://user:pass@host` becomes `https://[redacted]@host`.
fn without_logins(text: &str) -> String {
    let mut clean = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("://") {
        let after = at + 3;
        clean.push_str(&rest[..after]);
        rest = &rest[after..];
        let ends = |c: char| c.is_whitespace() || matches!(c, '/' | '?' | '#' | '"' | '\'' | '<');
        let authority = &rest[..rest.find(ends).unwrap_or(rest.len())];
        if let Some(end) = authority.rfind('@').filter(|&end| end > 0) {
            clean.push_str(REDACTED);
            rest = &rest[end..];
        }
    }
    clean.push_str(rest);
    clean
}

/// `Bearer abc` becomes `Bearer [redacted]`, and `Authorization: Basic abc` likewise.
fn without_schemes(text: &str) -> String {
    let mut text = without_scheme(text, "bearer ", false);
    for scheme in ["basic ", "digest ", "token ", "negotiate "] {
        text = without_scheme(&text, scheme, true);
    }
    text
}

/// Without what follows the name of a scheme, in a header or anywhere.
fn without_scheme(text: &str, scheme: &str, in_header: bool) -> String {
    // ASCII letters alone change: places are the same in both.
    let lower = text.to_ascii_lowercase();
    let mut clean = String::with_capacity(text.len());
    let mut at = 0;
    let mut from = 0;
    while let Some(found) = lower[from..].find(scheme) {
        let start = from + found + scheme.len();
        from = start;
        let before = lower[..start - scheme.len()].trim_end_matches([' ', '"', '\'', '\\']);
        let header = before.strip_suffix([':', '=', ',']).unwrap_or_default();
        if in_header && !header.trim_end_matches([' ', '"', '\'', '\\']).ends_with("authorization")
        {
            continue;
        }
        let ends = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ',' | ';' | '\\');
        let end = start + text[start..].find(ends).unwrap_or(text.len() - start);
        clean.push_str(&text[at..start]);
        clean.push_str(if end > start { REDACTED } else { "" });
        at = end;
        from = end;
    }
    clean.push_str(&text[at..]);
    clean
}
