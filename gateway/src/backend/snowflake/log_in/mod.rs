//! Logging in: the same credentials for every connection, a refusal that is not repeated, and a user who is
//! asked once.
//!
//! Credentials that need no user's help are sent for every connection. Where the user must act, one log-in at
//! a time asks, in a task of its own, because users take longer than requests wait. Its session serves one
//! connection, and the token that the account may return with it logs the others in. Without such a token,
//! that one connection serves all.
//!
//! A log-in that was sent is always awaited, even if its request was stopped: a refusal must be recorded.

mod access_tokens;
mod browser;
mod credentials;
mod failure;
mod interactive;
mod oauth_page;
mod on_request;
mod refusals;
#[cfg(test)]
mod samples;
mod token_cache;
mod token_command;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::sync::{Mutex, OwnedMutexGuard};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout};
use tracing::Instrument;

#[cfg(test)]
pub(super) use samples::samples;

use self::access_tokens::AccessTokens;
use self::credentials::Found;
use self::failure::{crashed, no_password, waiting_for_user};
use self::interactive::InteractiveLogin;
use self::on_request::{FreshPasscode, TypedPassword};
use self::refusals::{RefusalCache, Sent, Stamp};
use self::token_cache::TokenCache;
use super::failure::IF_IT_KEEPS_FAILING;
use super::outages::Outages;
use super::refusal_codes::Refusal;
use super::session::{OpenSession, SessionTracker};
use super::settings::{Authenticator, Key, SnowflakeSettings};
use super::wall::LastStanding;
use crate::backend::{BackendError, ErrorKind};
use snowflake_wire::{Client, Credentials, Error, Failure, LogIn, SecondFactor, Secret, Settings};
use url::Url;

/// How long a request waits for a log-in, whatever that waits for. Less than a pool waits for a connection.
const LOG_IN_WAIT_MAX: Duration = Duration::from_secs(25);

/// A log-in with a password that takes longer than this is waiting for an approval on a phone.
const APPROVAL_NOTICE_AFTER: Duration = Duration::from_millis(500);

/// The caller asks for a connection again as soon as it hears that there is none: this keeps it from a busy
/// loop.
const EXHAUSTED_PAUSE: Duration = Duration::from_millis(20);

/// A token that Snowflake refuses as stale is replaced once.
const ACCESS_TOKENS_TRIED: usize = 2;

/// Logs in for all connections.
pub(super) struct LoginManager {
    client: Client,
    settings: SnowflakeSettings,
    pub(super) outages: Outages,
    tokens: TokenCache,
    /// The tokens of an OAuth server, where that is asked for them.
    access: Option<Arc<AccessTokens>>,
    /// Held by the log-in in progress until one has succeeded: the others wait for its outcome instead of
    /// repeating it.
    refusals: Arc<Mutex<RefusalCache>>,
    interactive: Arc<InteractiveLogin>,
    pub(super) sessions: Arc<SessionTracker>,
    /// What the account's own wall was found to be. Written by connections.
    pub(super) wall: LastStanding,
    /// Whether the last log-in that asked the user returned no token for further connections. Written by that
    /// log-in.
    one_connection_only: AtomicBool,
    /// A code that was typed just now, until a log-in takes it.
    fresh_passcode: FreshPasscode,
    /// The password that was typed, where the configuration has none.
    typed_password: TypedPassword,
}

/// What a log-in returned.
struct LoggedIn {
    session: OpenSession,
    /// Replaces the user's part in later log-ins.
    token: Option<Secret>,
}

/// Why the private key of `settings` cannot be used, if it has one. Nothing is sent; decrypting takes a moment.
pub(super) fn key_problem(settings: &SnowflakeSettings) -> Option<BackendError> {
    let is_missing = match &settings.authenticator {
        // Another warning says that.
        Authenticator::KeyPair { key: Key::File(file), .. } => !file.exists(),
        other => !matches!(other, Authenticator::KeyPair { .. }),
    };
    if is_missing { None } else { credentials::read(&settings.authenticator).err() }
}

