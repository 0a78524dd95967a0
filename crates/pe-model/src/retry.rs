//! Retry policies: how often and after how long an attempt is made again.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How the delay grows from retry to retry.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Backoff {
    /// base, 2 × base, 4 × base, …
    #[default]
    Exponential,
    /// base, 2 × base, 3 × base, …
    Linear,
    /// base each time.
    Constant,
}

/// How a step's failed attempts are tried again. Delays are milliseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct RetryPolicy {
    /// Attempts beyond the first.
    pub max_retries: u32,
    /// The first delay.
    pub base_delay_ms: u64,
    /// No delay is longer, `Retry-After` aside.
    pub max_delay_ms: u64,
    /// How the delay grows.
    pub backoff: Backoff,
    /// How far chance moves a delay, as a fraction of it (0.0..=1.0).
    #[schemars(range(min = 0.0, max = 1.0))]
    pub jitter: f64,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            max_retries: 3,
            base_delay_ms: 1_000,
            max_delay_ms: 30_000,
            backoff: Backoff::Exponential,
            jitter: 0.1,
        }
    }
}

impl RetryPolicy {
    /// The delay before retry number `retry` (from 1), in milliseconds.
    ///
    /// `chance` is in 0.0..1.0 and moves the delay by at most `jitter` of it either way;
    /// the cap holds after the move.
    pub fn delay_ms(&self, retry: u32, chance: f64) -> u64 {
        let retry = retry.max(1);
        let delay = match self.backoff {
            Backoff::Exponential => {
                self.base_delay_ms.saturating_mul(1_u64.checked_shl(retry - 1).unwrap_or(u64::MAX))
            }
            Backoff::Linear => self.base_delay_ms.saturating_mul(u64::from(retry)),
            Backoff::Constant => self.base_delay_ms,
        };
        let delay = delay.min(self.max_delay_ms);
        let spread = self.jitter.clamp(0.0, 1.0) * (2.0 * chance.clamp(0.0, 1.0) - 1.0);
        let moved = (delay as f64 * (1.0 + spread)).round() as u64;
        moved.min(self.max_delay_ms)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(backoff: Backoff, expected: &[u64]) {
        let policy = RetryPolicy { backoff, ..RetryPolicy::default() };
        let delays: Vec<_> = (1..=expected.len() as u32).map(|n| policy.delay_ms(n, 0.5)).collect();
        assert_eq!(delays, expected, "{backoff:?}");
    }

    #[test]
    fn r1_defaults() {
        let policy = RetryPolicy::default();
        assert_eq!(
            (policy.max_retries, policy.base_delay_ms, policy.max_delay_ms),
            (3, 1_000, 30_000)
        );
        assert_eq!((policy.backoff, policy.jitter), (Backoff::Exponential, 0.1));
        assert_eq!(serde_json::from_str::<RetryPolicy>("{}").unwrap(), policy);
    }

    #[test]
    fn r1_backoff_and_cap() {
        check(Backoff::Exponential, &[1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000]);
        check(Backoff::Linear, &[1_000, 2_000, 3_000, 4_000]);
        check(Backoff::Constant, &[1_000, 1_000, 1_000]);
        assert_eq!(RetryPolicy::default().delay_ms(200, 0.5), 30_000, "no overflow");
    }

    #[test]
    fn r1_jitter_stays_within_ten_percent() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.delay_ms(1, 0.0), 900);
        assert_eq!(policy.delay_ms(1, 1.0), 1_100);
        assert_eq!(policy.delay_ms(1, 0.75), 1_050);
        assert_eq!(RetryPolicy { jitter: 0.0, ..policy }.delay_ms(1, 1.0), 1_000);
    }
}
