//! How calls fail: the error classes, what a tool reports and what a step records.

use std::fmt;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The class of a failure; decides whether it is tried again.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ErrorClass {
    /// The input or the output was not what it has to be.
    Validation,
    /// The tool did its work and reports failure.
    Execution,
    /// The other side could not be reached or hung up.
    Network,
    /// Out of time.
    Timeout,
    /// Not allowed.
    Permission,
    /// The thing asked for does not exist.
    NotFound,
    /// Asked too often.
    RateLimit,
    /// A defect of the tool or of the other side.
    Internal,
    /// Stopped on request.
    Cancelled,
}

impl ErrorClass {
    /// Whether a failure of this class is worth another attempt.
    pub fn is_retryable(self) -> bool {
        matches!(self, Self::Network | Self::Timeout | Self::RateLimit | Self::Internal)
    }

    /// The class's name as it is written in events and reports.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Validation => "validation",
            Self::Execution => "execution",
            Self::Network => "network",
            Self::Timeout => "timeout",
            Self::Permission => "permission",
            Self::NotFound => "not_found",
            Self::RateLimit => "rate_limit",
            Self::Internal => "internal",
            Self::Cancelled => "cancelled",
        }
    }

    /// The class of an HTTP status, or `None` for one that is not an error.
    ///
    /// The status comes from the response line; it is never read out of a text.
    pub fn from_http_status(status: u16) -> Option<Self> {
        Some(match status {
            ..=399 => return None,
            401 | 403 | 407 | 451 => Self::Permission,
            404 | 410 => Self::NotFound,
            408 | 504 => Self::Timeout,
            425 | 429 => Self::RateLimit,
            409 | 412 | 423 => Self::Execution,
            400..=499 => Self::Validation,
            500.. => Self::Internal,
        })
    }
}

impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// Whether it is known what a failed call did to the world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The call ended and said how.
    #[default]
    Known,
    /// The call may or may not have had its effect (timeout, crash, lost connection).
    Unknown,
}

/// A failed step's error: what is recorded and shown.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StepError {
    /// The class, which decided about retries.
    pub class: ErrorClass,
    /// What was attempted, on what, and what was found.
    pub message: String,
}

impl StepError {
    /// An error of `class` with a message.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self { class, message: message.into() }
    }
}

impl fmt::Display for StepError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.class, self.message)
    }
}

/// What a tool reports when a call fails.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{class}: {message}")]
pub struct ToolError {
    /// The class of the failure.
    pub class: ErrorClass,
    /// What was attempted, on what, what was found, and the next move where one is known.
    pub message: String,
    /// Overrides what the class says about trying again.
    pub retryable: Option<bool>,
    /// How long the other side asked to be left alone, in milliseconds.
    pub retry_after_ms: Option<u64>,
    /// Whether the effect of the call is known.
    pub outcome: Outcome,
}

impl ToolError {
    /// A failure with a known outcome that is retried as its class says.
    pub fn new(class: ErrorClass, message: impl Into<String>) -> Self {
        Self {
            class,
            message: message.into(),
            retryable: None,
            retry_after_ms: None,
            outcome: Outcome::Known,
        }
    }

    /// Says whether trying again makes sense, whatever the class.
    pub fn retryable(mut self, retryable: bool) -> Self {
        self.retryable = Some(retryable);
        self
    }

    /// Asks for a pause of at least `ms` milliseconds before the next attempt.
    pub fn retry_after_ms(mut self, ms: u64) -> Self {
        self.retry_after_ms = Some(ms);
        self
    }

    /// Says that the call may have had its effect.
    pub fn outcome_unknown(mut self) -> Self {
        self.outcome = Outcome::Unknown;
        self
    }

    /// Whether another attempt is worth making, outcome aside.
    pub fn is_retryable(&self) -> bool {
        self.retryable.unwrap_or_else(|| self.class.is_retryable())
    }

    /// The part that is recorded.
    pub fn to_step_error(&self) -> StepError {
        StepError { class: self.class, message: self.message.clone() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e1_http_statuses_map_to_classes() {
        use ErrorClass::*;
        for (status, class) in [
            (200, None),
            (304, None),
            (400, Some(Validation)),
            (401, Some(Permission)),
            (403, Some(Permission)),
            (404, Some(NotFound)),
            (409, Some(Execution)),
            (422, Some(Validation)),
            (429, Some(RateLimit)),
            (500, Some(Internal)),
            (503, Some(Internal)),
            (504, Some(Timeout)),
        ] {
            assert_eq!(ErrorClass::from_http_status(status), class, "{status}");
        }
    }

    #[test]
    fn e1_the_tool_overrides_its_class() {
        let error = ToolError::new(ErrorClass::Execution, "locked");
        assert!(!error.is_retryable());
        assert!(error.retryable(true).is_retryable());
        assert!(!ToolError::new(ErrorClass::Network, "x").retryable(false).is_retryable());
    }
}
