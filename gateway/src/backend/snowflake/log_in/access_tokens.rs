//! Access tokens of an OAuth server: one for all connections, renewed by one request at a time.
//!
//! A token is used until it expires or Snowflake refuses it. Then the server is asked for the next: for the
//! client's own secret, or for a refresh token, which is remembered like other log-ins and replaced by each new
//! one that the server returns with it. Where neither works, only the user can get one.
//!
//! A request for a token runs in a task of its own, even if whoever asked has gone: a refresh token may be good
//! for one use, and what came for it must be kept.

use std::sync::Arc;
use std::time::Duration;

use sha2::{Digest, Sha256};
use tokio::sync::Mutex;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, timeout};
use tracing::Instrument;

use super::credentials::Found;
use super::failure::crashed;
use super::token_cache::TokenCache;
use crate::backend::snowflake::failure::of_connection;
use crate::backend::snowflake::settings::{OAuthServer as ServerSettings, SnowflakeSettings};
use crate::backend::{BackendError, ErrorKind};
use snowflake_wire::{
    Credentials, Error, OAuthClient, OAuthServer, OAuthTokens, Operation, Secret, Settings,
};
use url::Url;

/// All attempts of one request for a token. Less than a request waits for a log-in.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(20);

/// How long after a refusal the server is not asked again; after one of its page; after an outage.
const REFUSED_PAUSE: Duration = Duration::from_secs(60);
const PAGE_REFUSED_PAUSE: Duration = Duration::from_secs(30);
const OUTAGE_PAUSE: Duration = Duration::from_secs(2);

/// A token is renewed that long before it expires, or after nine tenths of its time.
const MARGIN_MAX: Duration = Duration::from_secs(60);

/// The access tokens of one client at one OAuth server.
pub(super) struct AccessTokens {
    pub(super) server: OAuthServer,
    /// Where tokens are remembered that a user has logged in for; `None`: the client's own secret is enough.
    remembered: Option<Remembered>,
    /// Held while the server is asked, so that one request asks and the others wait for what it gets.
    state: Mutex<State>,
}

struct Remembered {
    access: TokenCache,
    refresh: TokenCache,
}

#[derive(Default)]
struct State {
    access: Option<Access>,
    /// Why the last request got no token, and until when there is no other.
    failed: Option<(Instant, BackendError)>,
}

struct Access {
    token: Secret,
    /// When it is renewed; `None`: when it is refused.
    renew_at: Option<Instant>,
}

