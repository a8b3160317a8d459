//! The whole of what decides on a statement: classes, lists, and what is refused in any case.

use std::fmt;

use crate::{Class, ClassSet, Denial, NameContext, NameRules, Refusal, Statement};

/// What a profile allows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The classes (`statements`).
    pub classes: ClassSet,
    /// The lists of names.
    pub rules: NameRules,
}

/// Why a statement may not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is refused in any case.
    Always(Refusal),
    /// Its class is not among those of `statements`.
    Class(Class),
    /// There are lists, and this part of it is not understood.
    NotUnderstood(String),
    /// An object that it names is denied.
    Object(Denial),
}

impl Policy {
    /// Whether `statement` may run in a session with this context. SQLite statements name no objects: those that the
    /// engine finds are to be checked with [`NameRules::check`].
    ///
    /// # Errors
    /// Why not; the first reason that there is.
    pub fn decide(&self, statement: &Statement, context: &NameContext) -> Result<(), Verdict> {
        if let Some(refusal) = &statement.refusal {
            return Err(Verdict::Always(refusal.clone()));
        }
        if !self.classes.contains(statement.class) {
            return Err(Verdict::Class(statement.class));
        }
        if self.rules.has_lists() {
            if let Some(part) = &statement.not_understood {
                return Err(Verdict::NotUnderstood(part.clone()));
            }
            for object in &statement.objects {
                self.rules.check(object, context).map_err(Verdict::Object)?;
            }
        }
        Ok(())
    }
}

impl Verdict {
    /// The setting that decides.
    pub fn setting(&self) -> Option<&'static str> {
        match self {
            Self::Always(_) => None,
            Self::Class(_) => Some("statements"),
            Self::NotUnderstood(_) => Some("lists"),
            Self::Object(denial) => Some(denial.setting),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Always(refusal) => f.write_str(&refusal.message),
            Self::Class(class) => write!(f, "its class is `{class}`, which `statements` does not allow"),
            Self::NotUnderstood(part) => {
                write!(f, "there are lists of names, and this part is not understood: {part}")
            }
            Self::Object(Denial { object, setting, pattern: Some(pattern) }) => {
                write!(f, "{object} is denied: `{setting}` has {pattern}")
            }
            Self::Object(Denial { object, setting, pattern: None }) => {
                write!(f, "{object} is not among the `{setting}`")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Dialect, read};

    #[test]
    fn what_is_not_understood_is_refused_only_where_there_are_lists() {
        let open = Policy { classes: ClassSet::all(), rules: NameRules::default() };
        let denied = ["a".to_owned()];
        let rules = NameRules::new(&[("denied_databases", &denied)], Dialect::Snowflake).unwrap();
        let listed = Policy { classes: ClassSet::all(), rules };
        let mut statement = Statement::unknown();
        assert_eq!(open.decide(&statement, &NameContext::default()), Ok(()));
        let verdict = listed.decide(&statement, &NameContext::default()).unwrap_err();
        assert_eq!((verdict.setting(), verdict.to_string().contains("the statement")), (Some("lists"), true));
        statement.refuse("x is refused", "do y");
        for policy in [open, listed] {
            let verdict = policy.decide(&statement, &NameContext::default()).unwrap_err();
            assert_eq!((verdict.setting(), verdict.to_string()), (None, "x is refused".to_owned()));
        }
    }

    #[test]
    fn the_class_decides_before_the_names() {
        let rules = NameRules::new(&[("denied_tables", &["t".to_owned()])], Dialect::Snowflake).unwrap();
        let policy = Policy { classes: ClassSet::harmless(), rules };
        let decide = |sql: &str| policy.decide(&read(sql, Dialect::Snowflake), &NameContext::default());
        assert_eq!(decide("delete from t").unwrap_err(), Verdict::Class(Class::Write));
        let denial = decide("select * from d.s.t").unwrap_err();
        assert_eq!(denial.to_string(), "table D.S.T is denied: `denied_tables` has t");
        assert_eq!(decide("select * from d.s.u"), Ok(()));
    }
}
