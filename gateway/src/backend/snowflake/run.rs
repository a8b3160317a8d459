//! One request on one session: submitted, waited for, its rows taken.
//!
//! A statement that may change something is submitted so that the server answers at once with its name, which goes into the
//! journal before anything else happens: whatever becomes of this gateway, the next one asks for what came of it. A read
//! costs one round trip; it gets a name where it runs for longer than the server holds an answer (45 s).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use tokio::task::{block_in_place, consume_budget};
use tokio::time::timeout;
use tokio_util::task::TaskTracker;

use super::catalog::{Question, Shown, pick};
use super::class::Class;
use super::connection::Ended;
use super::context::of_session;
use super::failure::{Stage, UNKNOWN, of_connection, of_statement, stopped_early};
use super::health::Health;
use super::shorten::shorten;
use super::stop::Stop;
use super::tag;
use crate::backend::{BackendError, Caps, Collector, Completion, ErrorKind, Flow, Request, Transaction};
use snowflake_wire::{
    Answer, Error, Operation, Progress, QueryId, QueryState, RequestId, Session, Statement, StatementType,
};

/// A server that has not answered an abort for so long does not answer.
const ABORT_ANSWER_MAX: Duration = Duration::from_secs(3);

/// A request and what it runs on.
pub(super) struct Run<'a> {
    pub(super) session: &'a Session,
    /// The session's aborts under way.
    pub(super) aborts: &'a TaskTracker,
    /// Whether the session is to be left open on the server.
    pub(super) is_left: &'a AtomicBool,
    pub(super) health: &'a Health,
    pub(super) request: &'a Request,
    pub(super) stop: &'a Stop,
    /// What the statement may do.
    pub(super) class: Class,
    /// Whether the statement takes effect by itself, so that its own result is the last word about it.
    pub(super) stands_alone: bool,
    /// Whether the session may be left in a transaction, or in a state that is not known. Set by what goes wrong.
    pub(super) in_doubt: AtomicBool,
}

