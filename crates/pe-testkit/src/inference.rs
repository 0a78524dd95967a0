//! A real inference server: llama.cpp with a tiny model of random weights.
//!
//! `cargo xtask setup` puts it below `target/tools/inference`. It speaks the chat-completions
//! protocol on a free port of this machine, constrains what it decodes to a JSON Schema, calls
//! tools, streams, counts tokens and really stops at `max_tokens`. What it says is nonsense, the
//! same on the same machine for the same request. One request is answered at a time.
//!
//! It ends when its standard input does, so that it never outlives the tests, however they end.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::OnceLock;

/// What the script prints once the server can be asked; the address follows.
const READY: &str = "listening on ";

/// A running server. It ends when this is dropped, and at the latest with the process.
#[derive(Debug)]
pub struct InferenceServer {
    child: Child,
    /// Held open: its end tells the server that nobody needs it any more.
    _stdin: ChildStdin,
    address: String,
}

impl InferenceServer {
    /// Starts a server and waits until it can be asked. Where it is not installed, this says so
    /// on stderr and gives `None`.
    ///
    /// # Panics
    /// When it is installed and does not start, with what it printed; and when it is not
    /// installed under `CI=true`.
    pub fn start() -> Option<Self> {
        let home = root().join("target/tools/inference");
        if !home.join("installed").exists() {
            let is_ci = std::env::var("CI").is_ok_and(|value| value == "true");
            assert!(!is_ci, "no inference server; `cargo xtask setup` must have put it there");
            let why = "SKIPPED: no inference server was asked; `cargo xtask setup` installs it";
            let _ = writeln!(std::io::stderr(), "{why}");
            return None;
        }
        let mut child = Command::new(home.join("python/bin/python"))
            .arg("-I")
            .arg(root().join("xtask/inference/serve.py"))
            .arg(home.join("model.gguf"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("because the installed interpreter can be started");
        let stdin = child.stdin.take().expect("because it is piped");
        let mut stdout = BufReader::new(child.stdout.take().expect("because it is piped"));
        let mut stderr = child.stderr.take().expect("because it is piped");
        // A pipe that nobody empties would stop the server.
        let log = std::thread::spawn(move || {
            let mut log = Vec::new();
            let _ = stderr.read_to_end(&mut log);
            String::from_utf8_lossy(&log).into_owned()
        });
        let mut line = String::new();
        while stdout.read_line(&mut line).unwrap_or(0) > 0 {
            if let Some(address) = line.trim_end().strip_prefix(READY) {
                let address = address.to_owned();
                std::thread::spawn(move || std::io::copy(&mut stdout, &mut std::io::sink()));
                return Some(Self { child, _stdin: stdin, address });
            }
            line.clear();
        }
        let _ = child.wait();
        panic!("the inference server did not start:\n{}", log.join().unwrap_or_default());
    }

    /// One server for all tests of this program, which ends with it.
    ///
    /// # Panics
    /// As [`Self::start`].
    pub fn shared() -> Option<&'static Self> {
        static SERVER: OnceLock<Option<InferenceServer>> = OnceLock::new();
        SERVER.get_or_init(Self::start).as_ref()
    }

    /// Where it is asked, such as `http://127.0.0.1:40000/v1`.
    pub fn base_url(&self) -> String {
        format!("{}/v1", self.address)
    }
}

impl Drop for InferenceServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The root of the workspace.
fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}
