//! Running one process to its end, contained.
//!
//! This is the seam between the `run_command` tool and the operating system: the tool says
//! what to start ([`Start`]) and learns how it ended ([`Finished`]). Stronger containment
//! (namespaces, Landlock, limits) belongs behind it, in `containment.rs`.
//!
//! Invariants: memory is bounded whatever the process writes; a pipe that somebody keeps open
//! after the process has ended delays the result by [`PIPE_GRACE`] at most; dropping the
//! future kills the process and its descendants before the drop returns.

mod capture;
mod containment;
mod spawner;
mod table;

pub(crate) use capture::Capture;

use std::ffi::OsString;
use std::io;
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use cap_std::fs::Dir;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{ChildStdin, Command};

/// How long output is still waited for once the process has ended.
const PIPE_GRACE: Duration = Duration::from_millis(500);

/// What to start.
pub(crate) struct Start {
    /// The program and its arguments; never passed through a shell.
    pub(crate) argv: Vec<String>,
    /// Where it starts.
    pub(crate) directory: Dir,
    /// All of its environment.
    pub(crate) environment: Vec<(OsString, OsString)>,
    /// What it reads; nothing when `None`.
    pub(crate) stdin: Option<String>,
    /// How many bytes of each output stream are kept.
    pub(crate) keep: usize,
}

/// How a process ended.
#[derive(Debug)]
pub(crate) struct Finished {
    pub(crate) status: ExitStatus,
    pub(crate) stdout: Capture,
    pub(crate) stderr: Capture,
}

/// Starts a process and waits for its end.
///
/// # Errors
/// What the operating system says when it cannot be started.
pub(crate) async fn run(start: Start) -> io::Result<Finished> {
    let Start { argv, directory, environment, stdin, keep } = start;
    let Some((program, arguments)) = argv.split_first() else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "there is no program to start"));
    };
    let mut command = Command::new(program);
    command
        .args(arguments)
        .env_clear()
        .envs(environment)
        .stdin(if stdin.is_some() { Stdio::piped() } else { Stdio::null() })
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true);
    let (mut child, mut containment) = spawner::spawn(command, directory).await?;

    let (mut stdout, mut stderr) = (Capture::new(keep), Capture::new(keep));
    let (input, output, errors) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let status = {
        let mut pipes = pin!(async {
            tokio::join!(feed(input, stdin), stdout.drain(output), stderr.drain(errors));
        });
        let (status, pipes_open) = tokio::select! {
            status = child.wait() => (status?, true),
            () = &mut pipes => (child.wait().await?, false),
        };
        containment.process_ended();
        if pipes_open {
            // Whoever still holds them is killed below, so there is no more to come.
            let _ = tokio::time::timeout(PIPE_GRACE, pipes).await;
        }
        status
    };
    // What the process left behind must not outlive the call. Looking for it reads `/proc`.
    let _ = tokio::task::spawn_blocking(move || drop(containment)).await;
    Ok(Finished { status, stdout, stderr })
}

/// Writes `text` and closes the pipe. A process that does not read it is its own business.
async fn feed(pipe: Option<ChildStdin>, text: Option<String>) {
    if let (Some(mut pipe), Some(text)) = (pipe, text) {
        let _ = pipe.write_all(text.as_bytes()).await;
        let _ = pipe.shutdown().await;
    }
}
