//! Tokens of an OAuth server (RFC 6749), with a proof for codes that a browser brings (RFC 7636).
//!
//! The server is another one than the account's as a rule, so it has an HTTP client of its own, which follows no
//! redirect: every request holds a secret.

mod answer;
mod authorization;
mod request;

use std::fmt;
use std::time::Duration;

pub use authorization::Authorization;
use reqwest::redirect;
use url::Url;

use crate::error::Error;
use crate::http;
use crate::secret::Secret;
use crate::settings::{Limits, Protocol, RetryPolicy, Settings};

/// Snowflake's own client for programs on a user's machine, known to every account's own server. Source:
/// `oauth_code.py` of snowflake-connector-python.
const LOCAL_APPLICATION: &str = "LOCAL_APPLICATION";

/// How this program is known to an OAuth server.
#[derive(Clone, Debug, Default)]
pub struct OAuthClient {
    /// Where the server returns tokens; `None`: the account's own server.
    pub token_url: Option<Url>,
    /// Its page for users; `None`: that of the account's own server.
    pub page: Option<Url>,
    /// The client's id; `None`: that of Snowflake's client for local applications.
    pub id: Option<String>,
    /// The client's secret; a public client has none.
    pub secret: Option<Secret>,
    /// The scopes to ask for, separated by spaces.
    pub scope: Option<String>,
    /// Whether id and secret are sent in the body instead of a header.
    pub credentials_in_body: bool,
}

/// An OAuth server. A clone shares its connections.
#[derive(Clone)]
pub struct OAuthServer {
    http: reqwest::Client,
    token_url: Url,
    page: Url,
    id: String,
    secret: Option<Secret>,
    scope: Option<String>,
    credentials_in_body: bool,
    retry: RetryPolicy,
    limits: Limits,
}

/// What a server returned.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct OAuthTokens {
    /// Logs in: [`crate::Credentials::OAuth`].
    pub access: Secret,
    /// Is exchanged for the next access token.
    pub refresh: Option<Secret>,
    /// How long the access token is good, if the server says so.
    pub expires_in: Option<Duration>,
}

impl OAuthServer {
    /// The server that `client` names, or that of the account of `settings`. Nothing is sent yet.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(settings: &Settings, client: OAuthClient) -> Result<Self, Error> {
        let base = settings.base()?;
        // A path without a host of its own: it cannot fail.
        let own = |path: &str| base.join(path).unwrap_or_else(|_| base.clone());
        let token_url = client.token_url.unwrap_or_else(|| own("/oauth/token-request"));
        let protocol = if token_url.scheme() == "http" { Protocol::Http } else { Protocol::Https };
        let (id, secret) = match client.id {
            Some(id) => (id, client.secret),
            None => (LOCAL_APPLICATION.to_owned(), Some(Secret::new(LOCAL_APPLICATION))),
        };
        Ok(Self {
            http: http::client(settings, protocol, redirect::Policy::none())?,
            token_url,
            page: client.page.unwrap_or_else(|| own("/oauth/authorize")),
            id,
            secret,
            scope: client.scope,
            credentials_in_body: client.credentials_in_body,
            retry: settings.retry.clone(),
            limits: settings.limits.clone(),
        })
    }

    /// Where it returns tokens, for messages.
    pub fn address(&self) -> String {
        let mut address = self.token_url.clone();
        address.set_query(None);
        address.set_fragment(None);
        address.into()
    }

    /// What tells its tokens from those of another server, client or scope.
    pub fn identity(&self) -> String {
        format!("{} {} {}", self.token_url, self.id, self.scope.as_deref().unwrap_or_default())
    }

    /// A token for the client itself.
    ///
    /// # Errors
    /// [`Error::TokenRefused`], or anything that an exchange can fail with.
    pub async fn client_credentials(&self) -> Result<OAuthTokens, Error> {
        let scope = self.scope.as_deref().map(|scope| ("scope", scope));
        self.exchange(&request::fields([("grant_type", "client_credentials")], scope), true).await
    }

    /// The tokens for a code that a browser has brought. A code is good for one use.
    ///
    /// # Errors
    /// As [`OAuthServer::client_credentials`].
    pub async fn redeem(
        &self,
        authorization: &Authorization,
        code: &Secret,
        single_use_refresh_tokens: bool,
    ) -> Result<OAuthTokens, Error> {
        let single_use = single_use_refresh_tokens.then_some(("enable_single_use_refresh_tokens", "true"));
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", code.expose()),
            ("redirect_uri", authorization.redirect.as_str()),
            ("code_verifier", authorization.verifier.expose()),
        ];
        self.exchange(&request::fields(fields, single_use), false).await
    }

    /// New tokens for a refresh token. That may be good for one use: it is sent again only if the server cannot
    /// have seen it.
    ///
    /// # Errors
    /// As [`OAuthServer::client_credentials`].
    pub async fn refresh(&self, token: &Secret) -> Result<OAuthTokens, Error> {
        let scope = self.scope.as_deref().map(|scope| ("scope", scope));
        let fields = [("grant_type", "refresh_token"), ("refresh_token", token.expose())];
        self.exchange(&request::fields(fields, scope), false).await
    }

    /// A log-in on its page, which ends at `redirect`.
    pub fn authorization(&self, redirect: &str) -> Authorization {
        Authorization::new(&self.page, &self.id, redirect, self.scope.as_deref())
    }
}

impl fmt::Debug for OAuthServer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OAuthServer").field("host", &self.token_url.host_str()).finish_non_exhaustive()
    }
}
