//! Snowflake's driver protocol: log-in, statements, results.
//!
//! What Snowflake's own drivers speak, as far as a program needs it that runs statements for others: a
//! session that survives the expiry of its tokens, statements that can be submitted again after any failure
//! without running twice, aborted, looked at and fetched from another process, and results of any size within
//! fixed memory. There is no public specification. The sources are Snowflake's drivers, under the Apache
//! License 2.0: gosnowflake (`restful.go`, `retry.go`, `auth.go`, `async.go`, `chunk_downloader.go`) and
//! snowflake-connector-python (`network.py`).
//!
//! A [`Client`] logs in and makes a [`Session`]; that submits a [`Statement`] under a [`RequestId`] and gives
//! [`Progress`], and in the end an [`Answer`] with its [`Rows`].
//!
//! - `settings/`: where the server is, and every bound. `identity`, `ids`, `secret`: small types.
//! - `http/`: the pool of connections, one exchange, retries, bodies. `envelope`: the form that answers
//!   share.
//! - `auth/`, `log_in/`: proofs, and the log-in that shows one. `oauth/`: tokens of OAuth servers. `session/`:
//!   tokens, renewal, keeping alive.
//! - `statement/`, `query/`: what is submitted, and what becomes of it. `query_context`: what the server wants
//!   to hear again with the next statement.
//! - `answer/`, `rows/`, `render/`: columns, rows, cells as text. `stand_in/`: the scripted server.
//!
//! Invariant: no token, address with a signature, text of a statement or value of a parameter reaches a log
//! or a formatter. Invariant: a request that the server may have acted on is sent again only if it is the
//! same to the server.
//!
//! Deliberately absent: PUT and GET (a statement must not read or write files of the machine that sends it),
//! arrays of bound values, statements of several statements, Arrow, HTTP/2, telemetry, and any look at the
//! environment (but the TLS library heeds `SSL_CERT_FILE` and `SSL_CERT_DIR`).
//!
//! With the feature `stand-in`, the module `stand_in` is a scripted server for tests.

mod answer;
mod auth;
mod client;
mod column;
mod envelope;
mod error;
mod http;
mod identity;
mod ids;
mod log_in;
mod oauth;
mod query;
mod query_context;
mod render;
mod rows;
mod secret;
mod session;
mod settings;
#[cfg(feature = "stand-in")]
pub mod stand_in;
mod statement;
#[cfg(test)]
mod tests;

pub use answer::{Answer, StatementType};
pub use auth::{BrowserChallenge, Credentials, KeyPair, SecondFactor};
pub use client::Client;
pub use column::{Column, ColumnKind};
pub use error::{
    Cause, Error, Failure, FileTransfer, KeyError, Operation, Position, SettingsError, TokenRefusal,
};
pub use http::tls::config as tls_config;
pub use identity::Identity;
pub use ids::{QueryId, RequestId};
pub use log_in::{LogIn, LoggedIn};
pub use oauth::{Authorization, OAuthClient, OAuthServer, OAuthTokens};
pub use query::{Aborted, Progress, QueryState, QueryStatus, RunningQuery};
pub use rows::{Row, Rows};
pub use secret::Secret;
pub use session::{Session, SessionContext};
pub use settings::{Account, Limits, Protocol, Proxy, RetryPolicy, Settings};
pub use statement::{Binding, ParameterValue, Reading, Statement, Token, Tokens};
