//! When to try again, and how long to wait before: the pure part.

use std::time::Duration;

use super::AttemptError;
use crate::settings::RetryPolicy;

/// Whether the same request may be sent twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Replay {
    /// It changes nothing, or the server knows it again.
    Safe,
    /// Only if the server cannot have acted on it: it holds something that is good for one use.
    UnlessProcessed,
}

impl RetryPolicy {
    /// The pause before the next attempt, or `None` to give up.
    ///
    /// `attempts` were made, and the first of them failed `elapsed` ago. `dice` is any number; its low 32
    /// bits are the jitter.
    pub(crate) fn pause(
        &self,
        error: &AttemptError,
        replay: Replay,
        attempts: u32,
        elapsed: Duration,
        dice: u128,
    ) -> Option<Duration> {
        let worth_it = match replay {
            Replay::Safe => error.may_pass(),
            Replay::UnlessProcessed => error.may_pass() && error.was_not_processed(),
        };
        if !worth_it || attempts >= self.attempts_max {
            return None;
        }
        let asked = error.retry_after().unwrap_or_default();
        let pause = self.backoff(attempts, dice).max(asked);
        (elapsed.saturating_add(pause) <= self.total_max).then_some(pause)
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

    fn status(status: u16, retry_after_s: Option<u64>) -> AttemptError {
        AttemptError::Status { status, retry_after: retry_after_s.map(Duration::from_secs) }
    }

    fn pause(error: &AttemptError, replay: Replay, attempts: u32, elapsed_ms: u64) -> Option<Duration> {
        POLICY.pause(error, replay, attempts, Duration::from_millis(elapsed_ms), u128::MAX)
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
        for code in [403, 408, 429, 500, 501, 502, 503, 504, 520, 599] {
            assert!(pause(&status(code, None), Replay::Safe, 1, 0).is_some(), "{code}");
        }
        for code in [302, 400, 401, 404, 405, 499, 600] {
            assert_eq!(pause(&status(code, None), Replay::Safe, 1, 0), None, "{code}");
        }
    }

    #[test]
    fn a_single_use_request_is_repeated_only_if_the_server_did_not_process_it() {
        for code in [429, 503] {
            assert!(pause(&status(code, None), Replay::UnlessProcessed, 1, 0).is_some(), "{code}");
        }
        for taken in [status(502, None), status(504, None), AttemptError::Truncated] {
            assert_eq!(pause(&taken, Replay::UnlessProcessed, 1, 0), None, "{taken:?}");
        }
    }
}
