//! Maps SQLite's errors to the gateway's.

use rusqlite::{Error, ErrorCode, ffi};

use super::budget::{self, Refusal};
use super::diagnosis::is_hot_journal;
use crate::backend::{BackendError, ErrorKind};

/// A message of SQLite's is cut to this, in bytes.
const MESSAGE_BYTES_MAX: usize = 1000;

/// The error with SQLite's message and code, and a next step if one is obvious.
pub(super) fn from_sqlite(error: &Error) -> BackendError {
    match error {
        Error::SqliteFailure(failure, message) => {
            let text = message.clone().unwrap_or_else(|| ffi::code_to_str(failure.extended_code).to_owned());
            with_code(*failure, shortened(text))
        }
        Error::SqlInputError { error, msg, sql, offset } => {
            let position = position(sql, usize::try_from(*offset).unwrap_or(0));
            with_code(*error, format!("{} ({position})", shortened(msg.clone())))
        }
        Error::MultipleStatement => several_statements(),
        other => BackendError::new(ErrorKind::Statement, other.to_string()),
    }
}

/// The error for a file that others keep locked.
pub(super) fn locked() -> BackendError {
    from_sqlite(&Error::SqliteFailure(
        ffi::Error::new(ffi::SQLITE_BUSY),
        Some("database is locked".to_owned()),
    ))
}

/// Whether that is what happened: not a refusal of memory, which passes, too.
pub(super) fn is_locked(error: &BackendError) -> bool {
    error.code.as_deref().is_some_and(|code| code.starts_with("SQLITE_BUSY"))
}

/// The refusal of a text with more than one statement.
pub(super) fn several_statements() -> BackendError {
    BackendError::new(ErrorKind::Refused, "only one statement per call: the text contains more than one")
        .with_next_step("send each statement in a separate call, in order")
}

/// Whether a connection that met `error` should not be used again.
pub(super) fn breaks_connection(error: &Error) -> bool {
    use ErrorCode::{ApiMisuse, DatabaseCorrupt, InternalMalfunction, NotADatabase, SystemIoFailure};
    let broken = [ApiMisuse, DatabaseCorrupt, InternalMalfunction, NotADatabase, SystemIoFailure];
    let refused = error.sqlite_error().is_some_and(|failure| refusal(failure).is_some());
    !refused && error.sqlite_error_code().is_some_and(|code| broken.contains(&code))
}

/// The error for a cancelled statement.
pub(super) fn cancelled() -> BackendError {
    BackendError::new(ErrorKind::Cancelled, "the statement was cancelled")
}

/// The refusal of memory or disk that `failure` comes from.
fn refusal(failure: &ffi::Error) -> Option<Refusal> {
    let is_memory =
        failure.code == ErrorCode::OutOfMemory || failure.extended_code == ffi::SQLITE_IOERR_NOMEM;
    budget::refusal().filter(|refusal| match refusal {
        Refusal::Memory | Refusal::Pot => is_memory,
        Refusal::Temporary => failure.code == ErrorCode::DiskFull,
    })
}

fn with_code(failure: ffi::Error, text: String) -> BackendError {
    if let Some(refusal) = refusal(&failure) {
        let kind = if refusal == Refusal::Pot { ErrorKind::Busy } else { ErrorKind::Statement };
        let (message, next_step) = refusal.message();
        return BackendError::new(kind, message)
            .with_code(code_name(failure.extended_code))
            .with_next_step(next_step);
    }
    if is_hot_journal(failure.extended_code) {
        return BackendError::new(ErrorKind::Unavailable, text)
            .with_code(code_name(failure.extended_code))
            .with_next_step(
                "the file was left in the middle of a transaction; open it once with write access, which recovers \
                 it: sqlite3 FILE \"pragma user_version\"",
            );
    }
    let (kind, next_step) = classify(failure.code);
    let next_step = next_step.or_else(|| hint_of(&text));
    let error = BackendError::new(kind, text).with_code(code_name(failure.extended_code));
    match next_step {
        Some(next_step) => error.with_next_step(next_step),
        None => error,
    }
}

