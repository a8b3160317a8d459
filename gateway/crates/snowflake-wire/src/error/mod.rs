//! Every way in which this client fails.

pub(crate) mod codes;
mod failure;
mod file_transfer;
mod key;
mod operation;
mod settings;
mod token;

use std::sync::Arc;
use std::time::Duration;

pub use failure::{Failure, Position};
pub use file_transfer::FileTransfer;
pub use key::KeyError;
pub use operation::Operation;
pub use settings::SettingsError;
pub use token::TokenRefusal;

/// What went wrong. No variant holds a token, an address with a signature, or the text of a statement; only a
/// [`Failure`]'s message may quote one.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// A setting cannot be used. Nothing was sent.
    #[error("the connection's settings cannot be used")]
    Settings(#[from] SettingsError),
    /// The private key cannot be used. Nothing was sent.
    #[error("the private key cannot be used")]
    Key(#[from] KeyError),
    /// The statement moves files between this machine and a stage. Nothing was sent.
    #[error("{0} statements read or write files on this machine and are never sent")]
    FileTransfer(FileTransfer),
    /// The server refused the statement, or it failed while it ran.
    #[error("{0}")]
    Statement(Box<Failure>),
    /// The server refused the log-in. Trying again with the same credentials fails again.
    #[error("the log-in was refused: {0}")]
    LogInRefused(Box<Failure>),
    /// An OAuth server returned no token. Trying again with the same credentials fails again.
    #[error("the OAuth server {0}")]
    TokenRefused(Box<TokenRefusal>),
    /// The session is lost with all its state: temporary tables, variables, an open transaction.
    #[error("the session has ended, log in again: {0}")]
    LogInAgain(Box<Failure>),
    /// The server refused something else.
    #[error("cannot {operation}: {failure}")]
    Refused {
        /// What was refused.
        operation: Operation,
        /// What the server said.
        failure: Box<Failure>,
    },
    /// This session was closed here.
    #[error("the session is closed")]
    Closed,
    /// Renewing the session failed for all that waited for it; the session may still be good.
    #[error("cannot renew the session")]
    Renewal(#[source] Arc<Error>),
    /// No connection, or it broke, as often as it was tried.
    #[error("cannot {operation}: no working connection to {host}")]
    Unreachable {
        /// What was tried.
        operation: Operation,
        /// The server's name.
        host: String,
        /// Whether the server may have processed an attempt.
        maybe_processed: bool,
        /// The last attempt's failure.
        #[source]
        source: Cause,
    },
    /// The server's certificate is not trusted; not tried again.
    #[error("cannot {operation}: the certificate of {host} is not trusted by this system")]
    Untrusted {
        /// What was tried.
        operation: Operation,
        /// The server's name.
        host: String,
        /// What is wrong with it.
        #[source]
        source: Cause,
    },
    /// An HTTP status instead of an answer.
    #[error("cannot {operation}: the server answered HTTP {status}")]
    Status {
        /// What was tried.
        operation: Operation,
        /// The status of the last attempt.
        status: u16,
        /// When the server wants to be asked again, where it said so.
        retry_after: Option<Duration>,
        /// Whether the server may have processed an attempt.
        maybe_processed: bool,
    },
    /// The server sends the request on to another one. It is not followed: it would get credentials, tokens or
    /// the statement.
    #[error("cannot {operation}: {host} redirects to another host ({to}), which is not followed")]
    Redirected {
        /// What was tried.
        operation: Operation,
        /// The server's name.
        host: String,
        /// The other's name.
        to: String,
    },
    /// The server said nothing for too long.
    #[error("cannot {operation}: no answer within {after:?}")]
    TimedOut {
        /// What was tried.
        operation: Operation,
        /// The wait that ran out.
        after: Duration,
    },
    /// The query still runs after all the time there was for it. It goes on until it is aborted.
    #[error("the query still runs after {after:?}")]
    StillRunning {
        /// The wait that ran out.
        after: Duration,
    },
    /// An answer larger than its bound.
    #[error("cannot {operation}: {what} is larger than {bytes_max} bytes")]
    TooLarge {
        /// What was tried.
        operation: Operation,
        /// What is too large.
        what: &'static str,
        /// The bound, in bytes.
        bytes_max: usize,
    },
    /// An answer that is not what the protocol says.
    #[error("cannot {operation}: {detail}")]
    Malformed {
        /// What was tried.
        operation: Operation,
        /// What is wrong with it; never its content.
        detail: String,
    },
    /// The result came in a format that this client does not read.
    #[error(
        "the result came as {format}, which is not supported; ask for JSON with the session parameter that \
         sets the result format"
    )]
    Format {
        /// The format's name.
        format: String,
    },
    /// Reading the result failed earlier; it has no further rows.
    #[error("reading the result has already failed")]
    GivenUp,
    /// An earlier attempt of the same request may have been carried out, and its answer is lost.
    #[error("{0}; the server may have processed an earlier attempt")]
    MaybeProcessed(#[source] Box<Error>),
    /// The runtime stopped the work.
    #[error("cannot {operation}: the program is stopping")]
    Stopped {
        /// What was tried.
        operation: Operation,
    },
}

impl Error {
    /// What the server said, if it is the server that refused.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Statement(failure) | Self::LogInRefused(failure) | Self::LogInAgain(failure) => {
                Some(failure)
            }
            Self::Refused { failure, .. } => Some(failure),
            Self::Renewal(cause) => cause.failure(),
            Self::MaybeProcessed(last) => last.failure(),
            _ => None,
        }
    }

    /// Whether the session is lost and a new log-in is needed.
    pub fn ends_session(&self) -> bool {
        match self {
            Self::LogInAgain(_) | Self::Closed => true,
            Self::MaybeProcessed(last) => last.ends_session(),
            _ => false,
        }
    }

    /// Whether the server certainly did not process the request.
    pub fn was_not_processed(&self) -> bool {
        match self {
            Self::Unreachable { maybe_processed, .. } | Self::Status { maybe_processed, .. } => {
                !maybe_processed
            }
            // The request was refused because of its session, or never sent.
            Self::Settings(_)
            | Self::Key(_)
            | Self::FileTransfer(_)
            | Self::LogInRefused(_)
            | Self::TokenRefused(_)
            | Self::LogInAgain(_)
            | Self::Closed
            | Self::Renewal(_)
            | Self::Redirected { .. }
            | Self::Untrusted { .. } => true,
            _ => false,
        }
    }

    /// Whether the network or the server's state is at fault, so that the same may work later.
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            // HTTP 500 is the answer to one request; it says nothing of others.
            Self::Status { status, .. } => matches!(status, 408 | 429 | 502..=599),
            Self::Renewal(cause) => cause.is_outage(),
            Self::MaybeProcessed(last) => last.is_outage(),
            _ => false,
        }
    }

    /// This error, of a request of which an earlier attempt may have been carried out.
    pub(crate) fn after_uncertain_attempt(self) -> Self {
        match self {
            // Of an answer to the request itself there is no doubt.
            Self::Statement(_) => self,
            _ if self.was_not_processed() => Self::MaybeProcessed(Box::new(self)),
            _ => self,
        }
    }

    pub(crate) fn malformed(operation: Operation, detail: impl Into<String>) -> Self {
        Self::Malformed { operation, detail: detail.into() }
    }
}

/// A library's own error, without the address it happened at, which may hold a signature.
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
pub struct Cause(Box<dyn std::error::Error + Send + Sync>);

impl From<reqwest::Error> for Cause {
    fn from(error: reqwest::Error) -> Self {
        Self(Box::new(error.without_url()))
    }
}

impl From<std::io::Error> for Cause {
    fn from(error: std::io::Error) -> Self {
        Self(Box::new(error))
    }
}
