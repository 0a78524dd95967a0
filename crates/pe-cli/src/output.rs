//! Stdout: the answer or the data, and nothing else.
//!
//! A reader that has gone away (`pe graph plan.json | head -1`) is no error: what is left is
//! dropped and the exit code stays that of the work. Anything else that keeps the output
//! from being written, a full disk for one, is an error.

use std::io::{self, IsTerminal as _, Write};

use anyhow::Context as _;
use serde::Serialize;

use crate::words;

/// Writes to stdout until its reader goes away.
#[derive(Debug)]
pub(crate) struct Output<W = io::Stdout> {
    writer: W,
    is_terminal: bool,
    is_closed: bool,
}

impl Output {
    /// The process's stdout.
    pub(crate) fn stdout() -> Self {
        let writer = io::stdout();
        Self { is_terminal: writer.is_terminal(), writer, is_closed: false }
    }
}

impl<W: Write> Output<W> {
    /// Writes a text and hands it on at once.
    ///
    /// On a terminal, what could control the terminal is made visible instead: results come
    /// from tools, and tools read what strangers wrote.
    pub(crate) fn text(&mut self, text: &str) -> anyhow::Result<()> {
        if self.is_terminal {
            self.bytes(words::printable(text).as_bytes())
        } else {
            self.bytes(text.as_bytes())
        }
    }

    /// Writes a text that was made safe for terminals already, with its colours.
    pub(crate) fn drawing(&mut self, text: &str) -> anyhow::Result<()> {
        self.bytes(text.as_bytes())
    }

    /// Writes a text, and a line's end where it has none.
    pub(crate) fn lines(&mut self, text: &str) -> anyhow::Result<()> {
        if text.is_empty() || text.ends_with('\n') {
            self.text(text)
        } else {
            self.text(&format!("{text}\n"))
        }
    }

    /// Writes one JSON document, indented.
    pub(crate) fn json(&mut self, document: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(document).context("cannot write the JSON")?;
        self.lines(&text)
    }

    /// Writes one JSON document on one line.
    pub(crate) fn json_line(&mut self, document: &impl Serialize) -> anyhow::Result<()> {
        let text = serde_json::to_string(document).context("cannot write the JSON")?;
        self.lines(&text)
    }

    fn bytes(&mut self, bytes: &[u8]) -> anyhow::Result<()> {
        if self.is_closed {
            return Ok(());
        }
        match self.writer.write_all(bytes).and_then(|()| self.writer.flush()) {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            other => other.context("cannot write to stdout"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Takes a number of bytes, then fails.
    struct Full(usize, io::ErrorKind);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            if self.0 == 0 {
                return Err(self.1.into());
            }
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            Ok(taken)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn output<W: Write>(writer: W, is_terminal: bool) -> Output<W> {
        Output { writer, is_terminal, is_closed: false }
    }

    #[test]
    fn a_reader_that_went_away_is_no_error() {
        let mut out = output(Full(3, io::ErrorKind::BrokenPipe), false);
        out.text("a long text").unwrap();
        out.text("more").unwrap();
        assert!(out.is_closed);
    }

    #[test]
    fn a_full_disk_is_an_error() {
        let mut out = output(Full(3, io::ErrorKind::StorageFull), false);
        let error = out.text("a long text").unwrap_err();
        assert_eq!(error.to_string(), "cannot write to stdout");
    }

    #[test]
    fn only_a_terminal_is_protected_from_what_a_text_holds() {
        let mut out = output(Vec::new(), true);
        out.lines("a\x1b[2Jb").unwrap();
        assert_eq!(out.writer, b"a\\u{1b}[2Jb\n");
        let mut out = output(Vec::new(), false);
        out.lines("a\x1b[2Jb\n").unwrap();
        assert_eq!(out.writer, b"a\x1b[2Jb\n");
    }
}
