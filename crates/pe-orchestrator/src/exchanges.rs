//! The exchanges with a model, each on record from before it is made.
//!
//! An answer may take several exchanges: retries, and forms of answer that are refused. Each is
//! kept before it is made and completed when it has ended, so that a process that goes on with
//! the run counts every one against the budget, those included that were under way when the
//! process ended, and claims to know no cost that is not known. The exchange that brought the
//! answer is completed by whoever asked ([`RunModel`](crate::models::RunModel)), under the request
//! as it was meant.

use std::cell::Cell;
use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use pe_model::{
    BoxFuture, Delta, DeltaSink, LlmClient, ModelAnswer, ModelError, ModelErrorKind, ModelName,
    ModelRequest, RunId, TokenCount,
};

use crate::ledger::{LedgerEntry, ModelLedger};
use crate::models::unkept;

tokio::task_local! {
    /// The exchange that brought the answer of the asking that this task is in.
    pub(crate) static ANSWERED: Cell<Option<u32>>;
}

/// A client of which each exchange is kept.
pub(crate) struct Exchanges<C> {
    pub(crate) inner: C,
    pub(crate) run_id: RunId,
    pub(crate) ledger: Option<Arc<dyn ModelLedger>>,
    /// Whether it is known what tokens cost.
    pub(crate) has_prices: bool,
}

impl<C: LlmClient> Exchanges<C> {
    async fn exchange(
        &self,
        request: &ModelRequest,
        sink: Option<DeltaSink<'_>>,
    ) -> Result<ModelAnswer, ModelError> {
        let mut has_begun = false;
        let Some(ledger) = &self.ledger else {
            return self.pass_on(request, sink, &mut has_begun).await;
        };
        let clock = Instant::now();
        let ModelName { model, endpoint } = self.inner.name();
        let begun = LedgerEntry {
            purpose: request.purpose,
            model,
            endpoint,
            request: LedgerEntry::key(request, None),
            answer: None,
            tokens: TokenCount::default(),
            cost_usd: None,
            started_at: Timestamp::now(),
            duration_ms: 0,
            error: None,
        };
        let number = ledger.begin(self.run_id.clone(), begun.clone()).await.map_err(unkept)?;
        let result = self.pass_on(request, sink, &mut has_begun).await;
        let Err(error) = &result else {
            // Who asks outside a run's stack keeps nothing.
            let _ = ANSWERED.try_with(|answered| answered.set(Some(number)));
            return result;
        };
        let tokens = spent(error, has_begun);
        let is_known = self.has_prices && tokens.prompt.is_some();
        let entry = LedgerEntry {
            tokens,
            cost_usd: is_known.then_some(0.0),
            duration_ms: u64::try_from(clock.elapsed().as_millis()).unwrap_or(u64::MAX),
            error: Some(error.to_string()),
            ..begun
        };
        ledger.complete(self.run_id.clone(), number, entry).await.map_err(unkept)?;
        result
    }

    async fn pass_on(
        &self,
        request: &ModelRequest,
        sink: Option<DeltaSink<'_>>,
        has_begun: &mut bool,
    ) -> Result<ModelAnswer, ModelError> {
        let Some(sink) = sink else { return self.inner.ask(request, None).await };
        let mut watch = |delta: Delta<'_>| {
            *has_begun = true;
            sink(delta);
        };
        self.inner.ask(request, Some(&mut watch)).await
    }
}

/// What a failed exchange cost: nothing where none took place, or where the endpoint refused it
/// or was not there; else nobody knows.
fn spent(error: &ModelError, has_begun: bool) -> TokenCount {
    match error.kind {
        ModelErrorKind::Setup | ModelErrorKind::NotRecorded | ModelErrorKind::Budget => NOTHING,
        ModelErrorKind::Unreachable | ModelErrorKind::Status | ModelErrorKind::FormatRefused
            if !has_begun =>
        {
            NOTHING
        }
        _ => TokenCount::default(),
    }
}

const NOTHING: TokenCount = TokenCount { prompt: Some(0), completion: Some(0) };

impl<C: LlmClient> LlmClient for Exchanges<C> {
    fn name(&self) -> ModelName {
        self.inner.name()
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        Box::pin(self.exchange(request, sink))
    }
}
