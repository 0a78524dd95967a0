//! One connection of a chat server: one request, one reply, one end.
//!
//! While it writes or waits it listens for the client's end of the connection, so that a
//! client that hangs up is noticed at once, even by a reply that has nothing more to say.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};

use super::reply::{Body, Completion, Fault, Reply, chunk};
use super::{Received, Shared, lock};

const MOST_HEAD: usize = 64 * 1024;
const MOST_BODY: usize = 64 * 1024 * 1024;

/// The client is gone, or is to be left without more.
struct Over;

pub(super) async fn serve(stream: TcpStream, shared: Arc<Shared>) {
    // Each piece is to arrive when it is sent.
    let _ = stream.set_nodelay(true);
    let (mut reader, writer) = stream.into_split();
    let Ok(Some(request)) = receive(&mut reader).await else { return };
    let path = request.path.split('?').next().unwrap_or_default().to_owned();
    let mut line = Line { reader, writer, shared: shared.clone(), hung_up: false };
    let reply = match (request.method.as_str(), path.as_str()) {
        ("POST", path) if path.ends_with("/chat/completions") => {
            let call = {
                let mut requests = lock(&shared.requests);
                requests.push(request.clone());
                requests.len() - 1
            };
            lock(&shared.script)(&request, call)
        }
        ("GET", path) if path.ends_with("/models") => {
            let models = lock(&shared.models).clone();
            let model = |id: String| json!({"id": id, "object": "model"});
            let models: Value = models.into_iter().map(model).collect();
            Reply::json(200, &json!({"object": "list", "data": models}))
        }
        _ => Reply::raw(404, "text/plain", "404 page not found"),
    };
    let _ = line.reply(&request, reply).await;
    if line.hung_up {
        shared.hang_ups.fetch_add(1, Ordering::SeqCst);
    }
}

/// A request, or nothing where the client said nothing.
async fn receive(reader: &mut OwnedReadHalf) -> io::Result<Option<Received>> {
    let mut bytes = Vec::new();
    let head = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        // A TLS handshake is no request, and would be waited for in vain.
        if bytes.first() == Some(&0x16) {
            return Ok(None);
        }
        if bytes.len() > MOST_HEAD || reader.read_buf(&mut bytes).await? == 0 {
            return Ok(None);
        }
    };
    let mut raw = bytes.split_off(head + 4);
    let text = String::from_utf8_lossy(&bytes).into_owned();
    let mut lines = text.lines();
    let mut first = lines.next().unwrap_or_default().split(' ').map(str::to_owned);
    let (method, path) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.trim().to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let length = headers.iter().find(|(name, _)| name == "content-length");
    let length: usize = length.and_then(|(_, value)| value.parse().ok()).unwrap_or(0);
    while raw.len() < length.min(MOST_BODY) {
        if reader.read_buf(&mut raw).await? == 0 {
            return Ok(None);
        }
    }
    let body = serde_json::from_slice(&raw).unwrap_or(Value::Null);
    Ok(Some(Received { method, path, headers, body, raw }))
}

/// The connection while it is being answered on.
struct Line {
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    shared: Arc<Shared>,
    hung_up: bool,
}

impl Line {
    async fn reply(&mut self, request: &Received, reply: Reply) -> Result<(), Over> {
        self.pause(reply.delay).await?;
        match &reply.body {
            Body::Raw { kind, text } => {
                let length = format!("content-length: {}\r\n", text.len());
                self.head(&reply, kind, &length).await?;
                self.send(text.as_bytes()).await?;
            }
            Body::Completion(completion) => {
                self.completion(request, &reply, completion).await?;
            }
        }
        self.end().await;
        Ok(())
    }

    async fn completion(
        &mut self,
        request: &Received,
        reply: &Reply,
        completion: &Completion,
    ) -> Result<(), Over> {
        match completion.fault {
            Some(Fault::HangUp) => return Err(Over),
            Some(Fault::Silence) => return self.pause(Duration::MAX).await,
            _ => {}
        }
        let model = request.body["model"].as_str().unwrap_or("test-model");
        let streamed = request.is_streamed();
        let kind = if streamed { "text/event-stream" } else { "application/json" };
        self.head(reply, kind, "transfer-encoding: chunked\r\n").await?;
        match completion.fault {
            Some(Fault::Huge(bytes)) => self.long(model, streamed, Some(bytes)).await?,
            Some(Fault::Endless) => self.long(model, streamed, None).await?,
            Some(Fault::EndlessLine) => self.long(model, false, None).await?,
            _ => {
                let with_usage = request.body["stream_options"]["include_usage"] == true;
                let parts = match streamed {
                    true => completion.events(model, with_usage),
                    false => vec![completion.whole(model).to_string()],
                };
                self.parts(&parts, completion).await?;
            }
        }
        if completion.fault == Some(Fault::Open) {
            self.pause(Duration::MAX).await?;
        }
        self.send(b"0\r\n\r\n").await
    }

