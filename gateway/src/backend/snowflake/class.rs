//! What running a statement comes to for the connection that runs it, and whether it may run there at all.
//!
//! What a statement is, `sql_gate` has read. Anything that it does not know to be a read counts as a change.

use sql_gate::{Class as Kind, StateChange, Statement};

use crate::backend::{BackendError, ErrorKind, Held, Ownership, Transaction};

/// What running a statement comes to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    /// It changes nothing.
    Read,
    /// It changes its session only: another run on another session does the same there.
    State,
    /// It changes rows of a table, and can be rolled back.
    Change,
    /// It may change something, and commits by itself, or what is open: a transaction around it has no effect.
    Write,
    /// The same, and it may leave anything behind on its session: a procedure.
    Call,
}

impl Class {
    /// Whether it may change what others see.
    pub(super) fn writes(self) -> bool {
        !matches!(self, Self::Read | Self::State)
    }
}

/// What runs of these change rows.
const CHANGES: [&str; 4] = ["INSERT", "UPDATE", "DELETE", "MERGE"];

/// Where a statement is to run.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground<'a> {
    pub(super) ownership: Ownership,
    /// What of its session's own the connection holds.
    pub(super) held: &'a Held,
    /// Whether the connection refuses changes.
    pub(super) read_only: bool,
}

pub(super) fn class_of(statement: &Statement) -> Class {
    match (statement.class, &statement.change) {
        (Kind::Read, _) => Class::Read,
        // It makes what came before last: lost, its outcome is unknown.
        (_, StateChange::Commit) => Class::Write,
        (Kind::Call, _) | (_, StateChange::Anything) => Class::Call,
        (Kind::Context | Kind::Transaction | Kind::Session, _) => Class::State,
        // A transaction takes back one change, not what is said to be a chain of them.
        (Kind::Write, _) if !statement.is_chain && CHANGES.contains(&statement.verb.as_str()) => {
            Class::Change
        }
        (Kind::Write | Kind::Ddl | Kind::Admin | Kind::File | Kind::Unknown, _) => Class::Write,
    }
}

/// The statement's class, unless it must not run there, or at all.
///
/// # Errors
/// Why it is refused, and what to do instead.
pub(super) fn admit(
    statement: &Statement,
    transaction: Transaction,
    ground: Ground<'_>,
) -> Result<Class, BackendError> {
    if let Some(refusal) = &statement.refusal {
        return Err(refused(refusal.message.clone(), &refusal.next_step));
    }
    let class = class_of(statement);
    let verb = &statement.verb;
    if statement.class == Kind::Context {
        return Err(refused(
            format!("{verb} is refused here: it would change the connection's context, not the session's"),
            "call set_context with the role, warehouse, database or schema",
        ));
    }
    let makes_state = !matches!(statement.change, StateChange::None | StateChange::Anything);
    if makes_state && ground.ownership == Ownership::Shared {
        return Err(refused(
            format!(
                "{verb} is refused: the session's isolation level is relaxed, so it shares its connection, and this \
                 would affect the others"
            ),
            "set isolation = \"moderate\" in its profile; or set use_transaction on the call for a transaction, and \
             use WITH instead of a temporary table",
        ));
    }
    let is_harmless = matches!(statement.class, Kind::Transaction | Kind::Session);
    if class.writes() && !is_harmless && ground.read_only {
        return Err(refused(
            "the statement is refused: it may change something, and the connection is read-only",
            "to allow writing, set read_only = false under [snowflake] in config.toml",
        ));
    }
    match transaction {
        Transaction::None => Ok(class),
        _ if ground.held.transaction => Err(refused(
            "use_transaction and auto_commit = false are refused: the session has a transaction open",
            "COMMIT or ROLLBACK it first, or send the statement without them",
        )),
        _ if statement.class == Kind::Transaction => Err(refused(
            format!("{verb} is refused inside a transaction of the call's own"),
            "send it without use_transaction and auto_commit",
        )),
        Transaction::Rollback if !matches!(class, Class::Read | Class::Change) => Err(refused(
            "the statement is refused: it commits by itself, so it cannot be rolled back",
            "use auto_commit = false only with INSERT, UPDATE, DELETE and MERGE",
        )),
        Transaction::Commit | Transaction::Rollback => Ok(class),
    }
}

