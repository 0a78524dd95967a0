//! The lines of a stream, made into events that cost their reader nothing but their length.
//!
//! The library's event reader moves all that it holds with every line, so a hostile stream of
//! short lines would keep it busy for minutes. Here comments, names, empty events and line
//! ends of all kinds go, and each event is handed on alone, its data on one line. Data of
//! several lines are joined by a blank, which JSON does not tell from the line end.

use std::collections::VecDeque;

/// What was read of the event under way.
#[derive(Debug, Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    /// The event is named as one that says nothing.
    is_keepalive: bool,
    /// The last byte ended a line, and a line feed after it belongs to that end.
    after_return: bool,
    has_begun: bool,
    /// Events that are complete, each as it is handed on.
    ready: VecDeque<Vec<u8>>,
}

/// One event is longer than the limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLong;

impl Events {
    /// Takes bytes in; an event may have `limit` of them.
    pub(super) fn push(&mut self, bytes: &[u8], limit: usize) -> Result<(), TooLong> {
        let mut rest = bytes;
        if std::mem::take(&mut self.after_return) {
            rest = rest.strip_prefix(b"\n").unwrap_or(rest);
        }
        while let Some(end) = rest.iter().position(|b| matches!(b, b'\n' | b'\r')) {
            self.grow(&rest[..end], limit)?;
            let is_return = rest[end] == b'\r';
            rest = &rest[end + 1..];
            if is_return {
                self.after_return = rest.is_empty();
                rest = rest.strip_prefix(b"\n").unwrap_or(rest);
            }
            self.end_line();
        }
        self.grow(rest, limit)
    }

    /// The next complete event.
    pub(super) fn next(&mut self) -> Option<Vec<u8>> {
        self.ready.pop_front()
    }

    /// Completes an event whose last line ended and whose empty line never came. A line that
    /// did not end is a part of one, and dropped.
    pub(super) fn finish(&mut self) {
        self.line.clear();
        self.end_line();
    }

    fn grow(&mut self, bytes: &[u8], limit: usize) -> Result<(), TooLong> {
        if self.line.len() + self.data.len() + bytes.len() > limit {
            return Err(TooLong);
        }
        self.line.extend_from_slice(bytes);
        Ok(())
    }

    fn end_line(&mut self) {
        let mut line = std::mem::take(&mut self.line);
        if !std::mem::replace(&mut self.has_begun, true) && line.starts_with(b"\xEF\xBB\xBF") {
            line.drain(..3);
        }
        if line.is_empty() {
            self.dispatch();
            return;
        }
        if let Some(value) = field(&line, b"data") {
            if !self.data.is_empty() {
                self.data.push(b' ');
            }
            self.data.extend_from_slice(value);
        } else if let Some(name) = field(&line, b"event") {
            self.is_keepalive = matches!(name, b"keepalive" | b"ping");
        }
        // The room is used again.
        line.clear();
        self.line = line;
    }

    fn dispatch(&mut self) {
        let data = std::mem::take(&mut self.data);
        let is_keepalive = std::mem::take(&mut self.is_keepalive);
        if !is_keepalive && !data.iter().all(u8::is_ascii_whitespace) {
            self.add(&data);
        }
    }

    /// Adds an event with these data, which have no line ends.
    pub(super) fn add(&mut self, data: &[u8]) {
        self.ready.push_back([b"data: ", data, b"\n\n"].concat());
    }
}

/// The value of a line that has this field's name.
fn field<'l>(line: &'l [u8], name: &[u8]) -> Option<&'l [u8]> {
    let value = line.strip_prefix(name)?;
    match value.strip_prefix(b":") {
        Some(value) => Some(value.strip_prefix(b" ").unwrap_or(value)),
        None => value.is_empty().then_some(value),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes out, however the bytes are cut.
    fn check(text: &str, expected: &[&str]) {
        for size in [1, 2, 3, text.len().max(1)] {
            let mut events = Events::default();
            for piece in text.as_bytes().chunks(size) {
                events.push(piece, 100).expect("short");
            }
            events.finish();
            let mut found = Vec::new();
            while let Some(event) = events.next() {
                let event = String::from_utf8(event).expect("text");
                let data = event.strip_prefix("data: ").and_then(|rest| rest.strip_suffix("\n\n"));
                found.push(data.expect("an event").to_owned());
            }
            assert_eq!(found, expected, "{text:?} in pieces of {size}");
        }
    }

    #[test]
    fn lines_become_events() {
        check("data: a\n\ndata:b\n\n", &["a", "b"]);
        check("\u{feff}data: a\r\n\r\ndata: b\r\rdata: c\n\n", &["a", "b", "c"]);
        check("data: [1,\ndata: 2]\n\n", &["[1, 2]"]);
        check(": comment\n\nevent: x\nid: 1\ndata: a\n\n\n\n", &["a"]);
        check("event: keepalive\ndata: {}\n\ndata: a\n\n", &["a"]);
        check("data\n\ndata:\n\ndata: \n\ndatab: x\n\n", &[]);
        check("data: a\n", &["a"]);
        check("data: a\n\ndata: hal", &["a"]);
        check("", &[]);
    }

    #[test]
    fn an_event_has_a_greatest_length() {
        let mut events = Events::default();
        assert_eq!(events.push(&[b'x'; 100], 100), Ok(()));
        assert_eq!(events.push(b"x", 100), Err(TooLong));
        let mut events = Events::default();
        let lines = b"data: 1234\n".repeat(30);
        assert_eq!(events.push(&lines, 100), Err(TooLong));
    }
}
