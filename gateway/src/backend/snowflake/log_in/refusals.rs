//! Remembers refused log-ins, so that calls that are repeated do not lock the user, nor ask a person again and
//! again.
//!
//! A wrong password stands for [`PASSWORD_PAUSE`], and what a browser brought for [`BROWSER_PAUSE`]. After every
//! other refusal (a network policy, a missed approval, a stale code) the next call tries again, all clients
//! together [`REFUSALS_PER_MINUTE_MAX`] times a minute; a password that is refused [`UNKNOWN_MAX`] times under
//! codes that are not known stands as a wrong one. Who waited for a log-in that was refused gets its
//! refusal.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

use crate::backend::BackendError;
use crate::backend::snowflake::failure::of_connection;
use crate::backend::snowflake::refusal_codes::Refusal;
use crate::backend::snowflake::settings::Authenticator;
use snowflake_wire::Error;

/// How long a refused password counts. Snowflake locks a user after five wrong passwords in a row, for fifteen
/// minutes.
const PASSWORD_PAUSE: Duration = Duration::from_secs(600);

/// The same for what a browser brought: it locks no user, but every attempt opens a page.
const BROWSER_PAUSE: Duration = Duration::from_secs(30);

/// Refused log-ins in [`MINUTE`], of all clients together, after which the next one waits.
const REFUSALS_PER_MINUTE_MAX: usize = 6;
const MINUTE: Duration = Duration::from_secs(60);

/// Passwords in a row that are refused for a reason that is not known, before it is taken for a wrong password.
const UNKNOWN_MAX: usize = 3;

/// How long `status` tells of a refusal.
const SHOWN_FOR: Duration = PASSWORD_PAUSE;

/// Tells credentials from other ones that are sent later: a digest of the file they were read from, or
/// nothing.
pub(super) type Stamp = Option<[u8; 32]>;

/// What was sent.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sent {
    pub(super) stamp: Stamp,
    /// Whether a browser brought it.
    pub(super) by_browser: bool,
    /// Whether it had a password.
    pub(super) has_password: bool,
}

impl Sent {
    pub(super) fn with(authenticator: &Authenticator, stamp: Stamp, by_browser: bool) -> Self {
        let has_password = matches!(
            authenticator,
            Authenticator::Password(_)
                | Authenticator::SecondFactor { .. }
                | Authenticator::PasscodeInPassword(_)
        );
        Self { stamp, by_browser, has_password }
    }
}

/// The outcome of the log-ins so far.
#[derive(Default)]
pub(super) struct RefusalCache {
    /// Whether the last one succeeded.
    pub(super) last_succeeded: bool,
    refused: Option<Refused>,
    /// When log-ins were refused, the last [`REFUSALS_PER_MINUTE_MAX`] of them.
    recent: VecDeque<Instant>,
    /// Passwords in a row that were refused under codes that are not known.
    unknown: usize,
    /// Why there were no credentials to send, the last time.
    missing: Option<BackendError>,
}

struct Refused {
    at: Instant,
    /// How long it counts for the same credentials; zero: not for the next call.
    pause: Duration,
    stamp: Stamp,
    error: BackendError,
}

impl RefusalCache {
    /// Records the outcome of a log-in.
    ///
    /// # Errors
    /// That of the log-in.
    pub(super) fn record<T>(&mut self, done: Result<T, Error>, sent: Sent) -> Result<T, BackendError> {
        match done {
            Ok(done) => {
                *self = Self { last_succeeded: true, ..Self::default() };
                Ok(done)
            }
            Err(error @ Error::LogInRefused(_)) => {
                let is_unknown = error.failure().is_some_and(|failure| Refusal::of(failure).is_unknown());
                self.unknown = if sent.has_password && is_unknown { self.unknown + 1 } else { 0 };
                let may_be_password = self.unknown >= UNKNOWN_MAX;
                let pause = if may_be_password { PASSWORD_PAUSE } else { pause(&error, sent) };
                let at = Instant::now();
                let error = refused(&error, pause, sent);
                tracing::warn!(code = error.code, pause_s = pause.as_secs(), "a log-in was refused");
                self.last_succeeded = false;
                self.missing = None;
                self.recent.truncate(REFUSALS_PER_MINUTE_MAX - 1);
                self.recent.push_front(at);
                self.refused = Some(Refused { at, pause, stamp: sent.stamp, error: error.clone() });
                Err(error)
            }
            Err(error) => Err(of_connection(&error)),
        }
    }

