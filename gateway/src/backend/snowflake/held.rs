//! What a statement leaves on its session, and what a session's end takes with it.
//!
//! Pure. Where it is in doubt what the server did, more is held rather than less: then nobody else gets the
//! connection.

use snowflake_wire::SessionContext;
use sql_gate::{Access, Class, Object, StateChange, Statement};

use super::names::written;
use crate::backend::{BackendError, ErrorKind, HELD_NAMES_MAX, Held};

/// How a statement ended, as far as its session is concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// It was carried out.
    Succeeded,
    /// The server refused it, or it never got there.
    Failed,
    /// It may have been carried out.
    Unknown,
}

/// Adds to `held` what `statement` has changed, which ran in `context`.
///
/// | statement | succeeded | failed | unknown |
/// |---|---|---|---|
/// | BEGIN; a temporary object; SET; a parameter | held | as before | held |
/// | COMMIT | none open | as before | none open: the session is closed |
/// | ROLLBACK; UNSET; DROP of a temporary object | not held any more | as before | as before |
/// | a procedure, a script | anything may be held | the same | the same |
/// | other DDL, which commits | no transaction open | as before | as before |
pub(super) fn note(held: &mut Held, statement: &Statement, end: End, context: &SessionContext) {
    let is_done = end == End::Succeeded;
    let may_be_done = end != End::Failed;
    match &statement.change {
        StateChange::Begin => held.transaction |= may_be_done,
        StateChange::Commit => held.transaction &= !may_be_done,
        StateChange::Rollback => held.transaction &= !is_done,
        StateChange::Temporary(name) if may_be_done => {
            let name = defined(statement, context).unwrap_or_else(|| name.clone());
            held.unknown |= !add(&mut held.temporary, &[name]);
        }
        StateChange::SetVariables(names) if may_be_done => held.unknown |= !add(&mut held.variables, names),
        StateChange::SetParameters(names) if may_be_done => {
            held.unknown |= !add(&mut held.parameters, names);
        }
        StateChange::UnsetVariables(names) if is_done => held.variables.retain(|name| !names.contains(name)),
        StateChange::UnsetParameters(names) if is_done => {
            held.parameters.retain(|name| !names.contains(name));
        }
        StateChange::Anything => held.unknown = true,
        StateChange::None if is_done && matches!(statement.class, Class::Ddl | Class::Admin) => {
            held.transaction = false;
            if statement.verb.starts_with("DROP")
                && let Some(dropped) = defined(statement, context)
            {
                held.temporary.retain(|name| *name != dropped);
            }
        }
        StateChange::None
        | StateChange::Savepoint
        | StateChange::Temporary(_)
        | StateChange::SetVariables(_)
        | StateChange::SetParameters(_)
        | StateChange::UnsetVariables(_)
        | StateChange::UnsetParameters(_) => {}
    }
}

/// Whether all of `names` could be added.
fn add(held: &mut Vec<String>, names: &[String]) -> bool {
    for name in names {
        if held.contains(name) {
            continue;
        }
        if held.len() == HELD_NAMES_MAX {
            return false;
        }
        held.push(name.clone());
    }
    true
}

/// The full name of the one object that `statement` makes or drops.
fn defined(statement: &Statement, context: &SessionContext) -> Option<String> {
    let mut objects = statement.objects.iter().filter(|object| object.access == Access::Define);
    let (Some(Object { name, .. }), None) = (objects.next(), objects.next()) else { return None };
    let outer = [context.database.clone(), context.schema.clone()];
    let missing = outer.len().checked_sub(name.0.len().checked_sub(1)?)?;
    let mut parts: Vec<String> = outer.into_iter().take(missing).collect::<Option<_>>()?;
    parts.extend(name.0.iter().cloned());
    Some(parts.iter().map(|part| written(part)).collect::<Vec<_>>().join("."))
}

/// The statement that takes back all that `held` names; `None`: only a new session is sure to be without it.
/// `configured`: whether a parameter has a value of the configuration's, which no statement gives back.
pub(super) fn undo(held: &Held, configured: impl Fn(&str) -> bool) -> Option<Vec<String>> {
    let is_sure = held.temporary.is_empty()
        && !held.unknown
        && !held.parameters.iter().any(|name| configured(name))
        && held.variables.iter().chain(&held.parameters).all(|name| written(name) == *name);
    let mut statements = Vec::new();
    if held.transaction {
        statements.push("ROLLBACK".to_owned());
    }
    if !held.variables.is_empty() {
        statements.push(format!("UNSET ({})", held.variables.join(", ")));
    }
    if !held.parameters.is_empty() {
        statements.push(format!("ALTER SESSION UNSET {}", held.parameters.join(", ")));
    }
    is_sure.then_some(statements)
}

/// The error of a request that finds that its session has ended, with all that it held.
pub(super) fn lost(held: &Held) -> BackendError {
    let message = format!("the session with the warehouse has ended, and with it {held}; nothing was run");
    BackendError::new(ErrorKind::StateLost, message).with_next_step(next_step(held))
}

/// The error of a statement that was under way in a transaction when its session ended.
pub(super) fn lost_meanwhile(held: &Held) -> BackendError {
    let message = format!(
        "the session with the warehouse ended while the statement ran, and with it {held}: the transaction is rolled \
         back"
    );
    BackendError::new(ErrorKind::StateLost, message).with_next_step(next_step(held))
}