fn classify(code: ErrorCode) -> (ErrorKind, Option<&'static str>) {
    match code {
        ErrorCode::OperationInterrupted => (ErrorKind::Cancelled, None),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            (ErrorKind::Busy, Some("another connection holds the file's lock; try again in a moment"))
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            (ErrorKind::Unavailable, Some("check the file with PRAGMA integrity_check in the sqlite3 shell"))
        }
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => (
            ErrorKind::Unavailable,
            Some("check that the file exists and that you can read it and its folder"),
        ),
        ErrorCode::DiskFull => (ErrorKind::Unavailable, Some("free some space on the disk")),
        ErrorCode::SystemIoFailure
        | ErrorCode::FileLockingProtocolFailed
        | ErrorCode::InternalMalfunction => (ErrorKind::Unavailable, None),
        ErrorCode::ReadOnly => {
            (ErrorKind::Refused, Some("make the file and its folder writable for the gateway"))
        }
        ErrorCode::OutOfMemory => (
            ErrorKind::Statement,
            Some("the machine has no memory left for it; try again later, or request less data at once"),
        ),
        ErrorCode::TooBig => (
            ErrorKind::Statement,
            Some(
                "a value or a sorted row is limited to 8 MiB, a statement to 1 MiB; leave out columns with larger values \
                 (octet_length(column) shows their length), or request less data at once",
            ),
        ),
        ErrorCode::AuthorizationForStatementDenied => (ErrorKind::Refused, None),
        _ => (ErrorKind::Statement, None),
    }
}

/// Next steps for errors that have no code of their own in SQLite.
fn hint_of(text: &str) -> Option<&'static str> {
    // It stops at the second dot of `database.schema.table`.
    if text.starts_with("near \".\": syntax error") {
        return Some("SQLite databases have one schema: write database.table, not database.schema.table");
    }
    let pattern = text.contains("pattern too complex");
    pattern.then_some("a pattern is limited to 128 bytes; shorten it, or search with instr(text, part) > 0")
}

/// SQLite repeats what it does not know, however long that is.
fn shortened(mut text: String) -> String {
    if text.len() > MESSAGE_BYTES_MAX {
        text.truncate(text.floor_char_boundary(MESSAGE_BYTES_MAX));
        text.push_str("...");
    }
    text
}

fn position(sql: &str, offset: usize) -> String {
    let before = sql.get(..offset).unwrap_or(sql);
    let line = before.matches('\n').count() + 1;
    let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
    format!("line {line}, column {column}")
}

/// A code by its name and number, as `SQLITE_BUSY (5)`; an extended code by the name of its family.
pub(super) fn code_name(code: i32) -> String {
    const NAMES: [&str; 29] = [
        "OK",
        "ERROR",
        "INTERNAL",
        "PERM",
        "ABORT",
        "BUSY",
        "LOCKED",
        "NOMEM",
        "READONLY",
        "INTERRUPT",
        "IOERR",
        "CORRUPT",
        "NOTFOUND",
        "FULL",
        "CANTOPEN",
        "PROTOCOL",
        "EMPTY",
        "SCHEMA",
        "TOOBIG",
        "CONSTRAINT",
        "MISMATCH",
        "MISUSE",
        "NOLFS",
        "AUTH",
        "FORMAT",
        "RANGE",
        "NOTADB",
        "NOTICE",
        "WARNING",
    ];
    let family =
        usize::try_from(code & 0xff).ok().and_then(|family| NAMES.get(family)).copied().unwrap_or("UNKNOWN");
    let constraint = match code {
        ffi::SQLITE_CONSTRAINT_CHECK => "_CHECK",
        ffi::SQLITE_CONSTRAINT_FOREIGNKEY => "_FOREIGNKEY",
        ffi::SQLITE_CONSTRAINT_NOTNULL => "_NOTNULL",
        ffi::SQLITE_CONSTRAINT_PRIMARYKEY => "_PRIMARYKEY",
        ffi::SQLITE_CONSTRAINT_UNIQUE => "_UNIQUE",
        _ => "",
    };
    format!("SQLITE_{family}{constraint} ({code})")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rusqlite::Connection;

    fn failed(sql: &str) -> BackendError {
        from_sqlite(&Connection::open_in_memory().unwrap().prepare(sql).unwrap_err())
    }

    #[test]
    fn codes_have_names() {
        assert_eq!(code_name(5), "SQLITE_BUSY (5)");
        assert_eq!(code_name(ffi::SQLITE_CONSTRAINT_UNIQUE), "SQLITE_CONSTRAINT_UNIQUE (2067)");
        assert_eq!(code_name(26), "SQLITE_NOTADB (26)");
        assert_eq!(code_name(200), "SQLITE_UNKNOWN (200)");
    }

    #[test]
    fn a_syntax_error_has_a_position() {
        let error = failed("SELECT 1\nFRM t x y");
        assert_eq!(error.message, "near \"t\": syntax error (line 2, column 5)");
        assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Statement, Some("SQLITE_ERROR (1)")));
    }

    #[test]
    fn for_a_three_part_name_the_error_explains_schemas() {
        let error = failed("SELECT * FROM db.public.t");
        assert!(error.next_step.unwrap().contains("write database.table"), "{}", error.message);
    }

    #[test]
    fn a_locked_file_is_reported_as_busy() {
        let error = from_sqlite(&Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None));
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Busy, "database is locked"));
    }
}
