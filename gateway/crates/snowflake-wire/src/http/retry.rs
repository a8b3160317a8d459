//! When to try again, and how long to wait before: the pure part.

use std::time::Duration;

use super::trouble::Trouble;

/// How an exchange is tried again after a failure that may pass.
///
/// Pauses grow exponentially from `pause_min` to `pause_max`, each shortened by up to half at random, so that many
/// clients do not come back at once. A server's `Retry-After` lengthens a pause; where it asks for more than is left of
/// `total_max`, the exchange fails instead.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, the first included.
    pub attempts_max: u32,
    /// The first pause's upper end.
    pub pause_min: Duration,
    /// No pause is longer, unless the server asks for it.
    pub pause_max: Duration,
    /// No attempt starts later than this after the first failure. (Not after the start: a server holds some requests for
    /// most of a minute before it answers, and a connection may break at the end of that.)
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

/// Whether the same request may be sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    /// It changes nothing, or the server knows it again.
    Safe,
    /// Only if the server cannot have acted on it: it holds something that is good for one use.
    UnlessTaken,
}

impl RetryPolicy {
    /// The pause before the next attempt, or `None` to give up.
    ///
    /// `attempts` were made, and the first of them failed `elapsed` ago. `dice` is any number; its low 32 bits are the jitter.
    pub(crate) fn pause(
        &self,
        trouble: &Trouble,
        replay: Replay,
        attempts: u32,
        elapsed: Duration,
        dice: u128,
    ) -> Option<Duration> {
        let worth_it = match replay {
            Replay::Safe => trouble.may_pass(),
            Replay::UnlessTaken => trouble.may_pass() && trouble.not_taken(),
        };
        if !worth_it || attempts >= self.attempts_max {
            return None;
        }
        let asked = trouble.retry_after().unwrap_or_default();
        let pause = self.backoff(attempts, dice).max(asked);
        (elapsed.saturating_add(pause) <= self.total_max).then_some(pause)
    }

    /// Between half and all of the exponential step after `attempts`.
    fn backoff(&self, attempts: u32, dice: u128) -> Duration {
        let doublings = attempts.saturating_sub(1).min(16);
        let step = self.pause_min.saturating_mul(1 << doublings).min(self.pause_max);
        let share = (dice & u128::from(u32::MAX)) as f64 / f64::from(u32::MAX);
        step.mul_f64(0.5 + share / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POLICY: RetryPolicy = RetryPolicy {
        attempts_max: 5,
        pause_min: Duration::from_millis(100),
        pause_max: Duration::from_millis(1000),
        total_max: Duration::from_secs(10),
    };

    fn status(status: u16, retry_after_s: Option<u64>) -> Trouble {
        Trouble::Status { status, retry_after: retry_after_s.map(Duration::from_secs) }
    }

    fn pause(trouble: &Trouble, replay: Replay, attempts: u32, elapsed_ms: u64) -> Option<Duration> {
        POLICY.pause(trouble, replay, attempts, Duration::from_millis(elapsed_ms), u128::MAX)
    }

    #[test]
    fn pauses_double_up_to_their_bound_and_are_shortened_by_half_at_most() {
        let longest: Vec<_> = (1..8).map(|n| POLICY.backoff(n, u128::MAX).as_millis()).collect();
        assert_eq!(longest, [100, 200, 400, 800, 1000, 1000, 1000]);
        assert_eq!(POLICY.backoff(3, 0).as_millis(), 200);
        assert_eq!(POLICY.backoff(u32::MAX, 0).as_millis(), 500);
    }

    #[test]
    fn attempts_and_time_run_out() {
        let busy = status(503, None);
        assert_eq!(pause(&busy, Replay::Safe, 4, 0), Some(Duration::from_millis(800)));
        assert_eq!(pause(&busy, Replay::Safe, 5, 0), None);
        assert_eq!(pause(&busy, Replay::Safe, 1, 9_900), Some(Duration::from_millis(100)));
        assert_eq!(pause(&busy, Replay::Safe, 1, 9_901), None);
    }

    #[test]
    fn retry_after_lengthens_a_pause_within_the_bound_only() {
        assert_eq!(pause(&status(429, Some(10)), Replay::Safe, 1, 0), Some(Duration::from_secs(10)));
        assert_eq!(pause(&status(429, Some(10)), Replay::Safe, 1, 1), None);
        assert_eq!(pause(&status(429, Some(u64::MAX)), Replay::Safe, 1, 1), None);
        assert_eq!(pause(&status(429, Some(0)), Replay::Safe, 1, 0), Some(Duration::from_millis(100)));
    }

    #[test]
    fn only_what_may_pass_is_tried_again() {
        for code in [408, 429, 502, 503, 504] {
            assert!(pause(&status(code, None), Replay::Safe, 1, 0).is_some(), "{code}");
        }
        for code in [302, 400, 401, 403, 404, 500, 501] {
            assert_eq!(pause(&status(code, None), Replay::Safe, 1, 0), None, "{code}");
        }
    }

    #[test]
    fn what_is_good_for_one_use_is_sent_again_only_if_nobody_took_it() {
        for code in [429, 503] {
            assert!(pause(&status(code, None), Replay::UnlessTaken, 1, 0).is_some(), "{code}");
        }
        for taken in [status(502, None), status(504, None), Trouble::Truncated] {
            assert_eq!(pause(&taken, Replay::UnlessTaken, 1, 0), None, "{taken:?}");
        }
    }
}
