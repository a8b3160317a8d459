//! Logging in: what is asked for, and what comes back.

mod request;
mod response;

use std::collections::BTreeMap;

pub(crate) use response::Granted;

use crate::auth::{Credentials, Who};
use crate::error::{Error, Operation};
use crate::http::{Call, Http, Payload, Replay};
use crate::identity::Identity;
use crate::ids::RequestId;
use crate::secret::Secret;
use crate::session::Session;
use crate::settings::Account;
use crate::statement::ParameterValue;

/// A log-in.
#[derive(Clone, Debug)]
pub struct LogIn {
    /// The user; empty where the credentials name one, as OAuth tokens do.
    pub user: String,
    /// The proof.
    pub credentials: Credentials,
    /// The session's role; `None`: the user's default.
    pub role: Option<String>,
    /// The session's warehouse; `None`: the user's default.
    pub warehouse: Option<String>,
    /// The session's database; `None`: the user's default.
    pub database: Option<String>,
    /// The session's schema; `None`: the user's default.
    pub schema: Option<String>,
    /// `ALL` or `NONE`; `None`: the user's default.
    pub secondary_roles: Option<String>,
    /// Parameters of the session, as `ALTER SESSION SET` takes them.
    pub parameters: BTreeMap<String, ParameterValue>,
    /// Whether a token is asked for that replaces the browser, or the second factor, in later log-ins. An
    /// account may refuse.
    pub remember: bool,
}

impl LogIn {
    /// A log-in with the user's defaults.
    pub fn new(user: impl Into<String>, credentials: Credentials) -> Self {
        Self {
            user: user.into(),
            credentials,
            role: None,
            warehouse: None,
            database: None,
            schema: None,
            secondary_roles: None,
            parameters: BTreeMap::new(),
            remember: false,
        }
    }
}

/// What a log-in gave.
#[derive(Debug)]
#[non_exhaustive]
pub struct LoggedIn {
    /// The session.
    pub session: Session,
    /// The user as the account spells it.
    pub user: Option<String>,
    /// The server's version.
    pub server_version: Option<String>,
    /// Replaces the browser in later log-ins ([`Credentials::IdToken`]).
    pub id_token: Option<Secret>,
    /// Replaces the second factor in later log-ins ([`crate::SecondFactor::MfaToken`]).
    pub mfa_token: Option<Secret>,
}

/// Logs in.
pub(crate) async fn log_in(
    http: &Http,
    account: &Account,
    identity: &Identity,
    log_in: &LogIn,
) -> Result<Granted, Error> {
    let who = Who { account, identity, user: &log_in.user };
    let body = || Ok(request::body(&who, log_in)?);
    // The proof is tried here once, so that a bad key is an error before a connection is made.
    body()?;
    let limits = http.limits();
    let mut call = Call::post(Operation::LogIn, "/session/v1/login-request", limits.log_in_timeout)
        .named(RequestId::new())
        .with(Payload::Fresh(&body));
    call.query.extend(request::context(log_in));
    call.replay = if log_in.credentials.single_use() { Replay::UnlessProcessed } else { Replay::Safe };
    call.sensitive = true;
    let answer = http.exchange(&call, None).await?;
    if !answer.succeeded() {
        return Err(Error::LogInRefused(Box::new(answer.failure())));
    }
    let granted = Granted::read(&answer)?;
    tracing::info!(session_id = granted.session_id, host = http.host(), "logged in");
    Ok(granted)
}
