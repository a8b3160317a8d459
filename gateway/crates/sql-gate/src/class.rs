//! The classes of statements.

use std::fmt;
use std::str::FromStr;

/// What a statement does, as a profile allows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// It changes nothing: queries, SHOW, DESCRIBE, EXPLAIN, LIST.
    Read,
    /// It changes the session's context: USE.
    Context,
    /// It changes rows: INSERT, UPDATE, DELETE, MERGE, TRUNCATE, COPY INTO a table.
    Write,
    /// It defines, changes or drops objects: CREATE, ALTER, DROP, UNDROP, COMMENT.
    Ddl,
    /// It begins or ends a transaction: BEGIN, COMMIT, ROLLBACK, SAVEPOINT.
    Transaction,
    /// It makes or changes state of its own session: temporary tables and views, variables, parameters.
    Session,
    /// It changes users, roles, grants, warehouses, integrations, policies, or the account.
    Admin,
    /// It runs code whose effects its text does not show: CALL, EXECUTE IMMEDIATE, scripts.
    Call,
    /// It moves files: PUT, GET, REMOVE, COPY INTO a stage or a location.
    File,
    /// None of those that are known.
    Unknown,
}

impl Class {
    /// All of them, in the order of the documentation.
    pub const ALL: [Self; 10] = [
        Self::Read,
        Self::Context,
        Self::Write,
        Self::Ddl,
        Self::Transaction,
        Self::Session,
        Self::Admin,
        Self::Call,
        Self::File,
        Self::Unknown,
    ];

    /// As a configuration and people name it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Context => "context",
            Self::Write => "write",
            Self::Ddl => "ddl",
            Self::Transaction => "transaction",
            Self::Session => "session",
            Self::Admin => "admin",
            Self::Call => "call",
            Self::File => "file",
            Self::Unknown => "unknown",
        }
    }

    /// The graver of the two: for what is made of several, as a chain and what is nested are.
    ///
    /// Not the order of `ALL`: what only concerns the session itself is less grave than any change.
    #[must_use]
    pub fn gravest(self, other: Self) -> Self {
        if other.gravity() > self.gravity() { other } else { self }
    }

    fn gravity(self) -> u8 {
        match self {
            Self::Read => 0,
            Self::Context => 1,
            Self::Session => 2,
            Self::Transaction => 3,
            Self::Write => 4,
            Self::Ddl => 5,
            Self::File => 6,
            Self::Admin => 7,
            Self::Call => 8,
            Self::Unknown => 9,
        }
    }

    /// Whether a statement of this class may change what other sessions see.
    pub fn may_change(self) -> bool {
        !matches!(self, Self::Read | Self::Context | Self::Transaction | Self::Session)
    }
}

impl fmt::Display for Class {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Class {
    type Err = ();

    fn from_str(name: &str) -> Result<Self, ()> {
        Self::ALL.into_iter().find(|class| class.name() == name).ok_or(())
    }
}

/// A set of classes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ClassSet(u16);

impl ClassSet {
    /// Whether `class` is in it.
    pub fn contains(self, class: Class) -> bool {
        self.0 & (1 << class as u16) != 0
    }

    /// Those in it, in order.
    pub fn iter(self) -> impl Iterator<Item = Class> {
        Class::ALL.into_iter().filter(move |class| self.contains(*class))
    }

    /// Those in both.
    #[must_use]
    pub fn intersection(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Those that change nothing for other sessions.
    pub fn harmless() -> Self {
        Class::ALL.into_iter().filter(|class| !class.may_change()).collect()
    }

    /// All of them.
    pub fn all() -> Self {
        Class::ALL.into_iter().collect()
    }
}

impl FromIterator<Class> for ClassSet {
    fn from_iter<I: IntoIterator<Item = Class>>(classes: I) -> Self {
        Self(classes.into_iter().fold(0, |set, class| set | (1 << class as u16)))
    }
}

/// "read, context".
impl fmt::Display for ClassSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut separator = "";
        for class in self.iter() {
            write!(f, "{separator}{class}")?;
            separator = ", ";
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_change_something_is_graver_than_what_may_not() {
        for class in Class::ALL {
            assert_eq!(class.gravest(class), class);
            assert_eq!(Class::Unknown.gravest(class), Class::Unknown);
            for harmless in ClassSet::harmless().iter() {
                let expected = if class.may_change() { class } else { class.gravest(harmless) };
                assert_eq!((class.gravest(harmless), harmless.gravest(class)), (expected, expected));
            }
        }
    }

    #[test]
    fn every_class_is_read_as_it_is_named_and_is_a_member_of_its_own() {
        for class in Class::ALL {
            assert_eq!(class.name().parse(), Ok(class));
            let set: ClassSet = [class].into_iter().collect();
            assert_eq!(set.iter().collect::<Vec<_>>(), [class]);
        }
        assert_eq!("Read".parse::<Class>(), Err(()));
        assert_eq!(ClassSet::harmless().to_string(), "read, context, transaction, session");
    }
}
