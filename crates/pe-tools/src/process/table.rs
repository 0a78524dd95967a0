//! The process table, read from `/proc`. Empty where there is none.

use std::fs;

use rustix::process::Pid;

/// One process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) pid: Pid,
    pub(super) parent: i32,
    pub(super) session: i32,
    /// When it started, in clock ticks since the machine did.
    pub(super) started: u64,
    /// Whether it has ended and only waits to be reaped.
    pub(super) zombie: bool,
}

/// All processes that can be seen now.
pub(super) fn snapshot() -> Vec<Entry> {
    let Ok(entries) = fs::read_dir("/proc") else { return Vec::new() };
    entries
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter_map(Pid::from_raw)
        .filter_map(entry)
        .collect()
}

/// The process `pid`, if it is there.
pub(super) fn entry(pid: Pid) -> Option<Entry> {
    let stat = fs::read(format!("/proc/{pid}/stat")).ok()?;
    parse(pid, &String::from_utf8_lossy(&stat))
}

/// Whether the environment that `pid` was started with contains `text`.
pub(super) fn environment_contains(pid: Pid, text: &str) -> bool {
    let Ok(environment) = fs::read(format!("/proc/{pid}/environ")) else { return false };
    environment.windows(text.len()).any(|window| window == text.as_bytes())
}

/// Reads the line of `/proc/PID/stat` (proc_pid_stat(5)): `pid (name) state ppid pgrp session …`.
fn parse(pid: Pid, stat: &str) -> Option<Entry> {
    // The name may hold anything, parentheses too; the last one ends it.
    let (_, rest) = stat.rsplit_once(')')?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    let parent = fields.next()?.parse().ok()?;
    let session = fields.nth(1)?.parse().ok()?;
    let started = fields.nth(15)?.parse().ok()?;
    Some(Entry { pid, parent, session, started, zombie: matches!(state, "Z" | "X") })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_with_an_awkward_name_is_read() {
        let line = "42 (a) b) c) Z 7 42 9 0 -1 4194304 1 2 3 4 5 6 7 8 20 0 1 0 12345 0 0";
        let pid = Pid::from_raw(42).expect("a pid");
        let expected = Entry { pid, parent: 7, session: 9, started: 12345, zombie: true };
        assert_eq!(parse(pid, line), Some(expected));
        assert_eq!(parse(pid, "42 (a"), None);
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn this_process_is_in_the_table() {
        let own = rustix::process::getpid();
        let found = entry(own).expect("this process");
        assert!(snapshot().iter().any(|entry| entry.pid == own));
        assert!(!found.zombie && found.started > 0);
    }
}
