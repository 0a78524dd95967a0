//! Calls to a model, recorded so that an answer is never paid for twice.

use jiff::Timestamp;
use pe_model::RunId;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::clock::timestamp;
use crate::fields::is_shallow;
use crate::record::{DEEPEST, decode, hash};
use crate::store::Failure;
use crate::{SqliteStore, StoreError, history, versions};

/// One call to a model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelCall {
    /// What for, as in `plan` or `adapt`.
    pub purpose: String,
    /// The model.
    pub model: String,
    /// Where it was reached.
    pub endpoint: String,
    /// What was sent.
    pub request: Value,
    /// What came back; none when the call failed.
    pub response: Option<Value>,
    /// Tokens sent, where known.
    pub prompt_tokens: Option<u64>,
    /// Tokens received, where known.
    pub completion_tokens: Option<u64>,
    /// Money, in US dollars, where known.
    pub cost_usd: Option<f64>,
    /// When it was made.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How it failed.
    pub error: Option<String>,
}

impl ModelCall {
    /// The digest under which the answer to a request is found again.
    pub fn digest(request: &Value) -> String {
        hash(request.to_string().as_bytes())
    }
}

const COLUMNS: &str = "SELECT purpose, model, endpoint, q.content, a.content, prompt_tokens,
    completion_tokens, cost_usd, started_at, duration_ms, error, ordinal, request, response
    FROM model_calls JOIN blobs q ON q.hash = request LEFT JOIN blobs a ON a.hash = response";

fn read(row: &Row<'_>) -> Result<ModelCall, Failure> {
    let ordinal: i64 = row.get(11)?;
    let damaged = |problem: String| Failure::Corrupt(format!("model call {ordinal}"), problem);
    let json = |text: String, expected: String| {
        if hash(text.as_bytes()) != expected {
            return Err(damaged("a text does not have its hash".to_owned()));
        }
        decode(&text).map_err(damaged)
    };
    let answer: Option<String> = row.get(4)?;
    Ok(ModelCall {
        purpose: row.get(0)?,
        model: row.get(1)?,
        endpoint: row.get(2)?,
        request: json(row.get(3)?, row.get(12)?)?,
        response: answer.map(|answer| json(answer, row.get(13)?)).transpose()?,
        prompt_tokens: row.get(5)?,
        completion_tokens: row.get(6)?,
        cost_usd: row.get(7)?,
        started_at: timestamp(row.get(8)?),
        duration_ms: row.get(9)?,
        error: row.get(10)?,
    })
}

/// A run's calls, in order.
pub(crate) fn list(connection: &Connection, key: i64) -> Result<Vec<ModelCall>, Failure> {
    let mut statement =
        connection.prepare_cached(&format!("{COLUMNS} WHERE run_key = ?1 ORDER BY ordinal"))?;
    let mut rows = statement.query([key])?;
    let mut calls = Vec::new();
    while let Some(row) = rows.next()? {
        calls.push(read(row)?);
    }
    Ok(calls)
}

/// Appends a call; its number within the run, from 0.
pub(crate) fn add(connection: &Connection, key: i64, call: &ModelCall) -> Result<u32, Failure> {
    let ordinal: u32 = connection.query_row(
        "SELECT coalesce(max(ordinal) + 1, 0) FROM model_calls WHERE run_key = ?1",
        [key],
        |row| row.get(0),
    )?;
    let keep = |value: &Value| keep(connection, value);
    connection.execute(
        "INSERT INTO model_calls (run_key, ordinal, purpose, model, endpoint, request_digest,
            request, response, prompt_tokens, completion_tokens, cost_usd, started_at,
            duration_ms, error)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14)",
        params![
            key,
            ordinal,
            call.purpose,
            call.model,
            call.endpoint,
            ModelCall::digest(&call.request),
            keep(&call.request)?,
            call.response.as_ref().map(keep).transpose()?,
            call.prompt_tokens,
            call.completion_tokens,
            call.cost_usd,
            call.started_at.as_millisecond(),
            call.duration_ms,
            call.error,
        ],
    )?;
    Ok(ordinal)
}

