//! One request on one session: submitted, waited for, its rows read.
//!
//! A statement that may change something is submitted so that the server answers at once with its query id,
//! which is journaled before anything else happens: whatever happens to this gateway, the next one fetches
//! the result. A read costs one round trip; it gets a query id if it runs for longer than the server holds an
//! answer (45 s).
//!
//! `decisions` has the tables of what follows from which error; `transaction`, `collect` and `abort` are
//! parts of a run.

mod abort;
mod bindings;
mod collect;
mod decisions;
mod error;
mod transaction;
mod types;

use std::sync::atomic::{AtomicBool, Ordering};

use snowflake_wire::{Error, Progress, QueryId, QueryState, RequestId, Statement};
use tracing::Span;

use self::abort::AbortOnDrop;
use self::decisions::{Consequence, Facts, after_submission, after_waiting, makes_state_unknown};
pub(super) use self::error::RunError;
use super::catalog::{self, Question, SHOW_ROWS_MAX, Shown};
use super::class::Class;
use super::context::of_session;
use super::failure::{Stage, UNKNOWN, of_statement, stopped_early};
use super::outages::Outages;
use super::session::SessionHandle;
use super::stop::StopSignals;
use super::tag;
use crate::backend::{
    BackendError, Catalog, Completion, Context, ErrorKind, Operation, Request, Transaction,
};

