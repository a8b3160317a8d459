//! Submitting a statement and waiting for its result.

use std::time::Duration;

use tokio::time::{Instant, sleep, timeout};
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::progress::{Progress, RunningQuery};
use super::reply;
use crate::answer::Answer;
use crate::error::{Error, Operation};
use crate::http::{Call, Payload};
use crate::ids::{QueryId, RequestId};
use crate::session::Session;
use crate::statement::Statement;

/// A server that answers faster than this does not hold the question, so that asking again at once would be a
/// storm.
const HELD_MIN: Duration = Duration::from_secs(1);
/// The first pause between questions that are not held; each next one doubles.
const PAUSE_MIN: Duration = Duration::from_millis(50);
/// The longest of those pauses.
const PAUSE_MAX: Duration = Duration::from_secs(5);

impl Session {
    /// Submits `statement` as `request`.
    ///
    /// A short statement is done when this returns. A long one still runs: the server answers after 45 s at
    /// most, or at once if the statement is [`Statement::detached`]. Then [`Session::finish`] waits for it,
    /// or [`Session::poll`] asks once.
    ///
    /// The server knows `request` again: submitting the same a second time, after a failure of the network,
    /// from another process, gives the first one's query, running or done. This retries by itself on that
    /// ground. Dropping the future leaves the query running; [`Session::abort`] ends it.
    ///
    /// # Errors
    /// [`Error::FileTransfer`] before anything is sent; [`Error::Statement`] where the server refuses it or
    /// it fails.
    pub async fn submit(&self, request: RequestId, statement: &Statement) -> Result<Progress, Error> {
        self.submit_unless(request, statement, &CancellationToken::new()).await
    }

    /// As [`Session::submit`]; once `stopped` is cancelled, a submission that the server has refused for the
    /// moment, or that did not reach it, is not sent again.
    ///
    /// # Errors
    /// As [`Session::submit`].
    pub async fn submit_unless(
        &self,
        request: RequestId,
        statement: &Statement,
        stopped: &CancellationToken,
    ) -> Result<Progress, Error> {
        let carried = self.query_context().dto();
        let body = statement.body(self.next_statement_number(), carried.as_ref())?;
        let timeout = self.http().limits().held_timeout;
        let mut call = Call::post(Operation::Submit, "/queries/v1/query-request", timeout)
            .named(request)
            .with(Payload::Fixed(body));
        call.counts_retries = true;
        call.unless = Some(stopped);
        debug!(%request, session_id = self.id(), "submitting");
        let answer = self.call(&call).await?;
        let progress = reply::read(self, Operation::Submit, &answer, true)?;
        debug!(%request, query_id = progress.query_id().map(QueryId::as_str), "submitted");
        Ok(progress)
    }

    /// Asks once for the result of `running`; the server holds the question for up to 45 s.
    ///
    /// # Errors
    /// [`Error::Statement`] where the query failed or was aborted.
    pub async fn poll(&self, running: &RunningQuery) -> Result<Progress, Error> {
        self.ask_for_result(&running.result_path, running.own).await
    }

    /// Asks once for the result of any query of this user, whichever session ran it, for a day after it
    /// ended.
    ///
    /// # Errors
    /// As [`Session::poll`]; the server refuses an id that it does not know.
    pub async fn result(&self, query: &QueryId) -> Result<Progress, Error> {
        self.ask_for_result(&format!("/queries/{query}/result"), false).await
    }

    async fn ask_for_result(&self, path: &str, own: bool) -> Result<Progress, Error> {
        let mut call = Call::get(Operation::Result, path, self.http().limits().held_timeout);
        call.counts_retries = true;
        let answer = self.call(&call).await?;
        reply::read(self, Operation::Result, &answer, own)
    }

    /// Waits until the query is done, for at most `wait_max`.
    ///
    /// # Errors
    /// [`Error::StillRunning`] after `wait_max`; the query goes on until it is aborted. Else as
    /// [`Session::poll`].
    pub async fn finish(&self, progress: Progress, wait_max: Duration) -> Result<Answer, Error> {
        match progress {
            Progress::Done(answer) => Ok(*answer),
            Progress::Running(running) => timeout(wait_max, self.wait_for(running))
                .await
                .unwrap_or(Err(Error::StillRunning { after: wait_max })),
        }
    }

    async fn wait_for(&self, mut running: RunningQuery) -> Result<Answer, Error> {
        let mut pause = PAUSE_MIN;
        loop {
            let asked = Instant::now();
            running = match self.poll(&running).await? {
                Progress::Done(answer) => return Ok(*answer),
                Progress::Running(running) => running,
            };
            if asked.elapsed() < HELD_MIN {
                sleep(pause).await;
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }
}