/// Completes a call that was recorded when it began; all but its number may be new.
fn complete(
    connection: &Connection,
    key: i64,
    ordinal: u32,
    call: &ModelCall,
) -> Result<(), Failure> {
    let (request, response) = (keep(connection, &call.request)?, call.response.as_ref());
    let response = response.map(|response| keep(connection, response)).transpose()?;
    let changed = connection.execute(
        "UPDATE model_calls SET request_digest = ?3, request = ?4, response = ?5,
            prompt_tokens = ?6, completion_tokens = ?7, cost_usd = ?8, duration_ms = ?9, error = ?10
        WHERE run_key = ?1 AND ordinal = ?2",
        params![
            key,
            ordinal,
            ModelCall::digest(&call.request),
            request,
            response,
            call.prompt_tokens,
            call.completion_tokens,
            call.cost_usd,
            call.duration_ms,
            call.error,
        ],
    )?;
    match changed {
        0 => Err(Failure::NotFound("model call", ordinal.to_string())),
        _ => Ok(()),
    }
}

/// Keeps a value once; its hash.
fn keep(connection: &Connection, value: &Value) -> Result<String, Failure> {
    let text = value.to_string();
    if !is_shallow(&text, DEEPEST) {
        let attempted = "record a call to a model".to_owned();
        let problem = format!("it is nested deeper than {DEEPEST} levels");
        return Err(StoreError::Invalid { attempted, problem }.into());
    }
    let hash = hash(text.as_bytes());
    versions::keep(connection, &hash, &text)?;
    Ok(hash)
}

impl SqliteStore {
    /// Completes the call with this number, which was recorded when it began.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such run or call, or another when it cannot be
    /// written.
    pub fn complete_model_call(
        &self,
        run_id: &RunId,
        ordinal: u32,
        call: &ModelCall,
    ) -> Result<(), StoreError> {
        let (run_id, call) = (run_id.clone(), call.clone());
        self.write("complete a model call", move |connection| {
            complete(connection, history::key(connection, &run_id)?, ordinal, &call)
        })
    }

    /// Records a call to a model; its number within the run, from 0.
    ///
    /// # Errors
    /// [`StoreError::NotFound`] when there is no such run, or another when it cannot be
    /// written.
    pub fn record_model_call(&self, run_id: &RunId, call: &ModelCall) -> Result<u32, StoreError> {
        let (run_id, call) = (run_id.clone(), call.clone());
        self.write("record a model call", move |connection| {
            add(connection, history::key(connection, &run_id)?, &call)
        })
    }

    /// A run's calls to a model, in order.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read or the run is not known.
    pub fn model_calls(&self, run_id: &RunId) -> Result<Vec<ModelCall>, StoreError> {
        self.read("list model calls", |connection| {
            list(connection, history::key(connection, run_id)?)
        })
    }

    /// The run's recorded call with this very request whose answer was of use, if there is one.
    ///
    /// # Errors
    /// A [`StoreError`] when the database cannot be read.
    pub fn recorded_answer(
        &self,
        run_id: &RunId,
        request: &Value,
    ) -> Result<Option<ModelCall>, StoreError> {
        let digest = ModelCall::digest(request);
        self.read("look up an answer", |connection| {
            let sql = format!(
                "{COLUMNS} WHERE run_key = (SELECT key FROM runs WHERE run_id = ?1)
                AND request_digest = ?2 AND response IS NOT NULL AND error IS NULL ORDER BY ordinal DESC LIMIT 1"
            );
            let mut statement = connection.prepare_cached(&sql)?;
            let found =
                statement.query_row([run_id.as_str(), &digest], |row| Ok(read(row))).optional()?;
            found.transpose()
        })
    }
}