    /// Records why there were no credentials to send.
    pub(super) fn record_missing(&mut self, error: &BackendError) {
        self.missing = Some(error.clone());
    }

    /// Whether credentials with this stamp may be sent for a caller that has waited since `since`; `None`: any.
    ///
    /// # Errors
    /// They were refused less than the pause ago, or while the caller waited, or too often.
    pub(super) fn check(&self, stamp: Option<&Stamp>, since: Instant) -> Result<(), BackendError> {
        let is_same = |refused: &&Refused| stamp.is_none_or(|stamp| *stamp == refused.stamp);
        let Some(refused) = self.refused.as_ref().filter(is_same) else { return Ok(()) };
        if refused.at > since || refused.at.elapsed() < refused.pause {
            return Err(refused.error.clone());
        }
        let oldest = self.recent.get(REFUSALS_PER_MINUTE_MAX - 1);
        match oldest.and_then(|oldest| MINUTE.checked_sub(oldest.elapsed())).filter(|wait| !wait.is_zero()) {
            Some(wait) => Err(too_often(&refused.error, wait)),
            None => Ok(()),
        }
    }

    /// Forgets what was refused: somebody asks for another attempt.
    pub(super) fn forget(&mut self) {
        *self = Self { last_succeeded: self.last_succeeded, ..Self::default() };
    }

    /// What is wrong, for `status`.
    pub(super) fn problem(&self) -> Option<String> {
        let refused = self.refused.as_ref().filter(|refused| refused.at.elapsed() < SHOWN_FOR);
        let error = self.missing.as_ref().or(refused.map(|refused| &refused.error))?;
        Some(match &error.next_step {
            Some(next_step) => format!("{}; {next_step}", error.message),
            None => error.message.clone(),
        })
    }
}

/// How long the same is not sent again.
fn pause(error: &Error, sent: Sent) -> Duration {
    match error.failure().map(Refusal::of) {
        Some(refusal) if refusal.locks() => PASSWORD_PAUSE,
        _ if sent.by_browser => BROWSER_PAUSE,
        _ => Duration::ZERO,
    }
}

/// The error of a refusal, with the time for which it counts.
fn refused(error: &Error, pause: Duration, sent: Sent) -> BackendError {
    let mut error = of_connection(error);
    let why = if sent.by_browser { "each attempt opens a page" } else { "the user is not locked" };
    let because = if sent.by_browser { "because" } else { "so that" };
    match pause.as_secs() {
        0 => {}
        seconds @ 1..120 => {
            error.message.push_str(&format!(" (not tried again for {seconds} s, {because} {why})"));
        }
        seconds => {
            error.message.push_str(&format!(" (not tried again for {} min, {because} {why})", seconds / 60));
        }
    }
    error
}

