//! The model as one run sees it: what it has spent, and what it was answered before.

use std::cell::Cell;
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use jiff::Timestamp;
use pe_llm::{Meter, Prices, final_words};
use pe_model::{
    BoxFuture, Delta, DeltaSink, ErrorClass, LlmClient, ModelAnswer, ModelError, ModelErrorKind,
    ModelName, ModelRequest, Purpose, RunId, TokenCount,
};

use crate::exchanges::ANSWERED;
use crate::ledger::{LedgerEntry, LedgerError, ModelLedger};

/// The model of one run.
pub(crate) struct RunModel {
    run_id: RunId,
    client: Option<Arc<dyn LlmClient>>,
    meter: Arc<Meter>,
    prices: Option<Prices>,
    ledger: Option<Arc<dyn ModelLedger>>,
    /// Answers of earlier processes that were not asked for again yet, by request.
    recorded: Mutex<HashMap<String, VecDeque<(u32, LedgerEntry)>>>,
    /// The final answer that an earlier process had written.
    written: Mutex<Option<String>>,
    /// Calls that this process made.
    fresh: AtomicU64,
}

impl RunModel {
    pub(crate) fn new(
        run_id: RunId,
        client: Option<Arc<dyn LlmClient>>,
        (meter, prices): (Arc<Meter>, Option<Prices>),
        ledger: Option<Arc<dyn ModelLedger>>,
    ) -> Self {
        let (recorded, written) = (Mutex::default(), Mutex::default());
        let fresh = AtomicU64::new(0);
        Self { run_id, client, meter, prices, ledger, recorded, written, fresh }
    }

    /// Whether there is a model at all.
    pub(crate) fn is_there(&self) -> bool {
        self.client.is_some()
    }

    pub(crate) fn meter(&self) -> &Meter {
        &self.meter
    }

    /// Learns what earlier processes of the run asked and spent.
    pub(crate) async fn remember(&self) -> Result<(), LedgerError> {
        let Some(ledger) = &self.ledger else { return Ok(()) };
        let mut recorded = HashMap::<String, VecDeque<(u32, LedgerEntry)>>::new();
        let entries = ledger.entries(self.run_id.clone()).await?;
        let written = entries.iter().rev().find_map(final_answer);
        *self.written.lock().unwrap_or_else(PoisonError::into_inner) = written;
        for (number, entry) in (0..).zip(entries) {
            let request = serde_json::from_value(entry.request.clone());
            let request: ModelRequest =
                request.unwrap_or_else(|_| ModelRequest::new(entry.purpose, Vec::new()));
            self.meter.restore_exchange(&request, entry.tokens, entry.answer.as_ref());
            if entry.answer.is_some() && entry.error.is_none() {
                let key = entry.request.to_string();
                recorded.entry(key).or_default().push_back((number, entry));
            }
        }
        *self.recorded.lock().unwrap_or_else(PoisonError::into_inner) = recorded;
        Ok(())
    }

    /// The final answer that an earlier process had written.
    pub(crate) fn written_before(&self) -> Option<String> {
        self.written.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many calls were made by this process, not answered from the record.
    pub(crate) fn fresh_calls(&self) -> u64 {
        self.fresh.load(Ordering::Relaxed)
    }

    /// The model as the loop asks it.
    pub(crate) fn client(self: &Arc<Self>) -> Arc<dyn LlmClient> {
        Arc::new(Asking { model: Arc::clone(self), scope: None, last: Mutex::default() })
    }

    /// The model as one call of a step asks it.
    pub(crate) fn for_call(self: &Arc<Self>, key: &str) -> Asking {
        let scope = Some(key.to_owned());
        Asking { model: Arc::clone(self), scope, last: Mutex::default() }
    }

    fn cost(&self, tokens: TokenCount) -> Option<f64> {
        let prices = self.prices?;
        let prompt = prices.prompt_per_million * tokens.prompt? as f64;
        Some((prompt + prices.completion_per_million * tokens.completion? as f64) / 1e6)
    }

    fn take_recorded(&self, key: &str) -> Option<(u32, LedgerEntry)> {
        let mut recorded = self.recorded.lock().unwrap_or_else(PoisonError::into_inner);
        recorded.get_mut(key)?.pop_front()
    }
}

/// Asks for one purpose or one step, and keeps every answer before anybody sees it.
pub(crate) struct Asking {
    model: Arc<RunModel>,
    scope: Option<String>,
    /// The last answer, as it is kept.
    last: Mutex<Option<(u32, LedgerEntry)>>,
}

impl Asking {
    /// Says that the last answer was of no use: who asks the same again is not given it.
    pub(crate) async fn reject(&self, problem: &str) -> Result<(), LedgerError> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (Some((number, entry)), Some(ledger)) = (last, &self.model.ledger) else {
            return Ok(());
        };
        let entry = LedgerEntry { error: Some(problem.to_owned()), ..entry };
        ledger.complete(self.model.run_id.clone(), number, entry).await
    }

    fn note(&self, number: u32, entry: LedgerEntry) {
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((number, entry));
    }
}

impl LlmClient for Asking {
    fn name(&self) -> ModelName {
        match &self.model.client {
            Some(client) => client.name(),
            None => ModelName { model: String::new(), endpoint: "none".to_owned() },
        }
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        Box::pin(async move {
            let model = &*self.model;
            let key = LedgerEntry::key(request, self.scope.as_deref());
            if let Some((number, entry)) = model.take_recorded(&key.to_string())
                && let Some(answer) = entry.answer.clone()
            {
                self.note(number, entry);
                if let Some(sink) = sink {
                    sink(Delta::Text(&answer.content));
                }
                return Ok(answer);
            }
            let Some(client) = &model.client else { return Err(no_model()) };
            model.fresh.fetch_add(1, Ordering::Relaxed);
            let started_at = Timestamp::now();
            let clock = Instant::now();
            let asking = async {
                let answer = client.ask(request, sink).await;
                (answer, ANSWERED.with(Cell::take))
            };
            let (result, number) = ANSWERED.scope(Cell::new(None), asking).await;
            let answer = result?;
            if let (Some(ledger), Some(number)) = (&model.ledger, number) {
                let ModelName { model: name, endpoint } = client.name();
                let entry = LedgerEntry {
                    purpose: request.purpose,
                    model: name,
                    endpoint,
                    request: key,
                    tokens: answer.tokens,
                    cost_usd: model.cost(answer.tokens),
                    answer: Some(answer.clone()),
                    started_at,
                    duration_ms: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
                    error: None,
                };
                let kept = ledger.complete(model.run_id.clone(), number, entry.clone()).await;
                kept.map_err(unkept)?;
                self.note(number, entry);
            }
            Ok(answer)
        })
    }
}

/// A call that cannot be put on record is one that must not be made, or not be used.
pub(crate) fn unkept(error: LedgerError) -> ModelError {
    ModelError::new(ModelErrorKind::Setup, ErrorClass::Internal, error.to_string())
}

/// What the model wrote as the final answer: for that purpose, or in the place of the next call
/// of the sequential loop.
fn final_answer(entry: &LedgerEntry) -> Option<String> {
    let answer = entry.answer.as_ref().filter(|_| entry.error.is_none())?;
    let is_final = match entry.purpose {
        Purpose::Answer => true,
        Purpose::Sequential => answer.tool_calls.is_empty(),
        _ => false,
    };
    final_words(answer).ok().filter(|_| is_final)
}

fn no_model() -> ModelError {
    ModelError::new(
        ModelErrorKind::Setup,
        ErrorClass::Validation,
        "no model is set up; `PE_BASE_URL` and `PE_MODEL` name one",
    )
}
