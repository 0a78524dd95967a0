//! The thread that writes: takes everything that waits, commits it once, answers each.
//!
//! Waking a thread twice costs as much as a commit on a fast disk. So a small batch is
//! committed by whoever brings it, when nobody else is writing and the last commits were
//! quick; everything else, and everything while somebody writes, goes to the thread.

use std::io;
use std::path::Path;
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::thread::{self, JoinHandle};

use pe_model::{Durability, JournalError};
use tokio::sync::oneshot;

use crate::desk::Desk;
use crate::ledger::Batch;
use crate::stack::READER_STACK;

/// Something for the writing thread to do.
pub(crate) enum Job {
    /// Events to append, together with whatever else waits.
    Append(Append),
    /// Anything else, by itself.
    Task(Box<dyn FnOnce(&mut Desk) + Send>),
}

/// A batch and who waits for it.
pub(crate) struct Append {
    pub(crate) batch: Batch,
    pub(crate) reply: oneshot::Sender<Result<(), JournalError>>,
}

/// Where jobs are handed in, until the writer ends; whoever holds it does not keep it going.
#[derive(Debug, Clone)]
pub(crate) struct Jobs(Arc<Mutex<Option<Sender<Job>>>>);

/// The thread, which ends when it has done what was handed to it and this is dropped.
pub(crate) struct Writer {
    desk: Arc<Mutex<Desk>>,
    jobs: Jobs,
    thread: Option<JoinHandle<()>>,
}

impl Writer {
    pub(crate) fn start(path: &Path, durability: Durability) -> io::Result<Self> {
        let (jobs, waiting) = mpsc::channel();
        let jobs = Jobs(Arc::new(Mutex::new(Some(jobs))));
        let desk = Arc::new(Mutex::new(Desk::new(path, durability, jobs.clone())));
        let shared = Arc::clone(&desk);
        let thread = thread::Builder::new()
            .name("pe-store".to_owned())
            .stack_size(READER_STACK)
            .spawn(move || run(&shared, &waiting))?;
        Ok(Self { desk, jobs, thread: Some(thread) })
    }

    /// Has a batch appended, here and now where that is quick; false when the thread is gone.
    pub(crate) fn append(&self, append: Append) -> bool {
        let (append, log_is_long) = match self.desk.try_lock() {
            Ok(mut desk) => (desk.commit_quickly(append), desk.is_log_long()),
            Err(TryLockError::WouldBlock) => (Some(append), false),
            Err(TryLockError::Poisoned(_)) => return false,
        };
        match append {
            Some(append) => self.send(Job::Append(append)),
            None => !log_is_long || self.send(Job::Task(Box::new(Desk::settle))),
        }
    }

    /// False when the thread is gone.
    pub(crate) fn send(&self, job: Job) -> bool {
        self.jobs.send(job)
    }
}

impl Jobs {
    /// False when the thread is gone.
    pub(crate) fn send(&self, job: Job) -> bool {
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok())
    }

    /// Nothing more is handed in.
    fn close(&self) {
        drop(self.0.lock().unwrap_or_else(PoisonError::into_inner).take());
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs.close();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// Takes all that waits at once, again and again, in the order in which it came.
fn run(desk: &Mutex<Desk>, waiting: &Receiver<Job>) {
    let mut group = Vec::new();
    while let Ok(first) = waiting.recv() {
        // Whoever panicked at the desk left it in no state to be used.
        let Ok(mut desk) = desk.lock() else { return };
        for job in std::iter::once(first).chain(waiting.try_iter()) {
            match job {
                Job::Append(append) => group.push(append),
                Job::Task(task) => {
                    desk.commit(std::mem::take(&mut group));
                    task(&mut desk);
                }
            }
        }
        desk.commit(std::mem::take(&mut group));
    }
}