impl Run<'_> {
    /// Whether it may change something.
    pub(super) fn writes(&self) -> bool {
        self.class != Class::Read
    }

    fn doubt(&self) {
        self.in_doubt.store(true, Ordering::Relaxed);
    }

    /// The client's statement, in a transaction of its own where that is wanted.
    pub(super) async fn in_transaction(
        &self,
        sql: &str,
        transaction: Transaction,
    ) -> Result<Completion, Ended> {
        if self.class == Class::Call {
            // Whatever it has left on the session is to go.
            self.doubt();
        }
        if transaction == Transaction::None {
            return self.alone(sql).await;
        }
        self.control("BEGIN").await?;
        // It is gone with its session, and never the same again.
        let done = self.statement(RequestId::new(), Statement::new(sql), Shown::All).await;
        // Whoever has stopped it does not want it to last.
        let is_stopped = self.class == Class::Change && self.stop.is_signalled();
        let commits = done.is_ok() && transaction == Transaction::Commit && !is_stopped;
        let end = self.control(if commits { "COMMIT" } else { "ROLLBACK" }).await;
        match (done, end) {
            (Ok(_), _) if is_stopped => Err(stopped().into()),
            (Ok(done), Ok(())) => Ok(done),
            (Ok(_), Err(Ended::Failed(error))) if commits => Err(of_lost_commit(error).into()),
            // It was begun on this session, and is gone with it; but for what commits by itself.
            (Ok(_), Err(Ended::SessionLost(error))) if commits => {
                let error = of_connection(&error);
                let commits_by_itself = self.class != Class::Change;
                Err(if commits_by_itself { of_lost_commit(error) } else { of_lost_transaction(error) }.into())
            }
            (Err(Ended::SessionLost(error)), _) => Err(of_lost_transaction(of_connection(&error)).into()),
            // Without a COMMIT, nothing of it lasts.
            (Err(Ended::Failed(error)), _)
                if self.class == Class::Change && error.kind == ErrorKind::OutcomeUnknown =>
            {
                Err(of_lost_transaction(error).into())
            }
            // A rollback that failed is one all the same: the server rolls back what its session leaves.
            (Ok(done), Err(_)) => Ok(done),
            (Err(error), _) => Err(error),
        }
    }

    /// The client's statement by itself.
    async fn alone(&self, sql: &str) -> Result<Completion, Ended> {
        if self.is_named_at_once() {
            // The same on every session, so that it is the same statement to the server.
            let id = RequestId::from_uuid(self.request.origin.uuid());
            return self.statement(id, Statement::new(sql).detached(), Shown::All).await;
        }
        // Not the same as with an earlier gateway, which may have had it aborted.
        self.statement(RequestId::new(), Statement::new(sql), Shown::All).await
    }

    /// A question about the catalog.
    pub(super) async fn question(&self, question: &Question) -> Result<Completion, Ended> {
        self.statement(RequestId::new(), Statement::new(question.sql.clone()), question.shown).await
    }

    /// A statement of ours.
    async fn control(&self, sql: &str) -> Result<(), Ended> {
        let run = async {
            let progress = self.session.submit(RequestId::new(), &Statement::new(sql)).await?;
            self.session.finish(progress, self.request.timeout).await
        };
        let done = run.await;
        self.health.note(&done);
        done.map(drop).map_err(|error| {
            self.doubt();
            let is_lost = error.ends_session() && error.is_untaken();
            if is_lost { Ended::SessionLost(error) } else { of_connection(&error).into() }
        })
    }

    /// A statement and its rows. A read that the server aborted together with its session is a session that was lost.
    async fn statement(
        &self,
        id: RequestId,
        statement: Statement,
        shown: Shown,
    ) -> Result<Completion, Ended> {
        let done = self.submit(id, statement, shown).await;
        if !matches!(done, Err(Ended::Aborted(_))) || self.writes() {
            return done;
        }
        match self.session.heartbeat().await {
            Err(error) if error.ends_session() => Err(Ended::SessionLost(error)),
            _ => done,
        }
    }

    /// Submits a statement, waits for it, and takes its rows.
    async fn submit(&self, id: RequestId, statement: Statement, shown: Shown) -> Result<Completion, Ended> {
        if self.stop.is_signalled() {
            return Err(stopped_early().into());
        }
        let statement = statement.tag(tag::of(&self.request.origin)).timeout(self.request.timeout);
        let mut abort = AbortOnDrop { session: self.session, aborts: self.aborts, request: Some(id) };
        let submitting = self.session.submit_unless(id, &statement, &self.stop.any);
        let submitted = self.or_stop(id, submitting).await;
        self.health.note(&submitted);
        let progress = match submitted {
            Ok(progress) => progress,
            Err(error) => {
                // The server knows nothing of it, or is done with it.
                if error.is_untaken() || matches!(error, Error::Statement(_)) {
                    abort.request = None;
                }
                return Err(self.not_submitted(error));
            }
        };
        abort.request = None;
        self.finish(progress, shown).await
    }

    /// What follows from a submission that failed.
    fn not_submitted(&self, error: Error) -> Ended {
        let may_try_again = error.is_untaken() || !self.writes();
        match error {
            error if error.ends_session() && may_try_again => Ended::SessionLost(error),
            error if error.is_untaken() && self.stop.is_signalled() => stopped_early().into(),
            error => self.ended(&error, None),
        }
    }

    /// What follows from an error about the statement itself.
    fn ended(&self, error: &Error, query: Option<&QueryId>) -> Ended {
        let failed = self.failed(error, query);
        match error {
            Error::Statement(failure) if failure.is_aborted() && !self.stop.is_signalled() => {
                Ended::Aborted(failed)
            }
            _ => failed.into(),
        }
    }

    /// The result of a query that an earlier gateway submitted.
    pub(super) async fn earlier(&self, query: &QueryId) -> Result<Completion, Ended> {
        let progress = self.wait_for(query, self.session.result(query)).await?;
        self.finish(progress, Shown::All).await
    }

    /// What to say of an earlier gateway's statement, where asking for its result gave `error`.
    pub(super) async fn judged(&self, query: &QueryId, error: BackendError) -> BackendError {
        match self.session.status(query).await.map(|status| status.state) {
            Ok(QueryState::Failed | QueryState::Aborted) => error,
            Ok(QueryState::Succeeded) => {
                let message =
                    format!("the statement was carried out, and its result is gone: {}", error.message);
                let mut error = BackendError::new(ErrorKind::OutcomeUnknown, message)
                    .with_next_step("do not run it again; read the rows that it changed");
                error.query_id = Some(query.to_string());
                error
            }
            _ => error.of_unfetched(query.as_str()),
        }
    }

    /// Waits for a query that the server has, and takes its rows.
    async fn finish(&self, progress: Progress, shown: Shown) -> Result<Completion, Ended> {
        let answer = match progress {
            Progress::Done(answer) => *answer,
            Progress::Running(running) => {
                let query = running.query_id().clone();
                if self.stands_alone {
                    // A short append to a file; the one worker has others to serve.
                    block_in_place(|| self.request.journal.record_query_id(query.as_str()));
                }
                let finishing = self.session.finish(Progress::Running(running), self.request.timeout);
                self.wait_for(&query, finishing).await?
            }
        };
        let mut completion = self.collect(answer, shown).await?;
        completion.context = Some(of_session(&self.session.context()));
        Ok(completion)
    }

    /// Waits for what becomes of `query`; through a stop only as long as the server takes for it.
    async fn wait_for<T>(
        &self,
        query: &QueryId,
        waiting: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, Ended> {
        let mut waiting = std::pin::pin!(waiting);
        let done = tokio::select! {
            biased;
            done = &mut waiting => done,
            () = self.stop.leave.cancelled(), if self.stands_alone => {
                self.is_left.store(true, Ordering::Release);
                return Err(left(query.as_str()).into());
            }
            () = self.stop.signalled() => {
                let (session, query) = (self.session.clone(), query.clone());
                self.abort(async move { session.abort_query(&query).await.map(drop) });
                // The query's own end says whether it was in time.
                waiting.await
            }
        };
        self.health.note(&done);
        done.map_err(|error| match error {
            error if error.ends_session() && self.stands_alone => Ended::QueryLeft(query.clone()),
            error => self.ended(&error, Some(query)),
        })
    }

    /// Drives a submission to its end, and has the server abort the statement once the request is stopped.
    async fn or_stop<T>(&self, id: RequestId, work: impl Future<Output = T>) -> T {
        let mut work = std::pin::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => return done,
            () = self.stop.abort.cancelled() => {}
            // Its name comes at once, and then it can be left.
            () = self.stop.leave.cancelled(), if !self.is_named_at_once() => {}
        }
        let session = self.session.clone();
        self.abort(async move { session.abort(id).await.map(drop) });
        // The statement's own end says whether it was in time.
        work.await
    }

    /// Has an abort done, whatever becomes of the request. It is answered at once, or the server is in trouble.
    fn abort(&self, abort: impl Future<Output = Result<(), Error>> + Send + 'static) {
        let health = self.health.clone();
        self.aborts.spawn(async move {
            let mut abort = std::pin::pin!(abort);
            let done = match timeout(ABORT_ANSWER_MAX, &mut abort).await {
                Ok(done) => done,
                Err(_) => {
                    let (operation, after) = (Operation::Abort, ABORT_ANSWER_MAX);
                    health.note(&Err::<(), _>(Error::TimedOut { operation, after }));
                    abort.await
                }
            };
            if let Err(error) = done {
                tracing::warn!(%error, "a statement could not be aborted");
            }
        });
    }

    /// Whether the server answers with the statement's name, before it is done.
    fn is_named_at_once(&self) -> bool {
        self.writes() && self.stands_alone
    }

    fn failed(&self, error: &Error, query: Option<&QueryId>) -> BackendError {
        // What only reads changes no context, and an outage no session.
        if !matches!(error, Error::Statement(_)) && (self.writes() || !error.is_outage()) {
            self.doubt();
            // It may go on, and is not to end because we lost sight of it.
            self.is_left.fetch_or(self.writes() && query.is_some(), Ordering::AcqRel);
        }
        of_statement(error, Stage { writes: self.writes(), stopped: self.stop.is_signalled(), query })
    }

    /// Takes rows within the caps; no more is downloaded than that needs.
    async fn collect(&self, mut answer: Answer, shown: Shown) -> Result<Completion, Ended> {
        let query_id = answer.query_id.as_ref().map(ToString::to_string);
        let (total, mut taken) = (answer.rows.total(), 0);
        let mut rows = Collector::new(caps(self.request.caps, total));
        if answer.statement_type.is_some_and(StatementType::changes_rows) {
            let affected = sum(&mut answer).await.map_err(|error| self.failed_download(error))?;
            return Ok(Completion { rows, affected: Some(affected), query_id, context: None });
        }
        let names: Vec<String> = answer.rows.columns().iter().map(|column| column.name.clone()).collect();
        let shown = shown.of(&names);
        rows.set_columns(shown.iter().map(|(_, name)| name.clone()).collect());
        loop {
            let next = tokio::select! {
                biased;
                // What may have changed something was carried out: it is no use to stop it, and wrong to say so.
                () = self.stop.signalled(), if !self.writes() => return Err(stopped().into()),
                next = answer.rows.next() => next,
            };
            let Some(row) = next.map_err(|error| self.failed_download(error))? else { break };
            taken += 1;
            // Many rows may be there already, and the one worker has others to serve.
            consume_budget().await;
            let (row, shortened) = shorten(pick(&shown, row), rows.room());
            match rows.push_shortened(row, shortened) {
                Flow::More => {}
                // The server has said how many there are.
                Flow::CountOnly | Flow::Stop if total.is_some() => break,
                Flow::CountOnly => {}
                Flow::Stop => break,
            }
        }
        if let Some(rest) = total.and_then(|total| total.checked_sub(taken)).filter(|rest| *rest > 0) {
            rows.count(rest);
        }
        Ok(Completion { rows, affected: None, query_id, context: None })
    }

    /// The statement was carried out, and its rows do not come.
    fn failed_download(&self, error: Error) -> Ended {
        if error.ends_session() && !self.writes() {
            return Ended::SessionLost(error);
        }
        let mut error = of_connection(&error);
        if self.writes() && self.stands_alone {
            error.message =
                format!("the statement was carried out, and its rows cannot be read: {}", error.message);
        } else if self.writes() {
            error.message = format!("the transaction was not committed: {}", error.message);
        }
        error.into()
    }
}

