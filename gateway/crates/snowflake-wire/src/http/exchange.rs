//! Exchanges: attempts, pauses between them, and the answer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, LOCATION, RETRY_AFTER,
};
use reqwest::{Request, Response};
use tokio::time::{Instant, timeout};
use tracing::debug;
use url::Url;
use uuid::Uuid;

use super::attempt_error::AttemptError;
use super::body::{self, Unread};
use super::call::Call;
use super::{Http, call, is_same_server};
use crate::envelope::Envelope;
use crate::error::{Error, Operation};
use crate::secret::Secret;

/// The header by which the server sends a session's requests to the same place again: it is sent back as it
/// came, as Snowflake's JDBC driver does.
const ROUTE: &str = "x-snowflake-session";

/// Bytes of it that are kept.
const ROUTE_BYTES_MAX: usize = 4 << 10;

/// What a request of a session shows.
pub(crate) struct Shown<'a> {
    pub(crate) token: &'a Secret,
    /// What the server last said in the header [`ROUTE`].
    pub(crate) route: Option<HeaderValue>,
}

/// Why an attempt gave no answer.
enum Failed {
    /// Another attempt may.
    Retryable(AttemptError),
    /// No other attempt will.
    Final(Error),
}

/// What the next attempt tells the server.
struct Attempt {
    number: u32,
    reason: u16,
    started_ms: u128,
}

impl Http {
    /// Sends `call` as often as it takes and is allowed, showing `shown`.
    ///
    /// # Errors
    /// No answer that is one; what the server refuses in an answer is for the caller to find in it.
    pub(crate) async fn exchange(
        &self,
        call: &Call<'_>,
        shown: Option<&Shown<'_>>,
    ) -> Result<Envelope, Error> {
        match call.total_timeout {
            None => self.attempts(call, shown).await,
            Some(after) => timeout(after, self.attempts(call, shown))
                .await
                .unwrap_or(Err(Error::TimedOut { operation: call.operation, after })),
        }
    }

    async fn attempts(&self, call: &Call<'_>, shown: Option<&Shown<'_>>) -> Result<Envelope, Error> {
        let (mut failing_since, mut maybe_processed) = (None, false);
        let mut attempt = Attempt { number: 1, reason: 0, started_ms: unix_ms() };
        loop {
            let error = match self.attempt(call, shown, &attempt).await {
                Ok(mut answer) => {
                    answer.maybe_processed_before = maybe_processed;
                    return Ok(answer);
                }
                Err(Failed::Final(error)) if maybe_processed => return Err(error.after_uncertain_attempt()),
                Err(Failed::Final(error)) => return Err(error),
                Err(Failed::Retryable(error)) => error,
            };
            maybe_processed |= !error.was_not_processed();
            let elapsed = failing_since.get_or_insert_with(Instant::now).elapsed();
            let pause = self.retry().pause(&error, call.replay, attempt.number, elapsed, dice());
            let Some(pause) = pause.filter(|_| !(call.logs_in() && error.is_forbidden())) else {
                return Err(error.into_error(call.operation, self.host(), maybe_processed));
            };
            attempt.reason = error.reason();
            attempt.number += 1;
            let (operation, status) = (call.operation, attempt.reason);
            debug!(?operation, attempt = attempt.number, status, ?pause, "trying again");
            if call.is_given_up_within(pause, maybe_processed).await {
                return Err(error.into_error(call.operation, self.host(), maybe_processed));
            }
        }
    }

    async fn attempt(
        &self,
        call: &Call<'_>,
        shown: Option<&Shown<'_>>,
        attempt: &Attempt,
    ) -> Result<Envelope, Failed> {
        let request = self.request(call, shown, attempt).map_err(Failed::Final)?;
        let response = self.send(request, call.answer_timeout).await.map_err(Failed::Retryable)?;
        let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
        let refused = AttemptError::Status { status, retry_after };
        if refused.is_without_answer() {
            return Err(Failed::Retryable(refused));
        }
        self.stays(call.operation, &response).map_err(Failed::Final)?;
        let route = route(response.headers());
        let body = self.body(call, response).await?;
        let mut answer = read_envelope(call.operation, refused, body)?;
        answer.route = route;
        Ok(answer)
    }

