//! Keeping an output inside the call's `max_output_bytes`, counted as JSON.
//!
//! The bound is on the serialised output, so text that JSON has to escape counts as long as
//! it is written: a kilobyte of control characters takes six.

use serde::Serialize;

/// How many bytes `value` takes as compact JSON.
pub(crate) fn json_bytes<T: Serialize + ?Sized>(value: &T) -> usize {
    struct Count(usize);
    impl std::io::Write for Count {
        fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
            self.0 += bytes.len();
            Ok(bytes.len())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Ok(())
        }
    }
    let mut count = Count(0);
    // Values of ours always serialise; an impossible failure counts as too long.
    serde_json::to_writer(&mut count, value).map_or(usize::MAX, |()| count.0)
}

/// How many bytes `text` takes between the quotes of a JSON string.
pub(crate) fn escaped_bytes(text: &str) -> usize {
    text.chars().map(escaped_char).sum()
}

/// The longest head of `text` that takes at most `budget` bytes between quotes.
pub(crate) fn head(text: &str, budget: usize) -> &str {
    let mut used = 0;
    for (at, char) in text.char_indices() {
        used += escaped_char(char);
        if used > budget {
            return &text[..at];
        }
    }
    text
}

/// Shares `budget` between two texts: each may have half, and what one leaves the other gets.
pub(crate) fn share(first: usize, second: usize, budget: usize) -> (usize, usize) {
    let half = budget / 2;
    let for_second = second.min(half.max(budget.saturating_sub(first)));
    (budget - for_second, for_second)
}

/// At most `limit` characters of `text`, marked with `…` where it was cut.
pub(crate) fn ellipsis(text: &str, limit: usize) -> String {
    match text.char_indices().nth(limit) {
        Some((at, _)) => format!("{}…", &text[..at]),
        None => text.to_owned(),
    }
}

/// The text at the start of `bytes`, without the part of a character at the cut end.
///
/// Bytes that are no UTF-8 at all become `\u{fffd}`.
pub(crate) fn text_head(bytes: &[u8], cut: bool) -> String {
    let end = match std::str::from_utf8(bytes) {
        // Only a character that the cut has split is dropped, not one that is wrong.
        Err(error) if cut && error.error_len().is_none() => error.valid_up_to(),
        _ => bytes.len(),
    };
    String::from_utf8_lossy(&bytes[..end]).into_owned()
}

fn escaped_char(char: char) -> usize {
    match char {
        '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
        '\0'..='\u{1f}' => 6,
        _ => char.len_utf8(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escaped_length_is_what_serde_json_writes() {
        for text in ["", "plain", "a\"b\\c\n\r\t\u{8}\u{c}", "\0\u{1}\u{1f}\u{7f}", "zażółć 🦀"]
        {
            assert_eq!(escaped_bytes(text) + 2, json_bytes(text), "{text:?}");
        }
    }

    #[test]
    fn a_head_never_splits_a_character_and_never_passes_the_budget() {
        let text = "a\n🦀é";
        let heads: Vec<&str> = (0..=9).map(|budget| head(text, budget)).collect();
        assert_eq!(heads, ["", "a", "a", "a\n", "a\n", "a\n", "a\n", "a\n🦀", "a\n🦀", "a\n🦀é"]);
    }

    #[test]
    fn a_short_text_leaves_its_share_to_the_other() {
        assert_eq!(share(10, 10, 100), (90, 10));
        assert_eq!(share(1000, 10, 100), (90, 10));
        assert_eq!(share(10, 1000, 100), (10, 90));
        assert_eq!(share(1000, 1000, 100), (50, 50));
    }

    #[test]
    fn only_a_split_character_is_dropped_at_a_cut() {
        assert_eq!(text_head("aé".as_bytes(), false), "aé");
        assert_eq!(text_head(&"aé".as_bytes()[..2], true), "a");
        assert_eq!(text_head(b"a\xff", true), "a\u{fffd}");
        assert_eq!(text_head(&"aé".as_bytes()[..2], false), "a\u{fffd}");
    }
}
