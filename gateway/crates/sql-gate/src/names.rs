//! The objects that a statement names.

use std::fmt;

/// A name of one or more parts, the outermost first (`DB`, `SCHEMA`, `TABLE`), each as the dialect stores it: folded
/// unless it was quoted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct ObjectName(pub Vec<String>);

/// What kind of object it is, as far as lists of names are concerned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ObjectKind {
    /// A table, view, or what a query reads like one.
    Relation,
    /// A schema.
    Schema,
    /// A database.
    Database,
    /// A stage, a location, or the files in it.
    Stage,
    /// A function or procedure.
    Function,
    /// Any other object inside a schema: a sequence, stream, task, file format ...
    Other,
    /// An object of the account: a warehouse, role, user, integration.
    Account,
}

/// What a statement does with an object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// Reads it, or looks at its definition.
    Read,
    /// Changes its rows or files.
    Write,
    /// Makes, changes or drops it.
    Define,
    /// Makes it a part of the context.
    Use,
}

/// An object, and what is done with it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Object {
    /// Its kind.
    pub kind: ObjectKind,
    /// Its name as the statement has it: not yet completed by a context.
    pub name: ObjectName,
    /// What is done.
    pub access: Access,
}

/// What completes a name that has fewer parts: the session's context, as the dialect stores names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameContext {
    /// The current database.
    pub database: Option<String>,
    /// The current schema.
    pub schema: Option<String>,
}

/// `DB.SCHEMA.TABLE`, for people.
impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("."))
    }
}
