//! `http_request`: one HTTP exchange with a host that the operator has allowed.

mod allow;
mod client;
mod exchange;
mod fault;
mod retry_after;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use pe_model::{BoxFuture, Effect, ErrorClass, JsonMap, Tool, ToolCall, ToolError, ToolSpec};
use reqwest::Url;
use reqwest::header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::http_policy::HttpPolicy;
use crate::{arguments, bound};

pub use allow::HostError;

use allow::AllowList;
use exchange::{Exchange, Request};

pub(crate) const NAME: &str = "http_request";

/// Headers that belong to the connection; setting them could address another host than the
/// one that was checked, or smuggle a second request.
const REFUSED_HEADERS: [&str; 11] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-authorization",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// The tool `http_request`: sends a request and gives status, headers and body.
///
/// A status of 400 or above is an error whose class is that of the status. Redirects are
/// followed, at most five, each checked against the allowed hosts. The body is kept up to the
/// call's `max_output_bytes`. Proxies from the environment are not used.
#[derive(Debug)]
pub struct HttpRequest {
    spec: ToolSpec,
    exchange: Arc<Exchange>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Arguments {
    url: String,
    method: Option<Method>,
    headers: Option<BTreeMap<String, String>>,
    body: Option<String>,
    #[serde(default, deserialize_with = "arguments::present")]
    json: Option<Value>,
    #[serde(default, deserialize_with = "arguments::whole_or_none")]
    timeout_ms: Option<u64>,
}

/// The methods that can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
enum Method {
    #[default]
    Get,
    Head,
    Options,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    fn effect(self) -> Effect {
        match self {
            Self::Get | Self::Head | Self::Options => Effect::Read,
            Self::Put | Self::Delete => Effect::Idempotent,
            Self::Post | Self::Patch => Effect::Once,
        }
    }

    fn wire(self) -> reqwest::Method {
        match self {
            Self::Get => reqwest::Method::GET,
            Self::Head => reqwest::Method::HEAD,
            Self::Options => reqwest::Method::OPTIONS,
            Self::Post => reqwest::Method::POST,
            Self::Put => reqwest::Method::PUT,
            Self::Patch => reqwest::Method::PATCH,
            Self::Delete => reqwest::Method::DELETE,
        }
    }
}

impl HttpRequest {
    /// The tool, for the hosts of `policy`.
    ///
    /// # Errors
    /// [`HostError`] names the first entry that is not a host.
    pub fn new(policy: &HttpPolicy) -> Result<Self, HostError> {
        Ok(Self {
            exchange: Arc::new(Exchange::new(AllowList::new(&policy.hosts)?)),
            spec: ToolSpec {
                name: NAME.into(),
                version: "1".to_owned(),
                description: "Sends an HTTP request to an allowed host. A status of 400 or \
                              above fails the step."
                    .into(),
                parameters: parameters(),
                output: output(),
                effect: Effect::Once,
                resource: Some("network".into()),
                concurrent: true,
                consent: false,
                timeout_ms: None,
            },
        })
    }
}

fn parameters() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["url"],
        "properties": {
            "url": {
                "type": "string",
                "minLength": 1,
                "description": "An http or https URL without user name and password."
            },
            "method": {
                "enum": ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", null],
                "description": "Default GET."
            },
            "headers": {
                "type": ["object", "null"],
                "additionalProperties": {"type": "string"},
                "description": "Headers to send, by name."
            },
            "body": {"type": ["string", "null"], "description": "The body as text."},
            "json": {"description": "The body as a JSON value, instead of `body`."},
            "timeout_ms": {
                "type": ["integer", "null"],
                "minimum": 1,
                "description": "Give up after this long. Default: the step's timeout."
            }
        }
    })
}

fn output() -> Value {
    json!({
        "type": "object",
        "required": ["status", "headers", "body", "json", "truncated"],
        "properties": {
            "status": {"type": "integer", "description": "The status, below 400."},
            "headers": {
                "type": "object",
                "additionalProperties": {"type": "string"},
                "description": "Headers by lower-case name; repeated ones joined by a comma."
            },
            "body": {"type": "string", "description": "The body as text."},
            "json": {"description": "The parsed body if its type is JSON, else null."},
            "truncated": {
                "type": "boolean",
                "description": "Whether `body` (or `json`) is cut for its length."
            }
        }
    })
}

impl Tool for HttpRequest {
    fn spec(&self) -> &ToolSpec {
        &self.spec
    }

    /// `read` for GET, HEAD and OPTIONS, `idempotent` for PUT and DELETE, else `once`.
    fn effect(&self, arguments: &JsonMap) -> Effect {
        match arguments.get("method") {
            None | Some(Value::Null) => Method::default().effect(),
            Some(method) => {
                Method::deserialize(method).map_or(Effect::Once, |method| method.effect())
            }
        }
    }

