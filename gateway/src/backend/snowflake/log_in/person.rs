//! The one log-in that waits for a person, and those who wait for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout, timeout_at};
use url::Url;

use super::browser::{self, Landing};
use super::crashed;
use crate::backend::snowflake::failure::of_connection;
use crate::backend::snowflake::session::OpenSession;
use crate::backend::{BackendError, ErrorKind};
use snowflake_wire::{Client, Credentials};

/// How long a request waits for a person, before it is told what is to be done. Less than a log-in may take in all.
const PATIENCE: Duration = Duration::from_secs(20);

/// How long it waits where the person first has to be told an address: hardly at all.
const PATIENCE_WITHOUT_BROWSER: Duration = Duration::from_millis(500);

/// How long a person may take.
const PERSON_TIMEOUT: Duration = Duration::from_secs(300);

/// Where the log-in is that asks a person.
#[derive(Default)]
pub(super) struct Person {
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Default)]
struct State {
    /// Counts log-ins; each waits for the end of the one it found.
    attempt: u64,
    is_asking: bool,
    /// What the person is to do.
    notice: Option<String>,
    /// Whether the person was shown it, and need not read it here.
    is_shown: bool,
    /// What the last log-in gave, for the first who wants it.
    session: Option<OpenSession>,
    failed: Option<BackendError>,
}

impl Person {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the person is to do, while somebody waits for it.
    pub(super) fn notice(&self) -> Option<String> {
        self.lock().notice.clone()
    }

    /// What the last log-in gave, if nobody has it yet.
    pub(super) fn take(&self) -> Option<OpenSession> {
        self.lock().session.take()
    }

    /// Says what the person is to do; others show it to him.
    pub(super) fn say(&self, notice: String) {
        self.set_notice(notice, true);
    }

    fn set_notice(&self, notice: String, is_shown: bool) {
        tracing::info!("a log-in waits for its user");
        {
            let mut state = self.lock();
            state.notice = Some(notice);
            state.is_shown = is_shown;
        }
        self.changed.notify_waiters();
    }

    /// Waits for the log-in that is under way, or has `ask` begin one if it `may`. Gives nothing where somebody else has got
    /// what it gave.
    ///
    /// # Errors
    /// It fails, or takes longer than a request waits: then what is to be done is said. [`ErrorKind::Exhausted`] where none
    /// is under way and none may begin.
    pub(super) async fn log_in<F>(
        self: Arc<Self>,
        may: bool,
        ask: impl FnOnce() -> F,
    ) -> Result<Option<OpenSession>, BackendError>
    where
        F: Future<Output = Result<OpenSession, BackendError>> + Send + 'static,
    {
        let attempt = self.begin(may, ask)?;
        let started = Instant::now();
        loop {
            let changed = self.changed.notified();
            let patience = {
                let mut state = self.lock();
                if let Some(session) = state.session.take() {
                    return Ok(Some(session));
                }
                if state.attempt != attempt || !state.is_asking {
                    return state.failed.clone().map_or(Ok(None), Err);
                }
                if state.notice.is_some() && !state.is_shown { PATIENCE_WITHOUT_BROWSER } else { PATIENCE }
            };
            if timeout_at(started + patience, changed).await.is_err() && started.elapsed() >= patience {
                return Err(waiting(self.notice()));
            }
        }
    }

    /// Begins a log-in, unless one is under way or nobody has what the last one gave; gives the number of that one.
    fn begin<F>(self: &Arc<Self>, may: bool, ask: impl FnOnce() -> F) -> Result<u64, BackendError>
    where
        F: Future<Output = Result<OpenSession, BackendError>> + Send + 'static,
    {
        let mut state = self.lock();
        if state.is_asking || state.session.is_some() {
            return Ok(state.attempt);
        }
        if !may {
            return Err(exhausted());
        }
        state.attempt += 1;
        state.is_asking = true;
        state.failed = None;
        let (person, asking) = (Arc::clone(self), tokio::spawn(ask()));
        tokio::spawn(async move { person.end(asking.await.unwrap_or_else(|error| Err(crashed(&error)))) });
        Ok(state.attempt)
    }

    fn end(&self, done: Result<OpenSession, BackendError>) {
        {
            let mut state = self.lock();
            state.is_asking = false;
            state.notice = None;
            match done {
                Ok(session) => state.session = Some(session),
                Err(error) => state.failed = Some(error),
            }
        }
        self.changed.notify_waiters();
    }

