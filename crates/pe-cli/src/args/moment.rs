//! Moments as people write them: so long ago, a date, or a timestamp.

use std::str::FromStr;

use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

use super::Duration;

/// A moment, perhaps relative to now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    /// So many milliseconds ago.
    Ago(u64),
    /// That one.
    At(Timestamp),
}

impl Moment {
    /// The moment, seen from `now`; the first one that there is where it lies before that.
    pub(crate) fn seen_from(self, now: Timestamp) -> Timestamp {
        match self {
            Self::At(at) => at,
            Self::Ago(ms) => {
                let ago = SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX));
                now.checked_sub(ago).unwrap_or(Timestamp::MIN)
            }
        }
    }
}

impl FromStr for Moment {
    type Err = String;

    /// Dates and times without an offset are UTC.
    fn from_str(text: &str) -> Result<Self, String> {
        let utc = |text: &str| text.parse::<DateTime>().ok()?.to_zoned(TimeZone::UTC).ok();
        if let Ok(ago) = text.parse::<Duration>() {
            return Ok(Self::Ago(ago.ms));
        }
        let at = text.parse().ok().or_else(|| utc(text).map(|zoned| zoned.timestamp()));
        at.map(Self::At).ok_or_else(|| {
            "expected how long ago (`90m`, `2h`, `7d`), a date (`2026-01-31`) or a time \
             (`2026-01-31T12:00:00Z`)"
                .to_owned()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_ages_dates_and_times() {
        let now: Timestamp = "2026-02-01T12:00:00Z".parse().unwrap();
        for (text, moment) in [
            ("2h", "2026-02-01T10:00:00Z"),
            ("7d", "2026-01-25T12:00:00Z"),
            ("0", "2026-02-01T12:00:00Z"),
            ("9999999d", "-009999-01-02T01:59:59Z"),
            ("2026-01-31", "2026-01-31T00:00:00Z"),
            ("2026-01-31T10:00", "2026-01-31T10:00:00Z"),
            ("2026-01-31T10:00:00+02:00", "2026-01-31T08:00:00Z"),
        ] {
            let read: Moment = text.parse().unwrap();
            assert_eq!(read.seen_from(now), moment.parse().unwrap(), "{text}");
        }
        for text in ["", "yesterday", "2026-13-01", "30", "-2h", "2026"] {
            assert!(text.parse::<Moment>().unwrap_err().contains("how long ago"), "{text}");
        }
    }
}