/// The credentials of `authenticator`, read as a log-in does; `None` where only the user can log in. Blocks.
///
/// # Errors
/// A file cannot be read, or a key not be used.
pub(super) fn credentials_of(authenticator: &Authenticator) -> Result<Option<Credentials>, BackendError> {
    Ok(credentials::read(authenticator)?.map(|found| found.credentials))
}

impl LoginManager {
    /// # Errors
    /// Settings that cannot be used.
    pub(super) fn new(wire: &Settings, settings: SnowflakeSettings) -> Result<Self, Error> {
        let client = Client::new(wire)?;
        let host = client.host().to_owned();
        let kind = match settings.authenticator {
            Authenticator::ExternalBrowser => "id_token",
            _ => "mfa_token",
        };
        let access = match &settings.authenticator {
            Authenticator::OAuthClientCredentials(server) => {
                Some(AccessTokens::new(wire, server, None, false, &settings, &host)?)
            }
            Authenticator::OAuthAuthorizationCode { server, page, .. } => {
                Some(AccessTokens::new(wire, server, page.clone(), true, &settings, &host)?)
            }
            _ => None,
        };
        let tokens = TokenCache::new(settings.token_cache.clone(), &host, &settings.user, kind);
        let sessions = SessionTracker::new(settings.secondary_roles.as_deref());
        Ok(Self {
            client,
            settings,
            outages: Outages::default(),
            tokens,
            access: access.map(Arc::new),
            refusals: Arc::default(),
            interactive: Arc::default(),
            sessions: Arc::new(sessions),
            wall: LastStanding::default(),
            one_connection_only: AtomicBool::new(false),
            fresh_passcode: FreshPasscode::default(),
            typed_password: TypedPassword::default(),
        })
    }

    /// The server's name.
    pub(super) fn host(&self) -> &str {
        self.client.host()
    }

    /// Logs in.
    ///
    /// # Errors
    /// The server refuses, now or a while ago; the credentials cannot be read; the server cannot be reached;
    /// the user has not logged in yet; [`ErrorKind::Exhausted`].
    pub(super) async fn log_in(self: &Arc<Self>) -> Result<OpenSession, BackendError> {
        let logging_in = async {
            self.check_password()?;
            if self.settings.authenticator.asks_the_user() {
                self.log_in_with_user().await
            } else {
                self.log_in_alone().await
            }
        };
        let done = timeout(LOG_IN_WAIT_MAX, logging_in).await.unwrap_or_else(|_| Err(self.timed_out()));
        // Nobody is asked twice.
        let may_retry = !self.settings.authenticator.asks_the_user();
        done.map_err(|error| BackendError { may_retry: error.may_retry && may_retry, ..error })
    }

    /// Whether the configuration gives this parameter of sessions a value.
    pub(super) fn sets_parameter(&self, name: &str) -> bool {
        self.settings.session_parameters.contains_key(name)
    }

    /// What keeps it from working, for `status`.
    pub(super) fn problem(&self) -> Option<String> {
        if self.authenticator().lacks_password() {
            return Some("no password is known: `snowgate login` asks for it".to_owned());
        }
        let refused = || self.refusals.try_lock().ok()?.problem();
        self.interactive.notice().or_else(refused)
    }

    /// Logs in with what needs no user's help.
    async fn log_in_alone(self: &Arc<Self>) -> Result<OpenSession, BackendError> {
        let done = match &self.access {
            Some(access) => self.log_in_with_access(access).await?,
            None => self.log_in_without_user(|| self.read_credentials()).await?,
        };
        done.ok_or_else(|| crashed(&"there are no credentials"))
    }

    /// Logs in with an access token: the one that is there, or a new one if Snowflake refuses that; `None` if only
    /// the user can get one.
    async fn log_in_with_access(
        self: &Arc<Self>,
        access: &Arc<AccessTokens>,
    ) -> Result<Option<OpenSession>, BackendError> {
        for _ in 0..ACCESS_TOKENS_TRIED {
            if let Some(session) = self.log_in_without_user(|| access.current()).await? {
                return Ok(Some(session));
            }
        }
        Ok(None)
    }