fn next_step(held: &Held) -> &'static str {
    if held.transaction {
        "begin the transaction again: what it had not committed is rolled back; temporary objects, variables and \
         parameters have to be made again, too"
    } else {
        "make what the statement needs again (temporary objects, variables, parameters), then run it"
    }
}

#[cfg(test)]
mod tests {
    use sql_gate::{ObjectKind, ObjectName};

    use super::*;

    fn context() -> SessionContext {
        SessionContext { database: Some("D".into()), schema: Some("S".into()), ..SessionContext::default() }
    }

    fn statement(class: Class, change: StateChange) -> Statement {
        Statement { class, change, ..Statement::unknown() }
    }

    fn defining(verb: &str, change: StateChange, name: &[&str]) -> Statement {
        let name = ObjectName(name.iter().map(|part| (*part).to_owned()).collect());
        let object = Object { kind: ObjectKind::Relation, name, access: Access::Define };
        Statement { verb: verb.to_owned(), objects: vec![object], ..statement(Class::Ddl, change) }
    }

    fn after(held: &Held, statement: &Statement, end: End) -> Held {
        let mut held = held.clone();
        note(&mut held, statement, end, &context());
        held
    }

    #[test]
    fn a_transaction_is_open_from_begin_to_its_end_or_a_statement_that_commits() {
        let open = Held { transaction: true, ..Held::default() };
        let begin = statement(Class::Transaction, StateChange::Begin);
        let commit = statement(Class::Transaction, StateChange::Commit);
        let rollback = statement(Class::Transaction, StateChange::Rollback);
        let ddl = statement(Class::Ddl, StateChange::None);
        let write = statement(Class::Write, StateChange::None);
        for (before, statement, end, transaction) in [
            (Held::default(), &begin, End::Succeeded, true),
            (Held::default(), &begin, End::Unknown, true),
            (Held::default(), &begin, End::Failed, false),
            (open.clone(), &commit, End::Succeeded, false),
            (open.clone(), &commit, End::Unknown, false),
            (open.clone(), &commit, End::Failed, true),
            (open.clone(), &rollback, End::Succeeded, false),
            (open.clone(), &rollback, End::Unknown, true),
            (open.clone(), &ddl, End::Succeeded, false),
            (open.clone(), &ddl, End::Failed, true),
            (open.clone(), &write, End::Failed, true),
            (open.clone(), &write, End::Succeeded, true),
        ] {
            assert_eq!(after(&before, statement, end).transaction, transaction, "{statement:?} {end:?}");
        }
    }

    #[test]
    fn a_temporary_object_is_held_under_its_full_name_until_it_is_dropped() {
        let made = defining("CREATE TEMPORARY TABLE", StateChange::Temporary("T".into()), &["T"]);
        let held = after(&Held::default(), &made, End::Succeeded);
        assert_eq!(held.temporary, ["D.S.T"]);
        let dropping = |name: &[&str]| defining("DROP TABLE", StateChange::None, name);
        assert_eq!(after(&held, &dropping(&["OTHER", "T"]), End::Succeeded), held, "another one");
        assert_eq!(after(&held, &dropping(&["T"]), End::Unknown), held);
        assert!(after(&held, &dropping(&["S", "T"]), End::Succeeded).is_empty());
        assert!(after(&Held::default(), &made, End::Failed).is_empty());
        let odd = defining("CREATE TEMPORARY TABLE", StateChange::Temporary("x y".into()), &["x y"]);
        assert_eq!(after(&Held::default(), &odd, End::Unknown).temporary, ["D.S.\"x y\""]);
    }

    #[test]
    fn what_cannot_be_named_is_held_all_the_same() {
        let call = statement(Class::Call, StateChange::Anything);
        assert!(after(&Held::default(), &call, End::Failed).unknown);
        let names = |from: usize| (from..from + 15).map(|number| format!("V{number}")).collect();
        let set = |from| statement(Class::Session, StateChange::SetVariables(names(from)));
        let held = after(&Held::default(), &set(0), End::Succeeded);
        assert!(!held.unknown);
        let held = after(&held, &set(10), End::Succeeded);
        assert!(held.unknown && held.variables.len() == HELD_NAMES_MAX, "{held:?}");
        let unset = statement(Class::Session, StateChange::UnsetVariables(held.variables.clone()));
        assert!(after(&held, &unset, End::Succeeded).unknown, "the others are still there");
    }

    #[test]
    fn only_what_is_named_and_plain_is_taken_back_by_statements() {
        let plain = Held {
            transaction: true,
            variables: vec!["A".into(), "B".into()],
            parameters: vec!["TIMEZONE".into()],
            ..Held::default()
        };
        let statements = undo(&plain, |_| false).unwrap();
        assert_eq!(statements, ["ROLLBACK", "UNSET (A, B)", "ALTER SESSION UNSET TIMEZONE"]);
        assert_eq!(undo(&plain, |name| name == "TIMEZONE"), None, "the configuration has set it");
        for held in [
            Held { temporary: vec!["T".into()], ..Held::default() },
            Held { unknown: true, ..Held::default() },
            Held { variables: vec!["a".into()], ..Held::default() },
        ] {
            assert_eq!(undo(&held, |_| false), None, "{held}");
        }
    }
}
