//! Signals: the first asks a run to stop, the second drops what still runs, the third ends
//! the program.

use std::io;

use pe_exec::{Controller, GRACE_MS};
use tokio::signal::unix::{Signal, SignalKind, signal};

use crate::progress::Presenter;
use crate::words::duration;

/// The signals that ask for an end: Ctrl-C, a request to terminate, a terminal that closes.
#[derive(Debug)]
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
}

impl Signals {
    /// Takes the signals over from the system. Inside a runtime only.
    pub(crate) fn listen() -> io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            // Under `nohup` the terminal may close, and the run goes on. An ignored interrupt is
            // not respected like that: shells ignore it for every job in the background, and
            // `kill -INT` means it.
            hangup: if ignores_hangup() { None } else { Some(signal(SignalKind::hangup())?) },
        })
    }

    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        let hangup = async {
            match &mut self.hangup {
                Some(hangup) => hangup.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.terminate.recv() => {}
            _ = hangup => {}
        }
    }

    /// Stops a run as signals ask for it; returns when the program is to end whatever still
    /// holds it.
    pub(crate) async fn stop(mut self, handle: Controller, presenter: &Presenter) {
        self.next().await;
        handle.stop();
        presenter.say(format!(
            "stopping: running steps get {} to end; once more stops them at once",
            duration(GRACE_MS)
        ));
        self.next().await;
        handle.stop_now();
        presenter.say("stopping at once");
        self.next().await;
    }
}

/// Whether this process was started with hangups ignored. Linux says so in `/proc`; elsewhere
/// the answer is no.
fn ignores_hangup() -> bool {
    const HANGUP: u64 = 1;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok())
        .is_some_and(|mask| mask & HANGUP != 0)
}