impl AccessTokens {
    /// Those of `client`. `page` is where a user logs in; `is_users` says whether one does.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub(super) fn new(
        wire: &Settings,
        client: &ServerSettings,
        page: Option<Url>,
        is_users: bool,
        settings: &SnowflakeSettings,
        host: &str,
    ) -> Result<Self, Error> {
        let server = OAuthServer::new(
            wire,
            OAuthClient {
                token_url: client.token_url.clone(),
                page,
                id: client.client_id.clone(),
                secret: client.client_secret.clone(),
                scope: client.scope.clone(),
                credentials_in_body: client.credentials_in_body,
            },
        )?;
        // A token of another client or for other scopes is another log-in.
        let digest: [u8; 32] = Sha256::digest(server.identity().as_bytes()).into();
        let identity: String = digest[..8].iter().map(|byte| format!("{byte:02x}")).collect();
        let cache = |kind: &str| {
            TokenCache::new(settings.token_cache.clone(), host, &settings.user, &format!("{kind}:{identity}"))
        };
        let remembered = is_users.then(|| Remembered {
            access: cache("oauth_access_token"),
            refresh: cache("oauth_refresh_token"),
        });
        Ok(Self { server, remembered, state: Mutex::default() })
    }

    /// The token to log in with, a new one where there must be; `None`: only the user can get one.
    ///
    /// # Errors
    /// The server refuses the client, or cannot be reached, now or a moment ago.
    pub(super) async fn current(self: &Arc<Self>) -> Result<Option<Found>, BackendError> {
        let tokens = Arc::clone(self);
        let asking = tokio::spawn(async move { tokens.find().await }.in_current_span());
        asking.await.unwrap_or_else(|error| Err(crashed(&error)))
    }

    async fn find(self: &Arc<Self>) -> Result<Option<Found>, BackendError> {
        let mut state = self.state.lock().await;
        if let Some(access) = &state.access
            && access.renew_at.is_none_or(|at| Instant::now() < at)
        {
            return Ok(Some(found(&access.token, false)));
        }
        if state.access.take().is_none()
            && let Some(token) = self.load(|remembered| &remembered.access).await
        {
            state.access = Some(Access { token: token.clone(), renew_at: None });
            return Ok(Some(found(&token, false)));
        }
        if let Some((until, error)) = &state.failed
            && Instant::now() < *until
        {
            return Err(error.clone());
        }
        let done = self.renew().await;
        state.failed = None;
        match done {
            Ok(Some(tokens)) => Ok(Some(found(&self.keep(&mut state, tokens).await, true))),
            Ok(None) => Ok(None),
            Err(error) => {
                let (error, pause) = self.failure(&error);
                state.failed = Some((Instant::now() + pause, error.clone()));
                Err(error)
            }
        }
    }

    /// Asks the server for a token without the user; `None`: it wants the user to log in.
    async fn renew(self: &Arc<Self>) -> Result<Option<OAuthTokens>, Error> {
        if self.remembered.is_none() {
            return self.within_timeout(self.server.client_credentials()).await.map(Some);
        }
        let Some(refresh) = self.load(|remembered| &remembered.refresh).await else { return Ok(None) };
        match self.within_timeout(self.server.refresh(&refresh)).await {
            Ok(tokens) => Ok(Some(tokens)),
            Err(Error::TokenRefused(refusal)) if refusal.is_spent_grant() => {
                tracing::info!(error = refusal.error, "a remembered log-in is no longer valid");
                self.change(move |remembered| remembered.refresh.remove(&refresh)).await;
                Ok(None)
            }
            Err(error) => Err(error),
        }
    }

    async fn within_timeout<T>(&self, asking: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        let after = REQUEST_TIMEOUT;
        timeout(after, asking).await.unwrap_or(Err(Error::TimedOut { operation: Operation::Token, after }))
    }

    /// Redeems what the browser has brought; returns what to log in with.
    ///
    /// # Errors
    /// The server refuses, or cannot be reached.
    pub(super) async fn redeem(
        self: &Arc<Self>,
        authorization: &snowflake_wire::Authorization,
        code: &Secret,
        single_use: bool,
    ) -> Result<Found, BackendError> {
        let done = self.within_timeout(self.server.redeem(authorization, code, single_use)).await;
        let mut state = self.state.lock().await;
        let tokens = done.map_err(|error| {
            let (error, pause) = self.failure(&error);
            state.failed = Some((Instant::now() + pause, error.clone()));
            error
        })?;
        state.failed = None;
        Ok(found(&self.keep(&mut state, tokens).await, true))
    }

    /// Has the server asked again at once: somebody wants another attempt.
    pub(super) async fn forget_failure(&self) {
        self.state.lock().await.failed = None;
    }

    /// Notes that the server's page has refused the user: another page does not open at once.
    pub(super) async fn note_refusal(&self, mut error: BackendError) -> BackendError {
        let pause = PAGE_REFUSED_PAUSE;
        error.message = format!("{} (no new page for {} s)", error.message, pause.as_secs());
        self.state.lock().await.failed = Some((Instant::now() + pause, error.clone()));
        error
    }

    /// Keeps what the server has returned; returns the access token. Without a new refresh token the one before
    /// stays good.
    async fn keep(self: &Arc<Self>, state: &mut State, tokens: OAuthTokens) -> Secret {
        let OAuthTokens { access, refresh, expires_in, .. } = tokens;
        let renew_at = expires_in.map(|time| Instant::now() + time.saturating_sub(MARGIN_MAX.min(time / 10)));
        state.access = Some(Access { token: access.clone(), renew_at });
        let remembered = access.clone();
        self.change(move |caches| {
            if let Some(refresh) = refresh {
                caches.refresh.store(&refresh);
            }
            caches.access.store(&remembered);
        })
        .await;
        access
    }

    /// Forgets an access token that Snowflake refuses as expired or unknown. `is_new`: it had just come, so the
    /// refresh token behind it is worth nothing either. Returns whether another way may work.
    pub(super) async fn forget(self: &Arc<Self>, token: &Secret, is_new: bool) -> bool {
        // The client's own secret gives no better one.
        if is_new && self.remembered.is_none() {
            return false;
        }
        let mut state = self.state.lock().await;
        if state.access.as_ref().is_some_and(|access| access.token == *token) {
            state.access = None;
        }
        let token = token.clone();
        self.change(move |remembered| {
            remembered.access.remove(&token);
            if is_new && let Some(refresh) = remembered.refresh.token() {
                remembered.refresh.remove(&refresh);
            }
        })
        .await;
        true
    }

    /// Whether a new token can be had without the user.
    pub(super) async fn is_renewable(self: &Arc<Self>) -> bool {
        self.remembered.is_none() || self.load(|remembered| &remembered.refresh).await.is_some()
    }

    async fn load(self: &Arc<Self>, cache: fn(&Remembered) -> &TokenCache) -> Option<Secret> {
        let tokens = Arc::clone(self);
        // A panic in it is in the log.
        spawn_blocking(move || cache(tokens.remembered.as_ref()?).token()).await.ok().flatten()
    }

    async fn change(self: &Arc<Self>, change: impl FnOnce(&Remembered) + Send + 'static) {
        let tokens = Arc::clone(self);
        // A panic in it is in the log.
        let _ = spawn_blocking(move || tokens.remembered.as_ref().map(change)).await;
    }

    /// The error, and how long the server is not asked again.
    fn failure(&self, error: &Error) -> (BackendError, Duration) {
        let address = self.server.address();
        let mut told = of_connection(error);
        let refused = |told: BackendError, next_step: String| (told.with_next_step(next_step), REFUSED_PAUSE);
        match error {
            Error::TokenRefused(_) => {
                told.kind = ErrorKind::Unavailable;
                told.message =
                    format!("{} (not asked again for {} s)", told.message, REFUSED_PAUSE.as_secs());
                refused(
                    told,
                    format!(
                        "check `oauth_client_id`, its secret (SNOWFLAKE_OAUTH_CLIENT_SECRET, or \
                         `oauth_client_secret` in connections.toml), `oauth_scope` and `oauth_token_request_url` \
                         ({address}), then run `snowgate restart` (`snowgate login` asks \
                         again at once); after a change of an environment variable, run \
                         `snowgate stop` and restart the client"
                    ),
                )
            }
            error if error.is_outage() || matches!(error, Error::Status { .. }) => {
                let next_step = format!(
                    "try again in a moment; if it keeps failing, check `oauth_token_request_url` ({address}), the \
                     network and the proxy"
                );
                (told.with_next_step(next_step), OUTAGE_PAUSE)
            }
            _ => refused(
                told,
                format!(
                    "check that `oauth_token_request_url` ({address}) is where your OAuth server returns tokens"
                ),
            ),
        }
    }
}

fn found(token: &Secret, is_new: bool) -> Found {
    let stamp = Some(Sha256::digest(token.expose().as_bytes()).into());
    Found { credentials: Credentials::OAuth(token.clone()), stamp, is_new }
}
