//! Which statements may run on a connection that sessions share.

use super::class::{Class, class_of};
use super::parts::ESCAPED_IDENTIFIER;
use crate::backend::{BackendError, ErrorKind, Transaction};

/// The statement's class, unless the statement must not run on a shared connection, or at all.
///
/// # Errors
/// Why it is refused, and what to do instead.
pub(super) fn admit(sql: &str, transaction: Transaction, read_only: bool) -> Result<Class, BackendError> {
    let class = class_of(sql);
    match class {
        Class::ConnectionState("LAST_QUERY_ID") => Err(refused(
            "LAST_QUERY_ID is refused: sessions share the connection, so that may be another's query",
            "use the query id at the end of each result",
        )),
        Class::ConnectionState(ESCAPED_IDENTIFIER) => Err(refused(
            "IDENTIFIER is refused: its text has a backslash in it, so the name that it means cannot be checked",
            "write the name as it is, or without IDENTIFIER",
        )),
        Class::ConnectionState(name) => Err(refused(
            format!("{name} is refused: sessions share the connection, so it would affect the others"),
            "set use_transaction on the call for a transaction; use WITH instead of a temporary table",
        )),
        Class::Use => Err(refused(
            "USE is refused: sessions share the connection",
            "call set_context with the role, warehouse, database or schema",
        )),
        Class::Nothing => Err(refused("the text has no statement", "send one SQL statement")),
        Class::Change | Class::Write | Class::Call if read_only => Err(refused(
            "the statement is refused: it may change something, and the connection is read-only",
            "to allow writing, set read_only = false under [snowflake] in config.toml",
        )),
        Class::Write | Class::Call if transaction == Transaction::Rollback => Err(refused(
            "the statement is refused: it commits by itself, so it cannot be rolled back",
            "use auto_commit = false only with INSERT, UPDATE, DELETE and MERGE",
        )),
        Class::Read | Class::Change | Class::Write | Class::Call => Ok(class),
    }
}

fn refused(message: impl Into<String>, next_step: &str) -> BackendError {
    BackendError::new(ErrorKind::Refused, message).with_next_step(next_step)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admitted(sql: &str, transaction: Transaction, read_only: bool) -> Option<Class> {
        admit(sql, transaction, read_only).ok()
    }

    #[test]
    fn a_read_only_connection_takes_reads_only() {
        assert_eq!(admitted("select 1", Transaction::None, true), Some(Class::Read));
        for sql in ["insert into t values (1)", "create table t (x int)", "call p()"] {
            assert_eq!(admitted(sql, Transaction::None, true), None, "{sql}");
            assert!(admitted(sql, Transaction::None, false).is_some(), "{sql}");
        }
    }

    #[test]
    fn only_what_can_be_rolled_back_runs_without_a_commit() {
        assert_eq!(admitted("delete from t", Transaction::Rollback, false), Some(Class::Change));
        assert_eq!(admitted("create table t (x int)", Transaction::Rollback, false), None);
        assert_eq!(admitted("create table t (x int)", Transaction::Commit, false), Some(Class::Write));
    }

    #[test]
    fn state_of_a_shared_connection_is_refused_with_an_alternative() {
        for sql in ["begin", "set x = 1", "use role r", "select last_query_id()", "-- nothing"] {
            let error = admit(sql, Transaction::None, false).unwrap_err();
            assert!(error.kind == ErrorKind::Refused && error.next_step.is_some(), "{sql}: {error}");
        }
    }
}