    /// Sends `user` to the account's page, and waits for what the browser brings back.
    ///
    /// # Errors
    /// The account gives no address; the system no port; nobody came in time.
    pub(super) async fn visit(&self, client: &Client, user: &str) -> Result<Credentials, BackendError> {
        let landing = Landing::open().await.map_err(|error| no_landing(&error))?;
        let challenge = client.browser_challenge(user, landing.port).await;
        let challenge = challenge.map_err(|error| of_connection(&error))?;
        let address: Url = challenge.address.clone();
        let notice = format!("waiting for you to log in with a browser: {address}");
        let is_shown = spawn_blocking(move || browser::open(&address)).await.unwrap_or(false);
        self.set_notice(notice, is_shown);
        let token = timeout(PERSON_TIMEOUT, landing.token()).await.map_err(|_| nobody_came())?;
        let token = token.map_err(|error| no_landing(&error))?;
        self.set_notice("logging in with what the browser brought".to_owned(), true);
        Ok(Credentials::Browser { token, proof_key: challenge.proof_key })
    }
}

/// Says what is to be done, to a request that waits no longer.
pub(super) fn waiting(notice: Option<String>) -> BackendError {
    let notice = notice.unwrap_or_else(|| "waiting for a log-in".to_owned());
    BackendError::new(ErrorKind::Unavailable, notice)
        .with_next_step("ask the user to do that, then call the tool again; nothing was run")
}

fn exhausted() -> BackendError {
    let message = "the account grants no token that would log a further connection in";
    BackendError::new(ErrorKind::Exhausted, message)
}

fn nobody_came() -> BackendError {
    let message = format!("nobody logged in within {} s", PERSON_TIMEOUT.as_secs());
    BackendError::new(ErrorKind::Unavailable, message).with_next_step("call the tool again to be asked again")
}

fn no_landing(error: &std::io::Error) -> BackendError {
    BackendError::new(ErrorKind::Unavailable, format!("no port for the browser to come back to: {error}"))
}

#[cfg(test)]
mod tests {
    use std::future::pending;

    use super::*;

    fn refused() -> BackendError {
        BackendError::new(ErrorKind::Unavailable, "no")
    }

    #[tokio::test(start_paused = true)]
    async fn a_request_waits_for_a_person_for_a_while_and_the_next_joins() {
        let person = Arc::new(Person::default());
        let asking = || {
            let person = Arc::clone(&person);
            async move {
                person.say("tap".to_owned());
                pending().await
            }
        };
        for may in [true, false] {
            let started = Instant::now();
            let error = Arc::clone(&person).log_in(may, asking).await.err().unwrap();
            assert_eq!((error.message.as_str(), started.elapsed()), ("tap", PATIENCE));
        }
        assert_eq!(person.notice().as_deref(), Some("tap"));
        assert_eq!(person.lock().attempt, 1);
    }

    #[tokio::test(start_paused = true)]
    async fn who_must_be_told_an_address_is_told_soon() {
        let person = Arc::new(Person::default());
        let asking = || {
            let person = Arc::clone(&person);
            async move {
                person.set_notice("go there".to_owned(), false);
                pending().await
            }
        };
        let started = Instant::now();
        let error = Arc::clone(&person).log_in(true, asking).await.err().unwrap();
        assert_eq!((error.message.as_str(), started.elapsed()), ("go there", PATIENCE_WITHOUT_BROWSER));
    }

    #[tokio::test(start_paused = true)]
    async fn all_who_wait_are_told_of_a_failure_and_the_notice_goes() {
        let person = Arc::new(Person::default());
        let waiting = [(); 3].map(|()| {
            let (person, asked) = (Arc::clone(&person), Arc::clone(&person));
            tokio::spawn(person.log_in(true, move || async move {
                asked.say("tap".to_owned());
                tokio::time::sleep(Duration::from_secs(1)).await;
                Err(refused())
            }))
        });
        for waiting in waiting {
            assert_eq!(waiting.await.unwrap().err(), Some(refused()));
        }
        assert_eq!((person.notice(), person.lock().attempt), (None, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_log_in_that_crashes_is_over() {
        let person = Arc::new(Person::default());
        let error = Arc::clone(&person).log_in(true, || async { panic!("a bug") }).await.err().unwrap();
        assert!(error.message.contains("came to nothing"), "{error}");
        let error = Arc::clone(&person).log_in(true, || async { Err(refused()) }).await.err();
        assert_eq!(error, Some(refused()));
        let none = Arc::clone(&person).log_in(false, || async { Err(refused()) }).await.err().unwrap();
        assert_eq!(none.kind, ErrorKind::Exhausted);
    }
}
