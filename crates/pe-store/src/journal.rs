//! The journal port.

use std::thread;

use pe_model::{BoxFuture, Claim, Event, Journal, JournalError, RunId};
use tokio::sync::oneshot;

use crate::ledger::Batch;
use crate::record::encode;
use crate::stack::READER_STACK;
use crate::writer::{Append, Job};
use crate::{SqliteStore, event_log};

impl Journal for SqliteStore {
    fn claim<'a>(&'a self, run_id: &'a RunId) -> BoxFuture<'a, Result<Claim, JournalError>> {
        Box::pin(async move {
            let failed = |error: crate::StoreError| error.into_journal(run_id, "take possession");
            let (reply, answer) = oneshot::channel();
            let id = run_id.clone();
            self.send(Job::Task(Box::new(move |desk| {
                // A claim that nobody waits for ends here, with its guard.
                let _ = reply.send(desk.claim(&id));
            })))
            .map_err(failed)?;
            answer.await.unwrap_or_else(|_| Err(self.stopped())).map_err(failed)
        })
    }

    fn append<'a>(&'a self, batch: &'a [Event]) -> BoxFuture<'a, Result<(), JournalError>> {
        Box::pin(async move {
            let Some(first) = batch.first() else {
                return Ok(());
            };
            let run_id = first.run_id.clone();
            let failed =
                |error: crate::StoreError| error.into_journal(&first.run_id, "record events");
            let (text, records) = encode(batch).map_err(|problem| JournalError::Unavailable {
                attempted: format!("record events of run {run_id}"),
                problem,
            })?;
            let batch = Batch { run_id, events: batch.to_vec(), text, records };
            let (reply, answer) = oneshot::channel();
            self.append_batch(Append { batch, reply }).map_err(failed)?;
            answer.await.unwrap_or_else(|_| Err(failed(self.stopped())))
        })
    }

    fn load<'a>(&'a self, run_id: &'a RunId) -> BoxFuture<'a, Result<Vec<Event>, JournalError>> {
        Box::pin(async move {
            let (reply, answer) = oneshot::channel();
            let (id, path) = (run_id.clone(), self.path().to_owned());
            let spawned = thread::Builder::new().stack_size(READER_STACK).spawn(move || {
                let _ = reply.send(event_log::load_from(&path, &id));
            });
            let unavailable = |problem: String| JournalError::Unavailable {
                attempted: format!("read the events of run {run_id}"),
                problem,
            };
            spawned.map_err(|error| unavailable(error.to_string()))?;
            let events = answer
                .await
                .map_err(|_| unavailable("the thread that reads has stopped".to_owned()))?;
            match events {
                Ok(events) => Ok(events.into_iter().map(|recorded| recorded.event).collect()),
                Err(crate::StoreError::NotFound { .. }) => {
                    Err(JournalError::NotFound { run_id: run_id.clone() })
                }
                Err(error) => Err(error.into_journal(run_id, "read the events")),
            }
        })
    }
}
