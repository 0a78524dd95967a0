//! The wall clock, and moments in words.

use jiff::Timestamp;

/// The only place where a verb asks what time it is.
pub(crate) fn now() -> Timestamp {
    Timestamp::now()
}

/// Milliseconds from one moment to another; none when it lies before.
pub(crate) fn between(from: Timestamp, to: Timestamp) -> u64 {
    u64::try_from(to.as_millisecond().saturating_sub(from.as_millisecond())).unwrap_or(0)
}

/// `12 s ago`, `3 min ago`, `2 h ago`, `5 d ago`; what is older is a date.
pub(crate) fn ago(moment: Timestamp, now: Timestamp) -> String {
    const MINUTE: u64 = 60;
    const HOUR: u64 = 60 * MINUTE;
    const DAY: u64 = 24 * HOUR;
    let seconds = between(moment, now) / 1_000;
    match seconds {
        0 => "just now".to_owned(),
        1..MINUTE => format!("{seconds} s ago"),
        MINUTE..HOUR => format!("{} min ago", seconds / MINUTE),
        HOUR..172_800 => format!("{} h ago", seconds / HOUR),
        172_800..5_184_000 => format!("{} d ago", seconds / DAY),
        _ => moment.strftime("%Y-%m-%d").to_string(),
    }
}

/// `2026-01-31 12:00:00 UTC (3 min ago)`.
pub(crate) fn stamp(moment: Timestamp, now: Timestamp) -> String {
    let ago = ago(moment, now);
    let shown = moment.strftime("%Y-%m-%d %H:%M:%S UTC");
    if ago.ends_with("ago") || ago.ends_with("now") {
        format!("{shown} ({ago})")
    } else {
        shown.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_their_largest_unit() {
        let at = |text: &str| -> Timestamp { text.parse().unwrap() };
        let now = at("2026-03-01T00:00:00Z");
        for (moment, text) in [
            ("2026-03-01T00:00:05Z", "just now"),
            ("2026-02-28T23:59:59.5Z", "just now"),
            ("2026-02-28T23:59:01Z", "59 s ago"),
            ("2026-02-28T23:59:00Z", "1 min ago"),
            ("2026-02-28T23:00:00Z", "1 h ago"),
            ("2026-02-27T00:00:01Z", "47 h ago"),
            ("2026-02-27T00:00:00Z", "2 d ago"),
            ("2025-12-31T00:00:00Z", "2025-12-31"),
        ] {
            assert_eq!(ago(at(moment), now), text, "{moment}");
        }
        assert_eq!(stamp(at("2026-02-28T23:00:00Z"), now), "2026-02-28 23:00:00 UTC (1 h ago)");
        assert_eq!(stamp(at("2020-01-01T01:02:03Z"), now), "2020-01-01 01:02:03 UTC");
    }
}