    /// Logs in with credentials that need no user's help; `None` if there are none. A refusal counts for a
    /// while.
    async fn log_in_without_user<F>(
        self: &Arc<Self>,
        find: impl FnOnce() -> F,
    ) -> Result<Option<OpenSession>, BackendError>
    where
        F: Future<Output = Result<Option<Found>, BackendError>>,
    {
        let since = Instant::now();
        let mut refusals = Arc::clone(&self.refusals).lock_owned().await;
        let Found { credentials, stamp, is_new } = match find().await {
            Ok(Some(found)) => found,
            Ok(None) => return refusals.check(None, since).map(|()| None),
            Err(error) => {
                refusals.record_missing(&error);
                return Err(error);
            }
        };
        refusals.check(Some(&stamp), since)?;
        // Wrong passwords that are sent at the same time lock a user, too.
        let held = (!refusals.last_succeeded || self.has_password()).then_some(refusals);
        let manager = Arc::clone(self);
        let sending = async move { manager.send_and_record(credentials, stamp, is_new, held).await };
        tokio::spawn(sending.in_current_span()).await.unwrap_or_else(|error| Err(crashed(&error)))
    }

    /// Sends credentials to the server and records the outcome; `None` if they are a remembered token that is
    /// no longer valid.
    async fn send_and_record(
        self: Arc<Self>,
        credentials: Credentials,
        stamp: Stamp,
        is_new: bool,
        held: Option<OwnedMutexGuard<RefusalCache>>,
    ) -> Result<Option<OpenSession>, BackendError> {
        let token = self.replaceable(&credentials);
        let done = self.send(credentials).await;
        if let (Err(Error::LogInRefused(failure)), Some(token)) = (&done, token)
            && self.remove_if_stale(failure, token, is_new).await
        {
            return Ok(None);
        }
        let mut refusals = match held {
            Some(refusals) => refusals,
            None => self.refusals.clone().lock_owned().await,
        };
        let recorded = refusals.record(done, Sent::with(&self.settings.authenticator, stamp, false));
        drop(refusals);
        let logged_in = recorded?;
        self.store_token(logged_in.token).await;
        Ok(Some(logged_in.session))
    }

    /// Sends credentials to the server.
    async fn send(self: &Arc<Self>, credentials: Credentials) -> Result<LoggedIn, Error> {
        let mut wanted = LogIn::new(self.settings.user.clone(), credentials);
        wanted.role.clone_from(&self.settings.role);
        wanted.warehouse.clone_from(&self.settings.warehouse);
        wanted.database.clone_from(&self.settings.database);
        wanted.schema.clone_from(&self.settings.schema);
        wanted.secondary_roles.clone_from(&self.settings.secondary_roles);
        wanted.parameters.clone_from(&self.settings.session_parameters);
        // A user's or account's own setting may be false: then every write would open a transaction on a
        // shared session.
        wanted.parameters.insert("AUTOCOMMIT".to_owned(), true.into());
        wanted.remember = self.settings.authenticator.asks_the_user() && self.access.is_none();
        let done = self.client.log_in(&wanted).await;
        // A user who does not approve on the phone is no outage.
        if !(matches!(done, Err(Error::TimedOut { .. })) && wanted.remember) {
            self.outages.record(&done);
        }
        let done = done?;
        let token = match self.settings.authenticator {
            Authenticator::ExternalBrowser => done.id_token,
            _ => done.mfa_token,
        };
        Ok(LoggedIn { session: OpenSession::new(&self.sessions, done.session), token })
    }

    /// Reads the credentials that need no user's help, as they are now.
    async fn read_credentials(&self) -> Result<Option<Found>, BackendError> {
        let authenticator = self.authenticator();
        let found = spawn_blocking(move || credentials::read(&authenticator)).await;
        found.unwrap_or_else(|error| Err(crashed(&error)))
    }

