//! What of a session's own a connection holds: an open transaction and temporary objects.
//!
//! | while it holds | then |
//! |---|---|
//! | nothing | each statement runs in the file of its context, with what it names attached, and leaves nothing |
//! | anything | the file stays; what statements name is attached and stays, too, as temporary views may need it |
//!
//! SQLite ends a transaction by itself where a change in it is interrupted, or meets a full disk or an error of the
//! disk; the error says so, and [`Held`] never claims what is gone.

use std::cell::Cell;

use rusqlite::Connection;

use super::budget;
use super::failure::{breaks_connection, from_sqlite};
use super::guard::{Control, Phase};
use super::statement::{Failure, Runner};
use crate::backend::{BackendError, Completion, ErrorKind, HELD_NAMES_MAX, Held, Ownership, Transaction};

/// What statements have left on an open file. Written by the connection's thread.
#[derive(Debug, Default)]
pub(super) struct Traces {
    /// Something temporary was changed since there was nothing temporary.
    pub(super) temporary: Cell<bool>,
    /// The open transaction has changed a file.
    pub(super) wrote: Cell<bool>,
    /// SQLite's `query_only` is on.
    pub(super) query_only: Cell<bool>,
}

impl Traces {
    /// What `connection` holds, while the guard is in [`Phase::Internal`].
    pub(super) fn held(&self, connection: &Connection) -> Held {
        let transaction = !connection.is_autocommit();
        if !transaction {
            self.wrote.set(false);
        }
        if !self.temporary.get() {
            return Held { transaction, ..Held::default() };
        }
        match temporary_names(connection) {
            Ok(temporary) => {
                // A rollback can bring back what was dropped in the transaction.
                self.temporary.set(transaction || !temporary.is_empty());
                Held { transaction, temporary, ..Held::default() }
            }
            Err(_) => Held { transaction, unknown: true, ..Held::default() },
        }
    }
}

/// Tables, views and triggers: indexes go with their tables.
fn temporary_names(connection: &Connection) -> Result<Vec<String>, rusqlite::Error> {
    let mut names = connection.prepare_cached(
        "SELECT name FROM sqlite_temp_schema WHERE type <> 'index' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
         ORDER BY rowid LIMIT ?1",
    )?;
    let names = names.query_map([HELD_NAMES_MAX], |row| row.get(0))?;
    names.collect()
}

impl Runner<'_> {
    /// Sets SQLite's own wall before writes: on a connection of a session's own it would keep it from temporary tables, too.
    /// The files are opened read-only in any case.
    pub(super) fn set_query_only(&self) -> Result<(), Failure> {
        let wanted = self.read_only && self.ownership == Ownership::Shared;
        if self.traces.query_only.get() == wanted {
            return Ok(());
        }
        self.guard.enter(Phase::Internal);
        self.connection.pragma_update(None, "query_only", wanted).map_err(|error| self.failure(&error))?;
        self.traces.query_only.set(wanted);
        Ok(())
    }

    /// Whether the statement that is compiled may run in the state that the connection is in.
    pub(super) fn check_control(&self, locks: bool, transaction: Transaction) -> Result<(), BackendError> {
        let control = self.guard.control();
        if transaction != Transaction::None && (control.is_some() || !self.connection.is_autocommit()) {
            let message = "use_transaction is refused: the session has a transaction of its own open, or the statement \
                           itself begins or ends one";
            let next_step =
                "leave use_transaction out, or end the open transaction with COMMIT or ROLLBACK first";
            return Err(BackendError::new(ErrorKind::Refused, message).with_next_step(next_step));
        }
        if control == Some(Control::Begin)
            && locks
            && !self.read_only
            && self.gate.objection_to_writes().is_some()
        {
            let message = "BEGIN IMMEDIATE or EXCLUSIVE is refused: it keeps others from writing, and the session's profile \
                           lets it write nothing (`statements`)";
            return Err(BackendError::new(ErrorKind::Refused, message).with_next_step("use BEGIN"));
        }
        Ok(())
    }

    /// Whether the statement that is compiled makes changes last that the open transaction has made.
    pub(super) fn commits(&self) -> bool {
        self.traces.wrote.get() && matches!(self.guard.control(), Some(Control::Commit | Control::Release))
    }

    /// Whether the statement that is compiled begins a transaction.
    pub(super) fn begins(&self) -> bool {
        self.connection.is_autocommit()
            && matches!(self.guard.control(), Some(Control::Begin | Control::Savepoint))
    }

    /// Leaves the transaction as a statement with this `result` is to leave it; `was_open`: one was open before.
    pub(super) fn settle(
        &self,
        was_open: bool,
        begins: bool,
        result: Result<Completion, Failure>,
    ) -> Result<Completion, Failure> {
        let is_open = !self.connection.is_autocommit();
        match result {
            Ok(done) if !is_open || was_open || begins => Ok(done),
            Err(failure) if was_open => Err(of_open(failure, is_open)),
            result if !is_open => result,
            result => self.roll_back(result),
        }
    }

    /// Rolls back a transaction that an error left open; if that fails, the connection is broken.
    fn roll_back(&self, result: Result<Completion, Failure>) -> Result<Completion, Failure> {
        let rolled_back = budget::leniently(|| self.connection.execute_batch("ROLLBACK"));
        let ended = rolled_back.is_ok() || self.connection.is_autocommit();
        result.map_err(|failure| Failure { breaks: failure.breaks || !ended, ..failure })
    }
}

/// An error of a statement in an open transaction, which says what became of that.
fn of_open(mut failure: Failure, is_open: bool) -> Failure {
    let error = &mut failure.error;
    if !is_open {
        error.message.push_str("; the session's open transaction was rolled back: nothing of it is kept");
        let before = error.next_step.take().map(|before| format!("{before}; ")).unwrap_or_default();
        error.next_step = Some(format!("{before}begin the transaction again, from its first statement"));
        return failure;
    }
    if error.kind == ErrorKind::Busy {
        let is_stale = error.code.as_deref().is_some_and(|code| code.ends_with("(517)"));
        let next_step = if is_stale {
            "another session has changed the file since the transaction read it: end it with ROLLBACK and begin again, with \
             BEGIN IMMEDIATE if it is to write"
        } else {
            "another session or program holds the file's lock; the session's transaction is still open: try the statement \
             again in a moment, or end the transaction with ROLLBACK"
        };
        error.next_step = Some(next_step.to_owned());
    }
    failure
}

/// Rolls back what is open on `connection`.
pub(super) fn end_transaction(connection: &Connection) -> Result<(), Failure> {
    if connection.is_autocommit() {
        return Ok(());
    }
    let ended = budget::leniently(|| connection.execute_batch("ROLLBACK"));
    match ended {
        Err(error) if !connection.is_autocommit() => {
            Err(Failure { breaks: true, error: from_sqlite(&error) })
        }
        Err(error) => Err(Failure { breaks: breaks_connection(&error), error: from_sqlite(&error) }),
        Ok(()) => Ok(()),
    }
}
