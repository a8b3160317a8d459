//! Exchanges: attempts, pauses between them, and the answer.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bytes::Bytes;
use reqwest::header::{
    ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue, RETRY_AFTER,
};
use reqwest::{Request, Response};
use tokio::time::{Instant, timeout};
use tracing::debug;
use url::Url;
use uuid::Uuid;

use super::attempt_error::AttemptError;
use super::body::{self, Unread};
use super::call::Call;
use super::{Http, call};
use crate::envelope::Envelope;
use crate::error::{Error, Operation};
use crate::secret::Secret;

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
    /// Sends `call` as often as it takes and is allowed, showing `token`.
    ///
    /// # Errors
    /// No answer that is one; what the server refuses in an answer is for the caller to find in it.
    pub(crate) async fn exchange(&self, call: &Call<'_>, token: Option<&Secret>) -> Result<Envelope, Error> {
        match call.total_timeout {
            None => self.attempts(call, token).await,
            Some(after) => timeout(after, self.attempts(call, token))
                .await
                .unwrap_or(Err(Error::TimedOut { operation: call.operation, after })),
        }
    }

    async fn attempts(&self, call: &Call<'_>, token: Option<&Secret>) -> Result<Envelope, Error> {
        let (mut failing_since, mut maybe_processed) = (None, false);
        let mut attempt = Attempt { number: 1, reason: 0, started_ms: unix_ms() };
        loop {
            let error = match self.attempt(call, token, &attempt).await {
                Ok(mut answer) => {
                    answer.maybe_processed_before = maybe_processed;
                    return Ok(answer);
                }
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
        token: Option<&Secret>,
        attempt: &Attempt,
    ) -> Result<Envelope, Failed> {
        let request = self.request(call, token, attempt).map_err(Failed::Final)?;
        let response = self.send(request, call.answer_timeout).await.map_err(Failed::Retryable)?;
        let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
        let refused = AttemptError::Status { status, retry_after };
        if refused.is_without_answer() {
            return Err(Failed::Retryable(refused));
        }
        let body = self.body(call, response).await?;
        read_envelope(call.operation, refused, body)
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

    fn request(&self, call: &Call<'_>, token: Option<&Secret>, attempt: &Attempt) -> Result<Request, Error> {
        let url = self.url(call, attempt)?;
        let mut request = Request::new(call.method.clone(), url);
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static(call.accept));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        if let Some(token) = token {
            headers.insert(AUTHORIZATION, call::authorization(call.operation, token)?);
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
