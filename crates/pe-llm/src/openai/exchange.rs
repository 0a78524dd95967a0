//! One HTTP exchange, counted and timed under the library that reads it.
//!
//! The library reads bodies without a bound, forgets the status of errors that are not
//! OpenAI's, and turns a failed stream into a text. So the service that it sends requests
//! through hands it a response whose body is bounded in bytes and in silence, keeps what went
//! wrong as a value ([`Watch`]), and lets nothing through but a success.
//!
//! A whole JSON body that answers a request for a stream is passed on as one event: some
//! servers ignore `stream`.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use async_openai::error::OpenAIError;
use async_openai::middleware::HttpRequestFactory;
use futures_util::stream;
use pe_model::BoxFuture;
use reqwest::header::{CONTENT_TYPE, LOCATION};
use reqwest::{Body, Client, Request, Response};

use super::events::{self, Events};
use super::{complaint, retry_after};

/// How long an error's body is waited for.
const ERROR_BODY_WAIT: Duration = Duration::from_secs(2);
/// How much of a body is kept to show what it was.
const HEAD: usize = 512;

/// What is read of one response at most.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bounds {
    /// Bytes of the body.
    pub(super) body: usize,
    /// Bytes of one event of a stream.
    pub(super) event: usize,
    /// Silence.
    pub(super) idle: Duration,
    /// Whether a stream was asked for.
    pub(super) streamed: bool,
}

/// How an exchange went wrong below the library.
#[derive(Debug)]
pub(super) enum Fault {
    /// No answer, or a broken one.
    Transport(reqwest::Error),
    /// A status that is not a success.
    Status(Refusal),
    /// Nothing came for too long.
    Idle,
    /// More came than is read: so many bytes.
    TooLarge(usize),
}

/// An answer whose status is not a success.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) status: reqwest::StatusCode,
    /// The target of a redirect.
    pub(super) location: Option<String>,
    pub(super) retry_after_ms: Option<u64>,
    pub(super) body: Vec<u8>,
}

/// What was seen of one exchange.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) fault: Option<Fault>,
    pub(super) content_type: String,
    /// How the body begins.
    pub(super) head: Vec<u8>,
}

/// Where the service leaves what it saw.
#[derive(Debug, Clone, Default)]
pub(super) struct Watch(Arc<Mutex<Seen>>);

impl Watch {
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self, fault: Fault) -> Stopped {
        self.seen().fault.get_or_insert(fault);
        Stopped
    }
}

/// What the library is told: no more than that there is something in the watch.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the exchange was stopped")]
pub(super) struct Stopped;

impl From<Stopped> for OpenAIError {
    fn from(stopped: Stopped) -> Self {
        Self::Boxed(Box::new(stopped))
    }
}

/// The service that sends one request with `client`.
pub(super) fn service(
    client: Client,
    bounds: Bounds,
    watch: Watch,
) -> impl tower::Service<
    HttpRequestFactory,
    Response = Response,
    Error = Stopped,
    Future = BoxFuture<'static, Result<Response, Stopped>>,
> + Clone
+ Send
+ Sync
+ 'static {
    tower::service_fn(move |factory: HttpRequestFactory| {
        let (client, watch) = (client.clone(), watch.clone());
        let exchange: BoxFuture<'static, _> = Box::pin(send(client, factory, bounds, watch));
        exchange
    })
}

async fn send(
    client: Client,
    factory: HttpRequestFactory,
    bounds: Bounds,
    watch: Watch,
) -> Result<Response, Stopped> {
    let request = match factory.build().await {
        Ok(request) => request,
        Err(OpenAIError::Reqwest(error)) => return Err(watch.stop(Fault::Transport(error))),
        Err(_) => return Err(Stopped),
    };
    carry_out(&client, request, bounds, watch).await
}

