//! What a failed exchange means: classes from typed errors and from the status line, never
//! from text.

use std::error::Error as _;

use pe_model::{ErrorClass, ToolError};
use reqwest::header::HeaderMap;
use reqwest::{StatusCode, Url};

use super::retry_after;
use crate::bound;

/// How much of an error's body is shown, in characters.
const SHOWN: usize = 200;

/// A URL for a message: without what may be secret, its query and fragment.
pub(super) fn shown(url: &Url) -> String {
    let mut shown = url.clone();
    let had_query = url.query().is_some();
    shown.set_query(None);
    shown.set_fragment(None);
    if had_query { format!("{shown}?…") } else { shown.into() }
}

/// A request that got no answer, or not all of one.
pub(super) fn transport(what: &str, error: reqwest::Error, mutating: bool) -> ToolError {
    let error = error.without_url();
    let mut reason = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        reason = format!("{reason}: {cause}");
        source = cause.source();
    }
    let fault = |class| ToolError::new(class, format!("{what} failed: {reason}"));
    if error.is_builder() {
        return fault(ErrorClass::Validation);
    }
    let class = if error.is_timeout() { ErrorClass::Timeout } else { ErrorClass::Network };
    if error.is_connect() {
        // Nothing was sent. A certificate that is refused now is refused next time.
        let refused = is_certificate_refused(&error);
        return if refused { fault(class).retryable(false) } else { fault(class) };
    }
    if mutating { fault(class).outcome_unknown() } else { fault(class) }
}

/// An answer with a status of 400 or above.
pub(super) fn status(
    what: &str,
    status: StatusCode,
    class: ErrorClass,
    headers: &HeaderMap,
    body: &[u8],
    mutating: bool,
) -> ToolError {
    let text = String::from_utf8_lossy(body);
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut message = format!("{what} answered {status}");
    if !text.is_empty() {
        message = format!("{message}: {}", bound::ellipsis(&text, SHOWN));
    }
    let mut error = ToolError::new(class, message);
    if let Some(ms) = retry_after::milliseconds(headers) {
        error = error.retry_after_ms(ms);
    }
    // A gateway that lost or outwaited the server behind it, and a server that gave up on the
    // request, do not know what became of it.
    let unknown = matches!(status.as_u16(), 408 | 502 | 504);
    if unknown && mutating { error.outcome_unknown() } else { error }
}

fn is_certificate_refused(error: &reqwest::Error) -> bool {
    let mut source = error.source();
    while let Some(cause) = source {
        if let Some(tls) = cause.downcast_ref::<rustls::Error>() {
            return matches!(tls, rustls::Error::InvalidCertificate(_));
        }
        // An `io::Error` leaves the error that it wraps out of the chain of sources.
        let wrapped = cause.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
        source = match wrapped {
            Some(wrapped) => Some(wrapped),
            None => cause.source(),
        };
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_url_has_no_query() {
        let shown = |url| shown(&Url::parse(url).expect("a URL"));
        assert_eq!(shown("http://a.b/c?token=1#x"), "http://a.b/c?…");
        assert_eq!(shown("http://a.b:8080/c"), "http://a.b:8080/c");
    }
}
