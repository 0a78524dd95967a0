//! When to come back: `Retry-After` (RFC 9110, section 10.2.3; seconds or a date), and
//! `retry-after-ms`, which some endpoints send beside it and which is finer.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// How long the server asks to be left alone, in milliseconds.
///
/// A date is taken relative to the server's own `Date`, so that clocks that disagree do not
/// matter; only without one is this machine's clock read.
pub(super) fn milliseconds(headers: &HeaderMap) -> Option<u64> {
    if let Some(ms) = headers.get("retry-after-ms").and_then(|value| number(value.to_str().ok()?)) {
        return Some(ms.ceil() as u64);
    }
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Some(seconds) = number(value) {
        // Numbers that pass the range still mean "very long"; the cast stops at the end.
        return Some((seconds * 1_000.0).ceil() as u64);
    }
    let until = date(value)?;
    let now = headers.get(DATE).and_then(|value| date(value.to_str().ok()?));
    let wait = until.duration_since(now.unwrap_or_else(Timestamp::now));
    Some(u64::try_from(wait.as_millis()).unwrap_or(0))
}

/// Digits, and a fraction as some servers send it.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let is_number = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if is_number { text.parse().ok() } else { None }
}

fn date(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&'static str, &str)], expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(*name, value.parse().expect("a value"));
        }
        assert_eq!(milliseconds(&headers), expected, "{pairs:?}");
    }

    #[test]
    fn every_form_is_read() {
        let noon = ("date", "Sun, 06 Nov 1994 12:00:00 GMT");
        check(&[("retry-after", "7")], Some(7_000));
        check(&[("retry-after", "0.25")], Some(250));
        check(&[("retry-after", "99999999999999999999999")], Some(u64::MAX));
        check(&[("retry-after", "Sun, 06 Nov 1994 12:00:30 GMT"), noon], Some(30_000));
        check(&[("retry-after", "Sun, 06 Nov 1994 11:00:00 GMT"), noon], Some(0));
        check(&[("retry-after-ms", "340"), ("retry-after", "1")], Some(340));
        check(&[("retry-after-ms", "soon"), ("retry-after", "1")], Some(1_000));
        check(&[("retry-after", "soon"), noon], None);
        check(&[("retry-after", "-1"), noon], None);
        check(&[("retry-after", "")], None);
        check(&[], None);
    }
}
