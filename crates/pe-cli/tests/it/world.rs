//! A directory of its own for each test, and `pe` run in it with a clean environment.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;

/// The directory.
pub(crate) struct World {
    dir: TempDir,
}

/// What a finished `pe` left behind.
#[derive(Debug)]
pub(crate) struct Done {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl World {
    pub(crate) fn new() -> Self {
        Self { dir: tempfile::tempdir().unwrap() }
    }

    /// A world with a plan in `plan.json`.
    pub(crate) fn with_plan(plan: &Value) -> Self {
        let world = Self::new();
        world.write("plan.json", plan.to_string());
        world
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn exists(&self, name: &str) -> bool {
        self.path().join(name).exists()
    }

    /// `pe` with these words, not started yet; stdin is empty.
    pub(crate) fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_pe"));
        command.args(words).current_dir(self.path()).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.path().join("home"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    pub(crate) fn pe(&self, words: &[&str]) -> Done {
        Done::of(self.command(words).output().unwrap())
    }

    /// `pe` with a text on stdin.
    pub(crate) fn pe_reading(&self, words: &[&str], stdin: &[u8]) -> Done {
        let mut child = self.command(words).stdin(Stdio::piped()).spawn().unwrap();
        let mut pipe = child.stdin.take().unwrap();
        // A program that has read enough closes its end.
        let _ = pipe.write_all(stdin);
        drop(pipe);
        Done::of(child.wait_with_output().unwrap())
    }

    /// `pe` in an environment.
    pub(crate) fn pe_with(&self, variables: &[(&str, &str)], words: &[&str]) -> Done {
        let mut command = self.command(words);
        Done::of(command.envs(variables.iter().copied()).output().unwrap())
    }
}

impl Done {
    pub(crate) fn of(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The exit code, after nothing was said of a panic.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert_eq!(self.code, Some(code), "stdout: {}\nstderr: {}", self.stdout, self.stderr);
        self
    }

    /// Stdout as exactly one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout)
            .unwrap_or_else(|error| panic!("{error}: {:?}\n{}", self.stdout, self.stderr))
    }

    /// Stdout as one JSON document a line.
    #[track_caller]
    pub(crate) fn events(&self) -> Vec<Value> {
        self.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    #[track_caller]
    pub(crate) fn says(self, text: &str) -> Self {
        assert!(self.stderr.contains(text), "{text:?} is not in {}", self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn prints(self, text: &str) -> Self {
        assert!(self.stdout.contains(text), "{text:?} is not in {}", self.stdout);
        self
    }
}

/// A plan of these steps.
pub(crate) fn plan(steps: Value) -> Value {
    json!({"goal": "test", "steps": steps})
}

/// A step that returns a value.
pub(crate) fn echo(id: &str, value: impl Into<Value>) -> Value {
    json!({"step_id": id, "tool": "echo", "parameters": {"value": value.into()}})
}

/// A step that takes a while.
pub(crate) fn sleep(id: &str, ms: u64) -> Value {
    json!({"step_id": id, "tool": "sleep", "parameters": {"duration_ms": ms}})
}

/// A step that fails.
pub(crate) fn fail(id: &str) -> Value {
    json!({"step_id": id, "tool": "read_file", "parameters": {"path": "no-such-file"}})
}

/// A step that needs consent, and whose effect is a file.
pub(crate) fn touch(id: &str, file: &str) -> Value {
    json!({"step_id": id, "tool": "run_command", "parameters": {"argv": ["touch", file]}})
}
