//! What is known of a statement.

use crate::{Access, Class, Object, ObjectKind, ObjectName};

/// Whose SQL it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Dialect {
    /// SQLite's. Its own authorizer sees what a statement touches, so objects are not looked for; names are compared
    /// without case.
    Sqlite,
    /// Snowflake's.
    Snowflake,
}

/// What a statement does to the state of the session that it runs in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum StateChange {
    /// Nothing.
    #[default]
    None,
    /// Begins a transaction.
    Begin,
    /// Ends one and keeps its changes.
    Commit,
    /// Ends one and takes its changes back. (To a savepoint: `Savepoint`.)
    Rollback,
    /// Sets, releases or goes back to a savepoint: needs a transaction, or begins one (SQLite).
    Savepoint,
    /// Makes a temporary object of this name.
    Temporary(String),
    /// Sets these variables.
    SetVariables(Vec<String>),
    /// Removes these variables.
    UnsetVariables(Vec<String>),
    /// Sets these harmless parameters of the session.
    SetParameters(Vec<String>),
    /// Gives these parameters their defaults back.
    UnsetParameters(Vec<String>),
    /// May leave anything behind: a procedure, a script.
    Anything,
}

/// `USE SECONDARY ROLES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SecondaryRoles {
    /// ALL
    All,
    /// NONE
    None,
}

/// What a USE changes of the context; names as the dialect stores them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ContextChange {
    /// `USE ROLE`
    pub role: Option<String>,
    /// `USE WAREHOUSE`
    pub warehouse: Option<String>,
    /// `USE [DATABASE]`
    pub database: Option<String>,
    /// `USE SCHEMA`
    pub schema: Option<String>,
    /// `USE SECONDARY ROLES`
    pub secondary_roles: Option<SecondaryRoles>,
}

/// The rows of a statement that lists objects: those that the rules deny are left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listing {
    /// What each row is about.
    pub kind: ObjectKind,
    /// The columns of database, schema and name of a row, in lower case; `None` where the kind has none.
    pub database_column: Option<&'static str>,
    /// See `database_column`.
    pub schema_column: Option<&'static str>,
    /// See `database_column`.
    pub name_column: &'static str,
}

/// Why a statement is refused whatever the policy says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// What is refused, and why: a sentence without its end.
    pub message: String,
    /// What to do instead.
    pub next_step: String,
}

/// What is known of a statement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Statement {
    /// Its class: of a chain (`->>`) and of what is nested, the gravest.
    pub class: Class,
    /// Its first words, in upper case, for people and the log: `CREATE TABLE`, `SHOW`.
    pub verb: String,
    /// What it does to its session's state.
    pub change: StateChange,
    /// What a USE changes.
    pub context: Option<ContextChange>,
    /// Every object that it names (Snowflake only).
    pub objects: Vec<Object>,
    /// The first part that was not understood: then `objects` may lack some.
    pub not_understood: Option<String>,
    /// Set where its rows are a list of objects.
    pub listing: Option<Listing>,
    /// Why it is refused in any case.
    pub refusal: Option<Refusal>,
    /// Whether it is several statements that hand their rows on (`->>`).
    pub is_chain: bool,
    /// Whether a second run at the same moment would give the same rows: no sequence, no random or volatile function.
    pub is_repeatable: bool,
}

impl Statement {
    /// One that does nothing yet: what reading it finds is added.
    pub(crate) fn blank() -> Self {
        Self { class: Class::Read, not_understood: None, is_repeatable: true, ..Self::unknown() }
    }

    /// It is at least of this class.
    pub(crate) fn raise(&mut self, class: Class) {
        self.class = self.class.gravest(class);
    }

    /// `what` was not understood. The first such part stays.
    pub(crate) fn miss(&mut self, what: impl Into<String>) {
        self.not_understood.get_or_insert_with(|| what.into());
    }

    /// It is refused in any case. The first reason stays.
    pub(crate) fn refuse(&mut self, message: impl Into<String>, next_step: impl Into<String>) {
        self.refusal.get_or_insert_with(|| Refusal { message: message.into(), next_step: next_step.into() });
    }

    /// It names this object.
    pub(crate) fn object(&mut self, kind: ObjectKind, name: ObjectName, access: Access) {
        self.objects.push(Object { kind, name, access });
    }

    /// One of which nothing is known.
    pub fn unknown() -> Self {
        Self {
            class: Class::Unknown,
            verb: String::new(),
            change: StateChange::None,
            context: None,
            objects: Vec::new(),
            not_understood: Some("the statement".to_owned()),
            listing: None,
            refusal: None,
            is_chain: false,
            is_repeatable: false,
        }
    }
}
