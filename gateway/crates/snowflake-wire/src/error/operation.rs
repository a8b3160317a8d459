//! What was being done when something went wrong.

use std::fmt;

/// One kind of exchange with the server.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// Logging in.
    LogIn,
    /// Asking where a browser must go to log in.
    BrowserChallenge,
    /// Asking an OAuth server for a token.
    Token,
    /// Renewing the session's token.
    Renew,
    /// Keeping a session alive.
    Heartbeat,
    /// Closing a session.
    Close,
    /// Submitting a statement.
    Submit,
    /// Asking for the result of a query.
    Result,
    /// Asking how a query is doing.
    Status,
    /// Aborting a query.
    Abort,
    /// Downloading a part of a result.
    Download,
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::LogIn => "log in",
            Self::BrowserChallenge => "start a browser log-in",
            Self::Token => "get a token from the OAuth server",
            Self::Renew => "renew the session",
            Self::Heartbeat => "keep the session alive",
            Self::Close => "close the session",
            Self::Submit => "submit the statement",
            Self::Result => "fetch the result",
            Self::Status => "ask for the query's status",
            Self::Abort => "abort the query",
            Self::Download => "download the result",
        })
    }
}
