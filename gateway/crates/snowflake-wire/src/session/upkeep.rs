//! Keeping a session alive, and ending it.

use std::sync::atomic::Ordering;

use super::Session;
use crate::envelope::Envelope;
use crate::error::codes::{Meaning, meaning};
use crate::error::{Error, Operation};
use crate::http::{Call, Payload};
use crate::ids::RequestId;

impl Session {
    /// Tells the server that the session is in use, which extends what it can be renewed for. Snowflake's own
    /// clients do it every 15 to 60 minutes.
    ///
    /// # Errors
    /// [`Error::LogInAgain`] where the session has ended; anything that an exchange can fail with.
    pub async fn heartbeat(&self) -> Result<(), Error> {
        let timeout = self.http().limits().answer_timeout;
        let call = Call::post(Operation::Heartbeat, "/session/heartbeat", timeout).named(RequestId::new());
        self.ask(&call).await.map(drop)
    }

    /// Ends the session on the server, within [`crate::Limits::close_timeout`]; then nothing is sent for it
    /// any more, whatever came of it. Its running queries are aborted by the server, detached ones too.
    ///
    /// # Errors
    /// The server could not be told: it ends the session by itself hours later. A session that has ended
    /// already is no error.
    pub async fn close(&self) -> Result<(), Error> {
        if self.shared.closed.swap(true, Ordering::Relaxed) || self.shared.ended.get().is_some() {
            return Ok(());
        }
        let timeout = self.http().limits().close_timeout;
        let mut call = Call::post(Operation::Close, "/session", timeout).named(RequestId::new());
        call.query.push(("delete", "true".into()));
        call.payload = Payload::Fixed("{}".into());
        call.total_timeout = Some(timeout);
        let token = self.tokens().session.clone();
        match self.http().exchange(&call, Some(&self.shown(&token))).await {
            Ok(answer) if !is_over(&answer) => {
                Err(Error::Refused { operation: Operation::Close, failure: Box::new(answer.failure()) })
            }
            other => other.map(drop),
        }
    }
}

/// Whether the session is closed now, or was gone before. One whose token has expired is left to the server.
fn is_over(answer: &Envelope) -> bool {
    answer.succeeded() || matches!(meaning(answer.code()), Meaning::LogInAgain | Meaning::SessionExpired)
}
