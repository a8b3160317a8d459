//! Renewing a session's token: one at a time, for all who wait for it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, PoisonError};
use std::time::Duration;

use serde::Serialize;
use tracing::{Instrument, Span, info};

use super::{Session, Tokens};
use crate::envelope::Envelope;
use crate::error::codes::{Meaning, meaning};
use crate::error::{Error, Failure, Operation};
use crate::http::{Call, Payload, sensitive_json};
use crate::ids::RequestId;
use crate::secret::Secret;

const OPERATION: Operation = Operation::Renew;

/// Whose turn it is, and how the last renewal went.
#[derive(Default)]
pub(super) struct Renewals {
    /// Held by the renewal under way. Holds why the last one failed; `None`: it did not.
    last: tokio::sync::Mutex<Option<Arc<Error>>>,
    /// Counts those that ended, so that a waiter knows whether `last` is news to it.
    ended: AtomicU64,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Body<'a> {
    old_session_token: &'a str,
    request_type: &'static str,
}

impl Session {
    /// Renews the session's token now.
    ///
    /// # Errors
    /// [`Error::LogInAgain`] where the session cannot be renewed any more; anything that an exchange can fail
    /// with.
    pub async fn renew(&self) -> Result<(), Error> {
        let generation = self.tokens().generation;
        self.renew_after(generation).await
    }

    /// Replaces the tokens of `generation`, unless that has happened already. A call that waits for the
    /// renewal of another gets its outcome.
    ///
    /// It is a task of its own, so that a caller which stops waiting does not lose the new token for the
    /// others.
    pub(super) async fn renew_after(&self, generation: u64) -> Result<(), Error> {
        let session = self.clone();
        let seen = self.shared.renewals.ended.load(Ordering::Acquire);
        let turn = async move { session.take_turn(generation, seen).await }.instrument(Span::current());
        tokio::spawn(turn).await.unwrap_or(Err(Error::Stopped { operation: OPERATION }))
    }

    async fn take_turn(&self, generation: u64, seen: u64) -> Result<(), Error> {
        let renewals = &self.shared.renewals;
        let mut last = renewals.last.lock().await;
        self.usable()?;
        if self.tokens().generation != generation {
            return Ok(());
        }
        let ended_while_waiting = renewals.ended.load(Ordering::Acquire) != seen;
        if let (true, Some(error)) = (ended_while_waiting, &*last) {
            return Err(Error::Renewal(Arc::clone(error)));
        }
        let outcome = self.renew_now().await;
        renewals.ended.fetch_add(1, Ordering::AcqRel);
        match outcome {
            Err(error) if !error.ends_session() => {
                let error = Arc::new(error);
                *last = Some(Arc::clone(&error));
                Err(Error::Renewal(error))
            }
            other => {
                *last = None;
                other
            }
        }
    }

    async fn renew_now(&self) -> Result<(), Error> {
        let old = self.tokens().clone();
        let Some(master) = &old.master else {
            return Err(self.end(no_master()));
        };
        let body = sensitive_json(&Body { old_session_token: old.session.expose(), request_type: "RENEW" });
        let timeout = self.http().limits().answer_timeout;
        let mut call = Call::post(OPERATION, "/session/token-request", timeout)
            .named(RequestId::new())
            .with(Payload::Fixed(body));
        call.sensitive = true;
        let answer = self.http().exchange(&call, Some(&self.shown(master))).await?;
        self.follow_route(&answer);
        if !answer.succeeded() {
            return Err(self.renewal_refused(answer.failure()));
        }
        let new = old.renewed(granted(&answer)?);
        info!(session_id = self.id(), generation = new.generation, "renewed the session");
        *self.shared.tokens.lock().unwrap_or_else(PoisonError::into_inner) = new;
        Ok(())
    }

    /// A master token that is refused, or that has itself "expired", ends the session.
    fn renewal_refused(&self, failure: Failure) -> Error {
        match meaning(&failure.code) {
            Meaning::LogInAgain | Meaning::SessionExpired => self.end(failure),
            _ if failure.is_stale_token() => self.end(failure),
            _ => Error::Refused { operation: OPERATION, failure: Box::new(failure) },
        }
    }
}

fn granted(answer: &Envelope) -> Result<Tokens, Error> {
    let data = answer.data();
    let session = data
        .filled("sessionToken")
        .ok_or_else(|| Error::malformed(OPERATION, "the answer has no session token"))?;
    let seconds = |name| data.number(name).and_then(|s| u64::try_from(s).ok()).map(Duration::from_secs);
    Ok(Tokens::new(
        Secret::new(session),
        seconds("validityInSecondsST"),
        data.filled("masterToken").map(Secret::new),
        seconds("validityInSecondsMT"),
    ))
}

fn no_master() -> Failure {
    Failure {
        code: String::new(),
        sql_state: None,
        message: "the session's token has expired, and the server gave none to renew it with".into(),
        position: None,
        query_id: None,
    }
}
