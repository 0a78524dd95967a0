//! Words for people: durations, counts, and texts made safe for a terminal.

use std::borrow::Cow;

use console::{measure_text_width, truncate_str};

/// The text with everything that could control a terminal made visible.
///
/// Line ends and tabs stay. What [`is_deceptive`] is written as `\u{..}`.
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let unsafe_char = |c: char| is_deceptive(c) && c != '\n' && c != '\t';
    if !text.contains(unsafe_char) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if unsafe_char(c) {
            safe.extend(c.escape_unicode());
        } else {
            safe.push(c);
        }
    }
    Cow::Owned(safe)
}

/// Whether a character controls a terminal, turns the direction of writing round, breaks a line
/// or cannot be seen: each can make a text look like another one. Joiners can be seen by what
/// they join.
pub(crate) fn is_deceptive(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{61c}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{2069}' | '\u{feff}' | '\u{e0000}'..='\u{e007f}')
}

/// The text on one line, safe for a terminal.
pub(crate) fn one_line(text: &str) -> String {
    let text = printable(text);
    let mut line = String::with_capacity(text.len());
    for word in text.split_whitespace() {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    line
}

/// The text cut to `width` columns, with `…` where something was cut.
pub(crate) fn fit(text: &str, width: usize) -> Cow<'_, str> {
    if measure_text_width(text) <= width {
        Cow::Borrowed(text)
    } else {
        truncate_str(text, width, "…")
    }
}

/// A duration: `12 ms`, `1.2 s`, `3 min 04 s`, `2 h 05 min`.
pub(crate) fn duration(ms: u64) -> String {
    match ms {
        0..1_000 => format!("{ms} ms"),
        1_000..60_000 => format!("{}.{} s", ms / 1_000, ms % 1_000 / 100),
        60_000..3_600_000 => format!("{} min {:02} s", ms / 60_000, ms % 60_000 / 1_000),
        _ => format!("{} h {:02} min", ms / 3_600_000, ms % 3_600_000 / 60_000),
    }
}

/// `1 error`, `2 errors`.
pub(crate) fn count(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// A word as a shell would have to be given it.
pub(crate) fn quoted(word: &str) -> Cow<'_, str> {
    let plain = |c: char| c.is_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        Cow::Borrowed(word)
    } else {
        Cow::Owned(format!("'{}'", word.replace('\'', r"'\''")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_printed_can_control_the_terminal() {
        assert_eq!(printable("a\n\tb ü 漢"), "a\n\tb ü 漢");
        assert_eq!(
            printable("\x1b]0;x\x07\u{9b}1m\u{202e}"),
            "\\u{1b}]0;x\\u{7}\\u{9b}1m\\u{202e}"
        );
        assert_eq!(
            printable("a\u{61c}\u{200b}\u{2028}\u{feff}\u{ad}\u{e0041}👨\u{200d}👩"),
            "a\\u{61c}\\u{200b}\\u{2028}\\u{feff}\\u{ad}\\u{e0041}👨\u{200d}👩"
        );
        assert_eq!(one_line(" a\n\n b\r\tc "), "a b\\u{d} c");
    }

    #[test]
    fn widths_are_columns_and_not_characters() {
        assert_eq!(fit("漢字漢字", 8), "漢字漢字");
        assert_eq!(fit("漢字漢字", 7), "漢字漢…");
        assert_eq!(fit("漢字漢字", 6), "漢字…");
    }

    #[test]
    fn durations_and_counts() {
        for (ms, text) in [
            (0, "0 ms"),
            (999, "999 ms"),
            (1_250, "1.2 s"),
            (59_999, "59.9 s"),
            (184_000, "3 min 04 s"),
            (7_500_000, "2 h 05 min"),
        ] {
            assert_eq!(duration(ms), text);
        }
        assert_eq!((count(1, "error"), count(0, "error")), ("1 error".into(), "0 errors".into()));
    }

    #[test]
    fn shell_words() {
        assert_eq!(quoted("git"), "git");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's"), r"'it'\''s'");
        assert_eq!(quoted(""), "''");
    }
}
