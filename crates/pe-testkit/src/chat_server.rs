//! A server on the loopback that speaks the chat-completions protocol, faults included.
//!
//! It runs in a thread and a runtime of its own, so it serves a test without a runtime, one
//! whose clock is paused, and a program under test in another process alike. It answers
//! `POST …/chat/completions` from a script, `GET …/models` with a list, and anything else with
//! 404. Every request is kept; whether a client hung up before the end is counted.
//!
//! It is written down to the byte, without an HTTP library: faults are its purpose.

mod connection;
mod reply;

use std::fmt;
use std::io;
use std::net::TcpListener;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::sync::oneshot;

pub use reply::{Fault, Reply};

/// A request as it arrived.
#[derive(Debug, Clone, PartialEq)]
pub struct Received {
    /// `GET`, `POST`.
    pub method: String,
    /// With the query.
    pub path: String,
    /// Names in lower case, in the order of arrival.
    pub headers: Vec<(String, String)>,
    /// The body; null when it is no JSON.
    pub body: Value,
    /// The body, byte for byte.
    pub raw: Vec<u8>,
}

impl Received {
    /// The first header of that name, in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// Whether a stream is asked for.
    pub fn is_streamed(&self) -> bool {
        self.body["stream"] == true
    }

    /// The type of `response_format` that is asked for; `text` when there is none.
    pub fn format(&self) -> &str {
        self.body["response_format"]["type"].as_str().unwrap_or("text")
    }
}

type Script = Box<dyn FnMut(&Received, usize) -> Reply + Send>;

/// What the server and its test both see.
struct Shared {
    script: Mutex<Script>,
    requests: Mutex<Vec<Received>>,
    models: Mutex<Vec<String>>,
    hang_ups: AtomicUsize,
    bytes_sent: AtomicU64,
}

/// A poisoned lock is of a test that has failed already.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A running server; dropping it ends it and every connection.
pub struct ChatServer {
    port: u16,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ChatServer {
    /// Answers in this order, the last reply again and again.
    ///
    /// # Panics
    /// When the script is empty, or there is no loopback.
    pub fn start<R: Into<Reply>>(script: impl IntoIterator<Item = R>) -> Self {
        let script: Vec<Reply> = script.into_iter().map(Into::into).collect();
        assert!(!script.is_empty(), "a chat server needs at least one reply");
        Self::answering(move |_, call| script[call.min(script.len() - 1)].clone())
    }

    /// Answers what the function says to a request and the number of the call, from 0.
    ///
    /// # Panics
    /// When there is no loopback.
    pub fn answering(script: impl FnMut(&Received, usize) -> Reply + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("because there is a loopback");
        let port = listener.local_addr().expect("because it is bound").port();
        let shared = Arc::new(Shared {
            script: Mutex::new(Box::new(script)),
            requests: Mutex::default(),
            models: Mutex::new(vec!["test-model".to_owned()]),
            hang_ups: AtomicUsize::new(0),
            bytes_sent: AtomicU64::new(0),
        });
        let (stop, stopped) = oneshot::channel();
        let serving = shared.clone();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            let runtime = runtime.expect("because a runtime can be made");
            runtime.block_on(async {
                tokio::select! {
                    result = serve(listener, serving) => result.expect("because it can accept"),
                    _ = stopped => {}
                }
            });
        });
        Self { port, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// Where it is: what `PE_BASE_URL` is set to.
    pub fn base_url(&self) -> String {
        format!("http://127.0.0.1:{}/v1", self.port)
    }

    /// An address at which nobody listens.
    ///
    /// # Panics
    /// When there is no loopback.
    pub fn refused_url() -> String {
        let listener = TcpListener::bind("127.0.0.1:0").expect("because there is a loopback");
        let port = listener.local_addr().expect("because it is bound").port();
        drop(listener);
        format!("http://127.0.0.1:{port}/v1")
    }

    /// Says which models there are; otherwise it is `test-model`.
    pub fn set_models<S: Into<String>>(&self, models: impl IntoIterator<Item = S>) {
        *lock(&self.shared.models) = models.into_iter().map(Into::into).collect();
    }

    /// Every request for a completion so far, in order.
    pub fn requests(&self) -> Vec<Received> {
        lock(&self.shared.requests).clone()
    }

    /// How often a completion was asked for.
    pub fn calls(&self) -> usize {
        lock(&self.shared.requests).len()
    }

    /// How many clients hung up before they had their answer.
    pub fn hang_ups(&self) -> usize {
        self.shared.hang_ups.load(Ordering::SeqCst)
    }

    /// Bytes handed to the system in answers, of which it may hold some megabytes back.
    pub fn bytes_sent(&self) -> u64 {
        self.shared.bytes_sent.load(Ordering::SeqCst)
    }

    /// Waits, in real time, until `count` clients hung up. False when they do not.
    pub async fn hung_up(&self, count: usize, within: Duration) -> bool {
        let until = Instant::now() + within;
        while self.hang_ups() < count {
            if Instant::now() > until {
                return false;
            }
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
        true
    }
}

impl Drop for ChatServer {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            // It has panicked only if its script did, and then the test sees no answer.
            let _ = thread.join();
        }
    }
}

impl fmt::Debug for ChatServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChatServer")
            .field("port", &self.port)
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}

async fn serve(listener: TcpListener, shared: Arc<Shared>) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let listener = tokio::net::TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(connection::serve(stream, shared.clone()));
    }
}
