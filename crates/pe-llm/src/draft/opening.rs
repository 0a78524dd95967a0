//! Whether a bracket amid prose opens JSON.
//!
//! Judged by what follows it, a few bytes ahead: `{"`, `{name:` and `[{` do, `{like this}` does
//! not. It looks at nothing before the bracket.

/// How far ahead is looked, in bytes.
const AHEAD: usize = 256;

/// What a bracket in prose is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Opening {
    /// More text must tell.
    Unknown,
    /// A part of the prose.
    Prose,
    /// The beginning of JSON.
    Json,
    /// The beginning of JSON whose quotes are escaped, as inside a string.
    Escaped,
}

/// Judges the bracket at `at` by what follows it.
pub(super) fn opening(text: &str, at: usize, ended: bool) -> Opening {
    let bytes = text.as_bytes();
    let rest = &bytes[at + 1..];
    let ahead = &rest[..rest.len().min(AHEAD)];
    let is_object = bytes[at] == b'{';
    let more = if ended || rest.len() >= AHEAD { Opening::Prose } else { Opening::Unknown };
    let mut place = 0;
    let mut brackets = 0;
    while let Some(&byte) = ahead.get(place) {
        match byte {
            b'\\' => match ahead.get(place + 1) {
                None => return more,
                Some(b'"') => return Opening::Escaped,
                Some(b'n' | b'r' | b't') => place += 2,
                Some(_) => return Opening::Prose,
            },
            _ if byte.is_ascii_whitespace() => place += 1,
            b'{' | b'[' if !(is_object && brackets == 0) => {
                brackets += 1;
                place += 1;
            }
            _ => break,
        }
    }
    let Some(&byte) = ahead.get(place) else {
        // A bracket at the very end begins something, and so do brackets without end.
        let begins = (ended && rest.len() < AHEAD) || (brackets > 0 && rest.len() >= AHEAD);
        return if begins { Opening::Json } else { more };
    };
    if brackets > 0 || matches!(byte, b'"' | b'\'' | b'/' | b'#' | 0xE2) {
        return Opening::Json;
    }
    if !is_object {
        let begins_value = matches!(byte, b']' | b'-' | b'0'..=b'9');
        return if begins_value { Opening::Json } else { Opening::Prose };
    }
    if byte == b'}' {
        return Opening::Json;
    }
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-';
    let word = ahead[place..].iter().take_while(|&&byte| is_word(byte)).count();
    if word == 0 {
        return Opening::Prose;
    }
    match ahead[place + word..].iter().find(|byte| !byte.is_ascii_whitespace()) {
        Some(b':') => Opening::Json,
        Some(_) => Opening::Prose,
        None => more,
    }
}
