//! Snowflake: one account, one user's credentials, as many sessions as the pool has connections.
//!
//! The crate `snowflake-wire` speaks the driver protocol and knows nothing of Snowgate. `log_in/` shares credentials and asks a person once,
//! `health` keeps an outage from making everybody wait, `connection` has a session and puts a request's context in place
//! (`context`, `names`), `run` runs one request on it, `catalog` has the statements behind the tools, `class` knows which
//! statements change nothing.

mod catalog;
mod class;
mod connection;
mod context;
mod failure;
mod health;
mod log_in;
mod names;
mod run;
mod session;
mod settings;
mod shorten;
mod stop;
mod tag;

use std::sync::Arc;
use std::time::Duration;

pub use settings::{Authenticator, Key, SnowflakeSettings, Token};
use snowgate_link::BUILD;
use tokio::time::timeout;

use self::connection::SnowflakeConnection;
use self::failure::of_connection;
use self::log_in::Logins;
use super::{Backend, BackendError, BackendStatus, BoxFuture, Connection, Context};
use snowflake_wire::{Client, Identity, RetryPolicy, Settings};

/// How long a gateway that leaves waits for its goodbyes to the server.
const GOODBYE_TIMEOUT: Duration = Duration::from_secs(2);

/// How often and how long an exchange is tried again: an agent waits for it, and can ask again itself.
const RETRY: RetryPolicy = RetryPolicy {
    attempts_max: 5,
    pause_min: Duration::from_millis(100),
    pause_max: Duration::from_secs(2),
    total_max: Duration::from_secs(6),
};

/// An account of Snowflake.
pub struct SnowflakeBackend {
    logins: Arc<Logins>,
    target: String,
    read_only: bool,
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
        let client = Client::new(&wire).map_err(|error| of_connection(&error))?;
        let host = client.host().to_owned();
        let target = format!("account {}, user {} at {host}", settings.account.as_str(), settings.user);
        let read_only = settings.read_only;
        Ok(Self { logins: Arc::new(Logins::new(client, &host, settings)), target, read_only })
    }
}

impl Backend for SnowflakeBackend {
    fn kind(&self) -> &'static str {
        "snowflake"
    }

    /// Spells the names; whether they exist is seen when a connection goes there.
    fn resolve<'a>(&'a self, wanted: &'a Context) -> BoxFuture<'a, Result<Context, BackendError>> {
        Box::pin(async move { Ok(context::normalized(wanted)) })
    }

    fn completed(&self, context: &Context) -> Context {
        context::completed(context, &self.logins.base())
    }

    fn tells_contexts(&self) -> bool {
        true
    }

    /// A log-in may open a browser: not before somebody asks for something.
    fn connects_early(&self) -> bool {
        false
    }

    fn status(&self) -> BackendStatus {
        BackendStatus { target: Some(self.target.clone()), problem: self.logins.problem() }
    }

    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move {
            self.logins.goodbyes.close();
            if timeout(GOODBYE_TIMEOUT, self.logins.goodbyes.wait()).await.is_err() {
                tracing::warn!(left = self.logins.goodbyes.len(), "the warehouse does not hear our goodbyes");
            }
        })
    }

    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, BackendError>> {
        Box::pin(async move {
            let connection = SnowflakeConnection::open(Arc::clone(&self.logins), self.read_only).await?;
            Ok(Box::new(connection) as Box<dyn Connection>)
        })
    }
}
