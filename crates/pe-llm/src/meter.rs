//! What a run's calls to models cost, and the budget that no call may exceed.
//!
//! A [`Meter`] is the account of one run, shared by everything that asks models for it;
//! [`Metered`] wraps the client that makes the exchanges, below whatever tries again, so that
//! each exchange counts.
//!
//! **Before** a call it is reserved: one call, the prompt's tokens by an estimate, and the
//! tokens of the answer. Where tokens or money are limited the answer is limited too: a
//! request that names no `max_tokens`, or more than is left, asks for what is left (and for no
//! more than [`MOST_ANSWER_TOKENS`] when it names none: endpoints refuse numbers that their
//! model cannot write). Under [`FEWEST_ANSWER_TOKENS`] the call is refused. Reservations of
//! calls at the same time see each other.
//!
//! **After** it the counts that the endpoint gave replace the reservation. Where it gave none,
//! the budget is judged by the estimate of what was sent and received; a call of which nobody
//! knows how far it came (a timeout, a broken answer, a dropped future) is judged by all that
//! was reserved. What is *reported* is never an estimate: tokens of which one call's are
//! unknown are unknown, and so is their cost.
//!
//! **The estimate** is of bytes: a token for three ASCII bytes or two others, and eight a
//! message. Common tokenizers need four and more for prose and three to four for JSON, so it
//! is mostly too high by a quarter; it is not a proof, and a budget can be overrun by what one
//! prompt is underestimated.

mod account;

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use pe_model::{
    AnswerFormat, BoxFuture, Budget, Delta, DeltaSink, ErrorClass, LlmClient, ModelAnswer,
    ModelError, ModelErrorKind, ModelName, ModelRequest, TokenCount, Usage,
};

use account::{Account, Claim};

/// The most tokens that an answer may have when its request does not say and a budget does.
pub const MOST_ANSWER_TOKENS: u64 = 16_384;
/// An answer of fewer tokens is not worth asking for.
pub const FEWEST_ANSWER_TOKENS: u64 = 16;

/// What tokens cost, in US dollars.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Prices {
    /// A million tokens sent.
    pub prompt_per_million: f64,
    /// A million tokens received.
    pub completion_per_million: f64,
}

impl Prices {
    fn cost(&self, prompt: u64, completion: u64) -> f64 {
        let millionth = self.prompt_per_million * prompt as f64
            + self.completion_per_million * completion as f64;
        millionth / 1e6
    }
}

/// A limit of a budget.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Limit {
    /// Calls to a model.
    LlmCalls,
    /// Tokens, sent and received.
    Tokens,
    /// Money.
    CostUsd,
}

impl fmt::Display for Limit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::LlmCalls => "llm_calls",
            Self::Tokens => "tokens",
            Self::CostUsd => "cost_usd",
        })
    }
}

/// The account of one run.
#[derive(Debug)]
pub struct Meter {
    budget: Budget,
    prices: Option<Prices>,
    account: Mutex<Account>,
}

impl Meter {
    /// An account without calls. Of the budget, `tool_calls` is somebody else's.
    pub fn new(budget: Budget, prices: Option<Prices>) -> Self {
        Self { budget, prices, account: Mutex::default() }
    }

    /// Adds one exchange of an earlier process: what the endpoint counted, and the answer, where
    /// there is one. What was not counted is judged by estimate, as it was then, and an exchange
    /// without an end as if its answer had been as long as it might.
    pub fn restore_exchange(
        &self,
        request: &ModelRequest,
        counted: TokenCount,
        answer: Option<&ModelAnswer>,
    ) {
        let prompt = estimate_prompt_tokens(request);
        let completion = match answer {
            Some(answer) => seen(answer),
            None => request.max_tokens.unwrap_or(0),
        };
        self.account().restore_exchange(counted, (prompt, completion), self.prices.as_ref());
    }

    /// What was spent, null where it is not known; calls under way count as calls.
    pub fn usage(&self) -> Usage {
        self.account().usage()
    }

    /// Whether a call was refused.
    pub fn is_exhausted(&self) -> bool {
        self.exceeded().is_some()
    }

    /// The limit for which a call was last refused.
    pub fn exceeded(&self) -> Option<Limit> {
        self.account().exceeded
    }

    /// Nothing panics while it holds the lock.
    fn account(&self) -> MutexGuard<'_, Account> {
        self.account.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn reserve(self: &Arc<Self>, request: &ModelRequest) -> Result<Reservation, ModelError> {
        let prompt = estimate_prompt_tokens(request);
        let mut account = self.account();
        let claim = account.claim(&self.budget, self.prices.as_ref(), prompt, request.max_tokens);
        match claim {
            Ok(claim) => Ok(Reservation { meter: self.clone(), claim: Some(claim) }),
            Err((limit, message)) => {
                account.exceeded = Some(limit);
                let kind = ModelErrorKind::Budget;
                let error = ModelError::new(kind, ErrorClass::Permission, message);
                Err(ModelError { attempts: 0, ..error })
            }
        }
    }
}

