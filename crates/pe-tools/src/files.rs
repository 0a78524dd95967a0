//! Tools that touch files, confined to one directory.
//!
//! Every path goes through a `cap-std` directory handle that is opened once. The kernel (or,
//! where it cannot, `cap-std` component by component) refuses `..`, absolute paths and symbolic
//! links that lead out of it, so nothing here compares path strings. Blocking work runs off
//! the async threads and stops early when its call is dropped.

mod list;
mod read;
mod search;
mod walk;
mod write;

pub use list::ListDirectory;
pub use read::ReadFile;
pub use search::SearchFiles;
pub use write::WriteFile;

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use cap_std::ambient_authority;
use cap_std::fs::{Dir, File, Metadata, OpenOptions, OpenOptionsExt as _};
use pe_model::{ErrorClass, ToolError};

/// The resource that file tools share.
pub(crate) const RESOURCE: &str = "files";

/// The directory that file tools cannot leave; cloning shares the open handle.
#[derive(Clone)]
pub struct FileRoot {
    dir: Arc<Dir>,
    path: Arc<Path>,
}

impl FileRoot {
    /// Opens `path`, which has to be a directory.
    ///
    /// # Errors
    /// Whatever the operating system says when it cannot be opened.
    pub fn open(path: impl Into<PathBuf>) -> io::Result<Self> {
        let path = path.into();
        let dir = Dir::open_ambient_dir(&path, ambient_authority())?;
        Ok(Self { dir: Arc::new(dir), path: path.into() })
    }

    /// The root as it was given, for messages.
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn dir(&self) -> &Dir {
        &self.dir
    }

    /// A directory inside the root.
    pub(crate) fn open_dir(&self, path: &str) -> Result<Dir, ToolError> {
        self.dir.open_dir(relative(path)).map_err(|error| self.fault("open", path, &error))
    }

    /// A file inside the root, and what is known about it; never waits for a pipe's writer.
    pub(crate) fn open_file(&self, path: &str) -> Result<(File, Metadata), ToolError> {
        let mut options = OpenOptions::new();
        options.read(true).custom_flags(rustix::fs::OFlags::NONBLOCK.bits() as i32);
        let file =
            self.dir.open_with(path, &options).map_err(|error| self.fault("read", path, &error))?;
        let about = file.metadata().map_err(|error| self.fault("read", path, &error))?;
        self.expect_file(path, &about)?;
        Ok((file, about))
    }

    /// Refuses what is not a regular file.
    pub(crate) fn expect_file(&self, path: &str, about: &Metadata) -> Result<(), ToolError> {
        if about.is_file() {
            return Ok(());
        }
        let found = if about.is_dir() { "a directory" } else { "neither file nor directory" };
        let message = format!("`{path}` is {found}, expected a file");
        Err(ToolError::new(ErrorClass::Validation, message))
    }

    /// What an IO error means for a tool that wanted to `verb` the `path`.
    pub(crate) fn fault(&self, verb: &str, path: &str, error: &io::Error) -> ToolError {
        use io::ErrorKind as Kind;
        let (class, reason) = match error.kind() {
            // cap-std makes this error itself; the system's own carries an errno.
            Kind::PermissionDenied if error.raw_os_error().is_none() => {
                let root = self.path.display();
                let message = format!("`{path}` leads outside of the root `{root}`");
                return ToolError::new(ErrorClass::Permission, message);
            }
            Kind::NotFound => (ErrorClass::NotFound, "no such file or directory".to_owned()),
            Kind::PermissionDenied | Kind::ReadOnlyFilesystem => {
                (ErrorClass::Permission, error.to_string())
            }
            Kind::IsADirectory => {
                (ErrorClass::Validation, "it is a directory, expected a file".to_owned())
            }
            Kind::NotADirectory => {
                (ErrorClass::Validation, "a part of it is not a directory".to_owned())
            }
            Kind::InvalidInput | Kind::InvalidFilename => {
                (ErrorClass::Validation, error.to_string())
            }
            _ if error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error()) => {
                (ErrorClass::Validation, "its symbolic links go round in a circle".to_owned())
            }
            // A full or broken disk: the tool did what it could.
            _ => (ErrorClass::Execution, error.to_string()),
        };
        ToolError::new(class, format!("cannot {verb} `{path}`: {reason}"))
    }
}

impl fmt::Debug for FileRoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("FileRoot").field(&self.path).finish()
    }
}

/// An empty path means the root itself.
pub(crate) fn relative(path: &str) -> &str {
    if path.is_empty() { "." } else { path }
}

/// Says whether the call that some blocking work belongs to is still wanted.
#[derive(Clone, Default)]
pub(crate) struct Wanted(Arc<AtomicBool>);

impl Wanted {
    /// An error once the call was dropped.
    pub(crate) fn check(&self) -> Result<(), ToolError> {
        if self.0.load(Ordering::Relaxed) {
            return Err(ToolError::new(ErrorClass::Cancelled, "the call was dropped"));
        }
        Ok(())
    }
}

/// Runs blocking `work` off the async threads; dropping the future makes `Wanted` say so.
pub(crate) async fn blocking<T, F>(tool: &str, work: F) -> Result<T, ToolError>
where
    T: Send + 'static,
    F: FnOnce(&Wanted) -> Result<T, ToolError> + Send + 'static,
{
    struct DropFlag(Wanted);
    impl Drop for DropFlag {
        fn drop(&mut self) {
            self.0.0.store(true, Ordering::Relaxed);
        }
    }
    let wanted = Wanted::default();
    let _flag = DropFlag(wanted.clone());
    match tokio::task::spawn_blocking(move || work(&wanted)).await {
        Ok(result) => result,
        Err(error) => {
            let message = format!("`{tool}` stopped before it was done: {error}");
            Err(ToolError::new(ErrorClass::Internal, message).outcome_unknown())
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn dropped_work_is_told_to_stop() {
        let (started, is_started) = std::sync::mpsc::channel();
        let (stopped, is_stopped) = tokio::sync::oneshot::channel();
        let work = blocking("t", move |wanted| {
            started.send(()).expect("the test waits");
            let error = loop {
                match wanted.check() {
                    Ok(()) => std::thread::sleep(Duration::from_millis(1)),
                    Err(error) => break error,
                }
            };
            stopped.send(error.class).expect("the test waits");
            Ok(())
        });
        tokio::select! {
            _ = work => panic!("it ends only when it is dropped"),
            _ = tokio::task::spawn_blocking(move || is_started.recv()) => {}
        }
        assert_eq!(is_stopped.await, Ok(ErrorClass::Cancelled));
    }
}
