//! Trying again: retries with growing pauses, and forms of answer that an endpoint knows.
//!
//! [`Patient`] wraps any client. It tries again what is worth it
//! ([`ModelError::is_retryable`]), waits at least as long as the other side asks (up to a
//! cap; beyond it the call is given up with word of when to come back), and tells whoever
//! listens to the answer that it begins anew. It sends nothing itself, so a budget below it
//! sees every exchange.
//!
//! **Forms of answer.** A schema that is refused is asked for as some JSON, and that as text;
//! a JSON form that is refused is not tried again, for this and every later call; of schemas that
//! holds for the one that was refused, and for all once there are two. Schemas and JSON alone are
//! remembered apart, since endpoints exist that know schemas and not JSON alone. What the form
//! would have said is then said in words, the schema included where the request does not say
//! by itself what the answer looks like. The words go into the system
//! message that the conversation begins with, and make one where there is none: many chat
//! templates refuse a second system message, or one that does not come first.
//!
//! **What it does not do.** An answer that was cut is an answer: asking again, and how, is for
//! the caller to decide. There is no clock but tokio's, and no chance but the seed.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use pe_model::{
    AnswerFormat, BoxFuture, ChatMessage, Delta, DeltaSink, LlmClient, ModelAnswer, ModelError,
    ModelErrorKind, ModelName, ModelRequest, RetryPolicy, Speaker,
};
use serde_json::Value;

/// The longest pause that another side is granted, in milliseconds.
const MAX_WAIT_MS: u64 = 60_000;

/// Is told of a failure and of how long is waited, in milliseconds, until the next attempt.
pub type OnWait = Arc<dyn Fn(&ModelError, u64) + Send + Sync>;

/// A client that tries again.
pub struct Patient<C> {
    inner: C,
    policy: RetryPolicy,
    max_wait_ms: u64,
    seed: AtomicU64,
    no_schema: AtomicBool,
    /// A schema that was refused: it may be odd, and others be taken.
    odd_schema: Mutex<Option<Value>>,
    no_json: AtomicBool,
    on_wait: Option<OnWait>,
}

impl<C: fmt::Debug> fmt::Debug for Patient<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Patient")
            .field("inner", &self.inner)
            .field("policy", &self.policy)
            .finish_non_exhaustive()
    }
}

impl<C: LlmClient> Patient<C> {
    /// Tries again as [`RetryPolicy::default`] says, and waits at most a minute when asked to.
    pub fn new(inner: C) -> Self {
        Self {
            inner,
            policy: RetryPolicy::default(),
            max_wait_ms: MAX_WAIT_MS,
            seed: AtomicU64::new(0),
            no_schema: AtomicBool::new(false),
            odd_schema: Mutex::new(None),
            no_json: AtomicBool::new(false),
            on_wait: None,
        }
    }

    /// Tells of every wait before it begins: a person takes silence for an end.
    pub fn on_wait(self, on_wait: OnWait) -> Self {
        Self { on_wait: Some(on_wait), ..self }
    }

    /// Tries again as this policy says.
    pub fn policy(self, policy: RetryPolicy) -> Self {
        Self { policy, ..self }
    }

    /// Waits at most so long when the other side asks for a pause, in milliseconds.
    pub fn max_wait_ms(self, max_wait_ms: u64) -> Self {
        Self { max_wait_ms, ..self }
    }

    /// Draws the jitter of the pauses from this seed.
    pub fn seed(self, seed: u64) -> Self {
        Self { seed: AtomicU64::new(seed), ..self }
    }

    /// Asks for no schemas, or for no JSON at all, without finding out first whether the other
    /// side knows them.
    pub fn formats(mut self, schema: bool, json: bool) -> Self {
        self.no_schema = AtomicBool::new(!schema);
        self.no_json = AtomicBool::new(!json);
        self
    }

    /// The client that is asked.
    pub fn inner(&self) -> &C {
        &self.inner
    }

