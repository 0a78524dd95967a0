//! Any OpenAI-compatible endpoint, asked over HTTP with `async-openai`.
//!
//! One call of [`OpenAi`] is one exchange: what is tried again, and how often, is
//! [`Patient`](crate::Patient)'s, and what it may cost is [`Metered`](crate::Metered)'s. With a
//! sink the answer is streamed, without one it comes whole.
//!
//! - **Nothing typed by the library is read.** Its types refuse what real servers send, so
//!   requests and answers are our own (`request`, `reply`), lenient where nothing is lost.
//! - **Everything that is read is bounded**: bytes in total and of one event, silence, and the
//!   time of the whole exchange. An error's body is cut to a few KiB, redirects are not
//!   followed. All that sits below the library (`exchange`).
//! - **What an endpoint refuses is remembered** where it can be asked otherwise:
//!   `stream_options`, `temperature`, the name and size of `max_tokens`. The call that found
//!   it out fails, retryable at once, since two exchanges would not be one. A refused form of
//!   answer is the caller's: [`ModelErrorKind::FormatRefused`](pe_model::ModelErrorKind).
//! - **The key** is in a header and nowhere else: not in a message, not in `Debug`, and taken
//!   out of what an endpoint says where that repeats it.
//!
//! What it does not do: read the environment, use a proxy, keep connections, guess at the end
//! of an answer that was cut.

mod complaint;
mod endpoint;
mod events;
mod exchange;
mod fault;
mod loose;
mod models;
mod reply;
mod request;
mod retry_after;
mod transport;

use std::fmt;
use std::time::Duration;

use async_openai::Client;
use async_openai::error::OpenAIError;
use futures_util::StreamExt as _;
use pe_model::{
    AnswerFormat, BoxFuture, Delta, DeltaSink, JsonMap, LlmClient, ModelAnswer, ModelError,
    ModelName, ModelRequest,
};
use secrecy::SecretString;

use complaint::Sent;
use endpoint::Endpoint;
use exchange::{Bounds, Watch};
use fault::Asked;
use reply::{Assembly, Envelope};
use request::Habits;

/// The largest event of a stream, in bytes: a chunk is a few hundred.
const MOST_EVENT: usize = 1024 * 1024;
/// What the envelope around an answer may take beside it, in bytes.
const ENVELOPE: usize = 64 * 1024;
/// How long the counts that follow the end of an answer are waited for.
const COUNTS_WAIT: Duration = Duration::from_secs(2);

/// Where the library sends requests for completions.
const COMPLETIONS: &str = "/chat/completions";

/// How an endpoint is asked.
#[derive(Clone)]
pub struct OpenAiConfig {
    /// The address that `/chat/completions` is added to, http or https, without credentials.
    pub base_url: String,
    /// The model.
    pub model: String,
    /// The key, where one is needed.
    pub api_key: Option<SecretString>,
    /// How long one exchange may take, in milliseconds; 0: without end.
    pub total_timeout_ms: u64,
    /// How long an answer may be silent, in milliseconds. The silence before a whole
    /// (not streamed) answer is not counted: it is written unseen. 0: without end.
    pub idle_timeout_ms: u64,
    /// The longest answer, in bytes of text. A whole answer may be twice that on the wire, a
    /// streamed one eight times.
    pub max_answer_bytes: usize,
    /// Whether answers are streamed when somebody listens.
    pub streaming: bool,
    /// Fields that are added to every request, and win over ours.
    pub extra: JsonMap,
}

impl OpenAiConfig {
    /// Asks `model` at `base_url`: five minutes a call, two of silence, 4 MiB an answer.
    pub fn new(base_url: impl Into<String>, model: impl Into<String>) -> Self {
        Self {
            base_url: base_url.into(),
            model: model.into(),
            api_key: None,
            total_timeout_ms: 300_000,
            idle_timeout_ms: 120_000,
            max_answer_bytes: 4 * 1024 * 1024,
            streaming: true,
            extra: JsonMap::new(),
        }
    }
}