    async fn parts(&mut self, parts: &[String], completion: &Completion) -> Result<(), Over> {
        let half = parts.len() / 2;
        for (at, part) in parts.iter().enumerate() {
            self.pause(completion.pause).await?;
            let is_half = at == half;
            match completion.fault {
                Some(Fault::Stall) if is_half => {
                    self.chunk(&part.as_bytes()[..part.len() / 2]).await?;
                    self.pause(Duration::MAX).await?;
                }
                Some(Fault::Broken) if is_half => {
                    self.chunk(&part.as_bytes()[..part.len() / 2]).await?;
                    return Err(Over);
                }
                Some(Fault::Slow(pause)) => {
                    for byte in part.as_bytes() {
                        self.pause(pause).await?;
                        self.chunk(&[*byte]).await?;
                    }
                }
                _ => self.chunk(part.as_bytes()).await?,
            }
        }
        Ok(())
    }

    /// A text of so many bytes, or without end.
    async fn long(&mut self, model: &str, streamed: bool, bytes: Option<u64>) -> Result<(), Over> {
        let text = "0123456789abcdef".repeat(1024);
        let piece = match streamed {
            true => {
                let delta = json!([{"index": 0, "delta": {"content": text}}]);
                chunk(model, delta, None)
            }
            false => text.clone(),
        };
        if !streamed {
            self.chunk(br#"{"choices":[{"message":{"content":""#).await?;
        }
        let mut left = bytes;
        while left != Some(0) {
            self.chunk(piece.as_bytes()).await?;
            left = left.map(|left| left.saturating_sub(text.len() as u64));
        }
        match streamed {
            true => {
                let end = json!([{"index": 0, "delta": {}, "finish_reason": "stop"}]);
                self.chunk(chunk(model, end, None).as_bytes()).await
            }
            false => self.chunk(br#""},"finish_reason":"stop"}]}"#).await,
        }
    }

    async fn head(&mut self, reply: &Reply, kind: &str, framing: &str) -> Result<(), Over> {
        let mut head = format!("HTTP/1.1 {} x\r\ncontent-type: {kind}\r\n", reply.status);
        for (name, value) in &reply.headers {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        head.push_str(framing);
        head.push_str("connection: close\r\n\r\n");
        self.send(head.as_bytes()).await
    }

    async fn chunk(&mut self, bytes: &[u8]) -> Result<(), Over> {
        let mut framed = format!("{:x}\r\n", bytes.len()).into_bytes();
        framed.extend_from_slice(bytes);
        framed.extend_from_slice(b"\r\n");
        self.send(&framed).await
    }

    async fn send(&mut self, bytes: &[u8]) -> Result<(), Over> {
        let Self { reader, writer, .. } = self;
        let sent = unless_gone(reader, writer.write_all(bytes)).await;
        if !matches!(sent, Some(Ok(()))) {
            self.hung_up = true;
            return Err(Over);
        }
        self.shared.bytes_sent.fetch_add(bytes.len() as u64, Ordering::SeqCst);
        Ok(())
    }

    async fn pause(&mut self, pause: Duration) -> Result<(), Over> {
        if pause.is_zero() {
            return Ok(());
        }
        if unless_gone(&mut self.reader, tokio::time::sleep(pause)).await.is_none() {
            self.hung_up = true;
            return Err(Over);
        }
        Ok(())
    }

    /// Says that nothing more comes, and lets the client read what did.
    async fn end(&mut self) {
        let _ = self.writer.shutdown().await;
        let gone = gone(&mut self.reader);
        let _ = tokio::time::timeout(Duration::from_secs(1), gone).await;
    }
}

/// What the work gives, or nothing when the client hangs up first.
async fn unless_gone<T>(reader: &mut OwnedReadHalf, work: impl Future<Output = T>) -> Option<T> {
    tokio::select! {
        biased;
        done = work => Some(done),
        () = gone(reader) => None,
    }
}

async fn gone(reader: &mut OwnedReadHalf) {
    let mut rest = [0; 256];
    while let Ok(count) = reader.read(&mut rest).await {
        if count == 0 {
            return;
        }
    }
}
