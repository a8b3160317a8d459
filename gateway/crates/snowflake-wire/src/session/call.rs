//! Exchanges in a session: they show its token, and renew it when the server says that it has expired.

use std::sync::Arc;

use tracing::debug;

use super::Session;
use crate::envelope::Envelope;
use crate::error::codes::{Meaning, meaning};
use crate::error::{Error, Failure};
use crate::http::Call;

/// Renewals that one exchange may need: a second one, for a token that expired while the exchange was
/// retried.
const RENEWALS_MAX: u32 = 2;

impl Session {
    /// Sends `call` with the session's token.
    ///
    /// # Errors
    /// No answer, or one that says that the session has ended. Other refusals are in the answer.
    pub(crate) async fn call(&self, call: &Call<'_>) -> Result<Envelope, Error> {
        // A refusal says nothing of the attempts before it, which the server may have acted on.
        let mut maybe_processed = false;
        let done = self.call_noting(call, &mut maybe_processed).await;
        if maybe_processed { done.map_err(Error::after_uncertain_attempt) } else { done }
    }

    async fn call_noting(&self, call: &Call<'_>, maybe_processed: &mut bool) -> Result<Envelope, Error> {
        for _ in 0..=RENEWALS_MAX {
            self.usable()?;
            let tokens = self.tokens().clone();
            let answer = self.http().exchange(call, Some(&self.shown(&tokens.session))).await;
            if let Ok(answer) = &answer {
                self.follow_route(answer);
            }
            *maybe_processed |= is_uncertain(&answer);
            match expiry(&answer) {
                Meaning::SessionExpired => {
                    debug!(operation = ?call.operation, session_id = self.id(), "the token has expired");
                    self.renew_after(tokens.generation).await?;
                }
                Meaning::LogInAgain => return Err(self.end(answer?.failure())),
                _ => return answer,
            }
        }
        // Refused each time, it was not carried out.
        let error = Error::malformed(call.operation, "the server refuses each token that it gave");
        Err(Error::Renewal(Arc::new(error)))
    }

    /// Like [`Session::call`], for exchanges whose refusal is an error.
    pub(crate) async fn ask(&self, call: &Call<'_>) -> Result<Envelope, Error> {
        let answer = self.call(call).await?;
        if answer.succeeded() {
            return Ok(answer);
        }
        Err(Error::Refused { operation: call.operation, failure: Box::new(answer.failure()) })
    }

    /// Records that the session has ended, and why: nothing is sent for it any more.
    pub(super) fn end(&self, failure: Failure) -> Error {
        let first = self.shared.ended.get_or_init(|| failure);
        debug!(session_id = self.id(), code = first.code, "the session has ended");
        Error::LogInAgain(Box::new(first.clone()))
    }

    pub(super) fn usable(&self) -> Result<(), Error> {
        if self.is_closed() {
            return Err(Error::Closed);
        }
        self.shared.ended.get().map_or(Ok(()), |failure| Err(Error::LogInAgain(Box::new(failure.clone()))))
    }
}

/// Whether the server may have acted on an attempt that had no answer.
fn is_uncertain(answer: &Result<Envelope, Error>) -> bool {
    match answer {
        Ok(answer) => answer.maybe_processed_before,
        Err(error) => !error.was_not_processed(),
    }
}

/// What an answer says of the session. HTTP 401 without a code is taken for an expired token:
/// renewing shows whether it is more than that.
fn expiry(answer: &Result<Envelope, Error>) -> Meaning {
    match answer {
        Ok(answer) if !answer.succeeded() => meaning(answer.code()),
        Err(Error::Status { status: 401, .. }) => Meaning::SessionExpired,
        _ => Meaning::Plain,
    }
}