    /// The strictest form in which a schema that was refused is still asked for: `json_schema`,
    /// `json_object` or `text`.
    pub fn strictest_format(&self) -> &'static str {
        let odd = self.odd_schema.lock().unwrap_or_else(PoisonError::into_inner);
        let refused = odd.is_some() || self.no_schema.load(Ordering::Relaxed);
        match (refused, self.no_json.load(Ordering::Relaxed)) {
            (false, _) => "json_schema",
            (true, false) => "json_object",
            (true, true) => "text",
        }
    }

    async fn persist(
        &self,
        request: &ModelRequest,
        mut sink: Option<DeltaSink<'_>>,
    ) -> Result<ModelAnswer, ModelError> {
        let (mut attempts, mut retries) = (0_u32, 0);
        let mut last: Option<String> = None;
        loop {
            let shaped = self.shaped(request);
            let mut passed_on = false;
            let result = match sink.as_mut() {
                None => self.inner.ask(&shaped, None).await,
                Some(sink) => {
                    let mut forward = |delta: Delta<'_>| {
                        passed_on = matches!(delta, Delta::Text(_));
                        sink(delta);
                    };
                    self.inner.ask(&shaped, Some(&mut forward)).await
                }
            };
            let mut error = match result {
                Ok(answer) => return Ok(answer),
                Err(error) => error,
            };
            attempts = attempts.saturating_add(error.attempts);
            error.attempts = attempts;
            let changed =
                error.kind == ModelErrorKind::FormatRefused && self.forget(&shaped.format);
            if !changed {
                if !error.is_retryable() || retries == self.policy.max_retries {
                    return Err(given_up(error, last));
                }
                retries += 1;
                if let Some(asked) = error.retry_after_ms.filter(|ms| *ms > self.max_wait_ms) {
                    return Err(too_long(error, asked, self.max_wait_ms));
                }
                let wait = self.wait_ms(&error, retries);
                if let Some(on_wait) = self.on_wait.as_ref().filter(|_| wait > 0) {
                    on_wait(&error, wait);
                }
                tokio::time::sleep(Duration::from_millis(wait)).await;
            }
            last = Some(error.message);
            if passed_on && let Some(sink) = sink.as_mut() {
                sink(Delta::Restart);
            }
        }
    }

    /// How long to wait before the next attempt.
    fn wait_ms(&self, error: &ModelError, retry: u32) -> u64 {
        // The client has found another way to ask: there is nothing to wait for.
        let asked_otherwise =
            error.retry_after_ms == Some(0) && matches!(error.status, Some(400 | 422));
        if asked_otherwise {
            return 0;
        }
        let delay = self.policy.delay_ms(retry, self.chance());
        delay.max(error.retry_after_ms.unwrap_or(0))
    }

    /// The next of a row of even numbers in 0.0..1.0 (splitmix64).
    fn chance(&self) -> f64 {
        const STEP: u64 = 0x9E37_79B9_7F4A_7C15;
        let mut z = self.seed.fetch_add(STEP, Ordering::Relaxed).wrapping_add(STEP);
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Remembers that a form was refused. False when there is no other.
    fn forget(&self, refused: &AnswerFormat) -> bool {
        match refused {
            AnswerFormat::Schema { schema, .. } => {
                let mut odd = self.odd_schema.lock().unwrap_or_else(PoisonError::into_inner);
                match &*odd {
                    None => *odd = Some(schema.clone()),
                    Some(known) if known == schema => {}
                    Some(_) => self.no_schema.store(true, Ordering::Relaxed),
                }
            }
            AnswerFormat::Json => self.no_json.store(true, Ordering::Relaxed),
            AnswerFormat::Text => return false,
        }
        true
    }

    /// Whether a schema is one that the other side refuses, as it may refuse all of them.
    fn is_refused(&self, schema: &Value) -> bool {
        let odd = self.odd_schema.lock().unwrap_or_else(PoisonError::into_inner);
        self.no_schema.load(Ordering::Relaxed) || odd.as_ref() == Some(schema)
    }

    /// The request in the strictest form that is known to be understood.
    fn shaped<'r>(&self, request: &'r ModelRequest) -> Cow<'r, ModelRequest> {
        let no_json = self.no_json.load(Ordering::Relaxed);
        let lower = if no_json { AnswerFormat::Text } else { AnswerFormat::Json };
        let (format, words) = match &request.format {
            AnswerFormat::Schema { schema, described, .. } if self.is_refused(schema) => {
                (lower, in_words((!described).then_some(schema)))
            }
            AnswerFormat::Json if no_json => (lower, in_words(None)),
            _ => return Cow::Borrowed(request),
        };
        let mut shaped = ModelRequest { format, ..request.clone() };
        match shaped.messages.first_mut() {
            Some(first) if first.role == Speaker::System => {
                first.content = format!("{}\n\n{words}", first.content);
            }
            _ => shaped.messages.insert(0, ChatMessage::system(words)),
        }
        Cow::Owned(shaped)
    }
}

/// What the form of an answer says, for a model whose endpoint cannot.
fn in_words(schema: Option<&Value>) -> String {
    match schema {
        Some(schema) => format!(
            "Answer with one JSON value that this JSON Schema accepts, and with nothing else:\n\
             {schema}"
        ),
        None => "Answer with one JSON object, and with nothing else.".to_owned(),
    }
}

fn given_up(error: ModelError, last: Option<String>) -> ModelError {
    let message = match (error.kind, last) {
        // The refusal says nothing of why it was asked again.
        (ModelErrorKind::Budget, Some(last)) => {
            format!("{}; the attempt before failed: {last}", error.message)
        }
        (_, Some(_)) => format!("{}; tried {} times", error.message, error.attempts),
        (_, None) => return error,
    };
    ModelError { message, ..error }
}

fn too_long(error: ModelError, wait_ms: u64, max_wait_ms: u64) -> ModelError {
    let message = format!(
        "{}; it asks to be left alone for {}, more than the {} that are waited for: come back then",
        error.message,
        duration(wait_ms),
        duration(max_wait_ms)
    );
    ModelError { message, ..error }
}

/// A duration as a person says it, rounded up.
fn duration(ms: u64) -> String {
    let seconds = ms.div_ceil(1_000);
    match seconds {
        0..=120 => format!("{seconds} s"),
        121..=7_200 => format!("{} min", seconds.div_ceil(60)),
        _ => format!("{} h", seconds.div_ceil(3_600)),
    }
}

impl<C: LlmClient> LlmClient for Patient<C> {
    fn name(&self) -> ModelName {
        self.inner.name()
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        Box::pin(self.persist(request, sink))
    }
}
