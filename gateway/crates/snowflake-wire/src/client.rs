//! The way in: a client of one account.

use std::fmt;
use std::sync::{Arc, Mutex};

use crate::auth::{BrowserChallenge, Who, challenge};
use crate::error::Error;
use crate::http::Http;
use crate::identity::Identity;
use crate::log_in::{LogIn, LoggedIn, log_in};
use crate::query_context::QueryContext;
use crate::settings::{Account, Settings};

/// A client of one account: it makes sessions. A clone shares its connections.
#[derive(Clone)]
pub struct Client {
    http: Http,
    account: Account,
    identity: Identity,
    /// What the sessions' statements carry back to the server.
    query_context: Arc<Mutex<QueryContext>>,
}

impl Client {
    /// Makes a client. Nothing is sent yet. It reads the system's root certificates, which takes some
    /// milliseconds: make one and clone it.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(settings: &Settings) -> Result<Self, Error> {
        let http = Http::new(settings)?;
        let (account, identity) = (settings.account.clone(), settings.identity.clone());
        Ok(Self { http, account, identity, query_context: Arc::default() })
    }

    /// The server's name.
    pub fn host(&self) -> &str {
        self.http.host()
    }

    /// Logs in and opens a session.
    ///
    /// Wrong credentials are tried once. What passes (no connection, HTTP 408, 429 and 5xx) is tried
    /// again within the retry policy; for credentials that are good for one use or that ask a person, only as
    /// long as the server cannot have seen them.
    ///
    /// # Errors
    /// [`Error::LogInRefused`] where the server refuses; [`Error::Key`] before anything is sent; anything
    /// that an exchange can fail with.
    pub async fn log_in(&self, wanted: &LogIn) -> Result<LoggedIn, Error> {
        let granted = log_in(&self.http, &self.account, &self.identity, wanted).await?;
        Ok(granted.into_logged_in(self.http.clone(), Arc::clone(&self.query_context)))
    }

    /// Asks for the page where a browser logs `user` in. The browser delivers the result to `port` on this
    /// machine.
    ///
    /// # Errors
    /// As [`Client::log_in`].
    pub async fn browser_challenge(&self, user: &str, port: u16) -> Result<BrowserChallenge, Error> {
        let who = Who { account: &self.account, identity: &self.identity, user };
        challenge(&self.http, &who, port).await
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("host", &self.http.host()).finish_non_exhaustive()
    }
}