fn refused(message: impl Into<String>, next_step: &str) -> BackendError {
    BackendError::new(ErrorKind::Refused, message).with_next_step(next_step)
}

#[cfg(test)]
mod tests {
    use sql_gate::Dialect;

    use super::*;

    fn read(sql: &str) -> Statement {
        sql_gate::read(sql, Dialect::Snowflake)
    }

    fn admitted(sql: &str, transaction: Transaction, ownership: Ownership, read_only: bool) -> Option<Class> {
        let statement = read(sql);
        let held = Held::default();
        admit(&statement, transaction, Ground { ownership, held: &held, read_only }).ok()
    }

    fn shared(sql: &str) -> Option<Class> {
        admitted(sql, Transaction::None, Ownership::Shared, false)
    }

    fn owned(sql: &str) -> Option<Class> {
        admitted(sql, Transaction::None, Ownership::Owned, true)
    }

    #[test]
    fn a_read_only_connection_takes_reads_only() {
        let read_only = |sql| admitted(sql, Transaction::None, Ownership::Shared, true);
        assert_eq!(read_only("select 1"), Some(Class::Read));
        for sql in ["insert into t values (1)", "create table t (x int)", "call p()", "select s.nextval"] {
            assert_eq!(read_only(sql), None, "{sql}");
            assert!(shared(sql).is_some(), "{sql}");
        }
    }

    #[test]
    fn what_changes_rows_is_told_from_what_commits_by_itself() {
        for (sql, class) in [
            ("insert into t values (1)", Class::Change),
            ("merge into t using s on t.x = s.x when matched then delete", Class::Change),
            ("select 1 ->> insert into t select * from $1", Class::Write),
            ("create table t (x int)", Class::Write),
            ("truncate table t", Class::Write),
            ("nonsense", Class::Write),
            ("call p()", Class::Call),
            ("execute immediate 'select 1'", Class::Call),
        ] {
            assert_eq!(shared(sql), Some(class), "{sql}");
        }
        for (sql, transaction, class) in [
            ("delete from t", Transaction::Rollback, Some(Class::Change)),
            ("select 1", Transaction::Rollback, Some(Class::Read)),
            ("create table t (x int)", Transaction::Rollback, None),
            ("create table t (x int)", Transaction::Commit, Some(Class::Write)),
            ("commit", Transaction::Commit, None),
        ] {
            assert_eq!(admitted(sql, transaction, Ownership::Owned, false), class, "{sql}");
        }
    }

    #[test]
    fn state_runs_on_a_connection_of_the_session_s_own_and_on_no_other() {
        for (sql, class) in [
            ("begin", Class::State),
            ("rollback", Class::State),
            ("commit", Class::Write),
            ("set x = 1", Class::State),
            ("unset x", Class::State),
            ("alter session set timezone = 'UTC'", Class::State),
            ("create temporary table t (x int)", Class::State),
        ] {
            assert_eq!((owned(sql), shared(sql)), (Some(class), None), "{sql}");
        }
        let numbered = "create temporary table t as select s.nextval as n";
        assert_eq!((owned(numbered), shared(numbered)), (None, None), "it takes a number from a sequence");
        let allowed = admitted(numbered, Transaction::None, Ownership::Owned, false);
        assert_eq!(allowed, Some(Class::Write));
        for sql in ["use role r", "select last_query_id()", "-- nothing", "select 1; select 2"] {
            assert_eq!((owned(sql), shared(sql)), (None, None), "{sql}");
        }
    }

    #[test]
    fn a_call_s_own_transaction_is_not_begun_in_one_that_is_open() {
        let statement = sql_gate::read("insert into t values (1)", Dialect::Snowflake);
        let held = Held { transaction: true, ..Held::default() };
        let ground = Ground { ownership: Ownership::Owned, held: &held, read_only: false };
        assert_eq!(admit(&statement, Transaction::None, ground), Ok(Class::Change));
        for transaction in [Transaction::Commit, Transaction::Rollback] {
            let error = admit(&statement, transaction, ground).unwrap_err();
            assert!(error.kind == ErrorKind::Refused && error.next_step.is_some(), "{error}");
        }
    }
}
