//! What log-ins came to so far: a refusal stands for a while, so that nobody is locked by those who ask again.

use std::time::Duration;

use tokio::time::Instant;

use crate::backend::BackendError;
use crate::backend::snowflake::failure::of_connection;
use snowflake_wire::Error;

/// Tells what was shown from something else that is shown later: a digest where it came from a file, nothing else.
pub(super) type Stamp = Option<[u8; 32]>;

/// What log-ins came to so far.
#[derive(Default)]
pub(super) struct Tried {
    /// Whether the last one worked.
    pub(super) has_worked: bool,
    refused: Option<Refused>,
    /// Why nothing could be shown, the last time.
    trouble: Option<BackendError>,
}

struct Refused {
    at: Instant,
    pause: Duration,
    stamp: Stamp,
    error: BackendError,
}

impl Tried {
    /// Notes what showing credentials of this stamp came to; a refusal stands for that time.
    ///
    /// # Errors
    /// That of the log-in.
    pub(super) fn note<T>(
        &mut self,
        done: Result<T, Error>,
        stamp: Stamp,
        pause: Duration,
    ) -> Result<T, BackendError> {
        match done {
            Ok(done) => {
                *self = Self { has_worked: true, ..Self::default() };
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

    /// Notes why there was nothing to show.
    pub(super) fn note_trouble(&mut self, error: &BackendError) {
        self.trouble = Some(error.clone());
    }

    /// Whether to show credentials of this stamp.
    ///
    /// # Errors
    /// They were refused a while ago.
    pub(super) fn check(&self, stamp: Option<&Stamp>) -> Result<(), BackendError> {
        match &self.refused {
            Some(refused) if refused.stands() && stamp.is_none_or(|stamp| *stamp == refused.stamp) => {
                Err(refused.error.clone())
            }
            _ => Ok(()),
        }
    }

    /// What is wrong, for `status`.
    pub(super) fn problem(&self) -> Option<String> {
        let refused = self.refused.as_ref().filter(|refused| refused.stands()).map(|refused| &refused.error);
        let error = self.trouble.as_ref().or(refused)?;
        Some(match &error.next_step {
            Some(next_step) => format!("{}; {next_step}", error.message),
            None => error.message.clone(),
        })
    }
}

impl Refused {
    fn stands(&self) -> bool {
        self.at.elapsed() < self.pause
    }
}

/// A refusal, and for how long it stands.
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
    async fn a_refusal_stands_for_what_was_shown_and_for_a_while() {
        let mut tried = Tried::default();
        let (first, second) = (Some([1; 32]), Some([2; 32]));
        let told = tried.note(refusal(), first, PAUSE).unwrap_err();
        let error = tried.check(Some(&first)).unwrap_err();
        assert_eq!(told, error);
        assert!(error.message.contains("Incorrect. (not tried again for 10 min"), "{error}");
        assert!(tried.check(None).is_err());
        assert!(tried.check(Some(&second)).is_ok());
        assert!(tried.problem().is_some_and(|problem| problem.contains("snowgate restart")));
        tokio::time::advance(PAUSE).await;
        assert!(tried.check(Some(&first)).is_ok() && tried.problem().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn what_works_ends_the_trouble() {
        let mut tried = Tried::default();
        let missing = BackendError::new(ErrorKind::Unavailable, "no file");
        tried.note_trouble(&missing);
        assert_eq!(tried.problem().as_deref(), Some("no file"));
        assert!(tried.check(None).is_ok());
        tried.note(Ok(()), None, PAUSE).unwrap();
        assert!(tried.has_worked && tried.problem().is_none());
        tried.note(refusal(), None, PAUSE).unwrap_err();
        assert!(!tried.has_worked);
    }
}
