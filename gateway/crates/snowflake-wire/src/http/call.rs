//! One exchange with the server, described.

use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::Replay;
use crate::error::{Error, Operation};
use crate::ids::RequestId;
use crate::secret::Secret;

/// What every answer but a query's status is asked for as.
const ACCEPT: &str = "application/snowflake";

/// What is sent, and how.
pub(crate) struct Call<'a> {
    pub(crate) operation: Operation,
    pub(crate) method: Method,
    /// From the root, `/`; it may have a query of its own.
    pub(crate) path: &'a str,
    pub(crate) query: Vec<(&'static str, String)>,
    pub(crate) accept: &'static str,
    pub(crate) payload: Payload<'a>,
    pub(crate) replay: Replay,
    /// From the request to the head of the answer.
    pub(crate) answer_timeout: Duration,
    /// All attempts and pauses together; `None`: what the retry policy gives.
    pub(crate) total_timeout: Option<Duration>,
    /// Whether the server is told which attempt this is, and why.
    pub(crate) counts_retries: bool,
    /// Whether the answer holds tokens, and is wiped after use.
    pub(crate) sensitive: bool,
    /// Once cancelled, what the server has not taken is not sent again.
    pub(crate) unless: Option<&'a CancellationToken>,
}

/// A request's body.
pub(crate) enum Payload<'a> {
    None,
    /// The same for every attempt.
    Fixed(Bytes),
    /// Made anew for every attempt: it holds a token that lives for seconds.
    Fresh(&'a (dyn Fn() -> Result<Bytes, Error> + Send + Sync)),
}

impl Payload<'_> {
    pub(super) fn body(&self) -> Result<Option<Bytes>, Error> {
        match self {
            Self::None => Ok(None),
            Self::Fixed(bytes) => Ok(Some(bytes.clone())),
            Self::Fresh(make) => make().map(Some),
        }
    }
}

impl<'a> Call<'a> {
    /// A `POST` that may be repeated.
    pub(crate) fn post(operation: Operation, path: &'a str, answer_timeout: Duration) -> Self {
        Self {
            operation,
            method: Method::POST,
            path,
            query: Vec::new(),
            accept: ACCEPT,
            payload: Payload::None,
            replay: Replay::Safe,
            answer_timeout,
            total_timeout: None,
            counts_retries: false,
            sensitive: false,
            unless: None,
        }
    }

    /// A `GET`.
    pub(crate) fn get(operation: Operation, path: &'a str, answer_timeout: Duration) -> Self {
        Self { method: Method::GET, ..Self::post(operation, path, answer_timeout) }
    }

    /// Names the request, the same on every attempt.
    pub(crate) fn named(mut self, request: RequestId) -> Self {
        self.query.push(("requestId", request.to_string()));
        self
    }

    /// Whether it is one of those that make a session.
    pub(super) fn logs_in(&self) -> bool {
        matches!(self.operation, Operation::LogIn | Operation::BrowserChallenge)
    }

    /// Waits before the next attempt; whether there is to be none. A request that the server may have acted
    /// on goes on: only so is it known what came of it.
    pub(super) async fn is_given_up_within(&self, pause: Duration, maybe_processed: bool) -> bool {
        match self.unless {
            Some(unless) if !maybe_processed => timeout(pause, unless.cancelled()).await.is_ok(),
            _ => {
                sleep(pause).await;
                false
            }
        }
    }

    /// Adds a body.
    pub(crate) fn with(mut self, payload: Payload<'a>) -> Self {
        self.payload = payload;
        self
    }
}

/// JSON of something that holds secrets: wiped when the request is done.
pub(crate) fn sensitive_json(value: &impl serde::Serialize) -> Bytes {
    // Room for all of it, so that growing leaves no copies behind.
    let mut json = zeroize::Zeroizing::new(Vec::with_capacity(SENSITIVE_BYTES));
    // Maps with string keys into memory: there is nothing that can fail.
    let _ = serde_json::to_writer(&mut *json, value);
    Bytes::from_owner(json)
}

/// Larger than any log-in but those with very long tokens.
const SENSITIVE_BYTES: usize = 16 << 10;

/// The header that shows a token.
pub(super) fn authorization(
    operation: Operation,
    token: &Secret,
) -> Result<reqwest::header::HeaderValue, Error> {
    let text = zeroize::Zeroizing::new(format!("Snowflake Token=\"{}\"", token.expose()));
    let mut header = reqwest::header::HeaderValue::from_str(&text).map_err(|_| {
        Error::malformed(operation, "the session's token has characters that no header may have")
    })?;
    header.set_sensitive(true);
    Ok(header)
}