    /// Logs in with the token of an earlier log-in, or else asks the user, unless there is a connection
    /// already.
    async fn log_in_with_user(self: &Arc<Self>) -> Result<OpenSession, BackendError> {
        loop {
            // It may have waited for a long time, and have ended meanwhile.
            if let Some(session) = self.interactive.take()
                && !session.wire().heartbeat().await.is_err_and(|error| error.ends_session())
            {
                return Ok(session);
            }
            if let Some(access) = &self.access {
                if let Some(session) = self.log_in_with_access(access).await? {
                    return Ok(session);
                }
            } else if matches!(self.settings.authenticator, Authenticator::ExternalBrowser) {
                let token =
                    || async { Ok(self.remembered_token().await.map(Credentials::IdToken).map(Found::of)) };
                if let Some(session) = self.log_in_without_user(token).await? {
                    return Ok(session);
                }
            } else {
                self.refusals.lock().await.check(None, Instant::now())?;
            }
            let may_ask = !self.sessions.has_open() || !self.one_connection_only.load(Ordering::Relaxed);
            let interactive = Arc::clone(&self.interactive);
            match interactive.log_in(may_ask, || Arc::clone(self).ask_the_user()).await {
                Ok(Some(session)) => return Ok(session),
                // Another request took the session; there may be a token by now.
                Ok(None) => {}
                Err(error) if error.kind == ErrorKind::Exhausted => {
                    sleep(EXHAUSTED_PAUSE).await;
                    return Err(error);
                }
                Err(error) => return Err(error),
            }
        }
    }

    /// Logs in with the user's help. Takes as long as the user does, within bounds.
    async fn ask_the_user(self: Arc<Self>) -> Result<OpenSession, BackendError> {
        // The log-in before this one may have been refused a moment ago.
        self.refusals.lock().await.check(None, Instant::now())?;
        let by_browser = matches!(self.settings.authenticator, Authenticator::ExternalBrowser);
        let done = match self.authenticator() {
            Authenticator::SecondFactor { password, passcode } => {
                self.with_second_factor(password, passcode).await
            }
            Authenticator::PasscodeInPassword(password) => {
                // Never with a remembered token: that goes with the password alone.
                let factor = SecondFactor::PasscodeInPassword;
                self.send_for_approval(Credentials::Password { password, factor }).await
            }
            Authenticator::OAuthAuthorizationCode { redirect, single_use_refresh_tokens, .. } => {
                return self.with_oauth_page(redirect.as_ref(), single_use_refresh_tokens).await;
            }
            _ => {
                let credentials =
                    self.interactive.log_in_with_browser(&self.client, &self.settings.user).await?;
                self.send(credentials).await
            }
        };
        let logged_in = self
            .refusals
            .lock()
            .await
            .record(done, Sent::with(&self.settings.authenticator, None, by_browser))?;
        self.store_token(logged_in.token).await;
        self.one_connection_only.store(self.remembered_token().await.is_none(), Ordering::Relaxed);
        Ok(logged_in.session)
    }

    /// Has the user log in on an OAuth server's page, and sends the token that the server returns for that.
    async fn with_oauth_page(
        self: &Arc<Self>,
        redirect: Option<&Url>,
        single_use: bool,
    ) -> Result<OpenSession, BackendError> {
        let access = self.access.as_ref().ok_or_else(|| crashed(&"there is no OAuth server"))?;
        let done = oauth_page::log_in(&self.interactive, access, redirect, single_use).await;
        let Found { credentials, stamp, .. } = match done {
            Ok(found) => found,
            Err(error) => {
                self.refusals.lock().await.record_missing(&error);
                return Err(error);
            }
        };
        let token = self.replaceable(&credentials);
        let done = self.send(credentials).await;
        if let (Err(Error::LogInRefused(failure)), Some(token)) = (&done, token) {
            self.remove_if_stale(failure, token, true).await;
        }
        let sent = Sent::with(&self.settings.authenticator, stamp, true);
        let logged_in = self.refusals.lock().await.record(done, sent)?;
        self.one_connection_only.store(!access.is_renewable().await, Ordering::Relaxed);
        Ok(logged_in.session)
    }

