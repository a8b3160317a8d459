//! The one log-in that waits for the user, and the requests that wait for it.
//!
//! Lock order: the state's lock is never held across an await. `changed` wakes every waiter after each change
//! of the state.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};
use tracing::Instrument;
use url::Url;

use super::browser::{self, Landing};
use super::failure::{crashed, waiting_for_user};
use crate::backend::snowflake::failure::of_connection;
use crate::backend::snowflake::session::OpenSession;
use crate::backend::{BackendError, ErrorKind};
use snowflake_wire::{Client, Credentials};

/// How long a request waits for the user before it is answered with what the user has to do. Less than a
/// log-in may take.
const WAIT_MAX: Duration = Duration::from_secs(20);

/// The same where the user must first be told an address, which only the answer can do.
const WAIT_MAX_WITHOUT_BROWSER: Duration = Duration::from_millis(500);

/// How long the user may take.
pub(super) const USER_TIMEOUT: Duration = Duration::from_secs(300);

/// The state of the log-in that asks the user.
#[derive(Default)]
pub(super) struct InteractiveLogin {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Counts log-ins; each waits for the end of the one it found.
    attempt: u64,
    is_running: bool,
    /// What the user has to do.
    notice: Option<String>,
    /// Whether the user has seen it elsewhere: in a browser, on a phone.
    is_shown: bool,
    /// The session of the last log-in, until a request takes it.
    session: Option<OpenSession>,
    failed: Option<BackendError>,
}

impl InteractiveLogin {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the user has to do, while a log-in waits for it.
    pub(super) fn notice(&self) -> Option<String> {
        self.lock().notice.clone()
    }

    /// Takes the session of the last log-in, if no request has taken it yet.
    pub(super) fn take(&self) -> Option<OpenSession> {
        self.lock().session.take()
    }

    /// Gives back a session that no request needs yet.
    pub(super) fn put_back(&self, session: OpenSession) {
        self.lock().session = Some(session);
        self.changed.notify_waiters();
    }

    /// How the last log-in ended; `None` while one is running.
    pub(super) fn last(&self) -> Option<Result<(), BackendError>> {
        let state = self.lock();
        (!state.is_running).then(|| state.failed.clone().map_or(Ok(()), Err))
    }

    /// Sets what the user has to do and is shown elsewhere.
    pub(super) fn announce(&self, notice: String) {
        self.set_notice(notice, true);
    }

    pub(super) fn set_notice(&self, notice: String, is_shown: bool) {
        tracing::info!("waiting for the user to log in");
        {
            let mut state = self.lock();
            state.notice = Some(notice);
            state.is_shown = is_shown;
        }
        self.changed.notify_waiters();
    }

    /// Waits for the log-in that is running, or starts one with `ask` if it `may_start`. `None`: another
    /// request took the session.
    ///
    /// # Errors
    /// The log-in failed, or takes longer than a request waits: then the error says what the user has to do.
    /// [`ErrorKind::Exhausted`] if none is running and none may be started.
    pub(super) async fn log_in<F>(
        self: Arc<Self>,
        may_start: bool,
        ask: impl FnOnce() -> F,
    ) -> Result<Option<OpenSession>, BackendError>
    where
        F: Future<Output = Result<OpenSession, BackendError>> + Send + 'static,
    {
        let attempt = self.start(may_start, ask)?;
        let started = Instant::now();
        loop {
            let changed = self.changed.notified();
            let wait_max = {
                let mut state = self.lock();
                if let Some(session) = state.session.take() {
                    return Ok(Some(session));
                }
                if state.attempt != attempt || !state.is_running {
                    return state.failed.clone().map_or(Ok(None), Err);
                }
                if state.notice.is_some() && !state.is_shown { WAIT_MAX_WITHOUT_BROWSER } else { WAIT_MAX }
            };
            if timeout_at(started + wait_max, changed).await.is_err() && started.elapsed() >= wait_max {
                return Err(waiting_for_user(self.notice()));
            }
        }
    }

    /// Starts a log-in, unless one is running or the last one's session was not taken yet. Returns the number
    /// of that log-in.
    fn start<F>(self: &Arc<Self>, may_start: bool, ask: impl FnOnce() -> F) -> Result<u64, BackendError>
    where
        F: Future<Output = Result<OpenSession, BackendError>> + Send + 'static,
    {
        let mut state = self.lock();
        if state.is_running || state.session.is_some() {
            return Ok(state.attempt);
        }
        if !may_start {
            return Err(exhausted());
        }
        state.attempt += 1;
        state.is_running = true;
        state.failed = None;
        let (login, asking) = (Arc::clone(self), tokio::spawn(ask().in_current_span()));
        tokio::spawn(async move { login.finish(asking.await.unwrap_or_else(|error| Err(crashed(&error)))) });
        Ok(state.attempt)
    }

