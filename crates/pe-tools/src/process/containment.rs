//! Keeping a process and all that it starts together, so that it can be ended as a whole.
//!
//! What holds them together, each covering what the one before it misses:
//!
//! 1. The process leads its own **session**; what stays in it is found by its number.
//! 2. It is the **subreaper** of its descendants: one whose parent ends becomes its child
//!    again, so that the parent links lead to every descendant while it lives, also to one
//!    that has left the session (`setsid`) or detached by forking twice.
//! 3. Descendants inherit a **tag** in their environment; when the process itself has ended,
//!    those that left the session are still found by it.
//! 4. **Parent-death signal**: the kernel kills the process when this program ends, however it
//!    ends. (Its descendants do not inherit the signal.)
//!
//! What is not covered, and needs a namespace: a descendant that leaves the session, clears
//! its environment *and* outlives the process; and descendants after `kill -9` of this
//! program. Where there is no `/proc`, only the process group is killed.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

use cap_std::fs::Dir;
use rustix::process::{Pid, Signal, kill_process, kill_process_group};
use tokio::process::{Child, Command};

use super::table::{self, Entry};

/// The environment variable that marks a process and its descendants.
pub(crate) const TAG_VARIABLE: &str = "PE_PROCESS_TAG";
/// How often new descendants are looked for; each round finds what the last one missed.
const ROUNDS: usize = 32;

/// Makes `command` start in `directory`, contained. Returns its tag.
pub(super) fn prepare(command: &mut Command, directory: Dir) -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    let own = std::process::id();
    // The start time makes it unique also when this program's pid is used again.
    let since = table::entry(rustix::process::getpid()).map_or(0, |entry| entry.started);
    let tag = format!(";{own}.{since}.{number};");
    // Inside another contained process its tag is kept, so that it still finds ours.
    let outer = std::env::var(TAG_VARIABLE).unwrap_or_default();
    command.env(TAG_VARIABLE, format!("{outer}{tag}"));
    before_exec(command, directory);
    tag
}

#[allow(unsafe_code)]
fn before_exec(command: &mut Command, directory: Dir) {
    let parent = rustix::process::getpid();
    let setup = move || {
        rustix::process::setsid()?;
        // Not by name: the directory that was checked, whatever has been renamed since.
        rustix::process::fchdir(&directory)?;
        #[cfg(target_os = "linux")]
        {
            use rustix::process::{
                getpid, getppid, set_child_subreaper, set_parent_process_death_signal,
            };
            set_child_subreaper(Some(getpid()))?;
            set_parent_process_death_signal(Some(Signal::KILL))?;
            // The parent may have ended before the signal was asked for.
            if getppid() != Some(parent) {
                return Err(rustix::io::Errno::SRCH.into());
            }
        }
        #[cfg(not(target_os = "linux"))]
        let _ = parent;
        Ok(())
    };
    // SAFETY: between fork and exec the closure makes system calls through rustix and nothing
    // else: it does not allocate, lock, panic or touch memory that another thread may hold.
    unsafe {
        command.pre_exec(setup);
    }
}

/// A running process and its descendants; dropping it ends those that are left.
///
/// Dropping blocks for a few reads of `/proc`. It is not put off to a thread, because a
/// program that ends right after would leave the processes behind.
#[derive(Debug)]
pub(super) struct Containment {
    /// `None` when the process had ended before its number was known.
    root: Option<Pid>,
    started: u64,
    tag: String,
    ended: bool,
}

impl Containment {
    /// Contains `child`, which was prepared with `tag`.
    pub(super) fn new(child: &Child, tag: String) -> Self {
        let root = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        // Invariant: nobody has waited for the process yet, so its number is still its own.
        let started = root.and_then(table::entry).map_or(0, |entry| entry.started);
        Self { root, started, tag, ended: false }
    }

    /// Says that the process was waited for: its number may be another's from now on.
    pub(super) fn process_ended(&mut self) {
        self.ended = true;
    }

    /// The processes that are left, without the first one.
    fn members(&self) -> Vec<Entry> {
        let entries = table::snapshot();
        let mut family = BTreeSet::new();
        if let Some(root) = self.root
            && !self.ended
        {
            family.insert(root.as_raw_pid());
            loop {
                let before = family.len();
                for entry in &entries {
                    if family.contains(&entry.parent) {
                        family.insert(entry.pid.as_raw_pid());
                    }
                }
                if family.len() == before {
                    break;
                }
            }
        }
        let own = rustix::process::getpid();
        entries
            .into_iter()
            .filter(|entry| !entry.zombie && entry.pid != own && Some(entry.pid) != self.root)
            .filter(|entry| {
                family.contains(&entry.pid.as_raw_pid())
                    // What is older than the process does not descend from it.
                    || (entry.started >= self.started
                        && (Some(entry.session) == self.root.map(Pid::as_raw_pid)
                            || table::environment_contains(entry.pid, &self.tag)))
            })
            .collect()
    }

    fn end(&self) {
        // Stopped first, so that nothing forks away between being found and being killed.
        let live = self.root.filter(|_| !self.ended);
        if let Some(root) = live {
            let _ = kill_process(root, Signal::STOP);
        }
        let mut found: Vec<Pid> = Vec::new();
        for _ in 0..ROUNDS {
            let fresh: Vec<Pid> = self
                .members()
                .into_iter()
                .map(|entry| entry.pid)
                .filter(|pid| !found.contains(pid))
                .collect();
            if fresh.is_empty() {
                break;
            }
            for pid in fresh {
                let _ = kill_process(pid, Signal::STOP);
                found.push(pid);
            }
        }
        // The first process goes last: as long as it is there, nothing leaves the family.
        for pid in found {
            let _ = kill_process(pid, Signal::KILL);
        }
        if let Some(root) = live {
            let _ = kill_process_group(root, Signal::KILL);
            let _ = kill_process(root, Signal::KILL);
        }
    }
}

impl Drop for Containment {
    fn drop(&mut self) {
        self.end();
    }
}
