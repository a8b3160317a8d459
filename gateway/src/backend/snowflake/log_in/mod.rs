//! Logging in: the same credentials for every connection, a refusal that is not repeated, and a person who is asked once.
//!
//! Credentials that ask nobody are shown for every connection. Where a person must act, one log-in at a time asks, in a task
//! of its own, because people take longer than requests wait; what it gives serves one connection, and the token that the
//! account may grant beside it logs the others in. Where it grants none, that one connection must do for all.
//!
//! What has been sent is heard to its end, also where nobody waits for it any more: a refusal must count.

mod browser;
mod credentials;
mod person;
mod tokens;
mod tried;

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::spawn_blocking;
use tokio::time::{sleep, timeout};
use tokio_util::task::TaskTracker;

use self::credentials::Found;
use self::person::Person;
use self::tokens::Remembered;
use self::tried::{Stamp, Tried};
use super::context::of_session;
use super::health::Health;
use super::session::OpenSession;
use super::settings::{Authenticator, SnowflakeSettings};
use crate::backend::{BackendError, Context, ErrorKind};
use snowflake_wire::{Client, Credentials, Error, Failure, LogIn, SecondFactor, Secret, SessionContext};

/// How long a request waits for a log-in, whatever that waits for. Less than a pool waits for a connection.
const LOG_IN_PATIENCE: Duration = Duration::from_secs(25);

/// A log-in with a password that takes longer than this waits for somebody's phone.
const APPROVAL_NOTICE_AFTER: Duration = Duration::from_millis(500);

/// How long a refusal stands. Snowflake locks a user after five wrong passwords in a row, for fifteen minutes.
const REFUSED_PAUSE: Duration = Duration::from_secs(600);

/// The same where a browser brought what was refused: nothing locks, but every attempt is a page that opens.
const BROWSER_REFUSED_PAUSE: Duration = Duration::from_secs(30);

/// Whoever is told that there is no further connection asks again at once: not in a busy loop.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(20);

/// Refusals that are about something else than the remembered token beside it: password wrong, user disabled, user locked,
/// role unknown.
const NOT_THE_TOKEN: [&str; 4] = ["390100", "390101", "390102", "390189"];

/// The way to log in, for all connections.
pub(super) struct Logins {
    client: Client,
    settings: SnowflakeSettings,
    pub(super) health: Health,
    remembered: Remembered,
    /// Held by the log-in that is under way until one has worked: whoever comes meanwhile shares what it comes to.
    tried: Arc<Mutex<Tried>>,
    person: Arc<Person>,
    /// The context that the last log-in gave.
    base: std::sync::Mutex<Context>,
    /// Sessions that are logged in.
    open: AtomicUsize,
    /// Whether the last log-in that asked a person gave no token that would log further connections in.
    grants_nothing: AtomicBool,
    /// Goodbyes to the server that are under way.
    pub(super) goodbyes: TaskTracker,
}

/// What a log-in gave.
struct LoggedIn {
    session: OpenSession,
    /// Replaces the person at later log-ins.
    token: Option<Secret>,
}

impl Logins {
    pub(super) fn new(client: Client, host: &str, settings: SnowflakeSettings) -> Self {
        let way = match settings.authenticator {
            Authenticator::ExternalBrowser => "id_token",
            _ => "mfa_token",
        };
        let remembered = Remembered::new(settings.token_cache.clone(), host, &settings.user, way);
        Self {
            client,
            settings,
            health: Health::default(),
            remembered,
            tried: Arc::default(),
            person: Arc::default(),
            base: std::sync::Mutex::default(),
            open: AtomicUsize::new(0),
            grants_nothing: AtomicBool::new(false),
            goodbyes: TaskTracker::new(),
        }
    }

    /// Logs in.
    ///
    /// # Errors
    /// The server refuses, now or a while ago; the credentials cannot be read; the server cannot be reached; a person has not
    /// done his part yet; [`ErrorKind::Exhausted`].
    pub(super) async fn log_in(self: &Arc<Self>) -> Result<OpenSession, BackendError> {
        self.health.check()?;
        let logging_in = async {
            if self.settings.authenticator.asks_a_person() {
                self.with_a_person().await
            } else {
                let found = || self.find();
                self.alone(found).await?.ok_or_else(|| crashed(&"nobody to ask"))
            }
        };
        timeout(LOG_IN_PATIENCE, logging_in).await.unwrap_or_else(|_| Err(self.takes_long()))
    }

    /// A session is logged in from here on, until what this gives is dropped.
    pub(super) fn count(self: &Arc<Self>) -> Counted {
        self.open.fetch_add(1, Ordering::Relaxed);
        Counted(Arc::clone(self))
    }

    /// A log-in gave this context.
    pub(super) fn note_base(&self, base: &SessionContext) {
        *self.base.lock().unwrap_or_else(PoisonError::into_inner) = of_session(base);
    }

