//! What the rules tell clients, for `docs/messages.md`.

use sql_gate::{Class, ClassSet, Denial, Dialect, Refusal};

use super::denial::{
    of_class, of_object, of_refusal, of_role, of_silent_validator, of_unclear, of_verdict, of_writes,
};
use crate::backend::{Sample, sample};
use crate::config::{Permission, Permissions};
use crate::session::{BoundingRole, Profile};

/// One of each.
pub(crate) fn samples() -> Vec<Sample> {
    let profile = Profile { name: "analyst".to_owned(), ..Profile::default() };
    let read_only = Profile { read_only: true, ..profile.clone() };
    let reading = Profile {
        has_own_statements: true,
        statements: ClassSet::from_iter([Class::Read, Class::Context]),
        ..profile.clone()
    };
    let role =
        BoundingRole { name: "guest".to_owned(), permissions: Permissions::default(), is_key_s: false };
    let of_key = BoundingRole { is_key_s: true, ..role.clone() };
    let insert = sql_gate::read("insert into t values (1)", Dialect::Snowflake);
    let object = |pattern: Option<&str>, setting| Denial {
        object: "SALES.PUBLIC.SALARIES".to_owned(),
        setting,
        pattern: pattern.map(str::to_owned),
    };
    let refusal = Refusal {
        message: "PUT is refused: it moves files".to_owned(),
        next_step: "load files with Snowflake's own tools".to_owned(),
    };
    vec![
        sample(
            "a statement that writes, on a connection that is read-only",
            of_class(&insert, Class::Write, &read_only, Dialect::Snowflake),
        ),
        sample(
            "a statement of a class that the profile does not have",
            of_class(&insert, Class::Write, &reading, Dialect::Snowflake),
        ),
        sample("a statement that writes by what it calls", of_writes(&reading)),
        sample("the profile's role does not permit it", of_role("INSERT", Permission::Write, &role)),
        sample("the API key's role does not permit it", of_role("INSERT", Permission::Write, &of_key)),
        sample(
            "an object that a list denies",
            of_object(&object(Some("`SALES.*.SALARIES`"), "denied_tables"), &profile),
        ),
        sample("an object that is not in a list", of_object(&object(None, "allowed_tables"), &profile)),
        sample(
            "a part of the statement is not understood, and there are lists",
            of_unclear("PIVOT", &profile),
        ),
        sample("what is refused in every profile", of_refusal(&refusal)),
        sample("the validator says no", of_verdict(Some("no reports at night"), &profile)),
        sample("the validator says nothing", of_silent_validator("it took longer than 2 s", &profile)),
    ]
}