/// The error of a call that comes after too many that were refused.
fn too_often(last: &BackendError, wait: Duration) -> BackendError {
    let mut error = last.clone();
    error.message.push_str(&format!(
        " (refused {REFUSALS_PER_MINUTE_MAX} times within a minute; the next call in {} s tries again, `snowgate login` \
         at once)",
        wait.as_secs() + 1
    ));
    error
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ErrorKind;
    use snowflake_wire::Failure;

    const BY_FILE: Sent = Sent { stamp: None, by_browser: false, has_password: false };

    fn refusal(code: &str) -> Result<(), Error> {
        let failure = Failure {
            code: code.into(),
            sql_state: None,
            message: "Incorrect.".into(),
            position: None,
            query_id: None,
        };
        Err(Error::LogInRefused(Box::new(failure)))
    }

    #[tokio::test(start_paused = true)]
    async fn a_password_refused_for_unknown_reasons_is_taken_for_a_wrong_one_in_time() {
        let mut cache = RefusalCache::default();
        let sent = Sent { has_password: true, ..BY_FILE };
        for time in 1..=UNKNOWN_MAX {
            cache.check(Some(&None), Instant::now()).unwrap();
            let told = cache.record(refusal("399999"), sent).unwrap_err();
            assert_eq!(told.message.contains("10 min"), time == UNKNOWN_MAX, "{told:?}");
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        cache.check(Some(&None), Instant::now()).unwrap_err();
        tokio::time::advance(PASSWORD_PAUSE).await;
        cache.check(Some(&None), Instant::now()).unwrap();
    }

    #[tokio::test(start_paused = true)]
    async fn a_wrong_password_counts_for_the_same_credentials_and_for_a_limited_time() {
        let mut cache = RefusalCache::default();
        let (first, second) = (Some([1; 32]), Some([2; 32]));
        let told = cache.record(refusal("390100"), Sent { stamp: first, ..BY_FILE }).unwrap_err();
        let error = cache.check(Some(&first), Instant::now()).unwrap_err();
        assert_eq!(told, error);
        assert!(error.message.contains("Incorrect. (not tried again for 10 min"), "{error}");
        assert!(cache.check(None, Instant::now()).is_err());
        assert!(cache.check(Some(&second), Instant::now()).is_ok());
        assert!(cache.problem().is_some_and(|problem| problem.contains("snowgate restart")));
        tokio::time::advance(PASSWORD_PAUSE).await;
        assert!(cache.check(Some(&first), Instant::now()).is_ok() && cache.problem().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn after_any_other_refusal_the_next_call_tries_again_within_a_bound() {
        let mut cache = RefusalCache::default();
        for attempt in 0..REFUSALS_PER_MINUTE_MAX {
            let since = Instant::now();
            assert!(cache.check(None, since).is_ok(), "attempt {attempt}");
            tokio::time::advance(Duration::from_secs(1)).await;
            let told = cache.record(refusal("390422"), BY_FILE).unwrap_err();
            assert!(!told.message.contains("not tried again"), "{told}");
            assert_eq!(cache.check(None, since), Err(told), "it waited for this one");
        }
        let error = cache.check(None, Instant::now()).unwrap_err();
        assert!(error.message.contains("refused 6 times within a minute; the next call in 5"), "{error}");
        // Other credentials are another matter.
        assert!(cache.check(Some(&Some([1; 32])), Instant::now()).is_ok());
        assert!(cache.problem().is_some_and(|problem| problem.contains("VPN")));
        tokio::time::advance(MINUTE - Duration::from_secs(5)).await;
        assert!(cache.check(None, Instant::now()).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn what_a_browser_brought_is_not_asked_for_again_at_once() {
        let mut cache = RefusalCache::default();
        let told = cache.record(refusal("390191"), Sent { by_browser: true, ..BY_FILE }).unwrap_err();
        assert!(
            told.message.contains("not tried again for 30 s, because each attempt opens a page"),
            "{told}"
        );
        tokio::time::advance(Duration::from_secs(1)).await;
        assert!(cache.check(None, Instant::now()).is_err());
        tokio::time::advance(BROWSER_PAUSE).await;
        assert!(cache.check(None, Instant::now()).is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn somebody_who_asks_for_another_attempt_gets_one() {
        let mut cache = RefusalCache::default();
        for _ in 0..2 * REFUSALS_PER_MINUTE_MAX {
            cache.record(refusal("390100"), BY_FILE).unwrap_err();
        }
        assert_eq!(cache.recent.len(), REFUSALS_PER_MINUTE_MAX);
        cache.forget();
        assert!(cache.check(None, Instant::now()).is_ok() && cache.problem().is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn a_successful_log_in_clears_earlier_problems() {
        let mut cache = RefusalCache::default();
        let missing = BackendError::new(ErrorKind::Unavailable, "no file");
        cache.record_missing(&missing);
        assert_eq!(cache.problem().as_deref(), Some("no file"));
        assert!(cache.check(None, Instant::now()).is_ok());
        cache.record(Ok(()), BY_FILE).unwrap();
        assert!(cache.last_succeeded && cache.problem().is_none());
        cache.record(refusal("390100"), BY_FILE).unwrap_err();
        assert!(!cache.last_succeeded);
    }
}
