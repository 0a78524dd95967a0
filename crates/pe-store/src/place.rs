//! Whether the database is still where it was opened.
//!
//! A file that was removed or replaced can be written on without an error, and whatever is
//! written is lost when it is closed. So every transaction looks first.

use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::opening::beside;

/// The file that a path led to.
#[derive(Debug)]
pub(crate) struct Place {
    path: PathBuf,
    log: PathBuf,
    /// Device and inode.
    file: (u64, u64),
    /// The log was seen beside the file; one that was there does not go while the file is open.
    has_log: bool,
}

impl Place {
    /// Notes what is at `path`.
    pub(crate) fn note(path: &Path) -> io::Result<Self> {
        let (log, file) = (beside(path, "-wal"), file_at(path)?);
        Ok(Self { path: path.to_owned(), log, file, has_log: false })
    }

    /// Looks whether it is still there. Call it where SQLite has opened the log, if any.
    ///
    /// # Errors
    /// [`StoreError::Replaced`] where it is not, or where another file is.
    pub(crate) fn check(&mut self) -> Result<(), StoreError> {
        if file_at(&self.path).ok() != Some(self.file) {
            return Err(StoreError::Replaced { path: self.path.clone() });
        }
        // Not by its metadata: a file whose times are looked at gets new ones with its next
        // write, which costs each commit. That it is no link is all there is to know.
        let found = fs::read_link(&self.log);
        let is_gone = found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
        if is_gone && self.has_log {
            return Err(StoreError::Replaced { path: self.path.clone() });
        }
        self.has_log |= !is_gone;
        Ok(())
    }
}

fn file_at(path: &Path) -> io::Result<(u64, u64)> {
    path.metadata().map(|found| (found.dev(), found.ino()))
}
