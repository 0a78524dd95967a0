//! One long-lived thread that starts every process.
//!
//! `PR_SET_PDEATHSIG` fires when the *thread* that started the process ends, not when the
//! program does. Threads of an async runtime come and go (a blocking-pool thread lives ten
//! seconds idle), so a process started on one could be killed in the middle of its work.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{OnceLock, mpsc};

use cap_std::fs::Dir;
use tokio::process::{Child, Command};
use tokio::runtime::Handle;
use tokio::sync::oneshot;

use super::containment::{self, Containment};

type Job = Box<dyn FnOnce() + Send>;

/// Starts `command` in `directory` on the spawner thread.
///
/// The containment is made beside the process: if nobody waits for the answer any more, it is
/// dropped there and takes the process with it.
pub(super) async fn spawn(command: Command, directory: Dir) -> io::Result<(Child, Containment)> {
    let runtime = Handle::current();
    let (answer, answered) = oneshot::channel();
    let job: Job = Box::new(move || {
        let _inside = runtime.enter();
        let _ = answer.send(start(command, directory));
    });
    thread()?.send(job).map_err(|_| gone())?;
    answered.await.map_err(|_| gone())?
}

fn start(mut command: Command, directory: Dir) -> io::Result<(Child, Containment)> {
    let tag = containment::prepare(&mut command, directory);
    let child = command.spawn()?;
    let containment = Containment::new(&child, tag);
    Ok((child, containment))
}

fn thread() -> io::Result<&'static mpsc::Sender<Job>> {
    static THREAD: OnceLock<mpsc::Sender<Job>> = OnceLock::new();
    if let Some(thread) = THREAD.get() {
        return Ok(thread);
    }
    let (sender, jobs) = mpsc::channel::<Job>();
    std::thread::Builder::new().name("pe-spawner".into()).spawn(move || {
        for job in jobs {
            // A runtime without its IO driver panics; the job's answer is then dropped.
            let _ = catch_unwind(AssertUnwindSafe(job));
        }
    })?;
    // Where two threads come here at once, the loser's channel closes and its thread ends.
    Ok(THREAD.get_or_init(|| sender))
}

fn gone() -> io::Error {
    io::Error::other("the process could not be handed to the async runtime; is its IO enabled?")
}
