//! Refusals, as clients are told them.

use sql_gate::{Class, Denial, Dialect, Refusal, Statement};

use crate::backend::{BackendError, ErrorKind, Rule};
use crate::config::Permission;
use crate::session::{BoundingRole, Profile};

/// What was refused, for the log: no name and no text of the client's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Cause {
    /// The class of the statement.
    Class(Class),
    /// A list of names.
    Names(&'static str),
    /// The validator said no, or nothing.
    Validator,
    /// Nothing understood it, and the profile has lists.
    NotUnderstood,
    /// It is refused in every profile.
    Always,
}

impl Cause {
    /// The rule, for programs.
    pub(super) fn rule(self) -> Rule {
        match self {
            Self::Class(_) => Rule::Statements,
            Self::Names(setting) => Rule::of_list(setting).unwrap_or(Rule::Always),
            Self::Validator => Rule::Validator,
            Self::NotUnderstood => Rule::NotUnderstood,
            Self::Always => Rule::Always,
        }
    }

    /// The setting that decides, if one does.
    pub(super) fn setting(self) -> &'static str {
        match self {
            Self::Class(_) => "statements",
            Self::Names(setting) => setting,
            Self::Validator => "validator",
            Self::NotUnderstood => "lists",
            Self::Always => "none",
        }
    }
}

/// The class of `statement` is not among those of `profile`.
pub(super) fn of_class(
    statement: &Statement,
    class: Class,
    profile: &Profile,
    dialect: Dialect,
) -> BackendError {
    let what = if statement.verb.is_empty() { "the statement" } else { statement.verb.as_str() };
    if let Some(role) = profile.role_against_class(class) {
        return of_role(what, Permission::of_class(class), role);
    }
    if profile.read_only && !profile.has_own_statements && class.may_change() {
        let section = match dialect {
            Dialect::Sqlite => "sqlite",
            Dialect::Snowflake => "snowflake",
        };
        let message = match class {
            Class::Unknown => {
                "the statement is refused: it is none that is known, so it may change something, and the connection is \
                 read-only"
                    .to_owned()
            }
            _ => format!("{what} is refused: it may change something, and the connection is read-only"),
        };
        let next_step = format!("to allow writing, set read_only = false under [{section}] in config.toml");
        return refused(message, next_step).with_rule(Rule::ReadOnly);
    }
    let message = format!(
        "{what} is refused: its class is `{class}`, and the profile `{}` allows {} (`statements`)",
        profile.name,
        list_of(&profile.statements.to_string()),
    );
    let next_step = format!(
        "use a statement of those classes, or have `{class}` added to `statements` under [profiles.{}]{}",
        profile.name,
        if profile.read_only && class.may_change() { ", on a connection with read_only = false" } else { "" },
    );
    refused(message, next_step)
}

/// `role` does not permit what needs `permission`.
pub(crate) fn of_role(what: &str, permission: Permission, role: &BoundingRole) -> BackendError {
    let BoundingRole { name, is_key_s, .. } = role;
    let whose = if *is_key_s { "the API key's role" } else { "the profile's role" };
    let message = format!(
        "{what} is refused: it needs the permission `{permission}`, and {whose} `{name}` does not have it"
    );
    let other =
        if *is_key_s { "use an API key with a role that has it" } else { "use a profile whose role has it" };
    let next_step =
        format!("{other}, or have `{permission}` added to `permissions` under [roles.{name}] in config.toml");
    refused(message, next_step).with_rule(Rule::Role)
}

/// An object is not among those that `profile` allows.
pub(super) fn of_object(denial: &Denial, profile: &Profile) -> BackendError {
    let Denial { object, setting, pattern } = denial;
    let why = match pattern {
        Some(pattern) => format!("`{setting}` of the profile `{}` has {pattern}", profile.name),
        None => format!("it is not among the `{setting}` of the profile `{}`", profile.name),
    };
    let next_step =
        "use list_databases, list_schemas and list_tables to see what may be used, or have the list changed";
    refused(format!("the statement is refused: {object} may not be used: {why}"), next_step)
}

/// A part of a statement is not understood, and `profile` has lists.
pub(super) fn of_unclear(part: &str, profile: &Profile) -> BackendError {
    let message = format!(
        "the statement is refused: the profile `{}` has lists of names, and this part of it is not understood: {part}",
        profile.name
    );
    refused(message, "write that part in a simpler way, so that every table in it stands by its name")
}

/// What is refused in every profile.
pub(super) fn of_refusal(refusal: &Refusal) -> BackendError {
    refused(refusal.message.clone(), refusal.next_step.clone())
}

/// The validator of `profile` does not allow the statement.
pub(super) fn of_verdict(reason: Option<&str>, profile: &Profile) -> BackendError {
    let reason = reason.unwrap_or("it gave no reason");
    let message =
        format!("the statement is refused by the `validator` of the profile `{}`: {reason}", profile.name);
    refused(message, "change the statement as the reason says, or ask the person who runs the validator")
}

/// The validator of `profile` does not say whether the statement may run.
pub(super) fn of_silent_validator(why: &str, profile: &Profile) -> BackendError {
    let message = format!(
        "the statement is refused: the `validator` of the profile `{}` gave no answer: {why}",
        profile.name
    );
    refused(message, "try again in a moment; `snowgate status` shows the state of the validator")
}

/// A statement would change something, and no class of `profile` allows that.
pub(super) fn of_writes(profile: &Profile) -> BackendError {
    if let Some(role) = profile.role_against_class(Class::Write) {
        return of_role("the statement, which writes,", Permission::Write, role);
    }
    let message = format!(
        "the statement is refused: it writes, and the profile `{}` allows {} (`statements`)",
        profile.name,
        list_of(&profile.statements.to_string())
    );
    refused(message, format!("have `write` added to `statements` under [profiles.{}]", profile.name))
}

fn list_of(classes: &str) -> String {
    if classes.is_empty() { "none".to_owned() } else { format!("only {classes}") }
}

fn refused(message: impl Into<String>, next_step: impl Into<String>) -> BackendError {
    BackendError::new(ErrorKind::Refused, message).with_next_step(next_step)
}
