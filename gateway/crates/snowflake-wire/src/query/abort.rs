//! Aborting queries.

use std::time::Duration;

use serde_json::json;
use tokio::time::sleep;
use tracing::debug;

use crate::error::codes::{Meaning, meaning};
use crate::error::{Error, Operation};
use crate::http::{Call, Payload};
use crate::ids::{QueryId, RequestId};
use crate::session::Session;

/// Questions in all where the server knows of no such query: an abort may overtake the submission.
const ATTEMPTS_MAX: u32 = 4;
/// Between those; each next pause doubles.
const PAUSE_MIN: Duration = Duration::from_millis(50);

/// What came of an abort.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Aborted {
    /// The server stops the query. Its waiters get [`Error::Statement`] with a failure that
    /// [`crate::Failure::is_aborted`].
    Accepted,
    /// There is no such query, or it is done.
    NotRunning,
}

impl Session {
    /// Aborts the query that was submitted as `request`.
    ///
    /// The first question goes out at once; where the server knows of no such query, up to three more follow
    /// within 350 ms, because the submission may be on its way.
    ///
    /// # Errors
    /// The server refuses, or cannot be asked.
    pub async fn abort(&self, request: RequestId) -> Result<Aborted, Error> {
        let body = Payload::Fixed(json!({ "requestId": request.to_string() }).to_string().into());
        let timeout = self.http().limits().answer_timeout;
        // A name of its own: this request is not the one that it aborts.
        let mut call = Call::post(Operation::Abort, "/queries/v1/abort-request", timeout)
            .named(RequestId::new())
            .with(body);
        call.counts_retries = true;
        let mut pause = PAUSE_MIN;
        for _ in 1..ATTEMPTS_MAX {
            if self.ask_to_abort(&call).await? == Aborted::Accepted {
                debug!(%request, "aborted");
                return Ok(Aborted::Accepted);
            }
            sleep(pause).await;
            pause *= 2;
        }
        self.ask_to_abort(&call).await
    }

    /// Aborts a query by the server's name for it, whichever session of this user runs it.
    ///
    /// # Errors
    /// As [`Session::abort`].
    pub async fn abort_query(&self, query: &QueryId) -> Result<Aborted, Error> {
        let path = format!("/queries/{query}/abort-request");
        let mut call = Call::post(Operation::Abort, &path, self.http().limits().answer_timeout)
            .named(RequestId::new())
            .with(Payload::Fixed("{}".into()));
        call.counts_retries = true;
        self.ask_to_abort(&call).await
    }

    async fn ask_to_abort(&self, call: &Call<'_>) -> Result<Aborted, Error> {
        let answer = self.call(call).await?;
        if answer.succeeded() {
            Ok(Aborted::Accepted)
        } else if meaning(answer.code()) == Meaning::NotExecuting {
            Ok(Aborted::NotRunning)
        } else {
            Err(Error::Refused { operation: call.operation, failure: Box::new(answer.failure()) })
        }
    }
}