/// A reserved call. Dropped before it is settled, as with a call that is cancelled, it was of
/// unknown fate.
struct Reservation {
    meter: Arc<Meter>,
    claim: Option<Claim>,
}

/// How a call ended, for the account.
enum Fate {
    /// It was not made.
    NotMade,
    /// It was answered: what the endpoint counted, and what we saw.
    Known { counted: TokenCount, seen: u64 },
    /// It may have cost all that was reserved.
    Unknown,
}

impl Reservation {
    fn settle(&mut self, fate: &Fate) {
        let Some(claim) = self.claim.take() else { return };
        let prices = self.meter.prices;
        self.meter.account().settle(&claim, fate, prices.as_ref());
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.settle(&Fate::Unknown);
    }
}

/// A client whose calls are counted, and refused when they would exceed the budget.
#[derive(Debug)]
pub struct Metered<C> {
    inner: C,
    meter: Arc<Meter>,
}

impl<C: LlmClient> Metered<C> {
    /// Counts the calls of `inner` on `meter`.
    pub fn new(inner: C, meter: Arc<Meter>) -> Self {
        Self { inner, meter }
    }

    async fn measure(
        &self,
        request: &ModelRequest,
        sink: Option<DeltaSink<'_>>,
    ) -> Result<ModelAnswer, ModelError> {
        let mut reservation = self.meter.reserve(request)?;
        let granted = reservation.claim.as_ref().and_then(|claim| claim.max_tokens);
        let limited;
        let request = match granted {
            Some(_) if granted != request.max_tokens => {
                limited = ModelRequest { max_tokens: granted, ..request.clone() };
                &limited
            }
            _ => request,
        };
        let mut has_begun = false;
        let result = match sink {
            None => self.inner.ask(request, None).await,
            Some(sink) => {
                let mut watch = |delta: Delta<'_>| {
                    has_begun = true;
                    sink(delta);
                };
                self.inner.ask(request, Some(&mut watch)).await
            }
        };
        reservation.settle(&fate(&result, has_begun));
        result
    }
}

/// An answer that failed before it began cost nothing, if the endpoint said so itself or was
/// not there.
fn fate(result: &Result<ModelAnswer, ModelError>, has_begun: bool) -> Fate {
    let nothing = TokenCount { prompt: Some(0), completion: Some(0) };
    match result {
        Ok(answer) => Fate::Known { counted: answer.tokens, seen: seen(answer) },
        Err(error) => match error.kind {
            ModelErrorKind::Setup | ModelErrorKind::NotRecorded | ModelErrorKind::Budget => {
                Fate::NotMade
            }
            ModelErrorKind::Unreachable
            | ModelErrorKind::Status
            | ModelErrorKind::FormatRefused
                if !has_begun =>
            {
                Fate::Known { counted: nothing, seen: 0 }
            }
            _ => Fate::Unknown,
        },
    }
}

/// About how many tokens an answer is.
fn seen(answer: &ModelAnswer) -> u64 {
    let calls = answer.tool_calls.iter();
    let calls = calls.map(|call| estimate(&call.name) + estimate(&call.arguments));
    estimate(&answer.content) + calls.sum::<u64>()
}

/// About how many tokens a request is, rather too many than too few; see the module.
pub fn estimate_prompt_tokens(request: &ModelRequest) -> u64 {
    const MESSAGE: u64 = 8;
    let message = |message: &pe_model::ChatMessage| {
        let calls = message.tool_calls.iter();
        let calls = calls.map(|call| MESSAGE + estimate(&call.name) + estimate(&call.arguments));
        MESSAGE + estimate(&message.content) + calls.sum::<u64>()
    };
    let tool = |tool: &pe_model::OfferedTool| {
        let parameters = estimate(&tool.parameters.to_string());
        MESSAGE + estimate(&tool.name) + estimate(&tool.description) + parameters
    };
    let format = match &request.format {
        AnswerFormat::Schema { schema, .. } => estimate(&schema.to_string()),
        AnswerFormat::Text | AnswerFormat::Json => 0,
    };
    let messages: u64 = request.messages.iter().map(message).sum();
    let tools: u64 = request.tools.iter().map(tool).sum();
    MESSAGE + messages + tools + format
}

pub(crate) fn estimate(text: &str) -> u64 {
    let ascii = text.bytes().filter(u8::is_ascii).count();
    (ascii.div_ceil(3) + (text.len() - ascii).div_ceil(2)) as u64
}

impl<C: LlmClient> LlmClient for Metered<C> {
    fn name(&self) -> ModelName {
        self.inner.name()
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        Box::pin(self.measure(request, sink))
    }
}
