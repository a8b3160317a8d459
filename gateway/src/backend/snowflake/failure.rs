//! The wire's errors as the backend's: what went wrong, in Snowflake's own words where there are some, and
//! what to do.

use std::fmt::Write;

use super::refusal_codes::Refusal;
use crate::backend::{BackendError, ErrorKind};
use snowflake_wire::{Error, Failure, QueryId};

/// How a message begins if it is not known whether the statement took effect.
pub(super) const UNKNOWN: &str = "outcome unknown: ";

/// What the caller of a request is told to do about an outage.
pub(super) const IF_IT_KEEPS_FAILING: &str =
    "try again in a moment; if it keeps failing, check the network, and `host` and `proxy` under [snowflake]";

/// How far a statement had come when an error ended it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stage<'a> {
    /// Whether it may change something.
    pub(super) writes: bool,
    /// Whether the server was told to abort it.
    pub(super) stopped: bool,
    /// Its query id, if it runs on the server.
    pub(super) query: Option<&'a QueryId>,
}

/// An error about a statement.
pub(super) fn of_statement(error: &Error, stage: Stage<'_>) -> BackendError {
    match error {
        Error::Statement(failure) if failure.is_timed_out() => of_failure(ErrorKind::TimedOut, failure)
            .with_next_step("make it cheaper, or raise `statement_timeout_ms` under [limits]"),
        Error::Statement(failure) if failure.is_aborted() && stage.stopped => {
            of_failure(ErrorKind::Cancelled, failure)
        }
        Error::Statement(failure) => of_failure(ErrorKind::Statement, failure),
        Error::FileTransfer(_) => BackendError::new(ErrorKind::Refused, error.to_string())
            .with_next_step("load and unload files with Snowflake's own tools"),
        other if !stage.writes || (stage.query.is_none() && other.was_not_processed()) => {
            let mut error = of_connection(other);
            error.message.push_str("; nothing was changed");
            // A write may be in the journal already.
            error.may_retry &= !stage.writes;
            with_query_id(error, stage.query)
        }
        other => {
            let message = format!("{UNKNOWN}{}", with_causes(other));
            let next_step = "check the data, or look at the query history, before you run it again";
            let error = BackendError::new(ErrorKind::OutcomeUnknown, message).with_next_step(next_step);
            with_query_id(error, stage.query)
        }
    }
}

/// An error about anything that changes no data.
pub(super) fn of_connection(error: &Error) -> BackendError {
    match error {
        Error::Statement(failure) => of_failure(ErrorKind::Statement, failure),
        Error::LogInRefused(failure) => {
            let mut refused = of_failure(ErrorKind::Unavailable, failure);
            refused.message = format!("Snowflake refuses the log-in: {}", refused.message);
            refused.with_next_step(Refusal::of(failure).next_step)
        }
        other => {
            let error = BackendError::new(ErrorKind::Unavailable, with_causes(other));
            error.with_next_step(next_step(other)).with_retry(other.is_outage() && other.was_not_processed())
        }
    }
}

/// A request that was stopped before anything of it reached the server.
pub(super) fn stopped_early() -> BackendError {
    BackendError::new(ErrorKind::Cancelled, "the request was stopped before its statement was sent")
}

fn next_step(error: &Error) -> &'static str {
    match error {
        error if error.is_outage() => IF_IT_KEEPS_FAILING,
        Error::Status { status: 500.., .. }
        | Error::LogInAgain(_)
        | Error::MaybeProcessed(_)
        | Error::Closed => "try again in a moment",
        Error::TooLarge { .. } => "select fewer columns or shorter values",
        _ => "check `account`, `host` and `proxy` under [snowflake]",
    }
}

/// The error with the query's id, unless it has one.
fn with_query_id(mut error: BackendError, query: Option<&QueryId>) -> BackendError {
    error.query_id = error.query_id.or_else(|| query.map(ToString::to_string));
    error
}

fn of_failure(kind: ErrorKind, failure: &Failure) -> BackendError {
    let mut message = failure.message.clone();
    if let Some(position) = failure.position
        && !message.contains("line ")
    {
        // Writing to a string cannot fail.
        let _ = write!(message, " (line {}, column {})", position.line, position.column + 1);
    }
    let mut error = BackendError::new(kind, message);
    error.code = match (failure.code.as_str(), &failure.sql_state) {
        ("", None) => None,
        ("", Some(state)) => Some(format!("SQLSTATE {state}")),
        (code, None) => Some(code.to_owned()),
        (code, Some(state)) => Some(format!("{code}, SQLSTATE {state}")),
    };
    error.query_id = failure.query_id.as_ref().map(ToString::to_string);
    error
}

/// The error and what caused it, in one line.
fn with_causes(error: &Error) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    text
}
