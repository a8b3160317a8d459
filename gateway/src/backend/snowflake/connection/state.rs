//! What of its client's own a connection's session holds: noted after each statement, taken back, lost.

use std::time::Duration;

use snowflake_wire::{self as wire, RequestId};
use sql_gate::{StateChange, Statement};

use super::{SnowflakeConnection, SwitchError, Switched};
use crate::backend::snowflake::failure::of_connection;
use crate::backend::snowflake::held::{self, End};
use crate::backend::{BackendError, Completion, ErrorKind, Held};

/// How long each statement may take that takes back what a session holds.
const UNDO_TIMEOUT: Duration = Duration::from_secs(10);

impl SnowflakeConnection {
    /// Ends the session. What it held is lost with it.
    pub(super) fn drop_session(&mut self) {
        self.session = None;
        if !self.held.is_empty() {
            self.lost = Some(std::mem::take(&mut self.held));
        }
    }

    /// What was held by a session that has ended, for the request that is told.
    pub(super) fn take_lost(&mut self) -> Option<Held> {
        if !self.is_logged_in() {
            self.drop_session();
        }
        self.lost.take()
    }

    /// Adds to what is held what a statement has changed that ended so.
    pub(super) fn note(&mut self, statement: &Statement, done: &Result<Completion, BackendError>) {
        let end = end_of(done);
        if !self.is_logged_in() {
            self.drop_session();
        }
        match (&mut self.lost, &self.session) {
            (None, Some(session)) => {
                held::note(&mut self.held, statement, end, &session.wire().context());
            }
            // A COMMIT has ended it in any case, and has said how.
            (Some(lost), _) if statement.change == StateChange::Commit => {
                lost.transaction = false;
                self.lost.take_if(|lost| lost.is_empty());
            }
            _ => {}
        }
    }

    /// The error of a switch that takes a new session, which the held state does not survive.
    pub(super) fn lost_in_switch(&mut self, switched: &Result<Switched, SwitchError>) -> BackendError {
        if switched.is_err() {
            self.drop_session();
        }
        if let Some(lost) = self.take_lost() {
            return held::lost(&lost);
        }
        let message =
            format!("the context can only be reached by a new log-in, which would lose {}", self.held);
        BackendError::new(ErrorKind::NoContext, message)
            .with_next_step("name a role, warehouse, database and schema; or end what is held first")
    }

    /// Takes back what the session holds.
    pub(super) async fn undo(&mut self) -> Result<(), BackendError> {
        self.lost = None;
        let Some(session) = self.session.as_ref().filter(|_| !self.held.is_empty()) else {
            self.held = Held::default();
            return Ok(());
        };
        let configured = |name: &str| self.login_manager.sets_parameter(name);
        let Some(statements) = held::undo(&self.held, configured) else {
            let message = format!("only a new session is sure to be without {}", self.held);
            return Err(BackendError::new(ErrorKind::Unavailable, message));
        };
        let wire = session.wire();
        for sql in statements {
            let progress = wire.submit(RequestId::new(), &wire::Statement::new(sql)).await;
            let done = match progress {
                Ok(progress) => wire.finish(progress, UNDO_TIMEOUT).await.map(drop),
                Err(error) => Err(error),
            };
            self.login_manager.outages.record(&done);
            done.map_err(|error| of_connection(&error))?;
        }
        self.held = Held::default();
        Ok(())
    }
}

/// How the statement ended, as far as its session is concerned.
fn end_of(done: &Result<Completion, BackendError>) -> End {
    match done.as_ref().map_err(|error| error.kind) {
        Ok(_) => End::Succeeded,
        Err(
            ErrorKind::Statement
            | ErrorKind::NoContext
            | ErrorKind::Refused
            | ErrorKind::LimitReached
            | ErrorKind::TimedOut
            | ErrorKind::Busy
            | ErrorKind::Exhausted
            | ErrorKind::StateLost,
        ) => End::Failed,
        // A stop may come while rows are read: the statement is done then.
        Err(
            ErrorKind::Cancelled | ErrorKind::Unavailable | ErrorKind::OutcomeUnknown | ErrorKind::Detached,
        ) => End::Unknown,
    }
}