    /// Sends the password with the token of an earlier log-in; without one, with the passcode or for an
    /// approval on the phone.
    async fn with_second_factor(
        self: &Arc<Self>,
        password: Secret,
        passcode: Option<Secret>,
    ) -> Result<LoggedIn, Error> {
        let with = |factor| Credentials::Password { password: password.clone(), factor };
        if let Some(token) = self.remembered_token().await {
            match self.send_for_approval(with(SecondFactor::MfaToken(token.clone()))).await {
                Err(Error::LogInRefused(failure))
                    if self.remove_if_stale(&failure, token, false).await
                        && Refusal::of(&failure).names_factor() => {}
                done => return done,
            }
        }
        let passcode = self.fresh_passcode.take().or(passcode);
        self.send_for_approval(with(passcode.map_or(SecondFactor::Push, SecondFactor::Passcode))).await
    }

    /// Sends a password. If that takes long, an approval on the phone is expected, and the user is told so.
    async fn send_for_approval(self: &Arc<Self>, credentials: Credentials) -> Result<LoggedIn, Error> {
        let mut sending = std::pin::pin!(self.send(credentials));
        match timeout(APPROVAL_NOTICE_AFTER, &mut sending).await {
            Ok(done) => done,
            Err(_) => {
                self.interactive.announce("waiting for you to approve the log-in on your phone".to_owned());
                sending.await
            }
        }
    }

    async fn remembered_token(self: &Arc<Self>) -> Option<Secret> {
        let manager = Arc::clone(self);
        // A panic in it is in the log.
        spawn_blocking(move || manager.tokens.token()).await.ok().flatten()
    }

    async fn store_token(self: &Arc<Self>, token: Option<Secret>) {
        let Some(token) = token else { return };
        let manager = Arc::clone(self);
        let _ = spawn_blocking(move || manager.tokens.store(&token)).await;
    }

    /// Removes a token if the token is what was refused; returns whether it was.
    async fn remove_if_stale(self: &Arc<Self>, failure: &Failure, token: Secret, is_new: bool) -> bool {
        if let Some(access) = &self.access {
            return failure.is_stale_token() && access.forget(&token, is_new).await;
        }
        if !Refusal::of(failure).is_about_token() {
            return false;
        }
        tracing::info!(code = failure.code, "a remembered log-in is no longer valid");
        let manager = Arc::clone(self);
        // A panic in it is in the log.
        let _ = spawn_blocking(move || manager.tokens.remove(&token)).await;
        true
    }

    /// The token of an earlier log-in, or of the OAuth server, where it is that: there may be a better one.
    fn replaceable(&self, credentials: &Credentials) -> Option<Secret> {
        match credentials {
            Credentials::IdToken(token) => Some(token.clone()),
            Credentials::OAuth(token) if self.access.is_some() => Some(token.clone()),
            _ => None,
        }
    }

    /// How to log in, with the password that was typed where the configuration has none.
    fn authenticator(&self) -> Authenticator {
        self.settings.authenticator.clone().with_password(self.typed_password.get().as_ref())
    }

    /// Fails where the password is not known yet. Nothing is sent.
    fn check_password(&self) -> Result<(), BackendError> {
        if self.authenticator().lacks_password() { Err(no_password()) } else { Ok(()) }
    }

    fn has_password(&self) -> bool {
        matches!(self.settings.authenticator, Authenticator::Password(_))
    }

    fn timed_out(&self) -> BackendError {
        if let Some(notice) = self.interactive.notice() {
            return waiting_for_user(Some(notice));
        }
        let message = format!("Snowflake has not answered the log-in for {} s", LOG_IN_WAIT_MAX.as_secs());
        BackendError::new(ErrorKind::Unavailable, message).with_next_step(if self.has_password() {
            "if your phone asks you to approve the log-in, do so and call the tool again; to be asked less \
             often, set authenticator = \"username_password_mfa\" under [snowflake]"
        } else {
            IF_IT_KEEPS_FAILING
        })
    }
}
