//! Room for values that are nested as deeply as they may be.
//!
//! What is read may be 256 levels deep, and reading takes some kilobytes of stack a level. A
//! library must not depend on how much its caller has left.

use std::io;
use std::panic;
use std::thread;

/// Enough for the deepest value, with much to spare; only what is used is taken.
pub(crate) const READER_STACK: usize = 16 * 1024 * 1024;

/// Does the work on a stack of its own, and passes its panics on.
pub(crate) fn with_room<T: Send>(work: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let builder = thread::Builder::new().stack_size(READER_STACK);
        let worker = builder.spawn_scoped(scope, work)?;
        Ok(worker.join().unwrap_or_else(|panic| panic::resume_unwind(panic)))
    })
}
