//! Where calls to a model are kept, so that an answer is never paid for twice.

use jiff::Timestamp;
use pe_model::{BoxFuture, ModelAnswer, ModelRequest, Purpose, RunId, TokenCount};
use serde_json::Value;

/// One exchange with a model, as it is kept: an answer, or a failure on the way to one.
#[derive(Debug, Clone, PartialEq)]
pub struct LedgerEntry {
    /// What for.
    pub purpose: Purpose,
    /// The model.
    pub model: String,
    /// Where it was reached.
    pub endpoint: String,
    /// What was sent, and for whom: what a later process asks for again is found by it.
    pub request: Value,
    /// What came back; none when the call failed.
    pub answer: Option<ModelAnswer>,
    /// The tokens that it cost, where known.
    pub tokens: TokenCount,
    /// Money, in US dollars, where known.
    pub cost_usd: Option<f64>,
    /// When it was made.
    pub started_at: Timestamp,
    /// How long it took, in milliseconds.
    pub duration_ms: u64,
    /// How it failed.
    pub error: Option<String>,
}

impl LedgerEntry {
    /// What is kept of a request made by `scope`: a step's iteration, or nobody in particular.
    pub fn key(request: &ModelRequest, scope: Option<&str>) -> Value {
        let mut key = serde_json::to_value(request).unwrap_or_default();
        if let (Some(scope), Some(fields)) = (scope, key.as_object_mut()) {
            fields.insert("for".to_owned(), scope.into());
        }
        key
    }
}

/// Why the ledger did not do what it was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("cannot {attempted} the calls to a model of run {run_id}: {problem}")]
pub struct LedgerError {
    /// What was attempted.
    pub attempted: &'static str,
    /// The run.
    pub run_id: RunId,
    /// What went wrong.
    pub problem: String,
}

/// Keeps the calls to a model that runs make.
pub trait ModelLedger: Send + Sync {
    /// Keeps an exchange of a run that has begun, before it is made: without an answer and
    /// without an error. Resolves, once that is durable, with its number within the run, from 0.
    fn begin(&self, run_id: RunId, entry: LedgerEntry) -> BoxFuture<'_, Result<u32, LedgerError>>;

    /// Keeps how the exchange with this number ended, or what became of it later.
    fn complete(
        &self,
        run_id: RunId,
        number: u32,
        entry: LedgerEntry,
    ) -> BoxFuture<'_, Result<(), LedgerError>>;

    /// The exchanges of a run, in the order of their numbers.
    fn entries(&self, run_id: RunId) -> BoxFuture<'_, Result<Vec<LedgerEntry>, LedgerError>>;
}

#[cfg(feature = "store")]
mod sqlite {
    use std::sync::Arc;

    use pe_store::{ModelCall, SqliteStore};

    use super::*;

    /// The ledger of a database.
    pub(crate) struct StoreLedger(pub(crate) Arc<SqliteStore>);

    fn written(entry: LedgerEntry) -> ModelCall {
        let tokens = entry.tokens;
        ModelCall {
            purpose: name_of(entry.purpose),
            model: entry.model,
            endpoint: entry.endpoint,
            request: entry.request,
            response: entry.answer.and_then(|answer| serde_json::to_value(answer).ok()),
            prompt_tokens: tokens.prompt,
            completion_tokens: tokens.completion,
            cost_usd: entry.cost_usd,
            started_at: entry.started_at,
            duration_ms: entry.duration_ms,
            error: entry.error,
        }
    }

    /// What a later version wrote differently counts, and answers nothing.
    fn read(call: ModelCall) -> LedgerEntry {
        let purpose = serde_json::from_value(Value::String(call.purpose));
        LedgerEntry {
            purpose: purpose.unwrap_or(Purpose::Probe),
            model: call.model,
            endpoint: call.endpoint,
            request: call.request,
            answer: call.response.and_then(|response| serde_json::from_value(response).ok()),
            tokens: TokenCount { prompt: call.prompt_tokens, completion: call.completion_tokens },
            cost_usd: call.cost_usd,
            started_at: call.started_at,
            duration_ms: call.duration_ms,
            error: call.error,
        }
    }

    fn name_of(purpose: Purpose) -> String {
        let name = serde_json::to_value(purpose).unwrap_or_default();
        name.as_str().unwrap_or_default().to_owned()
    }

    impl ModelLedger for StoreLedger {
        fn begin(
            &self,
            run_id: RunId,
            entry: LedgerEntry,
        ) -> BoxFuture<'_, Result<u32, LedgerError>> {
            let store = Arc::clone(&self.0);
            Box::pin(async move {
                let id = run_id.clone();
                let kept = tokio::task::spawn_blocking(move || {
                    store.record_model_call(&id, &written(entry)).map_err(|error| error.to_string())
                });
                let kept = kept.await.unwrap_or_else(|error| Err(error.to_string()));
                kept.map_err(|problem| LedgerError { attempted: "keep", run_id, problem })
            })
        }

        fn complete(
            &self,
            run_id: RunId,
            number: u32,
            entry: LedgerEntry,
        ) -> BoxFuture<'_, Result<(), LedgerError>> {
            let store = Arc::clone(&self.0);
            Box::pin(async move {
                let id = run_id.clone();
                let kept = tokio::task::spawn_blocking(move || {
                    let call = written(entry);
                    store.complete_model_call(&id, number, &call).map_err(|error| error.to_string())
                });
                let kept = kept.await.unwrap_or_else(|error| Err(error.to_string()));
                kept.map_err(|problem| LedgerError { attempted: "keep", run_id, problem })
            })
        }

        fn entries(&self, run_id: RunId) -> BoxFuture<'_, Result<Vec<LedgerEntry>, LedgerError>> {
            let store = Arc::clone(&self.0);
            Box::pin(async move {
                let id = run_id.clone();
                let calls = tokio::task::spawn_blocking(move || {
                    store.model_calls(&id).map_err(|error| error.to_string())
                });
                let calls = calls.await.unwrap_or_else(|error| Err(error.to_string()));
                let failed = |problem| LedgerError { attempted: "read", run_id, problem };
                Ok(calls.map_err(failed)?.into_iter().map(read).collect())
            })
        }
    }
}

#[cfg(feature = "store")]
pub(crate) use sqlite::StoreLedger;
