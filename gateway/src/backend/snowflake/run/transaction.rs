//! The client's statement, in a transaction of its own if the request wants one.

use std::sync::atomic::Ordering;

use snowflake_wire::{RequestId, Statement};

use super::decisions::{ControlEnd, StatementEnd, TransactionOutcome, of_transaction};
use super::{Run, RunError, stopped};
use crate::backend::snowflake::catalog::Shown;
use crate::backend::snowflake::class::Class;
use crate::backend::snowflake::failure::{UNKNOWN, of_connection};
use crate::backend::{BackendError, Completion, ErrorKind, Ownership, Transaction};

impl Run<'_> {
    pub(super) async fn run_statement(
        &self,
        sql: &str,
        transaction: Transaction,
    ) -> Result<Completion, RunError> {
        if self.class == Class::Call && self.request.ownership == Ownership::Shared {
            // A procedure can leave anything behind on its session.
            self.mark_state_unknown();
        }
        if transaction == Transaction::None {
            return self.run_autocommit(sql).await;
        }
        self.run_control("BEGIN").await?;
        // A random id: a transaction is gone with its session, so its statement is never submitted a second
        // time.
        let done =
            self.run_to_end(RequestId::new(), self.with_parameters(Statement::new(sql)), Shown::All).await;
        let is_stopped = self.stop.is_stopped();
        // A request that was stopped does not want its changes to last.
        let changes_unwanted = is_stopped && self.class == Class::Change;
        let commits = done.is_ok() && transaction == Transaction::Commit && !changes_unwanted;
        let control = self.run_control(if commits { "COMMIT" } else { "ROLLBACK" }).await;
        let outcome =
            of_transaction(statement_end(&done), is_stopped, commits, control_end(&control), self.class);
        report(outcome, done, control)
    }

    async fn run_autocommit(&self, sql: &str) -> Result<Completion, RunError> {
        let statement = self.with_parameters(Statement::new(sql));
        if self.returns_id_at_once() {
            // The same id on every session and with every gateway, so that it is the same statement to the
            // server.
            let id = RequestId::from_uuid(self.request.origin.uuid());
            return self.run_to_end(id, statement.detached(), Shown::All).await;
        }
        // Not the id that an earlier gateway used, which may have had the statement aborted.
        self.run_to_end(RequestId::new(), statement, Shown::All).await
    }

    /// Runs a statement of ours.
    async fn run_control(&self, sql: &str) -> Result<(), RunError> {
        let wire = &self.session.wire;
        let run = async {
            let progress = wire.submit(RequestId::new(), &Statement::new(sql)).await?;
            wire.finish(progress, self.request.timeout).await
        };
        let done = run.await;
        self.outages.record(&done);
        done.map(drop).map_err(|error| {
            self.mark_state_unknown();
            let is_lost = error.ends_session() && error.was_not_processed();
            if is_lost { RunError::SessionLost(error) } else { of_connection(&error).into() }
        })
    }

    pub(super) fn mark_state_unknown(&self) {
        self.state_unknown.store(true, Ordering::Relaxed);
    }
}

fn statement_end(done: &Result<Completion, RunError>) -> StatementEnd {
    match done {
        Ok(_) => StatementEnd::Succeeded,
        Err(RunError::SessionLost(_)) => StatementEnd::SessionLost,
        Err(RunError::Failed(error)) if error.kind == ErrorKind::OutcomeUnknown => StatementEnd::Unknown,
        Err(_) => StatementEnd::Failed,
    }
}

fn control_end(done: &Result<(), RunError>) -> ControlEnd {
    match done {
        Ok(()) => ControlEnd::Succeeded,
        Err(RunError::SessionLost(_)) => ControlEnd::SessionLost,
        Err(_) => ControlEnd::Failed,
    }
}

/// Turns the outcome into the request's answer, with the error that belongs to it.
fn report(
    outcome: TransactionOutcome,
    statement: Result<Completion, RunError>,
    control: Result<(), RunError>,
) -> Result<Completion, RunError> {
    match (outcome, statement, control) {
        (TransactionOutcome::Stopped, ..) => Err(stopped().into()),
        (TransactionOutcome::CommitUnknown, _, Err(error)) => Err(commit_unknown(into_error(error)).into()),
        (TransactionOutcome::NotCommitted, _, Err(error)) => Err(rolled_back(into_error(error)).into()),
        (TransactionOutcome::RolledBack, Err(error), _) => Err(rolled_back(into_error(error)).into()),
        (_, statement, _) => statement,
    }
}

fn into_error(error: RunError) -> BackendError {
    match error {
        RunError::Failed(error) | RunError::Aborted(error) => error,
        RunError::SessionLost(error) => of_connection(&error),
        RunError::QueryDetached(query) => super::sessions_lost(&query, true),
    }
}

fn commit_unknown(error: BackendError) -> BackendError {
    BackendError {
        kind: ErrorKind::OutcomeUnknown,
        message: format!("{UNKNOWN}the end of the transaction was not confirmed: {}", error.message),
        ..error
    }
}

/// The transaction was not committed, because of `error`.
fn rolled_back(mut error: BackendError) -> BackendError {
    let why = error.message.strip_prefix(UNKNOWN).unwrap_or(&error.message);
    error.message = format!("the transaction was rolled back: {why}");
    error.kind = ErrorKind::Unavailable;
    error.with_next_step("run it again; nothing was changed")
}