    fn call(&self, call: ToolCall) -> BoxFuture<'_, Result<Value, ToolError>> {
        Box::pin(async move {
            let arguments: Arguments = arguments::read(NAME, &call.arguments)?;
            let timeout_ms = arguments.timeout_ms;
            let request = request(arguments, &call.idempotency_key)?;
            let (method, url) = (request.method.clone(), fault::shown(&request.url));
            let mutating = !request.method.is_safe();
            let work = self.exchange.run(request, call.max_output_bytes);
            let Some(timeout_ms) = timeout_ms else { return work.await };
            match tokio::time::timeout(Duration::from_millis(timeout_ms), work).await {
                Ok(result) => result,
                Err(_) => {
                    let message = format!("{method} {url} took longer than {timeout_ms} ms");
                    let error = ToolError::new(ErrorClass::Timeout, message);
                    Err(if mutating { error.outcome_unknown() } else { error })
                }
            }
        })
    }
}

/// Checks the arguments and makes the request of them.
fn request(arguments: Arguments, idempotency_key: &str) -> Result<Request, ToolError> {
    let Arguments { url, method, headers, body, json, .. } = arguments;
    let url = Url::parse(&url).map_err(|error| arguments::invalid(NAME, "url", error))?;
    if !matches!(url.scheme(), "http" | "https") {
        let reason = format!("scheme `{}`, expected http or https", url.scheme());
        return Err(arguments::invalid(NAME, "url", reason));
    }
    if !url.username().is_empty() || url.password().is_some() {
        let reason = "it contains a user name or password; send an `authorization` header";
        return Err(arguments::invalid(NAME, "url", reason));
    }
    let method = method.unwrap_or_default();
    let mut sent = HeaderMap::new();
    for (name, value) in headers.unwrap_or_default() {
        let (name, value) = header(&name, &value)?;
        sent.insert(name, value);
    }
    if method.effect() != Effect::Read
        && !sent.contains_key("idempotency-key")
        && !idempotency_key.is_empty()
        && let Ok(key) = HeaderValue::from_str(idempotency_key)
    {
        sent.insert("idempotency-key", key);
    }
    let body = match (body, json) {
        (Some(_), Some(_)) => {
            let message = format!("`{NAME}` takes either `body` or `json`, found both");
            return Err(ToolError::new(ErrorClass::Validation, message));
        }
        (None, Some(json)) => {
            sent.entry(CONTENT_TYPE).or_insert(HeaderValue::from_static("application/json"));
            Some(json.to_string())
        }
        (body, None) => body,
    };
    Ok(Request { method: method.wire(), url, headers: sent, body })
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), ToolError> {
    // Values may be secrets, so a message never shows one.
    let invalid = |reason: &str| {
        let reason =
            format!("`{}`: {reason}", bound::ellipsis(&name.escape_debug().to_string(), 60));
        arguments::invalid(NAME, "headers", reason)
    };
    let parsed = HeaderName::from_bytes(name.as_bytes()).map_err(|_| invalid("not a name"))?;
    if REFUSED_HEADERS.contains(&parsed.as_str()) {
        return Err(invalid("set by the connection, not by the caller"));
    }
    let value = HeaderValue::from_str(value)
        .map_err(|_| invalid("its value has characters that a header cannot have"))?;
    Ok((parsed, value))
}

/// What a finished exchange looks like, kept within `limit` bytes.
fn report(
    status: u16,
    headers: &HeaderMap,
    body: (Vec<u8>, bool),
    limit: usize,
) -> Result<Value, String> {
    let (bytes, cut) = body;
    let text = bound::text_head(&bytes, cut);
    let mut json = Value::Null;
    if is_json(headers) && !cut && !text.trim().is_empty() {
        json = serde_json::from_str(&text).map_err(|error| error.to_string())?;
    }
    let mut shown: JsonMap = JsonMap::new();
    for name in headers.keys() {
        let values: Vec<_> = headers.get_all(name).iter().map(|v| v.as_bytes()).collect();
        let value = String::from_utf8_lossy(&values.join(&b", "[..])).into_owned();
        shown.insert(name.as_str().to_owned(), value.into());
    }
    let mut report = json!({
        "status": status, "headers": shown, "body": "", "json": null, "truncated": false,
    });
    let mut room = limit.saturating_sub(bound::json_bytes(&report));
    let mut truncated = cut;
    // The parsed value is worth more than the text of it.
    if !json.is_null() {
        let bytes = bound::json_bytes(&json);
        if bytes <= room {
            room -= bytes;
            report["json"] = json;
        } else {
            truncated = true;
        }
    }
    let head = bound::head(&text, room);
    truncated |= head.len() < text.len();
    report["body"] = head.into();
    report["truncated"] = truncated.into();
    Ok(report)
}

fn is_json(headers: &HeaderMap) -> bool {
    let Some(value) = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
        return false;
    };
    let media = value.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    matches!(media.as_str(), "application/json" | "text/json") || media.ends_with("+json")
}
