//! A `pe` in the background, watched by what it says.

use std::io::{BufRead as _, BufReader, Lines};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::world::World;

/// A `pe` that was told to run and has said that `step` started.
pub(crate) struct Running {
    pub(crate) child: Child,
    pub(crate) stderr: Lines<BufReader<ChildStderr>>,
}

impl Running {
    pub(crate) fn start(world: &World, words: &[&str], step: &str) -> Self {
        let mut child = world.command(words).stdout(Stdio::piped()).spawn().unwrap();
        let stderr = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut running = Self { child, stderr };
        running.until(&format!("{step} started"));
        running
    }

    /// Reads stderr up to a line that contains `text`.
    #[track_caller]
    pub(crate) fn until(&mut self, text: &str) {
        let found = self.stderr.by_ref().map(|line| line.unwrap()).find(|line| line.contains(text));
        assert!(found.is_some(), "{text:?} was never said");
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        let sent = Command::new("kill").args([&format!("-{name}"), &pid]).status().unwrap();
        assert!(sent.success());
    }

    pub(crate) fn end(self) -> (Option<i32>, String) {
        let output = self.child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    }
}
