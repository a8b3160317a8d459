//! A log-in that somebody asks for.

use snowflake_wire::Secret;

use super::BackendError;

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogInRequest {
    /// A code of the user's authenticator app, good for one log-in.
    pub passcode: Option<Secret>,
    /// The user's password, where the configuration has none. It is kept in memory, for this process alone.
    pub password: Option<Secret>,
    /// Whether to wait for the log-in that is under way, instead of starting one.
    pub joins: bool,
}

/// Why nobody is logged in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogInError {
    /// What happened, and what to do.
    pub error: BackendError,
    /// What it waits for.
    pub needs: LogInNeed,
}

/// What a log-in waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogInNeed {
    /// Nothing: it is over.
    Nothing,
    /// A passcode in the request.
    Passcode,
    /// A password in the request: the configuration has none.
    Password,
    /// Nothing: the backend, or the authenticator in use, has no such log-in.
    Unsupported,
    /// The user, in a browser or on a phone; it goes on meanwhile.
    User,
}