    /// Refuses an answer that sends the request to another server.
    fn stays(&self, operation: Operation, response: &Response) -> Result<(), Error> {
        let location = response.headers().get(LOCATION).and_then(|location| location.to_str().ok());
        let next = location.and_then(|location| response.url().join(location).ok());
        match next
            .filter(|next| response.status().is_redirection() && !is_same_server(&self.shared.base, next))
        {
            Some(next) => {
                let (host, to) = (self.host().to_owned(), next.host_str().unwrap_or_default().to_owned());
                Err(Error::Redirected { operation, host, to })
            }
            None => Ok(()),
        }
    }

    /// Sends `request` and waits for the head of its answer.
    pub(crate) async fn send(
        &self,
        request: Request,
        answer_timeout: Duration,
    ) -> Result<Response, AttemptError> {
        match timeout(answer_timeout, self.shared.client.execute(request)).await {
            Ok(sent) => sent.map_err(AttemptError::sending),
            Err(_) => Err(AttemptError::Silent(answer_timeout)),
        }
    }

    async fn body(&self, call: &Call<'_>, response: Response) -> Result<Bytes, Failed> {
        let limits = self.limits();
        let bytes_max = limits.answer_bytes_max;
        body::read(response, limits.stall_timeout, bytes_max, call.sensitive).await.map_err(|unread| {
            match unread {
                Unread::Failed(error) => Failed::Retryable(error),
                Unread::TooLarge => Failed::Final(Error::TooLarge {
                    operation: call.operation,
                    what: "the answer",
                    bytes_max,
                }),
            }
        })
    }

    fn request(
        &self,
        call: &Call<'_>,
        shown: Option<&Shown<'_>>,
        attempt: &Attempt,
    ) -> Result<Request, Error> {
        let url = self.url(call, attempt)?;
        let mut request = Request::new(call.method.clone(), url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(call.accept));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        if let Some(Shown { token, route }) = shown {
            headers.insert(AUTHORIZATION, call::authorization(call.operation, token)?);
            route.as_ref().map(|route| headers.insert(ROUTE, route.clone()));
        }
        if let Some(body) = call.payload.body()? {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.into());
        }
        Ok(request)
    }

    /// The address of one attempt: a name of its own (`request_guid`) next to the request's.
    fn url(&self, call: &Call<'_>, attempt: &Attempt) -> Result<Url, Error> {
        let mut url = self.local(call.operation, call.path)?;
        let mut query = url.query_pairs_mut();
        query.extend_pairs(&call.query);
        query.append_pair("request_guid", &Uuid::new_v4().to_string());
        if call.counts_retries {
            query.append_pair("clientStartTime", &attempt.started_ms.to_string());
        }
        if call.counts_retries && attempt.number > 1 {
            query.append_pair("retryCount", &(attempt.number - 1).to_string());
            query.append_pair("retryReason", &attempt.reason.to_string());
        }
        drop(query);
        Ok(url)
    }

    /// `path` on this server: a path that leads elsewhere would take the token there.
    fn local(&self, operation: Operation, path: &str) -> Result<Url, Error> {
        let base = &self.shared.base;
        match base.join(path) {
            Ok(url) if url.origin() == base.origin() => Ok(url),
            _ => Err(Error::malformed(operation, "the server's answer points to another server")),
        }
    }
}

/// The answer in `body`. A status other than 200 is still an answer if it has a code; `refused` is that
/// status.
fn read_envelope(operation: Operation, refused: AttemptError, body: Bytes) -> Result<Envelope, Failed> {
    let ok = matches!(refused, AttemptError::Status { status: 200, .. });
    match Envelope::parse(body) {
        Ok(envelope) if ok || envelope.has_code() => Ok(envelope),
        Err(error) if ok && error.is_eof() => Err(Failed::Retryable(AttemptError::Truncated)),
        Err(error) if ok => Err(Failed::Final(Error::malformed(
            operation,
            format!("the answer is not JSON at line {} column {}", error.line(), error.column()),
        ))),
        _ => Err(Failed::Retryable(refused)),
    }
}

/// Where the server wants the session's next requests to go.
fn route(headers: &HeaderMap) -> Option<HeaderValue> {
    let mut route = headers.get(ROUTE).filter(|route| route.len() <= ROUTE_BYTES_MAX)?.clone();
    route.set_sensitive(true);
    Some(route)
}

/// `Retry-After` in seconds. Its other form, a date, is no use with a clock that may be off, and is not read.
pub(crate) fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    headers.get(RETRY_AFTER)?.to_str().ok()?.trim().parse().ok().map(Duration::from_secs)
}

/// Random bits.
pub(crate) fn dice() -> u128 {
    Uuid::new_v4().as_u128()
}

pub(crate) fn unix_ms() -> u128 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis()
}