/// A request and what it runs on.
pub(super) struct Run<'a> {
    session: &'a SessionHandle,
    outages: &'a Outages,
    request: &'a Request,
    stop: &'a StopSignals,
    /// What the statement may do.
    class: Class,
    /// Whether the statement takes effect by itself, so that its own result is final.
    autocommit: bool,
    /// Whether the session has a transaction of the client's own open.
    in_transaction: bool,
    /// Whether the session may be in a transaction, or in an unknown state. Set by what goes wrong.
    state_unknown: AtomicBool,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        session: &'a SessionHandle,
        outages: &'a Outages,
        request: &'a Request,
        stop: &'a StopSignals,
        class: Class,
        in_transaction: bool,
    ) -> Self {
        let has_transaction = matches!(
            &request.operation,
            Operation::Statement { transaction, .. } if *transaction != Transaction::None
        );
        let autocommit = !in_transaction && !has_transaction;
        let state_unknown = AtomicBool::new(false);
        Self { session, outages, request, stop, class, autocommit, in_transaction, state_unknown }
    }

    /// Runs the request. The session must be in its context.
    pub(super) async fn run(&self) -> Result<Completion, RunError> {
        match &self.request.operation {
            Operation::UseContext => Ok(Completion::of_context(self.context())),
            Operation::Catalog(asked) => self.look_up(asked).await,
            Operation::Statement { sql, transaction, .. } => self.execute(sql, *transaction).await,
        }
    }

    /// Whether the session must not be used again.
    pub(super) fn leaves_state_unknown(self) -> bool {
        self.state_unknown.into_inner()
    }

    /// The context that it runs in.
    fn context(&self) -> Context {
        let secondary_roles = self.request.context.secondary_roles;
        Context { secondary_roles, ..of_session(&self.session.wire.context()) }
    }

    /// Whether it may change something.
    fn writes(&self) -> bool {
        self.class.writes()
    }

    fn facts(&self) -> Facts {
        Facts { writes: self.writes(), autocommit: self.autocommit, stopped: self.stop.is_stopped() }
    }

    async fn look_up(&self, asked: &Catalog) -> Result<Completion, RunError> {
        // The session's context completes the request's.
        let context = of_session(&self.session.wire.context());
        // Rows that are left out make room for others.
        let rows_max = match (&self.request.row_filter, asked) {
            (None, _) | (Some(_), Catalog::Rows(_)) => self.request.caps.rows_max,
            (Some(_), _) => SHOW_ROWS_MAX,
        };
        let question = catalog::question(asked, &context, rows_max);
        let done = self.ask(&question).await;
        let is_refused = matches!(&done, Err(RunError::Failed(error)) if error.kind == ErrorKind::Statement);
        match catalog::second_question(asked, &context) {
            // A server may lack the function of the first; if the second fails, too, the first error is the
            // better one.
            Some(second) if is_refused => self.ask(&second).await.or(done),
            // SHOW returns a limited number of rows, so there may be more than were counted.
            _ => done.map(|mut done| {
                if question.is_cut(done.rows.row_count()) {
                    done.rows.stop_counting();
                }
                done
            }),
        }
    }

    /// Asks what the request's text asks, which changes nothing. It has another id than the request, whose own statement
    /// may follow.
    pub(super) async fn explain(&self) -> Result<Completion, RunError> {
        let Operation::Statement { sql, .. } = &self.request.operation else { return Err(stopped().into()) };
        let statement = self.with_parameters(Statement::new(sql.clone()));
        self.run_to_end(RequestId::new(), statement, Shown::All).await
    }

    async fn ask(&self, question: &Question) -> Result<Completion, RunError> {
        self.run_to_end(RequestId::new(), Statement::new(question.sql.clone()), question.shown).await
    }

    async fn execute(&self, sql: &str, transaction: Transaction) -> Result<Completion, RunError> {
        if let Some(query) = self.request.earlier.as_deref().and_then(QueryId::parse) {
            match self.fetch_result(&query).await {
                done if self.request.only_reads_earlier => return done,
                // A read runs again if its result is gone.
                Err(RunError::Failed(error) | RunError::Aborted(error))
                    if !self.writes() && error.kind != ErrorKind::Detached =>
                {
                    tracing::info!(
                        earlier_query_id = %query, code = error.code,
                        "the result of the previous gateway's query is gone; running it again"
                    );
                }
                // A failed fetch does not mean a failed query: the result may be gone, or hidden from this
                // role.
                Err(RunError::Failed(error) | RunError::Aborted(error))
                    if error.kind == ErrorKind::Statement =>
                {
                    return Err(self.explain_missing_result(&query, error).await.into());
                }
                done => return done,
            }
        } else if self.request.earlier.is_some() && self.writes() {
            let message = format!("{UNKNOWN}the journal's query id is not valid");
            return Err(BackendError::new(ErrorKind::OutcomeUnknown, message).into());
        }
        // What is always rolled back changes nothing, however often it runs.
        if self.writes() && transaction != Transaction::Rollback {
            self.request.journal.begin(None).await?;
        }
        self.run_statement(sql, transaction).await
    }

    /// `statement`, which is the request's, with what is bound to its parameters.
    fn with_parameters(&self, statement: Statement) -> Statement {
        match &self.request.operation {
            Operation::Statement { parameters, .. } => statement.bind(bindings::of(parameters)),
            Operation::Catalog(_) | Operation::UseContext => statement,
        }
    }

    /// Runs a statement and reads its rows. A read that the server aborted because its session ended is a
    /// lost session.
    async fn run_to_end(
        &self,
        id: RequestId,
        statement: Statement,
        shown: Shown,
    ) -> Result<Completion, RunError> {
        let done = self.submit(id, statement, shown).await;
        if !matches!(done, Err(RunError::Aborted(_))) || self.writes() {
            return done;
        }
        match self.session.wire.heartbeat().await {
            Err(error) if error.ends_session() => Err(RunError::SessionLost(error)),
            _ => done,
        }
    }

    async fn submit(
        &self,
        id: RequestId,
        statement: Statement,
        shown: Shown,
    ) -> Result<Completion, RunError> {
        if self.stop.is_stopped() {
            return Err(stopped_early().into());
        }
        let statement = statement.tag(tag::of(&self.request.origin)).timeout(self.request.timeout);
        let mut abort = AbortOnDrop::new(self.session, id);
        let submitting = self.session.wire.submit_unless(id, &statement, &self.stop.any);
        let submitted = self.or_abort(id, submitting).await;
        self.outages.record(&submitted);
        let progress = match submitted {
            Ok(progress) => progress,
            Err(error) => {
                if error.was_not_processed() || matches!(error, Error::Statement(_)) {
                    abort.disarm();
                }
                return Err(match after_submission(&error, self.facts()) {
                    Consequence::NewSession => RunError::SessionLost(error),
                    Consequence::StoppedEarly => stopped_early().into(),
                    consequence => self.report(consequence, &error, None),
                });
            }
        };
        abort.disarm();
        self.finish(progress, shown).await
    }

    /// The result of a query that an earlier gateway submitted.
    async fn fetch_result(&self, query: &QueryId) -> Result<Completion, RunError> {
        record_query_id(query);
        let progress = self.wait_for(query, self.session.wire.result(query)).await?;
        self.finish(progress, Shown::All).await
    }

    /// What to report of an earlier gateway's statement if its result cannot be fetched because of `error`.
    async fn explain_missing_result(&self, query: &QueryId, error: BackendError) -> BackendError {
        match self.session.wire.status(query).await.map(|status| status.state) {
            Ok(QueryState::Failed | QueryState::Aborted) => error,
            Ok(QueryState::Succeeded) => {
                let message =
                    format!("the statement was executed, but its result is gone: {}", error.message);
                let mut error = BackendError::new(ErrorKind::OutcomeUnknown, message)
                    .with_next_step("do not run it again; read the rows that it changed");
                error.query_id = Some(query.to_string());
                error
            }
            _ => error.of_unfetched(query.as_str()),
        }
    }

    /// Waits for a query that the server has, and reads its rows.
    async fn finish(&self, progress: Progress, shown: Shown) -> Result<Completion, RunError> {
        if let Some(query) = progress.query_id() {
            record_query_id(query);
        }
        let answer = match progress {
            Progress::Done(answer) => *answer,
            Progress::Running(running) => {
                let query = running.query_id().clone();
                if self.autocommit {
                    self.request.journal.record_query_id(query.as_str()).await;
                }
                let finishing = self.session.wire.finish(Progress::Running(running), self.request.timeout);
                self.wait_for(&query, finishing).await?
            }
        };
        let mut completion = self.collect(answer, shown).await?;
        completion.context = Some(self.context());
        Ok(completion)
    }

    /// Waits for the end of `query`. After a stop it is aborted, and its own end says whether that was in
    /// time.
    async fn wait_for<T>(
        &self,
        query: &QueryId,
        waiting: impl Future<Output = Result<T, Error>>,
    ) -> Result<T, RunError> {
        let mut waiting = std::pin::pin!(waiting);
        let done = tokio::select! {
            biased;
            done = &mut waiting => done,
            () = self.stop.detach.cancelled(), if self.autocommit => {
                self.session.keep_open.store(true, Ordering::Release);
                return Err(BackendError::detached(query.as_str()).into());
            }
            () = self.stop.stopped() => {
                let (wire, query) = (self.session.wire.clone(), query.clone());
                self.abort(async move { wire.abort_query(&query).await.map(drop) });
                waiting.await
            }
        };
        self.outages.record(&done);
        done.map_err(|error| match after_waiting(&error, self.facts()) {
            Consequence::FetchAgain => RunError::QueryDetached(query.clone()),
            consequence => self.report(consequence, &error, Some(query)),
        })
    }

    /// Waits for a submission, and has the server abort the statement once the request is stopped. The
    /// statement's own end says whether that was in time.
    async fn or_abort<T>(&self, id: RequestId, submission: impl Future<Output = T>) -> T {
        let mut submission = std::pin::pin!(submission);
        tokio::select! {
            biased;
            done = &mut submission => return done,
            () = self.stop.abort.cancelled() => {}
            // With a query id, which comes at once, it can be detached instead.
            () = self.stop.detach.cancelled(), if !self.returns_id_at_once() => {}
        }
        let wire = self.session.wire.clone();
        self.abort(async move { wire.abort(id).await.map(drop) });
        submission.await
    }

    /// Whether the server answers with the statement's query id before it is done.
    fn returns_id_at_once(&self) -> bool {
        self.writes() && self.autocommit
    }

    /// Turns a consequence that is reported into the error.
    fn report(&self, consequence: Consequence, error: &Error, query: Option<&QueryId>) -> RunError {
        let facts = self.facts();
        if makes_state_unknown(error, facts) {
            self.mark_state_unknown();
            // The query may still run, and must not end because its result was lost here.
            // But what its transaction has done is lost in any case, and its locks are to go.
            let is_lost = self.in_transaction && self.class == Class::Change;
            self.session.keep_open.fetch_or(facts.writes && query.is_some() && !is_lost, Ordering::AcqRel);
        }
        let error = of_statement(error, Stage { writes: facts.writes, stopped: facts.stopped, query });
        if consequence == Consequence::Aborted { RunError::Aborted(error) } else { error.into() }
    }
}

/// Adds the query id to the request's span.
fn record_query_id(query: &QueryId) {
    Span::current().record("query_id", query.as_str());
}

fn stopped() -> BackendError {
    BackendError::new(ErrorKind::Cancelled, "the statement was stopped")
}

/// Each session that fetched the query's result was lost.
pub(super) fn sessions_lost(query: &QueryId, writes: bool) -> BackendError {
    let (kind, unknown) =
        if writes { (ErrorKind::OutcomeUnknown, UNKNOWN) } else { (ErrorKind::Unavailable, "") };
    let message = format!("{unknown}the session was lost twice while waiting for the query's result");
    let mut error = BackendError::new(kind, message).with_next_step("check the query history");
    error.query_id = Some(query.to_string());
    error
}
