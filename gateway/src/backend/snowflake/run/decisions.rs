//! What follows from an error, by how far the request had come. Pure, so that every case is in one of three
//! tables.

use snowflake_wire::Error;

use super::super::class::Class;

/// What is known of a request when an error occurs.
#[derive(Clone, Copy, Debug)]
pub(super) struct Facts {
    /// Whether its statement may change something.
    pub(super) writes: bool,
    /// Whether the statement takes effect by itself: it is in no transaction, so its own result is final.
    pub(super) autocommit: bool,
    /// Whether the request was stopped.
    pub(super) stopped: bool,
}

/// What follows from an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Consequence {
    /// Run it again on a new session: the server did not process it, or it changes nothing.
    NewSession,
    /// Fetch the query's result from a new session: the query keeps running.
    FetchAgain,
    /// Report that it was stopped before the server processed it.
    StoppedEarly,
    /// Report that the server aborted it, after a look at whether the session has ended with it.
    Aborted,
    /// Report the error.
    Report,
}

/// What follows from an error of a submission:
///
/// | the session has ended | processed | reads | writes |
/// |---|---|---|---|
/// | yes | no | new session | new session |
/// | yes | maybe | new session | report |
/// | no | no, and stopped | stopped early | stopped early |
/// | no | any other | report, or aborted | report, or aborted |
pub(super) fn after_submission(error: &Error, facts: Facts) -> Consequence {
    let may_repeat = error.was_not_processed() || !facts.writes;
    if error.ends_session() && may_repeat {
        Consequence::NewSession
    } else if error.was_not_processed() && facts.stopped {
        Consequence::StoppedEarly
    } else {
        of_statement(error, facts)
    }
}

/// What follows from an error while waiting for a query that the server has.
///
/// | the session has ended | autocommit | in a transaction |
/// |---|---|---|
/// | yes | fetch again | report |
/// | no | report, or aborted | report, or aborted |
pub(super) fn after_waiting(error: &Error, facts: Facts) -> Consequence {
    if error.ends_session() && facts.autocommit {
        Consequence::FetchAgain
    } else {
        of_statement(error, facts)
    }
}

/// What follows from an error while reading the rows of a statement that is done: only what changes nothing
/// runs again.
pub(super) fn after_download(error: &Error, facts: Facts) -> Consequence {
    if error.ends_session() && !facts.writes { Consequence::NewSession } else { Consequence::Report }
}

fn of_statement(error: &Error, facts: Facts) -> Consequence {
    match error {
        Error::Statement(failure) if failure.is_aborted() && !facts.stopped => Consequence::Aborted,
        _ => Consequence::Report,
    }
}

/// Whether the session's state is unknown after a reported error. A read changes no context, and an outage no
/// session.
pub(super) fn makes_state_unknown(error: &Error, facts: Facts) -> bool {
    !matches!(error, Error::Statement(_)) && (facts.writes || !error.is_outage())
}

/// How the statement in a transaction ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StatementEnd {
    Succeeded,
    /// The server refused it, or it failed.
    Failed,
    /// Its outcome is unknown.
    Unknown,
    /// Its session was lost.
    SessionLost,
}

/// How the COMMIT or ROLLBACK ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ControlEnd {
    Succeeded,
    Failed,
    /// The session was lost before the server processed it.
    SessionLost,
}

/// What the caller is told of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TransactionOutcome {
    /// The statement's result.
    Result,
    /// The statement's error.
    StatementError,
    /// It was stopped, and rolled back.
    Stopped,
    /// It was rolled back, because of the statement's error.
    RolledBack,
    /// It was rolled back, because of the error of the COMMIT.
    NotCommitted,
    /// Whether it was committed is unknown.
    CommitUnknown,
}

/// What the caller is told of a transaction around one statement. `commit_sent`: a COMMIT was sent, not a
/// ROLLBACK.
///
/// | statement | sent | answer to that | changes rows | commits by itself |
/// |---|---|---|---|---|
/// | succeeded, then stopped | ROLLBACK | any | stopped | (not asked) |
/// | succeeded | COMMIT | succeeded | result | result |
/// | succeeded | COMMIT | failed | commit unknown | commit unknown |
/// | succeeded | COMMIT | session lost | not committed | commit unknown |
/// | succeeded | ROLLBACK | any | result | result |
/// | session lost | ROLLBACK | any | rolled back | rolled back |
/// | outcome unknown | ROLLBACK | any | rolled back | statement's error |
/// | failed | ROLLBACK | any | statement's error | statement's error |
///
/// A transaction ends with its session, so one whose COMMIT was not processed is rolled back; what commits by
/// itself may have done so before. A ROLLBACK that failed is one all the same: the server rolls back what its
/// session leaves.
pub(super) fn of_transaction(
    statement: StatementEnd,
    stopped: bool,
    commit_sent: bool,
    control: ControlEnd,
    class: Class,
) -> TransactionOutcome {
    let changes_rows = class == Class::Change;
    match (statement, control) {
        (StatementEnd::Succeeded, _) if stopped && changes_rows => TransactionOutcome::Stopped,
        (StatementEnd::Succeeded, ControlEnd::Failed) if commit_sent => TransactionOutcome::CommitUnknown,
        (StatementEnd::Succeeded, ControlEnd::SessionLost) if commit_sent && changes_rows => {
            TransactionOutcome::NotCommitted
        }
        (StatementEnd::Succeeded, ControlEnd::SessionLost) if commit_sent => {
            TransactionOutcome::CommitUnknown
        }
        (StatementEnd::Succeeded, _) => TransactionOutcome::Result,
        (StatementEnd::SessionLost, _) => TransactionOutcome::RolledBack,
        (StatementEnd::Unknown, _) if changes_rows => TransactionOutcome::RolledBack,
        (StatementEnd::Unknown | StatementEnd::Failed, _) => TransactionOutcome::StatementError,
    }
}

#[cfg(test)]
mod tests;
