//! A request for tokens: its form, and the attempts to get an answer.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use bytes::Bytes;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use reqwest::{Method, Request};
use tokio::time::{Instant, sleep, timeout};
use zeroize::Zeroizing;

use super::{OAuthServer, OAuthTokens, answer};
use crate::error::{Error, Operation};
use crate::http::{AttemptError, Replay, Unread, dice, read_body, retry_after};

/// The longest answer that is read, in bytes.
pub(super) const ANSWER_BYTES_MAX: usize = 256 << 10;

/// Larger than any form but those with very long tokens, so that it does not grow and leave copies behind.
const FORM_BYTES: usize = 16 << 10;

pub(super) type Fields<'a> = Vec<(&'static str, &'a str)>;

pub(super) fn fields<'a, const N: usize>(
    fixed: [(&'static str, &'a str); N],
    more: Option<(&'static str, &'a str)>,
) -> Fields<'a> {
    fixed.into_iter().chain(more).collect()
}

impl OAuthServer {
    /// Sends `fields` as often as it takes and is allowed. What `may_repeat` is harmless to send twice.
    pub(super) async fn exchange(&self, fields: &Fields<'_>, may_repeat: bool) -> Result<OAuthTokens, Error> {
        let replay = if may_repeat { Replay::Safe } else { Replay::UnlessProcessed };
        let (mut attempts, mut failing_since, mut maybe_processed) = (1, None, false);
        loop {
            let error = match self.attempt(fields).await {
                Ok(done) => return done,
                Err(error) => error,
            };
            // That a 503 was not acted on is a promise of Snowflake's, not of every OAuth server.
            let is_unclear = matches!(error, AttemptError::Status { status: 503, .. });
            maybe_processed |= is_unclear || !error.was_not_processed();
            if is_unclear && !may_repeat {
                return Err(error.into_error(Operation::Token, self.host(), maybe_processed));
            }
            let elapsed = failing_since.get_or_insert_with(Instant::now).elapsed();
            let Some(pause) = self.retry.pause(&error, replay, attempts, elapsed, dice()) else {
                return Err(error.into_error(Operation::Token, self.host(), maybe_processed));
            };
            attempts += 1;
            tracing::debug!(attempt = attempts, ?pause, "asking the OAuth server again");
            sleep(pause).await;
        }
    }

    /// One attempt: an answer, whatever it says, or what may pass.
    async fn attempt(&self, fields: &Fields<'_>) -> Result<Result<OAuthTokens, Error>, AttemptError> {
        let request = match self.request(fields) {
            Ok(request) => request,
            Err(error) => return Ok(Err(error)),
        };
        let limit = self.limits.answer_timeout;
        let response = match timeout(limit, self.http.execute(request)).await {
            Ok(sent) => sent.map_err(AttemptError::sending)?,
            Err(_) => return Err(AttemptError::Silent(limit)),
        };
        let (status, retry_after) = (response.status().as_u16(), retry_after(response.headers()));
        // What these say is all there is; of the others the server gives a reason in the body.
        if matches!(status, 408 | 429 | 500..) {
            return Err(AttemptError::Status { status, retry_after });
        }
        match read_body(response, self.limits.stall_timeout, ANSWER_BYTES_MAX, true).await {
            Ok(body) => Ok(answer::read(self.host(), status, &body, fields)),
            Err(Unread::Failed(error)) => Err(error),
            Err(Unread::TooLarge) => Ok(Err(Error::TooLarge {
                operation: Operation::Token,
                what: "the answer",
                bytes_max: ANSWER_BYTES_MAX,
            })),
        }
    }

    fn request(&self, fields: &Fields<'_>) -> Result<Request, Error> {
        let mut request = Request::new(Method::POST, self.token_url.clone());
        let in_header = !self.credentials_in_body && self.secret.is_some();
        let headers = request.headers_mut();
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        headers.insert(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        if in_header {
            headers.insert(AUTHORIZATION, self.authorization_header()?);
        }
        let mut form = url::form_urlencoded::Serializer::new(String::with_capacity(FORM_BYTES));
        form.extend_pairs(fields);
        if !in_header {
            form.append_pair("client_id", &self.id);
            if let Some(secret) = &self.secret {
                form.append_pair("client_secret", secret.expose());
            }
        }
        *request.body_mut() = Some(Bytes::from_owner(Zeroizing::new(form.finish().into_bytes())).into());
        Ok(request)
    }

    /// Id and secret as they are, like Snowflake's own drivers send them.
    fn authorization_header(&self) -> Result<HeaderValue, Error> {
        let secret = self.secret.as_ref().map_or("", |secret| secret.expose());
        let pair = Zeroizing::new(format!("{}:{secret}", self.id));
        let text = Zeroizing::new(format!("Basic {}", BASE64_STANDARD.encode(pair.as_bytes())));
        let mut header = HeaderValue::from_str(&text)
            .map_err(|_| Error::malformed(Operation::Token, "the client's id or secret is not sendable"))?;
        header.set_sensitive(true);
        Ok(header)
    }

    pub(super) fn host(&self) -> &str {
        self.token_url.host_str().unwrap_or_default()
    }
}