/// Sends a request, and gives a response that is a success with a body that is watched.
pub(super) async fn carry_out(
    client: &Client,
    request: Request,
    bounds: Bounds,
    watch: Watch,
) -> Result<Response, Stopped> {
    let sent = client.execute(request);
    // A whole answer is silent until it is written; only a stream shows that it lives.
    let response = match bounds.streamed {
        true => tokio::time::timeout(bounds.idle, sent).await,
        false => Ok(sent.await),
    };
    let response = match response {
        Ok(Ok(response)) => response,
        Ok(Err(error)) => return Err(watch.stop(Fault::Transport(error))),
        Err(_) => return Err(watch.stop(Fault::Idle)),
    };
    if !response.status().is_success() {
        return Err(watch.stop(Fault::Status(refusal(response).await)));
    }
    let content_type = response.headers().get(CONTENT_TYPE);
    let content_type = content_type.and_then(|value| value.to_str().ok()).unwrap_or_default();
    let media = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let as_event = bounds.streamed && media == "application/json";
    watch.seen().content_type = content_type.chars().take(100).collect();
    if response.content_length().is_some_and(|length| length > bounds.body as u64) {
        return Err(watch.stop(Fault::TooLarge(bounds.body)));
    }
    let mut counted = Counted { response, bounds, watch, bytes: 0, events: Events::default() };
    if as_event {
        counted.read_as_event().await?;
    }
    let body = counted.into_body();
    Ok(http::Response::new(body).into())
}

async fn refusal(mut response: Response) -> Refusal {
    let status = response.status();
    let location = response.headers().get(LOCATION);
    let location = location.and_then(|value| value.to_str().ok()).map(str::to_owned);
    let retry_after_ms = retry_after::milliseconds(response.headers());
    let mut body = Vec::new();
    // The status is the news; a body that does not come must not hide it.
    let _ = tokio::time::timeout(ERROR_BODY_WAIT, async {
        while let Ok(Some(chunk)) = response.chunk().await {
            let room = complaint::MOST_BYTES - body.len();
            body.extend_from_slice(&chunk[..chunk.len().min(room)]);
            if chunk.len() >= room {
                return;
            }
        }
    })
    .await;
    Refusal { status, location, retry_after_ms, body }
}

/// A body that is bounded in bytes and in silence.
struct Counted {
    response: Response,
    bounds: Bounds,
    watch: Watch,
    bytes: usize,
    events: Events,
}

impl Counted {
    fn into_body(self) -> Body {
        Body::wrap_stream(stream::try_unfold(self, |mut counted| async move {
            let piece = counted.piece().await?;
            Ok::<_, Stopped>(piece.map(|piece| (piece, counted)))
        }))
    }

    /// Reads the whole body, as one event where it is an object. The line ends of JSON are
    /// between its values only. Anything else is a stream under a wrong name, or no answer.
    async fn read_as_event(&mut self) -> Result<(), Stopped> {
        self.bounds.body = self.bounds.body.min(self.bounds.event.saturating_mul(8));
        let mut body = Vec::new();
        while let Some(chunk) = self.chunk().await? {
            body.extend_from_slice(&chunk);
        }
        if body.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{') {
            body.iter_mut().filter(|b| matches!(b, b'\n' | b'\r')).for_each(|b| *b = b' ');
            self.events.add(&body);
            return Ok(());
        }
        self.take_events(&body)
    }

    fn take_events(&mut self, bytes: &[u8]) -> Result<(), Stopped> {
        let limit = self.bounds.event;
        let pushed = self.events.push(bytes, limit);
        pushed.map_err(|events::TooLong| self.watch.stop(Fault::TooLarge(limit)))
    }

    /// The next of a body: of a stream one event.
    async fn piece(&mut self) -> Result<Option<Vec<u8>>, Stopped> {
        if !self.bounds.streamed {
            return self.chunk().await;
        }
        loop {
            if let Some(event) = self.events.next() {
                return Ok(Some(event));
            }
            let Some(chunk) = self.chunk().await? else {
                self.events.finish();
                return Ok(self.events.next());
            };
            self.take_events(&chunk)?;
        }
    }

    async fn chunk(&mut self) -> Result<Option<Vec<u8>>, Stopped> {
        let chunk = match tokio::time::timeout(self.bounds.idle, self.response.chunk()).await {
            Ok(Ok(Some(chunk))) => chunk,
            Ok(Ok(None)) => return Ok(None),
            Ok(Err(error)) => return Err(self.watch.stop(Fault::Transport(error))),
            Err(_) => return Err(self.watch.stop(Fault::Idle)),
        };
        self.bytes += chunk.len();
        if self.bytes > self.bounds.body {
            return Err(self.watch.stop(Fault::TooLarge(self.bounds.body)));
        }
        let mut seen = self.watch.seen();
        let room = HEAD.saturating_sub(seen.head.len());
        seen.head.extend_from_slice(&chunk[..chunk.len().min(room)]);
        Ok(Some(chunk.to_vec()))
    }
}