impl fmt::Debug for OpenAiConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OpenAiConfig")
            .field("base_url", &endpoint::without_secrets(&self.base_url))
            .field("model", &self.model)
            .field("has_key", &self.api_key.is_some())
            .field("total_timeout_ms", &self.total_timeout_ms)
            .field("idle_timeout_ms", &self.idle_timeout_ms)
            .field("max_answer_bytes", &self.max_answer_bytes)
            .field("streaming", &self.streaming)
            .finish_non_exhaustive()
    }
}

/// A model behind an OpenAI-compatible endpoint.
#[derive(Debug)]
pub struct OpenAi {
    config: OpenAiConfig,
    endpoint: Endpoint,
    http: reqwest::Client,
    habits: Habits,
}

impl OpenAi {
    /// A client; nothing is sent yet.
    ///
    /// # Errors
    /// Of kind `Setup`, when the address is none, holds credentials, or the key cannot be sent.
    pub fn new(mut config: OpenAiConfig) -> Result<Self, ModelError> {
        let endpoint = Endpoint::new(&config.base_url, config.api_key.as_ref())?;
        // The endpoint has the key now.
        config.api_key = config.api_key.filter(|_| false);
        let http = transport::build().map_err(|error| {
            let message = format!("no HTTP client can be made on this machine: {error}");
            ModelError::new(
                pe_model::ModelErrorKind::Setup,
                pe_model::ErrorClass::Internal,
                message,
            )
        })?;
        Ok(Self { config, endpoint, http, habits: Habits::default() })
    }

    /// The models that the endpoint has, as it names them. One exchange, and no completion.
    ///
    /// # Errors
    /// As [`LlmClient::ask`]; an endpoint without such a list answers with status 404.
    pub async fn models(&self) -> Result<Vec<String>, ModelError> {
        models::list(self).await
    }

    fn bounds(&self, streamed: bool) -> Bounds {
        let answer = self.config.max_answer_bytes;
        Bounds {
            body: answer.saturating_mul(if streamed { 8 } else { 2 }).saturating_add(ENVELOPE),
            event: answer.saturating_add(ENVELOPE).min(MOST_EVENT),
            idle: wait(self.config.idle_timeout_ms),
            streamed,
        }
    }

    async fn exchange(
        &self,
        request: &ModelRequest,
        mut sink: Option<DeltaSink<'_>>,
    ) -> Result<ModelAnswer, ModelError> {
        let streamed = sink.is_some() && self.config.streaming;
        let config = &self.config;
        let body = request::body(&config.model, request, &config.extra, &self.habits, streamed);
        let asked = Asked {
            endpoint: &self.endpoint,
            model: &config.model,
            path: COMPLETIONS,
            sent: Sent {
                format: !matches!(request.format, AnswerFormat::Text),
                stream_options: body.contains_key("stream_options"),
                temperature: body.contains_key("temperature"),
                max_tokens: self.habits.max_tokens(request.max_tokens),
            },
        };
        let watch = Watch::default();
        let service = exchange::service(self.http.clone(), self.bounds(streamed), watch.clone());
        let client = Client::build(self.http.clone(), self.endpoint.clone());
        let client = client.with_http_service(service);
        let reading = Reading { client: &client, asked, watch: &watch, owner: self };
        let work = async {
            match sink.as_mut() {
                Some(sink) if streamed => reading.stream(&body, &mut **sink).await,
                Some(sink) => {
                    let answer = reading.whole(&body).await?;
                    sink(Delta::Text(&answer.content));
                    Ok(answer)
                }
                None => reading.whole(&body).await,
            }
        };
        tokio::time::timeout(wait(config.total_timeout_ms), work)
            .await
            .unwrap_or_else(|_| Err(asked.timed_out(config.total_timeout_ms)))
    }
}

fn wait(ms: u64) -> Duration {
    if ms == 0 { Duration::MAX } else { Duration::from_millis(ms) }
}

