//! What a process writes, kept in bounded memory.

use tokio::io::{AsyncRead, AsyncReadExt as _};

/// How much of the end is kept beside the head, in bytes; failures are told at the end.
const TAIL: usize = 4 * 1024;

/// The start and the end of a stream, and its length.
#[derive(Debug)]
pub(crate) struct Capture {
    keep: usize,
    head: Vec<u8>,
    /// What came after the head, down to the last [`TAIL`] bytes or a little more.
    tail: Vec<u8>,
    total: u64,
}

impl Capture {
    /// Keeps the first `keep` bytes.
    pub(crate) fn new(keep: usize) -> Self {
        Self { keep, head: Vec::new(), tail: Vec::new(), total: 0 }
    }

    /// Reads until the end or an error, which a closed pipe is too.
    pub(crate) async fn drain(&mut self, pipe: Option<impl AsyncRead + Unpin>) {
        let Some(mut pipe) = pipe else { return };
        let mut chunk = vec![0; 16 * 1024];
        while let Ok(read @ 1..) = pipe.read(&mut chunk).await {
            self.push(&chunk[..read]);
        }
    }

    fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let room = self.keep - self.head.len();
        let (head, rest) = bytes.split_at(room.min(bytes.len()));
        self.head.extend_from_slice(head);
        self.tail.extend_from_slice(rest);
        if self.tail.len() > 4 * TAIL {
            self.tail.drain(..self.tail.len() - TAIL);
        }
    }

    /// The bytes kept from the start.
    pub(crate) fn head(&self) -> &[u8] {
        &self.head
    }

    /// How many bytes were written in all.
    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    /// Whether more was written than the head holds.
    pub(crate) fn is_cut(&self) -> bool {
        self.total > self.head.len() as u64
    }

    /// The last lines that were written, at most `lines` of them and at most [`TAIL`] bytes.
    pub(crate) fn last_lines(&self, lines: usize) -> String {
        let mut end = self.head[self.head.len().saturating_sub(TAIL)..].to_vec();
        end.extend_from_slice(&self.tail);
        let end = String::from_utf8_lossy(&end[end.len().saturating_sub(TAIL)..]).into_owned();
        let end = end.trim_end();
        let start =
            end.rmatch_indices('\n').nth(lines.saturating_sub(1)).map_or(0, |(at, _)| at + 1);
        end[start..].trim_start_matches('\u{fffd}').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_tail_are_kept_and_the_middle_is_counted() {
        let mut capture = Capture::new(10);
        for line in 0..100_000 {
            capture.push(format!("line {line}\n").as_bytes());
        }
        assert_eq!(capture.head(), b"line 0\nlin");
        assert!(capture.is_cut());
        assert_eq!(capture.total(), 1_088_890);
        assert!(capture.tail.len() <= 4 * TAIL, "{}", capture.tail.len());
        assert_eq!(capture.last_lines(2), "line 99998\nline 99999");
    }

    #[test]
    fn last_lines_of_little_is_all_of_it() {
        let mut capture = Capture::new(100);
        capture.push(b"one\ntwo\n");
        assert_eq!(capture.last_lines(5), "one\ntwo");
        assert_eq!(capture.last_lines(1), "two");
        assert!(!capture.is_cut());
    }
}
