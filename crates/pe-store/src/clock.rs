//! The wall clock, in milliseconds as the tables hold it.

use jiff::Timestamp;

/// What the wall clock says now.
pub(crate) fn now_ms() -> i64 {
    Timestamp::now().as_millisecond()
}

/// A column as a time; one that cannot be a time is the beginning of time.
pub(crate) fn timestamp(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap_or(Timestamp::UNIX_EPOCH)
}