/// One exchange, being read.
struct Reading<'a> {
    client: &'a Client<Endpoint>,
    asked: Asked<'a>,
    watch: &'a Watch,
    owner: &'a OpenAi,
}

impl Reading<'_> {
    fn assembly(&self) -> Assembly {
        Assembly::new(self.owner.config.max_answer_bytes)
    }

    async fn whole(&self, body: &JsonMap) -> Result<ModelAnswer, ModelError> {
        let envelope: Result<Envelope, _> = self.client.chat().create_byot(body).await;
        let envelope = envelope.map_err(|error| self.failed(error))?;
        let mut assembly = self.assembly();
        self.take(&mut assembly, envelope, &mut |_| {})?;
        self.finish(assembly, false)
    }

    async fn stream(&self, body: &JsonMap, sink: DeltaSink<'_>) -> Result<ModelAnswer, ModelError> {
        let chunks = self.client.chat().create_stream_byot::<_, Envelope>(body).await;
        let mut chunks = chunks.map_err(|error| self.failed(error))?;
        let mut assembly = self.assembly();
        loop {
            let next = match assembly.is_finished() {
                false => chunks.next().await,
                // The answer is complete; only its counts may follow.
                true => tokio::time::timeout(COUNTS_WAIT, chunks.next()).await.unwrap_or(None),
            };
            match next {
                Some(Ok(envelope)) => self.take(&mut assembly, envelope, sink)?,
                Some(Err(_)) if assembly.is_finished() => break,
                Some(Err(error)) => return Err(self.failed(error)),
                None => break,
            }
        }
        self.finish(assembly, true)
    }

    fn take(
        &self,
        assembly: &mut Assembly,
        envelope: Envelope,
        sink: DeltaSink<'_>,
    ) -> Result<(), ModelError> {
        // Some servers say with every answer that there was no error.
        let nothing = |error: &&str| matches!(*error, "{}" | "[]" | "false");
        if let Some(error) = envelope.error.some().filter(|error| !nothing(error)) {
            return Err(self.asked.complained(error, &self.owner.habits));
        }
        match assembly.push(envelope) {
            Ok("") => Ok(()),
            Ok(text) => {
                sink(Delta::Text(text));
                Ok(())
            }
            Err(reply::TooLong) => Err(self.asked.too_large(self.owner.config.max_answer_bytes)),
        }
    }

    fn finish(&self, assembly: Assembly, streamed: bool) -> Result<ModelAnswer, ModelError> {
        if assembly.has_choice() {
            return Ok(assembly.into_answer(streamed));
        }
        Err(self.asked.malformed("an answer without a choice", &self.watch.seen()))
    }

    fn failed(&self, error: OpenAIError) -> ModelError {
        let mut seen = self.watch.seen();
        if let Some(fault) = seen.fault.take() {
            let idle_ms = self.owner.config.idle_timeout_ms;
            return self.asked.fault(fault, &self.owner.habits, idle_ms);
        }
        match error {
            OpenAIError::JSONDeserialize(reason, _) => {
                let problem = format!("the answer is not the JSON that was expected ({reason})");
                self.asked.malformed(&problem, &seen)
            }
            OpenAIError::StreamError(reason) => {
                self.asked.malformed(&format!("the stream is broken ({reason})"), &seen)
            }
            // The other variants are of calls that are not made here, and carry no words of
            // the other side.
            _ => self.asked.malformed("the answer could not be read", &seen),
        }
    }
}

impl LlmClient for OpenAi {
    fn name(&self) -> ModelName {
        ModelName { model: self.config.model.clone(), endpoint: self.endpoint.base().to_owned() }
    }

    fn ask<'a>(
        &'a self,
        request: &'a ModelRequest,
        sink: Option<DeltaSink<'a>>,
    ) -> BoxFuture<'a, Result<ModelAnswer, ModelError>> {
        Box::pin(self.exchange(request, sink))
    }
}
