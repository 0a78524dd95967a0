//! This test binary once more, as another process.

use std::path::Path;
use std::process::{Command, Stdio};

use pe_model::Durability;
use pe_store::SqliteStore;

use crate::scene::Scene;

/// A process under way.
pub(crate) struct Child {
    process: std::process::Child,
}

impl Child {
    /// Runs one test of this binary, which finds its `role` and an argument.
    pub(crate) fn start(
        test: &str,
        role: &str,
        scene: &Scene,
        argument: impl ToString,
        environment: &[(&str, &str)],
    ) -> Self {
        let process = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", test, "--nocapture", "--test-threads=1"])
            .env("PE_STORE_CHILD", role)
            .env("PE_STORE_CHILD_FILE", scene.path())
            .env("PE_STORE_CHILD_ARGUMENT", argument.to_string())
            .envs(environment.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { process }
    }

    /// In the child: the database and the argument, where this role is meant.
    pub(crate) fn here(role: &str) -> Option<(SqliteStore, String)> {
        if std::env::var("PE_STORE_CHILD").ok()? != role {
            return None;
        }
        let path = std::env::var_os("PE_STORE_CHILD_FILE")?;
        let store = match SqliteStore::open_reader(Path::new(&path)).unwrap() {
            Some(store) => store,
            None => SqliteStore::open(path, Durability::Full).unwrap(),
        };
        Some((store, std::env::var("PE_STORE_CHILD_ARGUMENT").ok()?))
    }

    /// What it had to say until it ended.
    pub(crate) fn said(self) -> Vec<String> {
        let output = self.process.wait_with_output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        text.lines().filter_map(|line| line.strip_prefix(MARK)).map(str::to_owned).collect()
    }
}

/// Tells a child's words from those of the test harness.
const MARK: &str = "child: ";

/// In the child: says something to whoever started it.
#[allow(clippy::print_stdout, reason = "the words of a child are lines of its output")]
pub(crate) fn say(text: impl std::fmt::Display) {
    println!("\n{MARK}{text}");
}
