//! SQLite's errors as the gateway's.

use rusqlite::{Error, ErrorCode, ffi};

use crate::backend::{BackendError, ErrorKind};

/// What went wrong, in SQLite's own words, with its code and a next step where one is obvious.
pub(super) fn from_sqlite(error: &Error) -> BackendError {
    match error {
        Error::SqliteFailure(failure, message) => {
            let words = message.clone().unwrap_or_else(|| ffi::code_to_str(failure.extended_code).to_owned());
            coded(*failure, words)
        }
        Error::SqlInputError { error, msg, sql, offset } => {
            coded(*error, format!("{msg} ({})", position(sql, usize::try_from(*offset).unwrap_or(0))))
        }
        Error::MultipleStatement => several_statements(),
        other => BackendError::new(ErrorKind::Statement, other.to_string()),
    }
}

/// The refusal of a text with more than one statement.
pub(super) fn several_statements() -> BackendError {
    BackendError::new(ErrorKind::Refused, "one statement a call: the text holds more than one")
        .with_next_step("send each statement in a call of its own, in order")
}

/// Whether a connection that met `error` should not be used again.
pub(super) fn breaks_connection(error: &Error) -> bool {
    use ErrorCode::{ApiMisuse, DatabaseCorrupt, InternalMalfunction, NotADatabase, SystemIoFailure};
    let broken = [ApiMisuse, DatabaseCorrupt, InternalMalfunction, NotADatabase, SystemIoFailure];
    error.sqlite_error_code().is_some_and(|code| broken.contains(&code))
}

/// The error that says its statement was cancelled.
pub(super) fn cancelled() -> BackendError {
    BackendError::new(ErrorKind::Cancelled, "the statement was cancelled")
}

fn coded(failure: ffi::Error, words: String) -> BackendError {
    let (kind, next_step) = judged(failure.code);
    let next_step = next_step.or_else(|| hint_of(&words));
    let error = BackendError::new(kind, words).with_code(code_name(failure.extended_code));
    match next_step {
        Some(next_step) => error.with_next_step(next_step),
        None => error,
    }
}

fn judged(code: ErrorCode) -> (ErrorKind, Option<&'static str>) {
    match code {
        ErrorCode::OperationInterrupted => (ErrorKind::Cancelled, None),
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => {
            (ErrorKind::Busy, Some("another connection holds the file's lock: try again in a moment"))
        }
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            (ErrorKind::Unavailable, Some("check the file with PRAGMA integrity_check in the sqlite3 shell"))
        }
        ErrorCode::CannotOpen | ErrorCode::PermissionDenied => (
            ErrorKind::Unavailable,
            Some("check that the file exists and that you may read it and its folder"),
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
            Some("ask for less at once: the statement needs more memory than it may use"),
        ),
        ErrorCode::TooBig => (
            ErrorKind::Statement,
            Some(
                "a value or a sorted row may have 8 MiB, a statement 1 MiB: leave out the columns with larger values, \
                 or ask for less at once",
            ),
        ),
        ErrorCode::AuthorizationForStatementDenied => (ErrorKind::Refused, None),
        _ => (ErrorKind::Statement, None),
    }
}

/// Next steps for errors that SQLite gives no code of their own.
fn hint_of(words: &str) -> Option<&'static str> {
    // It stops at the second dot of `database.schema.table`.
    if words.starts_with("near \".\": syntax error") {
        return Some("SQLite databases have one schema: write database.table, not database.schema.table");
    }
    let pattern = words.contains("pattern too complex");
    pattern.then_some("a pattern may have 128 bytes: shorten it, or search with instr(text, part) > 0")
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
    fn a_syntax_error_says_where() {
        let error = failed("SELECT 1\nFRM t x y");
        assert_eq!(error.message, "near \"t\": syntax error (line 2, column 5)");
        assert_eq!((error.kind, error.code.as_deref()), (ErrorKind::Statement, Some("SQLITE_ERROR (1)")));
    }

    #[test]
    fn a_three_part_name_is_told_about_schemas() {
        let error = failed("SELECT * FROM db.public.t");
        assert!(error.next_step.unwrap().contains("write database.table"), "{}", error.message);
    }

    #[test]
    fn a_lock_is_busy() {
        let error = from_sqlite(&Error::SqliteFailure(ffi::Error::new(ffi::SQLITE_BUSY), None));
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::Busy, "database is locked"));
    }
}
