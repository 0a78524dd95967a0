//! Places inside a string: from a range of what was read to the range of what is written.
//!
//! A string may be written with escapes, doubled quotes, indentation and folded lines. The two
//! are read side by side: what is not blank must match in order, and blank space is matched as
//! far as it goes. Where they do not match, nothing is said.

use std::ops::Range;

use super::{Mark, Style};

/// Two readings of one string, side by side; it goes forward only.
#[derive(Debug, Clone)]
pub(crate) struct Within<'t> {
    text: &'t str,
    style: Style,
    /// What is still to be read, in bytes of the file.
    rest: Range<usize>,
    /// How much of the string has been read, in bytes.
    read: usize,
}

impl<'t> Within<'t> {
    /// The string at a mark; `None` when no string is there.
    pub(crate) fn new(text: &'t str, mark: &Mark) -> Option<Self> {
        let style = mark.style?;
        let Range { start, end } = mark.range;
        let quote = usize::from(style != Style::Bare);
        let rest = start + quote..end.checked_sub(quote)?;
        text.get(rest.clone())?;
        Some(Self { text, style, rest, read: 0 })
    }

    /// How much of the string has been read, in bytes.
    pub(crate) fn read(&self) -> usize {
        self.read
    }

    /// Where a range of the string's value is written; goes on from where the last one began.
    pub(crate) fn find(&mut self, value: &str, range: Range<usize>) -> Option<Range<usize>> {
        for character in value.get(self.read..range.start)?.chars() {
            self.next(character)?;
        }
        let mut ahead = self.clone();
        let mut found: Option<Range<usize>> = None;
        for character in value.get(range)?.chars() {
            let one = ahead.next(character)?;
            found = Some(found.map_or(one.start, |found| found.start)..one.end);
        }
        Some(found.unwrap_or(self.rest.start..self.rest.start))
    }

    /// Where the next character of the value is written.
    fn next(&mut self, expected: char) -> Option<Range<usize>> {
        let start = loop {
            let rest = &self.text[self.rest.clone()];
            let character = rest.chars().next()?;
            let (start, length) = (self.rest.start, character.len_utf8());
            match (self.style, character) {
                (Style::DoubleQuoted, '\\') => {
                    let escape = escape(rest)?;
                    self.rest.start += escape;
                    if !matches!(rest.as_bytes().get(1), Some(b'\r' | b'\n')) {
                        break start;
                    }
                }
                (Style::SingleQuoted, '\'') => {
                    self.rest.start += rest.starts_with("''").then_some(2)?;
                    break start;
                }
                _ if character == expected
                    || (matches!(character, '\r' | '\n') && expected.is_whitespace()) =>
                {
                    self.rest.start += length;
                    break start;
                }
                // Indentation, and blanks at the end of a line.
                _ if character.is_whitespace() => self.rest.start += length,
                _ => return None,
            }
        };
        self.read += expected.len_utf8();
        Some(start..self.rest.start)
    }
}

/// The length of the escape at the start of a text, in bytes.
fn escape(text: &str) -> Option<usize> {
    let second = text[1..].chars().next()?;
    let length = match second {
        'x' => 4,
        // A character beyond the first 65,536 takes two of them in JSON.
        'u' => {
            let unit = u32::from_str_radix(text.get(2..6)?, 16).ok()?;
            if (0xd800..0xdc00).contains(&unit) { 12 } else { 6 }
        }
        'U' => 10,
        other => 1 + other.len_utf8(),
    };
    text.get(..length).map(str::len)
}
