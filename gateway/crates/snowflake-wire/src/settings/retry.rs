//! How often, and after which pauses, an exchange is tried again.

use std::time::Duration;

/// How an exchange is tried again after a failure that may pass.
///
/// Pauses grow exponentially from `pause_min` to `pause_max`, each shortened by up to half at random, so that
/// many clients do not come back at once. A server's `Retry-After` lengthens a pause; where it asks for more
/// than is left of `total_max`, the exchange fails instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts_max: u32,
    /// The first pause's upper end.
    pub pause_min: Duration,
    /// No pause is longer, unless the server asks for it.
    pub pause_max: Duration,
    /// No attempt starts later than this after the first failure. (Not after the start: a server holds some
    /// requests for most of a minute before it answers, and a connection may break at the end of that.)
    pub total_max: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            attempts_max: 6,
            pause_min: Duration::from_millis(200),
            pause_max: Duration::from_secs(5),
            total_max: Duration::from_secs(20),
        }
    }
}

impl RetryPolicy {
    /// Between half and all of the exponential step after `attempts`.
    pub(crate) fn backoff(&self, attempts: u32, dice: u128) -> Duration {
        let doublings = attempts.saturating_sub(1).min(16);
        let step = self.pause_min.saturating_mul(1 << doublings).min(self.pause_max);
        let share = (dice & u128::from(u32::MAX)) as f64 / f64::from(u32::MAX);
        step.mul_f64(0.5 + share / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_their_bound_and_are_shortened_by_half_at_most() {
        const POLICY: RetryPolicy = RetryPolicy {
            attempts_max: 5,
            pause_min: Duration::from_millis(100),
            pause_max: Duration::from_millis(1000),
            total_max: Duration::from_secs(10),
        };
        let longest: Vec<_> = (1..8).map(|n| POLICY.backoff(n, u128::MAX).as_millis()).collect();
        assert_eq!(longest, [100, 200, 400, 800, 1000, 1000, 1000]);
        assert_eq!(POLICY.backoff(3, 0).as_millis(), 200);
        assert_eq!(POLICY.backoff(u32::MAX, 0).as_millis(), 500);
    }
}
