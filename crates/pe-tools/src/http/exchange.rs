//! Sending a request and following its redirects.

use std::sync::OnceLock;
use std::time::Duration;

use pe_model::{ErrorClass, ToolError};
use reqwest::header::{
    ACCEPT, ACCEPT_LANGUAGE, CONTENT_ENCODING, CONTENT_LANGUAGE, CONTENT_TYPE, HeaderMap, LOCATION,
    USER_AGENT,
};
use reqwest::{Client, Method, Response, Url};
use serde_json::Value;

use super::allow::AllowList;
use super::{client, fault};

/// How many redirects are followed.
const MAX_REDIRECTS: usize = 5;
/// How much of an error's body is read, and how long it is waited for.
const ERROR_BODY_BYTES: usize = 4 * 1024;
const ERROR_BODY_WAIT: Duration = Duration::from_secs(2);

/// A checked request.
pub(super) struct Request {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: HeaderMap,
    pub(super) body: Option<String>,
}

/// The allowed hosts, and a client that is made with the first call.
#[derive(Debug)]
pub(super) struct Exchange {
    allowed: AllowList,
    client: OnceLock<Client>,
}

impl Exchange {
    pub(super) fn new(allowed: AllowList) -> Self {
        Self { allowed, client: OnceLock::new() }
    }

    /// Sends `request`, follows its redirects and reports the answer.
    pub(super) async fn run(&self, request: Request, limit: usize) -> Result<Value, ToolError> {
        let mutating = !request.method.is_safe();
        let mut request = request;
        // Whether a server has answered the change with "see there": it is done, or may be,
        // whatever happens to the requests that follow.
        let mut changed = false;
        let doubt = |error: ToolError, changed: bool| {
            if changed { error.outcome_unknown() } else { error }
        };
        for _ in 0..=MAX_REDIRECTS {
            self.allowed.check(&request.url).map_err(|error| doubt(error, changed))?;
            let response = self.send(&request, mutating || changed).await?;
            let Some(next) = redirect(&request, &response) else {
                return finish(&request, response, limit, mutating)
                    .await
                    .map_err(|error| doubt(error, changed));
            };
            changed |= mutating && request.method != next.method;
            request = next;
        }
        let message = format!(
            "{} was redirected more than {MAX_REDIRECTS} times",
            fault::shown(&request.url)
        );
        Err(doubt(ToolError::new(ErrorClass::Execution, message), changed))
    }

    async fn send(&self, request: &Request, mutating: bool) -> Result<Response, ToolError> {
        let Request { method, url, headers, body } = request;
        let failed =
            |error| fault::transport(&format!("{method} {}", fault::shown(url)), error, mutating);
        let mut builder = self
            .client()
            .map_err(failed)?
            .request(method.clone(), url.clone())
            .headers(headers.clone());
        if let Some(body) = body {
            builder = builder.body(body.clone());
        }
        builder.send().await.map_err(failed)
    }

    fn client(&self) -> Result<&Client, reqwest::Error> {
        match self.client.get() {
            Some(client) => Ok(client),
            None => {
                let client = client::build()?;
                Ok(self.client.get_or_init(|| client))
            }
        }
    }
}

/// The request that a redirect asks for, as the Fetch standard has it; `None` when the
/// response is not a redirect that can be followed.
fn redirect(request: &Request, response: &Response) -> Option<Request> {
    let status = response.status().as_u16();
    if !matches!(status, 301 | 302 | 303 | 307 | 308) {
        return None;
    }
    let location = response.headers().get(LOCATION)?;
    let mut url = request.url.join(std::str::from_utf8(location.as_bytes()).ok()?).ok()?;
    if url.fragment().is_none() {
        url.set_fragment(request.url.fragment());
    }
    let mut headers = request.headers.clone();
    if url.origin() != request.url.origin() {
        // Whatever the caller sent may be a secret of the first host.
        let harmless = [ACCEPT, ACCEPT_LANGUAGE, CONTENT_TYPE, USER_AGENT];
        let (kept, mut all) = (HeaderMap::new(), headers);
        headers = harmless.into_iter().fold(kept, |mut kept, name| {
            if let Some(value) = all.remove(&name) {
                kept.insert(name, value);
            }
            kept
        });
    }
    let becomes_get = match status {
        301 | 302 => request.method == Method::POST,
        303 => !matches!(request.method, Method::GET | Method::HEAD),
        _ => false,
    };
    if !becomes_get {
        let (method, body) = (request.method.clone(), request.body.clone());
        return Some(Request { method, url, headers, body });
    }
    for name in [CONTENT_TYPE, CONTENT_ENCODING, CONTENT_LANGUAGE] {
        headers.remove(name);
    }
    headers.remove("idempotency-key");
    Some(Request { method: Method::GET, url, headers, body: None })
}

async fn finish(
    request: &Request,
    response: Response,
    limit: usize,
    mutating: bool,
) -> Result<Value, ToolError> {
    let what = format!("{} {}", request.method, fault::shown(&request.url));
    let status = response.status();
    let headers = response.headers().clone();
    if let Some(class) = ErrorClass::from_http_status(status.as_u16()) {
        // The status is the news; a body that does not come must not hide it.
        let read = read_body(response, ERROR_BODY_BYTES);
        let body = tokio::time::timeout(ERROR_BODY_WAIT, read).await;
        let body = body.ok().and_then(Result::ok).map(|(bytes, _)| bytes).unwrap_or_default();
        return Err(fault::status(&what, status, class, &headers, &body, mutating));
    }
    let body = read_body(response, limit)
        .await
        .map_err(|error| fault::transport(&format!("the body of {what}"), error, mutating))?;
    super::report(status.as_u16(), &headers, body, limit).map_err(|reason| {
        let message = format!("{what} answered {status} with a body that is not JSON: {reason}");
        ToolError::new(ErrorClass::Validation, message)
    })
}

/// At most `limit` bytes of the body, and whether there was more.
async fn read_body(
    mut response: Response,
    limit: usize,
) -> Result<(Vec<u8>, bool), reqwest::Error> {
    let mut bytes = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        let room = limit - bytes.len();
        bytes.extend_from_slice(&chunk[..chunk.len().min(room)]);
        if chunk.len() > room {
            return Ok((bytes, true));
        }
    }
    Ok((bytes, false))
}
