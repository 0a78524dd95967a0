//! Stdout: the answer or the data, and nothing else.
//!
//! A reader that has gone away (`pe graph plan.json | head -1`) is no error: what is left is
//! dropped and the exit code stays that of the work. Anything else that keeps the output
//! from being written, a full disk for one, is an error.

use std::io::{self, IsTerminal as _, Write};

use anyhow::Context as _;
use serde::Serialize;
use serde_json::ser::{CompactFormatter, Formatter, PrettyFormatter, Serializer};

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
        self.lines(&escaped(document, Plain(PrettyFormatter::new()))?)
    }

    /// Writes one JSON document on one line.
    pub(crate) fn json_line(&mut self, document: &impl Serialize) -> anyhow::Result<()> {
        self.lines(&escaped(document, Plain(CompactFormatter))?)
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

fn escaped(document: &impl Serialize, format: impl Formatter) -> anyhow::Result<String> {
    let mut bytes = Vec::new();
    document
        .serialize(&mut Serializer::with_formatter(&mut bytes, format))
        .context("cannot write the JSON")?;
    String::from_utf8(bytes).context("cannot write the JSON")
}

/// JSON of the same value in which nothing controls a terminal or deceives a reader.
struct Plain<F>(F);

impl<F: Formatter> Formatter for Plain<F> {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        fragment: &str,
    ) -> io::Result<()> {
        let mut rest = fragment;
        while let Some((at, c)) = rest.char_indices().find(|(_, c)| words::is_deceptive(*c)) {
            writer.write_all(&rest.as_bytes()[..at])?;
            for unit in c.encode_utf16(&mut [0; 2]) {
                write!(writer, "\\u{unit:04x}")?;
            }
            rest = &rest[at + c.len_utf8()..];
        }
        writer.write_all(rest.as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        first: bool,
    ) -> io::Result<()> {
        self.0.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> io::Result<()> {
        self.0.end_object_value(writer)
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
    fn json_holds_nothing_that_deceives_and_is_the_same_value() {
        let value = serde_json::json!({"a\u{9b}": ["\u{7f}x\u{202e}\u{e0041}ü\n", 1, {}], "b": []});
        let mut out = output(Vec::new(), false);
        out.json_line(&value).unwrap();
        let text = String::from_utf8(std::mem::take(&mut out.writer)).unwrap();
        let expected = r#"{"a\u009b":["\u007fx\u202e\udb40\udc41ü\n",1,{}],"b":[]}"#;
        assert_eq!(text.trim_end(), expected);
        out.json(&value).unwrap();
        let pretty: serde_json::Value = serde_json::from_slice(&out.writer).unwrap();
        assert_eq!(pretty, value);
        assert!(out.writer.starts_with(b"{\n  \"a"));
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
