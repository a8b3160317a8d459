//! Remembers a refused log-in for a while, so that repeated calls do not lock the user.

use std::time::Duration;

use tokio::time::Instant;

use crate::backend::BackendError;
use crate::backend::snowflake::failure::of_connection;
use snowflake_wire::Error;

/// Tells credentials from other ones that are sent later: a digest of the file they were read from, or
/// nothing.
pub(super) type Stamp = Option<[u8; 32]>;

/// The outcome of the log-ins so far.
#[derive(Default)]
pub(super) struct RefusalCache {
    /// Whether the last one succeeded.
    pub(super) last_succeeded: bool,
    refused: Option<Refused>,
    /// Why there were no credentials to send, the last time.
    missing: Option<BackendError>,
}

struct Refused {
    at: Instant,
    pause: Duration,
    stamp: Stamp,
    error: BackendError,
}

impl RefusalCache {
    /// Records the outcome of sending credentials with this stamp; a refusal counts for `pause`.
    ///
    /// # Errors
    /// That of the log-in.
    pub(super) fn record<T>(
        &mut self,
        done: Result<T, Error>,
        stamp: Stamp,
        pause: Duration,
    ) -> Result<T, BackendError> {
        match done {
            Ok(done) => {
                *self = Self { last_succeeded: true, ..Self::default() };
                Ok(done)
            }
            Err(error @ Error::LogInRefused(_)) => {
                let error = refused(&error, pause);
                tracing::warn!(code = error.code, pause_s = pause.as_secs(), "a log-in was refused");
                *self = Self::default();
                self.refused = Some(Refused { at: Instant::now(), pause, stamp, error: error.clone() });
                Err(error)
            }
            Err(error) => Err(of_connection(&error)),
        }
    }

    /// Records why there were no credentials to send.
    pub(super) fn record_missing(&mut self, error: &BackendError) {
        self.missing = Some(error.clone());
    }

    /// Whether credentials with this stamp may be sent; `None`: any.
    ///
    /// # Errors
    /// They were refused less than the pause ago.
    pub(super) fn check(&self, stamp: Option<&Stamp>) -> Result<(), BackendError> {
        match &self.refused {
            Some(refused) if refused.is_valid() && stamp.is_none_or(|stamp| *stamp == refused.stamp) => {
                Err(refused.error.clone())
            }
            _ => Ok(()),
        }
    }

    /// What is wrong, for `status`.
    pub(super) fn problem(&self) -> Option<String> {
        let refused =
            self.refused.as_ref().filter(|refused| refused.is_valid()).map(|refused| &refused.error);
        let error = self.missing.as_ref().or(refused)?;
        Some(match &error.next_step {
            Some(next_step) => format!("{}; {next_step}", error.message),
            None => error.message.clone(),
        })
    }
}

impl Refused {
    fn is_valid(&self) -> bool {
        self.at.elapsed() < self.pause
    }
}

/// The error of a refusal, with the time for which it counts.
fn refused(error: &Error, pause: Duration) -> BackendError {
    let mut error = of_connection(error);
    let time = match pause.as_secs() {
        seconds @ 0..120 => format!("{seconds} s"),
        seconds => format!("{} min", seconds / 60),
    };
    error.message = format!("{} (not tried again for {time}, so that the user is not locked)", error.message);
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ErrorKind;
    use snowflake_wire::Failure;

    const PAUSE: Duration = Duration::from_secs(600);

    fn refusal() -> Result<(), Error> {
        let failure = Failure {
            code: "390100".into(),
            sql_state: None,
            message: "Incorrect.".into(),
            position: None,
            query_id: None,
        };
        Err(Error::LogInRefused(Box::new(failure)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_counts_for_the_same_credentials_and_for_a_limited_time() {
        let mut cache = RefusalCache::default();
        let (first, second) = (Some([1; 32]), Some([2; 32]));
        let told = cache.record(refusal(), first, PAUSE).unwrap_err();
        let error = cache.check(Some(&first)).unwrap_err();
        assert_eq!(told, error);
        assert!(error.message.contains("Incorrect. (not tried again for 10 min"), "{error}");
        assert!(cache.check(None).is_err());
        assert!(cache.check(Some(&second)).is_ok());
        assert!(cache.problem().is_some_and(|problem| problem.contains("snowgate restart")));
        tokio::time::advance(PAUSE).await;
        assert!(cache.check(Some(&first)).is_ok() && cache.problem().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_successful_log_in_clears_earlier_problems() {
        let mut cache = RefusalCache::default();
        let missing = BackendError::new(ErrorKind::Unavailable, "no file");
        cache.record_missing(&missing);
        assert_eq!(cache.problem().as_deref(), Some("no file"));
        assert!(cache.check(None).is_ok());
        cache.record(Ok(()), None, PAUSE).unwrap();
        assert!(cache.last_succeeded && cache.problem().is_none());
        cache.record(refusal(), None, PAUSE).unwrap_err();
        assert!(!cache.last_succeeded);
    }
}
