//! Snowflake: one account, one user's credentials, as many sessions as the pool has connections.
//!
//! The crate `snowflake-wire` speaks the driver protocol and knows nothing of Snowgate. Here, from the top:
//!
//! - `connection`: a session, and one request at a time on it. `context_switch`: brings the session to a
//!   request's context.
//! - `run/`: one request on one session. `class`: what a statement comes to, and whether it may run there. `held`:
//!   what it leaves on its session.
//! - `log_in/`: the credentials that all connections share, and the user, who is asked once.
//! - `session`: sessions that are kept alive and closed. `outages`: what shows that the server
//!   does not respond.
//! - `catalog`: the statements behind the tools. `wall`: what the account says that a session is. `context`,
//!   `names`, `tag`, `shorten`, `stop`, `failure`, `refusal_codes`, `hints`, `settings`: small parts.

mod catalog;
mod check_up;
mod class;
mod connection;
mod context;
mod context_switch;
mod cost;
mod failure;
mod held;
mod hints;
mod log_in;
mod names;
mod outages;
mod reader_sql;
mod refusal_codes;
mod run;
#[cfg(test)]
mod samples;
mod session;
mod settings;
mod stop;
mod tag;
mod wall;

use std::sync::Arc;
use std::time::Duration;

pub use check_up::{AccountCheckUp, LogInFault, LogInKind, LoggedInCheckUp, check_up, log_in_once};
pub use names::stored as stored_name;
pub use reader_sql::{ReaderSql, check_name, public_key_of};
#[cfg(test)]
pub(crate) use samples::samples;
pub use settings::{Authenticator, Key, OAuthServer, SnowflakeSettings, Token};
use snowgate_link::BUILD;
use tokio::time::timeout;

use self::connection::SnowflakeConnection;
use self::failure::of_connection;
use self::log_in::LoginManager;
use super::{
    Backend, BackendError, BackendStatus, BoxFuture, Connection, Context, Health, LogInError, LogInRequest,
};
use snowflake_wire::{Identity, RetryPolicy, Settings};
use sql_gate::Dialect;

/// How long a shutdown waits for the sessions to be closed on the server.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);

/// How long answers about the catalog are kept where nothing is set: `pool.metadata_cache_ms`.
const METADATA_KEPT_FOR: Duration = Duration::from_secs(5);

/// How often and how long an exchange is retried: short, because an agent waits and can call again.
const RETRY: RetryPolicy = RetryPolicy {
    attempts_max: 5,
    pause_min: Duration::from_millis(100),
    pause_max: Duration::from_secs(2),
    total_max: Duration::from_secs(6),
};

/// An account of Snowflake.
pub struct SnowflakeBackend {
    login_manager: Arc<LoginManager>,
    /// The account as its host has it, without case and underscores: in the config it may be written in other
    /// ways.
    account: String,
    /// Whose log-in it is, as the account compares names; empty where a token says it.
    user: String,
    target: String,
    read_only: bool,
}

/// Why the private key of `settings` cannot be used, and what to do; `None`: it can, or there is none. For a
/// command that checks the configuration: a log-in says the same.
pub fn key_problem(settings: &SnowflakeSettings) -> Option<String> {
    let BackendError { message, next_step, .. } = log_in::key_problem(settings)?;
    // For a person at a terminal; clients are not told where keys are.
    let file = match &settings.authenticator {
        Authenticator::KeyPair { key: Key::File(file), .. } => format!("{}: ", file.display()),
        _ => String::new(),
    };
    let next_step = next_step.map(|next_step| format!("; {next_step}")).unwrap_or_default();
    Some(format!("{file}{message}{next_step}"))
}

impl SnowflakeBackend {
    /// A backend; nothing is sent yet.
    ///
    /// # Errors
    /// Settings that cannot be used.
    pub fn new(settings: SnowflakeSettings) -> Result<Self, BackendError> {
        let mut wire = Settings::new(settings.account.clone(), Identity::new("Snowgate", BUILD));
        wire.host.clone_from(&settings.host);
        wire.port = settings.port;
        wire.protocol = settings.protocol;
        wire.proxy.clone_from(&settings.proxy);
        wire.retry = RETRY;
        let read_only = settings.read_only;
        let account = settings.account.as_str().to_ascii_lowercase().replace('_', "-");
        let name = settings.account.as_str();
        let user = settings.user.to_ascii_uppercase();
        // A token says whose it is.
        let who = match settings.user.as_str() {
            "" => format!("account {name}"),
            user => format!("account {name}, user {user}"),
        };
        let login_manager = LoginManager::new(&wire, settings).map_err(|error| of_connection(&error))?;
        let target = format!("{who} at {}", login_manager.host());
        Ok(Self { login_manager: Arc::new(login_manager), account, user, target, read_only })
    }
}

impl Backend for SnowflakeBackend {
    fn kind(&self) -> &'static str {
        "snowflake"
    }

    fn dialect(&self) -> Dialect {
        Dialect::Snowflake
    }

    fn stored_name(&self, name: &str) -> String {
        names::stored(name)
    }

    fn written_name(&self, stored: &str) -> String {
        names::written(stored)
    }

    fn account(&self) -> Option<&str> {
        Some(&self.account)
    }

    fn site(&self) -> Option<&str> {
        Some(&self.user)
    }

    fn reads_quoted_names(&self) -> bool {
        true
    }

    fn keeps_results(&self) -> bool {
        true
    }

    /// Spells the names; whether they exist is known once a connection switches to the context.
    fn resolve<'a>(&'a self, wanted: &'a Context) -> BoxFuture<'a, Result<Context, BackendError>> {
        Box::pin(async move { Ok(context::normalized(wanted)) })
    }

    fn completed(&self, context: &Context) -> Context {
        context::completed(context, &self.login_manager.sessions.base())
    }

    fn tells_contexts(&self) -> bool {
        true
    }

    fn metadata_kept_for(&self) -> Duration {
        METADATA_KEPT_FOR
    }

    /// A log-in may open a browser, so it waits for the first request.
    fn connects_early(&self) -> bool {
        false
    }

    fn status(&self) -> BackendStatus {
        BackendStatus {
            target: Some(self.target.clone()),
            problem: self.login_manager.problem(),
            wall: self.login_manager.wall.shown(),
        }
    }

    fn report_to(&self, health: Arc<dyn Health>) {
        self.login_manager.outages.report_to(health);
    }

    fn log_in(&self, request: LogInRequest) -> BoxFuture<'_, Result<(), LogInError>> {
        Box::pin(async move { self.login_manager.log_in_now(request).await })
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            let closing = &self.login_manager.sessions.closing;
            closing.close();
            if timeout(CLOSE_TIMEOUT, closing.wait()).await.is_err() {
                tracing::warn!(
                    sessions = closing.len(),
                    "some sessions could not be closed on the warehouse"
                );
            }
        })
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, BackendError>> {
        Box::pin(async move {
            let connection =
                SnowflakeConnection::open(Arc::clone(&self.login_manager), self.read_only).await?;
            Ok(Box::new(connection) as Box<dyn Connection>)
        })
    }
}
