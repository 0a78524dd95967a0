//! Requests to the process that owns a run, from another terminal: approve, resolve, cancel.
//!
//! The body and the answer are the business of whoever asks and answers. A request stays
//! open until it is answered or withdrawn, whoever owns the run meanwhile.

use std::fmt;

use pe_model::RunId;
use rusqlite::{Connection, OptionalExtension, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::now_ms;
use crate::store::Failure;
use crate::{SqliteStore, StoreError, history};

/// Names a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct RequestId(pub i64);

impl fmt::Display for RequestId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

fn json(text: &str) -> Result<Value, Failure> {
    serde_json::from_str(text)
        .map_err(|error| Failure::Corrupt("a request".to_owned(), error.to_string()))
}

/// Changes one open request; whether there was one.
fn change(
    connection: &Connection,
    sql: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<bool, Failure> {
    Ok(connection.execute(sql, values)? == 1)
}

impl SqliteStore {
    /// Leaves a request for the process that owns the run, or will.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such run, or another when it cannot be
    /// written.
    pub fn send_request(&self, run_id: &RunId, body: &Value) -> Result<RequestId, StoreError> {
        let (run_id, body) = (run_id.clone(), body.to_string());
        self.write("leave a request", move |connection| {
            let key = history::key(connection, &run_id)?;
            connection.execute(
                "INSERT INTO requests (run_key, body, created_at) VALUES (?1, ?2, ?3)",
                params![key, body, now_ms()],
            )?;
            Ok(RequestId(connection.last_insert_rowid()))
        })
    }

    /// The requests to a run that nobody has answered, the oldest first.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read.
    pub fn open_requests(&self, run_id: &RunId) -> Result<Vec<(RequestId, Value)>, StoreError> {
        self.read("read requests", |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, body FROM requests WHERE answered_at IS NULL
                AND run_key = (SELECT key FROM runs WHERE run_id = ?1) ORDER BY id",
            )?;
            let mut rows = statement.query([run_id.as_str()])?;
            let mut requests = Vec::new();
            while let Some(row) = rows.next()? {
                requests.push((RequestId(row.get(0)?), json(&row.get::<_, String>(1)?)?));
            }
            Ok(requests)
        })
    }

    /// Answers an open request.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when it is not open (any more), or another when it cannot be
    /// written.
    pub fn answer_request(&self, id: RequestId, answer: &Value) -> Result<(), StoreError> {
        let answer = answer.to_string();
        self.write("answer a request", move |connection| {
            let sql = "UPDATE requests SET answer = ?2, answered_at = ?3
                WHERE id = ?1 AND answered_at IS NULL";
            if change(connection, sql, &[&id.0, &answer, &now_ms()])? {
                return Ok(());
            }
            Err(Failure::NotFound("open request", id.to_string()))
        })
    }

    /// The answer to a request; none as long as it is open.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such request (it may have been withdrawn), or
    /// another when the database cannot be read.
    pub fn request_answer(&self, id: RequestId) -> Result<Option<Value>, StoreError> {
        self.read("read an answer", |connection| {
            let answer: Option<Option<String>> = connection
                .prepare_cached("SELECT answer FROM requests WHERE id = ?1")?
                .query_row([id.0], |row| row.get(0))
                .optional()?;
            match answer {
                None => Err(Failure::NotFound("request", id.to_string())),
                Some(answer) => answer.as_deref().map(json).transpose(),
            }
        })
    }

    /// Takes an open request back; false when it was answered, or is not known.
    ///
    /// # Errors
    /// A [`StoreError`] when it cannot be written.
    pub fn withdraw_request(&self, id: RequestId) -> Result<bool, StoreError> {
        self.write("withdraw a request", move |connection| {
            change(
                connection,
                "DELETE FROM requests WHERE id = ?1 AND answered_at IS NULL",
                &[&id.0],
            )
        })
    }
}
