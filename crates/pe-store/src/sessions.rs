//! Sessions: ordered messages, and the runs that came of them.

use jiff::Timestamp;
use pe_model::RunId;
use rusqlite::{Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::{now_ms, timestamp};
use crate::store::Failure;
use crate::{SqliteStore, StoreError, history};

/// Names a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct SessionId(pub i64);

/// A conversation.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Session {
    /// The session.
    pub id: SessionId,
    /// What it is about.
    pub title: String,
    /// When it began.
    pub created_at: Timestamp,
    /// When something was last said.
    pub changed_at: Timestamp,
    /// How many messages it has.
    pub messages: u32,
    /// How many runs belong to it.
    pub runs: u32,
}

/// Something that was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Who said it, as in `user`.
    pub role: String,
    /// What: a text, or parts as JSON.
    pub content: Value,
    /// When.
    pub created_at: Timestamp,
}

fn read(row: &Row<'_>) -> rusqlite::Result<Session> {
    Ok(Session {
        id: SessionId(row.get(0)?),
        title: row.get(1)?,
        created_at: timestamp(row.get(2)?),
        changed_at: timestamp(row.get(3)?),
        messages: row.get(4)?,
        runs: row.get(5)?,
    })
}

impl SqliteStore {
    /// Begins a session.
    ///
    /// # Errors
    /// A [`StoreError`] when it cannot be written.
    pub fn begin_session(&self, title: &str) -> Result<SessionId, StoreError> {
        let title = title.to_owned();
        self.write("begin a session", move |connection| {
            connection.execute(
                "INSERT INTO sessions (title, created_at, changed_at) VALUES (?1, ?2, ?2)",
                params![title, now_ms()],
            )?;
            Ok(SessionId(connection.last_insert_rowid()))
        })
    }

    /// The sessions, the one that last changed first.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read.
    pub fn sessions(&self, limit: Option<u32>) -> Result<Vec<Session>, StoreError> {
        self.read("list sessions", |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT id, title, created_at, changed_at,
                    (SELECT count(*) FROM messages WHERE session_id = sessions.id),
                    (SELECT count(*) FROM runs WHERE session_id = sessions.id)
                FROM sessions ORDER BY changed_at DESC, id DESC LIMIT ?1",
            )?;
            let sessions = statement.query_map([limit.map_or(-1, i64::from)], read)?;
            Ok(sessions.collect::<rusqlite::Result<_>>()?)
        })
    }

    /// Appends a message to a session.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such session, or another when it cannot be
    /// written.
    pub fn add_message(
        &self,
        session: SessionId,
        role: &str,
        content: &Value,
    ) -> Result<(), StoreError> {
        let (role, content) = (role.to_owned(), content.to_string());
        self.write("add a message", move |connection| {
            let sql = "UPDATE sessions SET changed_at = ?2 WHERE id = ?1";
            if connection.execute(sql, [session.0, now_ms()])? == 0 {
                return Err(Failure::NotFound("session", session.0.to_string()));
            }
            connection.execute(
                "INSERT INTO messages (session_id, role, content, created_at)
                VALUES (?1, ?2, ?3, ?4)",
                params![session.0, role, content, now_ms()],
            )?;
            Ok(())
        })
    }

    /// What was said in a session, in order.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read.
    pub fn messages(&self, session: SessionId) -> Result<Vec<Message>, StoreError> {
        self.read("read messages", |connection| {
            let mut statement = connection.prepare_cached(
                "SELECT role, content, created_at FROM messages WHERE session_id = ?1 ORDER BY id",
            )?;
            let mut rows = statement.query([session.0])?;
            let mut messages = Vec::new();
            while let Some(row) = rows.next()? {
                let content: String = row.get(1)?;
                let content = serde_json::from_str(&content).map_err(|error| {
                    Failure::Corrupt(format!("session {}", session.0), error.to_string())
                })?;
                let created_at = timestamp(row.get(2)?);
                messages.push(Message { role: row.get(0)?, content, created_at });
            }
            Ok(messages)
        })
    }

    /// Says that a run belongs to a session.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such run or session, or another when it
    /// cannot be written.
    pub fn attach_run(&self, session: SessionId, run_id: &RunId) -> Result<(), StoreError> {
        let run_id = run_id.clone();
        self.write("attach a run to a session", move |connection| {
            let key = history::key(connection, &run_id)?;
            if !connection.prepare("SELECT 1 FROM sessions WHERE id = ?1")?.exists([session.0])? {
                return Err(Failure::NotFound("session", session.0.to_string()));
            }
            connection
                .execute("UPDATE runs SET session_id = ?2 WHERE key = ?1", [key, session.0])?;
            Ok(())
        })
    }
}
