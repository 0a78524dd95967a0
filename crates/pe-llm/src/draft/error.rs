//! Why an answer is no draft of a plan.

use std::fmt;

/// A place in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Bytes before it.
    pub offset: usize,
    /// Its line, from 1.
    pub line: usize,
}

impl Place {
    /// The place of a byte offset in a text.
    pub(crate) fn of(text: &str, offset: usize) -> Self {
        let offset = offset.min(text.len());
        let line = 1 + text.as_bytes()[..offset].iter().filter(|&&byte| byte == b'\n').count();
        Self { offset, line }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {} (byte {})", self.line, self.offset)
    }
}

/// Why an answer could not be read; nothing of it may be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DraftError {
    /// The answer stops in the middle.
    #[error("the answer is cut off: {problem}, at {at}; it ends with `{excerpt}`")]
    Truncated {
        /// What is open.
        problem: String,
        /// Where that begins.
        at: Place,
        /// The end of the answer.
        excerpt: String,
    },
    /// Nothing in the answer is JSON.
    #[error("the answer holds no JSON; it begins with `{excerpt}`")]
    NoJson {
        /// The beginning of the answer.
        excerpt: String,
    },
    /// There is JSON, and it cannot be read.
    #[error("the JSON at {at} cannot be read: {problem}; it begins with `{excerpt}`")]
    Malformed {
        /// What is wrong.
        problem: String,
        /// Where the JSON begins.
        at: Place,
        /// Its beginning.
        excerpt: String,
    },
    /// There is JSON, and no step in it.
    #[error("the answer holds no steps")]
    NoSteps,
    /// A step cannot be read.
    #[error("step number {} cannot be read: {problem}", index + 1)]
    Step {
        /// Its place in the list, from 0.
        index: usize,
        /// What is wrong.
        problem: String,
    },
    /// The answer is longer than what is read.
    #[error("the answer has more than the {limit} bytes that are read")]
    TooLarge {
        /// The limit in bytes.
        limit: usize,
    },
}

/// The longest part of an answer that an error shows, in characters.
const SHOWN: usize = 60;

/// The beginning of a text on one line.
pub(crate) fn beginning(text: &str) -> String {
    let text = text.trim_start();
    let mut shown: String = text.chars().take(SHOWN).map(on_one_line).collect();
    if text.chars().nth(SHOWN).is_some() {
        shown.push('…');
    }
    shown
}

/// The end of a text on one line.
pub(crate) fn ending(text: &str) -> String {
    let text = text.trim_end();
    let start = text.char_indices().rev().nth(SHOWN - 1).map_or(0, |(index, _)| index);
    let shown: String = text[start..].chars().map(on_one_line).collect();
    if start > 0 { format!("…{shown}") } else { shown }
}

fn on_one_line(c: char) -> char {
    if c.is_control() { ' ' } else { c }
}
