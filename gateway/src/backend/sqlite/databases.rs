//! The databases that exist at one moment, and finding one by its name.

use std::collections::BTreeMap;
use std::path::PathBuf;

use super::names::{NAME_BYTES_MAX, did_you_mean};
use crate::backend::{BackendError, Context, ErrorKind};

/// The name of the sample database.
pub(super) const SAMPLE_DATABASE: &str = "SNOWFLAKE_SAMPLE_DATA";

/// Databases that an error names, at most.
const NAMED_MAX: usize = 50;

/// The one schema of every SQLite database.
pub(super) const SCHEMA: &str = "main";

/// Where a database's file comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    Folder,
    Config,
    Sample,
}

/// One database: a name and its file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Database {
    pub(super) name: String,
    /// Absolute and UTF-8: SQL takes it as text.
    pub(super) path: PathBuf,
    pub(super) origin: Origin,
}

/// The databases at one moment, by name in lower case.
#[derive(Debug, Default)]
pub(super) struct Databases(BTreeMap<String, Database>);

impl Databases {
    /// From `found`, which has each under its name in lower case.
    pub(super) fn new(found: BTreeMap<String, Database>) -> Self {
        Self(found)
    }

    /// The database called `name`, ignoring case.
    ///
    /// # Errors
    /// It does not exist; the error lists the existing ones, the nearest name first.
    pub(super) fn find(&self, name: &str) -> Result<&Database, BackendError> {
        self.0.get(&fold(name)).ok_or_else(|| self.unknown(name))
    }

    /// The default database: the first by name; the sample data only if there is nothing else.
    pub(super) fn default_database(&self) -> Result<&Database, BackendError> {
        let is_own = |database: &&Database| !database.name.eq_ignore_ascii_case(SAMPLE_DATABASE);
        self.0.values().find(is_own).or_else(|| self.0.values().next()).ok_or_else(|| {
            BackendError::new(ErrorKind::Statement, "there is no database").with_next_step(
                "put a SQLite file (NAME.db) in the folder, or set sample_data = true under [sqlite] in config.toml",
            )
        })
    }

    /// The database `name`, or the default one.
    pub(super) fn find_or_default(&self, name: Option<&str>) -> Result<&Database, BackendError> {
        name.map_or_else(|| self.default_database(), |name| self.find(name))
    }

    /// All of them, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Database> {
        self.0.values()
    }

    /// The database that requests of `context` run in.
    ///
    /// # Errors
    /// A name in it does not exist.
    pub(super) fn main_of(&self, context: &Context) -> Result<&Database, BackendError> {
        let found = check_schema(context.schema.as_deref())
            .and_then(|()| self.find_or_default(context.database.as_deref()));
        found.map_err(|error| BackendError { kind: ErrorKind::NoContext, ..error })
    }

    /// `wanted` with missing parts filled in and names spelled as on disk.
    pub(super) fn resolve(&self, wanted: &Context) -> Result<Context, BackendError> {
        let database = self.main_of(wanted)?;
        Ok(Context { database: Some(database.name.clone()), schema: Some(SCHEMA.into()), ..wanted.clone() })
    }

    fn unknown(&self, name: &str) -> BackendError {
        let names: Vec<&str> = self.iter().map(|database| database.name.as_str()).collect();
        // A name that is too long to be one resembles none.
        let hint = if name.len() > NAME_BYTES_MAX {
            String::new()
        } else {
            did_you_mean(name, names.iter().copied())
        };
        let existing = match names.len() {
            0 => "there is no database".into(),
            1..=NAMED_MAX => format!("databases: {}", names.join(", ")),
            count => format!("databases: {} and {} more", names[..NAMED_MAX].join(", "), count - NAMED_MAX),
        };
        let shown: String = name.chars().take(NAME_BYTES_MAX).collect();
        BackendError::new(ErrorKind::Statement, format!("no such database: {shown}"))
            .with_next_step(format!("{hint}{existing}"))
    }
}

/// Accepts the only schema, ignoring case, or none.
pub(super) fn check_schema(schema: Option<&str>) -> Result<(), BackendError> {
    match schema {
        Some(name) if !name.eq_ignore_ascii_case(SCHEMA) => {
            Err(BackendError::new(ErrorKind::Statement, format!("no such schema: {name}"))
                .with_next_step("SQLite databases have one schema, main; leave the schema out or use main"))
        }
        _ => Ok(()),
    }
}

/// `name` as SQLite compares names: ASCII letters in lower case.
pub(super) fn fold(name: &str) -> String {
    name.to_ascii_lowercase()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn databases(names: &[&str]) -> Databases {
        let database =
            |name: &&str| Database { name: (*name).into(), path: PathBuf::new(), origin: Origin::Folder };
        Databases::new(names.iter().map(|name| (fold(name), database(name))).collect())
    }

    #[test]
    fn contexts_are_completed_and_spelled_as_on_disk() {
        let list = databases(&["Zoo", "Crm"]);
        let wanted = Context { role: Some("r".into()), schema: Some("MAIN".into()), ..Context::default() };
        let context = list.resolve(&wanted).unwrap();
        assert_eq!(context.database.as_deref(), Some("Crm"));
        assert_eq!((context.schema.as_deref(), context.role.as_deref()), (Some("main"), Some("r")));
        let wanted = Context { database: Some("ZOO".into()), ..Context::default() };
        assert_eq!(list.resolve(&wanted).unwrap().database.as_deref(), Some("Zoo"));
    }

    #[test]
    fn the_sample_data_is_the_default_only_if_there_is_nothing_else() {
        let default = |names: &[&str]| databases(names).default_database().unwrap().name.clone();
        assert_eq!(default(&["SNOWFLAKE_SAMPLE_DATA"]), "SNOWFLAKE_SAMPLE_DATA");
        assert_eq!(default(&["SNOWFLAKE_SAMPLE_DATA", "zoo"]), "zoo");
        assert_eq!(default(&["b", "snowflake_sample_data", "a"]), "a");
    }

    #[test]
    fn an_unknown_name_is_an_error_that_lists_the_databases() {
        let list = databases(&["sales", "crm"]);
        let error = list.find("sale").unwrap_err();
        assert_eq!(error.message, "no such database: sale");
        assert_eq!(error.next_step.as_deref(), Some("did you mean sales? databases: crm, sales"));
        let wanted = Context { schema: Some("public".into()), ..Context::default() };
        assert!(list.resolve(&wanted).unwrap_err().next_step.unwrap().contains("one schema, main"));
    }

    #[test]
    fn for_an_empty_folder_the_error_says_what_to_do() {
        let list = databases(&[]);
        assert!(list.default_database().unwrap_err().next_step.unwrap().contains("sample_data"));
    }
}