/// Counting costs nothing where the server says how many rows there are.
fn caps(caps: Caps, total: Option<u64>) -> Caps {
    Caps { count_rows_max: if total.is_some() { u64::MAX } else { caps.count_rows_max }, ..caps }
}

/// The counts of rows that a statement changed, in the one row that it gives.
async fn sum(answer: &mut Answer) -> Result<u64, Error> {
    let row = answer.rows.next().await?;
    let counts = row.unwrap_or_default().into_iter().flatten();
    Ok(counts.filter_map(|count| count.parse::<u64>().ok()).sum())
}

/// Aborts a statement that nobody waits for any more.
struct AbortOnDrop<'a> {
    session: &'a Session,
    aborts: &'a TaskTracker,
    request: Option<RequestId>,
}

impl Drop for AbortOnDrop<'_> {
    fn drop(&mut self) {
        let Some(request) = self.request else { return };
        let session = self.session.clone();
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            let abort = async move {
                let _ = session.abort(request).await;
            };
            self.aborts.spawn_on(abort, &runtime);
        }
    }
}

fn stopped() -> BackendError {
    BackendError::new(ErrorKind::Cancelled, "the statement was stopped")
}

pub(super) fn left(query: &str) -> BackendError {
    let mut error = BackendError::new(ErrorKind::Detached, "the gateway leaves, the query goes on");
    error.query_id = Some(query.to_owned());
    error
}

fn of_lost_commit(error: BackendError) -> BackendError {
    BackendError {
        kind: ErrorKind::OutcomeUnknown,
        message: format!("{UNKNOWN}the transaction was not seen to end: {}", error.message),
        ..error
    }
}

/// The transaction was not committed; `error` says why.
fn of_lost_transaction(mut error: BackendError) -> BackendError {
    let why = error.message.strip_prefix(UNKNOWN).unwrap_or(&error.message);
    error.message = format!("the transaction was rolled back: {why}");
    error.kind = ErrorKind::Unavailable;
    error.with_next_step("run it again; nothing was changed")
}
