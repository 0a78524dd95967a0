//! `Retry-After` (RFC 9110, section 10.2.3): seconds, or a date.

use jiff::Timestamp;
use jiff::fmt::rfc2822;
use reqwest::header::{DATE, HeaderMap, RETRY_AFTER};

/// How long the server asks to be left alone, in milliseconds.
///
/// A date is taken relative to the server's own `Date`, so that clocks that disagree do not
/// matter; only without one is this machine's clock read.
pub(super) fn milliseconds(headers: &HeaderMap) -> Option<u64> {
    let value = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if value.bytes().all(|byte| byte.is_ascii_digit()) {
        // Digits that pass the range still mean "very long".
        return (!value.is_empty())
            .then(|| value.parse::<u64>().unwrap_or(u64::MAX).saturating_mul(1000));
    }
    let until = date(value)?;
    let now = headers.get(DATE).and_then(|value| date(value.to_str().ok()?));
    let wait = until.duration_since(now.unwrap_or_else(Timestamp::now));
    Some(u64::try_from(wait.as_millis()).unwrap_or(0))
}

fn date(text: &str) -> Option<Timestamp> {
    rfc2822::parse(text).ok().map(|zoned| zoned.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(retry_after: &str, date: Option<&str>, expected: Option<u64>) {
        let mut headers = HeaderMap::new();
        headers.insert(RETRY_AFTER, retry_after.parse().expect("a value"));
        if let Some(date) = date {
            headers.insert(DATE, date.parse().expect("a value"));
        }
        assert_eq!(milliseconds(&headers), expected, "{retry_after}");
    }

    #[test]
    fn seconds_and_dates_are_read() {
        let noon = Some("Sun, 06 Nov 1994 12:00:00 GMT");
        check("7", None, Some(7_000));
        check("0", None, Some(0));
        check("99999999999999999999999", None, Some(u64::MAX));
        check("Sun, 06 Nov 1994 12:00:30 GMT", noon, Some(30_000));
        check("Sun, 06 Nov 1994 11:00:00 GMT", noon, Some(0));
        check("Sun, 06 Nov 1994 12:00:30 GMT", None, Some(0));
        check("soon", noon, None);
        check("-1", noon, None);
        check("", noon, None);
    }
}