    fn finish(&self, done: Result<OpenSession, BackendError>) {
        {
            let mut state = self.lock();
            state.is_running = false;
            state.notice = None;
            match done {
                Ok(session) => state.session = Some(session),
                Err(error) => state.failed = Some(error),
            }
        }
        self.changed.notify_waiters();
    }

    /// Sends `user` to the account's page, and waits for the token that the browser brings back.
    ///
    /// # Errors
    /// The account returned no address, the system no port, or the user did not log in in time.
    pub(super) async fn log_in_with_browser(
        &self,
        client: &Client,
        user: &str,
    ) -> Result<Credentials, BackendError> {
        let landing = Landing::open().await.map_err(|error| no_landing(&error))?;
        let challenge = client.browser_challenge(user, landing.port).await;
        let challenge = challenge.map_err(|error| of_connection(&error))?;
        let address: Url = challenge.address.clone();
        let notice = format!("waiting for you to log in with a browser: {address}");
        let is_shown = spawn_blocking(move || browser::open(&address)).await.unwrap_or(false);
        self.set_notice(notice, is_shown);
        let token = timeout(USER_TIMEOUT, landing.token()).await.map_err(|_| not_logged_in_in_time())?;
        let token = token.map_err(|error| no_landing(&error))?;
        self.set_notice("completing the log-in from the browser".to_owned(), true);
        Ok(Credentials::Browser { token, proof_key: challenge.proof_key })
    }
}

pub(super) fn exhausted() -> BackendError {
    let message = "the account returned no token with which a second connection could log in";
    BackendError::new(ErrorKind::Exhausted, message).with_next_step("try again in a moment")
}

pub(super) fn not_logged_in_in_time() -> BackendError {
    let message = format!("the user did not log in within {} s", USER_TIMEOUT.as_secs());
    BackendError::new(ErrorKind::Unavailable, message)
        .with_next_step("call the tool again for a new log-in page")
}

fn no_landing(error: &std::io::Error) -> BackendError {
    BackendError::new(ErrorKind::Unavailable, format!("no local port for the browser to return to: {error}"))
        .with_next_step(
            "check whether a sandbox or a firewall denies ports of this machine, then call the tool again",
        )
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn refused() -> BackendError {
        BackendError::new(ErrorKind::Unavailable, "no")
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_the_user_for_a_while_and_the_next_one_joins() {
        let login = Arc::new(InteractiveLogin::default());
        let asking = || {
            let login = Arc::clone(&login);
            async move {
                login.announce("tap".to_owned());
                pending().await
            }
        };
        for may in [true, false] {
            let started = Instant::now();
            let error = Arc::clone(&login).log_in(may, asking).await.err().unwrap();
            assert_eq!((error.message.as_str(), started.elapsed()), ("tap", WAIT_MAX));
        }
        assert_eq!(login.notice().as_deref(), Some("tap"));
        assert_eq!(login.lock().attempt, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn an_address_that_the_user_has_not_seen_is_reported_soon() {
        let login = Arc::new(InteractiveLogin::default());
        let asking = || {
            let login = Arc::clone(&login);
            async move {
                login.set_notice("go there".to_owned(), false);
                pending().await
            }
        };
        let started = Instant::now();
        let error = Arc::clone(&login).log_in(true, asking).await.err().unwrap();
        assert_eq!((error.message.as_str(), started.elapsed()), ("go there", WAIT_MAX_WITHOUT_BROWSER));
    }

    #[tokio::test(start_paused = true)]
    async fn every_waiter_gets_the_failure_and_the_notice_is_removed() {
        let login = Arc::new(InteractiveLogin::default());
        let waiting = [(); 3].map(|()| {
            let (login, asked) = (Arc::clone(&login), Arc::clone(&login));
            tokio::spawn(login.log_in(true, move || async move {
                asked.announce("tap".to_owned());
                tokio::time::sleep(Duration::from_secs(1)).await;
                Err(refused())
            }))
        });
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap().err(), Some(refused()));
        }
        assert_eq!((login.notice(), login.lock().attempt), (None, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_in_that_panics_ends_and_the_next_one_can_start() {
        let login = Arc::new(InteractiveLogin::default());
        let error = Arc::clone(&login).log_in(true, || async { panic!("a bug") }).await.err().unwrap();
        assert!(error.message.contains("failed unexpectedly"), "{error}");
        let error = Arc::clone(&login).log_in(true, || async { Err(refused()) }).await.err();
        assert_eq!(error, Some(refused()));
        let none = Arc::clone(&login).log_in(false, || async { Err(refused()) }).await.err().unwrap();
        assert_eq!(none.kind, ErrorKind::Exhausted);
    }
}
