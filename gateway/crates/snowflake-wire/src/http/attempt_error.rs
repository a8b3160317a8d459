//! What can go wrong with one attempt, and what follows from it.

use std::error::Error as StdError;
use std::time::Duration;

use crate::error::{Cause, Error, Operation};

/// The status for an account that does not exist, and of a proxy or load balancer that lets nothing through.
const FORBIDDEN: u16 = 403;

/// A failed attempt.
#[derive(Debug)]
pub(crate) enum AttemptError {
    /// No connection: the server has seen nothing.
    NotConnected(Cause),
    /// The server's certificate is not trusted.
    Untrusted(Cause),
    /// The connection broke after the request may have been sent.
    Broken(Cause),
    /// No head of an answer, or no further piece of its body, for that long.
    Silent(Duration),
    /// The body ended too early.
    Truncated,
    /// A status that is no answer.
    Status { status: u16, retry_after: Option<Duration> },
}

impl AttemptError {
    /// Tells a library's error from a failed connection.
    pub(crate) fn sending(error: reqwest::Error) -> Self {
        if is_untrusted(&error) {
            Self::Untrusted(error.into())
        } else if error.is_connect() {
            Self::NotConnected(error.into())
        } else {
            Self::Broken(error.into())
        }
    }

    /// Whether another attempt may fare better. Of the statuses, those that Snowflake's own drivers take for
    /// passing (`isRetryableStatus` of gosnowflake, `is_retryable_http_code` of the Python connector): every
    /// 5xx, 408 and 429, and 403, with which its load balancers answer now and then.
    pub(super) fn may_pass(&self) -> bool {
        match self {
            Self::Untrusted(_) => false,
            Self::NotConnected(_) | Self::Broken(_) | Self::Silent(_) | Self::Truncated => true,
            Self::Status { status, .. } => matches!(status, 403 | 408 | 429 | 500..=599),
        }
    }

    /// Whether the body is not worth a look: what the status says is all there is.
    pub(super) fn is_without_answer(&self) -> bool {
        matches!(self, Self::Status { status, .. } if *status != FORBIDDEN) && self.may_pass()
    }

    /// Whether it says that there is no such account: then a log-in fares no better the next time.
    pub(super) fn is_forbidden(&self) -> bool {
        matches!(self, Self::Status { status: FORBIDDEN, .. })
    }

    /// Whether the server certainly did not act on the request.
    pub(crate) fn was_not_processed(&self) -> bool {
        match self {
            Self::NotConnected(_) | Self::Untrusted(_) => true,
            Self::Status { status, .. } => matches!(status, 401 | 429 | 503),
            Self::Broken(_) | Self::Silent(_) | Self::Truncated => false,
        }
    }

    /// The pause that the server asked for.
    pub(super) fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Status { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// What a retry tells the server it is for: the last HTTP status, 0 for none.
    pub(super) fn reason(&self) -> u16 {
        match self {
            Self::Status { status, .. } => *status,
            _ => 0,
        }
    }

    /// The error after the last attempt. `maybe_processed`: whether the server may have acted on one of them.
    pub(crate) fn into_error(self, operation: Operation, host: &str, maybe_processed: bool) -> Error {
        let host = host.to_owned();
        match self {
            Self::NotConnected(source) | Self::Broken(source) => {
                Error::Unreachable { operation, host, maybe_processed, source }
            }
            // An attempt before it may have come through.
            Self::Untrusted(source) if maybe_processed => {
                Error::Untrusted { operation, host, source }.after_uncertain_attempt()
            }
            Self::Untrusted(source) => Error::Untrusted { operation, host, source },
            Self::Silent(after) => Error::TimedOut { operation, after },
            Self::Truncated => Error::malformed(operation, "the answer ends too early"),
            Self::Status { status, retry_after } => {
                Error::Status { operation, status, retry_after, maybe_processed }
            }
        }
    }
}

/// Looks for a refused certificate among the causes. An `io::Error` is not the source of what it wraps: it is
/// looked into.
fn is_untrusted(error: &(dyn StdError + 'static)) -> bool {
    if let Some(tls) = error.downcast_ref::<rustls::Error>() {
        return matches!(tls, rustls::Error::InvalidCertificate(_));
    }
    let wrapped = error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref);
    match (wrapped, error.source()) {
        (Some(inner), _) => is_untrusted(inner),
        (None, Some(source)) => is_untrusted(source),
        (None, None) => false,
    }
}