    /// The context that the last log-in gave: what a request's leaves open.
    pub(super) fn base(&self) -> Context {
        self.base.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What keeps it from working, for `status`.
    pub(super) fn problem(&self) -> Option<String> {
        let trouble = || self.tried.try_lock().ok()?.problem();
        self.person.notice().or_else(trouble).or_else(|| self.health.problem())
    }

    /// With what needs nobody's help; `None` where there is no such thing. A refusal stands for a while.
    async fn alone<F>(self: &Arc<Self>, find: impl FnOnce() -> F) -> Result<Option<OpenSession>, BackendError>
    where
        F: Future<Output = Result<Option<Found>, BackendError>>,
    {
        let mut tried = Arc::clone(&self.tried).lock_owned().await;
        let Found { credentials, stamp } = match find().await {
            Ok(Some(found)) => found,
            Ok(None) => return tried.check(None).map(|()| None),
            Err(error) => {
                tried.note_trouble(&error);
                return Err(error);
            }
        };
        tried.check(Some(&stamp))?;
        // Wrong passwords that are shown at the same time lock a user all the same.
        let held = (!tried.has_worked || self.has_password()).then_some(tried);
        let logins = Arc::clone(self);
        let shown = tokio::spawn(async move { logins.show_and_note(credentials, stamp, held).await });
        shown.await.unwrap_or_else(|error| Err(crashed(&error)))
    }

    /// Shows credentials to the server and notes what it came to; `None` where they are a remembered token that is good no
    /// more.
    async fn show_and_note(
        self: Arc<Self>,
        credentials: Credentials,
        stamp: Stamp,
        held: Option<OwnedMutexGuard<Tried>>,
    ) -> Result<Option<OpenSession>, BackendError> {
        let token = token_of(&credentials).cloned();
        let done = self.show(credentials).await;
        if let (Err(Error::LogInRefused(failure)), Some(token)) = (&done, token)
            && self.forget_if_stale(failure, token).await
        {
            return Ok(None);
        }
        let mut tried = match held {
            Some(tried) => tried,
            None => Arc::clone(&self.tried).lock_owned().await,
        };
        let noted = tried.note(done, stamp, self.refusal_pause());
        drop(tried);
        let logged_in = noted?;
        self.remember(logged_in.token).await;
        Ok(Some(logged_in.session))
    }

    /// Shows credentials to the server.
    async fn show(self: &Arc<Self>, credentials: Credentials) -> Result<LoggedIn, Error> {
        let mut wanted = LogIn::new(self.settings.user.clone(), credentials);
        wanted.role.clone_from(&self.settings.role);
        wanted.warehouse.clone_from(&self.settings.warehouse);
        wanted.database.clone_from(&self.settings.database);
        wanted.schema.clone_from(&self.settings.schema);
        // A user's or account's own setting may be false: then every write would open a transaction on a shared session.
        wanted.parameters.insert("AUTOCOMMIT".to_owned(), true.into());
        wanted.remember = self.settings.authenticator.asks_a_person();
        let done = self.client.log_in(&wanted).await;
        // A person who does not tap on a phone is no outage.
        if !(matches!(done, Err(Error::TimedOut { .. })) && wanted.remember) {
            self.health.note(&done);
        }
        let done = done?;
        let token = match self.settings.authenticator {
            Authenticator::ExternalBrowser => done.id_token,
            _ => done.mfa_token,
        };
        Ok(LoggedIn { session: OpenSession::new(self, done.session), token })
    }

    /// The credentials that ask nobody, as they are now.
    async fn find(&self) -> Result<Option<Found>, BackendError> {
        let authenticator = self.settings.authenticator.clone();
        let found = spawn_blocking(move || credentials::read(&authenticator)).await;
        found.unwrap_or_else(|error| Err(crashed(&error)))
    }

    /// With the token of an earlier log-in; else a person is asked, unless a connection is there already.
    async fn with_a_person(self: &Arc<Self>) -> Result<OpenSession, BackendError> {
        loop {
            // Nobody came for it: it may be over by now.
            if let Some(session) = self.person.take()
                && !session.wire.heartbeat().await.is_err_and(|error| error.ends_session())
            {
                return Ok(session);
            }
            if matches!(self.settings.authenticator, Authenticator::ExternalBrowser) {
                let token =
                    || async { Ok(self.remembered_token().await.map(Credentials::IdToken).map(Found::of)) };
                if let Some(session) = self.alone(token).await? {
                    return Ok(session);
                }
            } else {
                self.tried.lock().await.check(None)?;
            }
            let may_ask =
                self.open.load(Ordering::Relaxed) == 0 || !self.grants_nothing.load(Ordering::Relaxed);
            let person = Arc::clone(&self.person);
            match person.log_in(may_ask, || Arc::clone(self).ask_a_person()).await {
                Ok(Some(session)) => return Ok(session),
                // Somebody else has got the session; there may be a token by now.
                Ok(None) => {}
                Err(error) if error.kind == ErrorKind::Exhausted => {
                    sleep(EXHAUSTED_PAUSE).await;
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Has a person do his part. Takes as long as the person does, within bounds.
    async fn ask_a_person(self: Arc<Self>) -> Result<OpenSession, BackendError> {
        // What was asked before this may have been refused a moment ago.
        self.tried.lock().await.check(None)?;
        let done = match self.settings.authenticator.clone() {
            Authenticator::SecondFactor { password, passcode } => {
                self.with_second_factor(password, passcode).await
            }
            _ => {
                let credentials = self.person.visit(&self.client, &self.settings.user).await?;
                self.show(credentials).await
            }
        };
        let logged_in = self.tried.lock().await.note(done, None, self.refusal_pause())?;
        self.remember(logged_in.token).await;
        self.grants_nothing.store(self.remembered_token().await.is_none(), Ordering::Relaxed);
        Ok(logged_in.session)
    }

    /// With the password and the token of an earlier log-in; without one, with the passcode or the phone.
    async fn with_second_factor(
        self: &Arc<Self>,
        password: Secret,
        passcode: Option<Secret>,
    ) -> Result<LoggedIn, Error> {
        let with = |factor| Credentials::Password { password: password.clone(), factor };
        if let Some(token) = self.remembered_token().await {
            match self.approved(with(SecondFactor::MfaToken(token.clone()))).await {
                Err(Error::LogInRefused(failure)) if self.forget_if_stale(&failure, token).await => {}
                done => return done,
            }
        }
        self.approved(with(passcode.map_or(SecondFactor::Push, SecondFactor::Passcode))).await
    }

    /// Shows a password, which may have to be approved on a phone: then that is said.
    async fn approved(self: &Arc<Self>, credentials: Credentials) -> Result<LoggedIn, Error> {
        let mut shown = std::pin::pin!(self.show(credentials));
        match timeout(APPROVAL_NOTICE_AFTER, &mut shown).await {
            Ok(done) => done,
            Err(_) => {
                self.person.say("waiting for you to approve the log-in on your phone".to_owned());
                shown.await
            }
        }
    }

    async fn remembered_token(self: &Arc<Self>) -> Option<Secret> {
        let logins = Arc::clone(self);
        // A panic in there is in the log.
        spawn_blocking(move || logins.remembered.token()).await.ok().flatten()
    }

    async fn remember(self: &Arc<Self>, token: Option<Secret>) {
        let Some(token) = token else { return };
        let logins = Arc::clone(self);
        // A panic in there is in the log.
        let _ = spawn_blocking(move || logins.remembered.keep(&token)).await;
    }

    /// Forgets a token if that is what was refused; gives whether it was.
    async fn forget_if_stale(self: &Arc<Self>, failure: &Failure, token: Secret) -> bool {
        if NOT_THE_TOKEN.contains(&failure.code.as_str()) {
            return false;
        }
        tracing::info!(code = failure.code, "a remembered log-in is good no more");
        let logins = Arc::clone(self);
        // A panic in there is in the log.
        let _ = spawn_blocking(move || logins.remembered.forget(&token)).await;
        true
    }

    /// How long a refusal stands before the same credentials are shown again.
    fn refusal_pause(&self) -> Duration {
        match self.settings.authenticator {
            Authenticator::ExternalBrowser => BROWSER_REFUSED_PAUSE,
            _ => REFUSED_PAUSE,
        }
    }

    fn has_password(&self) -> bool {
        matches!(self.settings.authenticator, Authenticator::Password(_))
    }

    fn takes_long(&self) -> BackendError {
        if let Some(notice) = self.person.notice() {
            return person::waiting(Some(notice));
        }
        let message = format!("Snowflake has not answered the log-in for {} s", LOG_IN_PATIENCE.as_secs());
        BackendError::new(ErrorKind::Unavailable, message).with_next_step(if self.has_password() {
            "if your phone asks you to approve the log-in, do so and call the tool again; to be asked less often, set \
             authenticator = \"username_password_mfa\" under [snowflake]"
        } else {
            "try again in a moment; if it goes on, check the network, and `host` and `proxy` under [snowflake]"
        })
    }
}

/// A session that is logged in.
pub(super) struct Counted(Arc<Logins>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The token of an earlier log-in, where it is that.
fn token_of(credentials: &Credentials) -> Option<&Secret> {
    match credentials {
        Credentials::IdToken(token) => Some(token),
        _ => None,
    }
}

fn crashed(why: &dyn std::fmt::Display) -> BackendError {
    BackendError::new(ErrorKind::Unavailable, format!("the log-in came to nothing: {why}"))
}
