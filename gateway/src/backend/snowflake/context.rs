//! From the context that a connection is in to the one that a request wants.
//!
//! A request's context has names as they are written, the wire's as they are stored (see `names`).

use super::names::{quoted, stored, written};
use crate::backend::Context;
use snowflake_wire::SessionContext;

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Run this statement; afterwards look again.
    Run(String),
    /// No statement leads there (nothing unsets a database): the connection needs a new session.
    StartOver,
}

/// A session's context, with its names as they are written.
pub(super) fn of_session(context: &SessionContext) -> Context {
    let name = |name: &Option<String>| name.as_deref().map(written);
    Context {
        role: name(&context.role),
        warehouse: name(&context.warehouse),
        database: name(&context.database),
        schema: name(&context.schema),
        secondary_roles: None,
    }
}

/// `context` with each name in its one written form.
pub(super) fn normalized(context: &Context) -> Context {
    let name = |name: &Option<String>| name.as_deref().map(|name| written(&stored(name)));
    Context {
        role: name(&context.role),
        warehouse: name(&context.warehouse),
        database: name(&context.database),
        schema: name(&context.schema),
        secondary_roles: context.secondary_roles,
    }
}

/// `wanted` with what it leaves open as in `base`. A schema belongs to its database: that of another one says
/// nothing.
pub(super) fn completed(wanted: &Context, base: &Context) -> Context {
    let or = |wanted: &Option<String>, base: &Option<String>| wanted.clone().or_else(|| base.clone());
    Context {
        role: or(&wanted.role, &base.role),
        warehouse: or(&wanted.warehouse, &base.warehouse),
        database: or(&wanted.database, &base.database),
        schema: if wanted.database.is_some() {
            wanted.schema.clone()
        } else {
            or(&wanted.schema, &base.schema)
        },
        secondary_roles: wanted.secondary_roles.or(base.secondary_roles),
    }
}

/// The context that `wanted` means on a connection that logs in to `base`.
pub(super) fn effective(wanted: &Context, base: &SessionContext) -> SessionContext {
    let or = |wanted: &Option<String>, base: &Option<String>| {
        wanted.as_deref().map(stored).or_else(|| base.clone())
    };
    SessionContext {
        role: or(&wanted.role, &base.role),
        warehouse: or(&wanted.warehouse, &base.warehouse),
        database: or(&wanted.database, &base.database),
        // A schema belongs to its database: that of the log-in's says nothing about another.
        schema: if wanted.database.is_some() {
            wanted.schema.as_deref().map(stored)
        } else {
            or(&wanted.schema, &base.schema)
        },
    }
}

/// The next step from `now` to `target`; `None`: it is there. The role goes first, because it decides what
/// the others may be.
pub(super) fn next_step(now: &SessionContext, target: &SessionContext) -> Option<Step> {
    let differs = |target: &Option<String>, now: &Option<String>| target != now;
    if differs(&target.role, &now.role) {
        return Some(change("ROLE", target.role.as_deref()));
    }
    if differs(&target.warehouse, &now.warehouse) {
        return Some(change("WAREHOUSE", target.warehouse.as_deref()));
    }
    match (&target.database, &target.schema) {
        (Some(database), Some(schema))
            if differs(&target.database, &now.database) || differs(&target.schema, &now.schema) =>
        {
            Some(Step::Run(format!("USE SCHEMA {}.{}", quoted(database), quoted(schema))))
        }
        (Some(_), None) if differs(&target.database, &now.database) => {
            Some(change("DATABASE", target.database.as_deref()))
        }
        (None, _) if now.database.is_some() => Some(Step::StartOver),
        _ => None,
    }
}

fn change(what: &str, name: Option<&str>) -> Step {
    name.map_or(Step::StartOver, |name| Step::Run(format!("USE {what} {}", quoted(name))))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn context(texts: [&str; 4]) -> SessionContext {
        let [role, warehouse, database, schema] =
            texts.map(|text| (!text.is_empty()).then(|| text.to_owned()));
        SessionContext { role, warehouse, database, schema }
    }

    fn run(sql: &str) -> Option<Step> {
        Some(Step::Run(sql.to_owned()))
    }

    #[test]
    fn the_role_goes_first_and_nothing_is_done_twice() {
        let target = context(["R", "W", "D", "S"]);
        assert_eq!(next_step(&context(["", "", "", ""]), &target), run("USE ROLE \"R\""));
        assert_eq!(next_step(&context(["R", "", "", ""]), &target), run("USE WAREHOUSE \"W\""));
        assert_eq!(next_step(&context(["R", "W", "D", ""]), &target), run("USE SCHEMA \"D\".\"S\""));
        assert_eq!(next_step(&target, &target), None);
    }

    #[test]
    fn names_are_quoted() {
        let target = context(["a\"b", "", "", ""]);
        assert_eq!(next_step(&context(["R", "", "", ""]), &target), run("USE ROLE \"a\"\"b\""));
    }

    #[test]
    fn a_database_without_a_schema_leaves_the_schema_to_the_server() {
        let target = context(["R", "W", "D", ""]);
        assert_eq!(next_step(&context(["R", "W", "", ""]), &target), run("USE DATABASE \"D\""));
        assert_eq!(next_step(&context(["R", "W", "D", "PUBLIC"]), &target), None);
    }

    #[test]
    fn what_cannot_be_unset_takes_a_new_session() {
        let none = context(["R", "", "", ""]);
        assert_eq!(next_step(&context(["R", "W", "", ""]), &none), Some(Step::StartOver));
        assert_eq!(next_step(&context(["R", "", "D", ""]), &none), Some(Step::StartOver));
    }

    #[test]
    fn what_is_not_wanted_is_the_log_in_s() {
        let base = context(["R", "W", "D", "S"]);
        let wanted = |database: &str| Context {
            database: (!database.is_empty()).then(|| database.to_owned()),
            ..Context::default()
        };
        assert_eq!(effective(&wanted(""), &base), base);
        assert_eq!(effective(&wanted("E"), &base), context(["R", "W", "E", ""]));
    }
}
