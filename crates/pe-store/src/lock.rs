//! Kernel locks on single bytes of a file beside the database.
//!
//! They are open file description locks: they end with whoever holds them, however that
//! ends, they can be asked about without being disturbed, and two handles of one process
//! exclude each other as two processes do. The file is empty and is never deleted, because
//! a lock on a deleted file excludes nobody.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nix::errno::Errno;
use nix::fcntl::{FcntlArg, fcntl};
use nix::libc;
use pe_model::RunId;
use sha2::{Digest, Sha256};

/// The byte that a process holds while it writes to the database.
const GATE: i64 = 0;

/// Run locks lie above this offset, so that no run can ever meet the gate.
const FIRST_RUN: i64 = 1 << 20;

/// Names the lock file of a database.
pub(crate) fn path_beside(database: &Path) -> PathBuf {
    let mut name = database.as_os_str().to_owned();
    name.push(".lock");
    PathBuf::from(name)
}

/// One handle on the lock file.
#[derive(Debug)]
pub(crate) struct LockFile {
    file: File,
}

/// Holds the gate: no other process writes.
#[derive(Debug)]
pub(crate) struct Gate<'a> {
    file: &'a File,
}

/// Holds a run.
#[derive(Debug)]
pub(crate) struct RunLock {
    file: File,
    offset: i64,
    held: Arc<AtomicBool>,
}

impl LockFile {
    /// Opens the lock file, which is created where it is missing.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .mode(0o600)
            .open(path)?;
        Ok(Self { file })
    }

    /// Takes the gate if no other handle holds it.
    pub(crate) fn try_gate(&self) -> io::Result<Option<Gate<'_>>> {
        match fcntl(&self.file, FcntlArg::F_OFD_SETLK(&range(libc::F_WRLCK, GATE))) {
            Ok(_) => Ok(Some(Gate { file: &self.file })),
            Err(Errno::EAGAIN | Errno::EACCES | Errno::EINTR) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Waits until no other handle holds the gate.
    pub(crate) fn gate(&self) -> io::Result<Gate<'_>> {
        let wanted = range(libc::F_WRLCK, GATE);
        loop {
            match fcntl(&self.file, FcntlArg::F_OFD_SETLKW(&wanted)) {
                Ok(_) => return Ok(Gate { file: &self.file }),
                Err(Errno::EINTR) => {}
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// Takes a run on a handle of its own; `None` when somebody holds it.
pub(crate) fn try_run(path: &Path, run_id: &RunId) -> io::Result<Option<RunLock>> {
    let LockFile { file } = LockFile::create(path)?;
    let offset = offset_of(run_id);
    match fcntl(&file, FcntlArg::F_OFD_SETLK(&range(libc::F_WRLCK, offset))) {
        Ok(_) => Ok(Some(RunLock { file, offset, held: Arc::new(AtomicBool::new(true)) })),
        Err(Errno::EAGAIN | Errno::EACCES) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Asks whether runs are held, without taking them; nobody holds any where there is no file.
#[derive(Debug)]
pub(crate) struct Census {
    file: Option<File>,
}

impl Census {
    pub(crate) fn open(path: &Path) -> Self {
        Self { file: File::open(path).ok() }
    }

    pub(crate) fn is_live(&self, run_id: &RunId) -> bool {
        let mut found = range(libc::F_WRLCK, offset_of(run_id));
        self.file.as_ref().is_some_and(|file| {
            fcntl(file, FcntlArg::F_OFD_GETLK(&mut found)).is_ok()
                && i32::from(found.l_type) != libc::F_UNLCK
        })
    }
}

impl RunLock {
    /// True until the lock is dropped.
    pub(crate) fn held(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.held)
    }
}

impl Drop for RunLock {
    fn drop(&mut self) {
        self.held.store(false, Ordering::SeqCst);
        // A child being started may share the handle for a moment: closing it is not enough.
        let _ = fcntl(&self.file, FcntlArg::F_OFD_SETLK(&range(libc::F_UNLCK, self.offset)));
    }
}

impl Drop for Gate<'_> {
    fn drop(&mut self) {
        let _ = fcntl(self.file, FcntlArg::F_OFD_SETLK(&range(libc::F_UNLCK, GATE)));
    }
}

/// Where a run's byte is: 61 bits of a hash, so that two runs never meet by chance.
fn offset_of(run_id: &RunId) -> i64 {
    let digest = Sha256::digest(run_id.as_str());
    let mut first = [0; 8];
    first.copy_from_slice(&digest[..8]);
    FIRST_RUN + (u64::from_le_bytes(first) >> 3) as i64
}

fn range(kind: i32, start: i64) -> libc::flock {
    libc::flock {
        l_type: kind as libc::c_short,
        l_whence: libc::SEEK_SET as libc::c_short,
        l_start: start,
        l_len: 1,
        l_pid: 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_is_held_once_even_within_one_process() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let (mine, other) = (RunId::new("mine"), RunId::new("other"));
        let lock = try_run(&path, &mine).unwrap().unwrap();
        assert!(try_run(&path, &mine).unwrap().is_none());
        assert!(try_run(&path, &other).unwrap().is_some());
        let census = Census::open(&path);
        assert!(census.is_live(&mine) && !census.is_live(&other));
        let held = lock.held();
        drop(lock);
        assert!(!held.load(Ordering::SeqCst) && !census.is_live(&mine));
        assert!(try_run(&path, &mine).unwrap().is_some());
    }
}
