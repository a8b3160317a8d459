//! The databases that exist at one moment, and finding one by its name.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

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

/// A file of the folder that looks like a database and is not served, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct LeftOut {
    pub(super) path: PathBuf,
    pub(super) why: String,
}

impl LeftOut {
    /// For people.
    pub(super) fn said(&self) -> String {
        format!("file {}: {}", self.path.display(), self.why)
    }
}

/// The databases at one moment.
#[derive(Debug, Default)]
pub(super) struct Databases {
    /// By name in lower case.
    found: BTreeMap<String, Database>,
    pub(super) left_out: Vec<LeftOut>,
    /// What kept databases from being found: the folder or the sample data.
    pub(super) problem: Option<BackendError>,
    /// The folder.
    pub(super) folder: PathBuf,
}

impl Databases {
    /// From `found`, which has each under its name in lower case.
    pub(super) fn new(found: BTreeMap<String, Database>) -> Self {
        Self { found, ..Self::default() }
    }

    /// Adds a database, whose name is free.
    pub(super) fn add(&mut self, database: Database) {
        self.found.insert(fold(&database.name), database);
    }

    /// Whether no database has the name.
    pub(super) fn is_free(&self, name: &str) -> bool {
        !self.found.contains_key(&fold(name))
    }

    /// Whether a database is in the file at `path`.
    pub(super) fn has_file(&self, path: &Path) -> bool {
        self.found.values().any(|database| database.path == path)
    }

    /// Whether there is none.
    pub(super) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// The database called `name`, ignoring case.
    ///
    /// # Errors
    /// It does not exist; the error lists the existing ones, the nearest name first.
    pub(super) fn find(&self, name: &str) -> Result<&Database, BackendError> {
        self.found.get(&fold(name)).ok_or_else(|| self.unknown(name))
    }

    /// The default database: the first by name that `is_readable`, or else the first, whose error says what is
    /// wrong with it. The sample data is it only if there is nothing else.
    pub(super) fn default_database(
        &self,
        is_readable: impl Fn(&Database) -> bool,
    ) -> Result<&Database, BackendError> {
        let own = || self.iter().filter(|database| !database.name.eq_ignore_ascii_case(SAMPLE_DATABASE));
        if let Some(database) = own().find(|database| is_readable(database)).or_else(|| own().next()) {
            return Ok(database);
        }
        match (&self.problem, self.found.values().next()) {
            // What was meant to be served is not there.
            (Some(problem), _) => Err(problem.clone()),
            (None, Some(sample)) => Ok(sample),
            (None, None) => Err(self.none()),
        }
    }

    /// Why there is no database at all.
    pub(super) fn none(&self) -> BackendError {
        if let Some(problem) = &self.problem {
            return problem.clone();
        }
        let folder = self.folder.display();
        let left_out = match self.left_out.len() {
            0 => String::new(),
            count => format!(" ({count} left out: list_databases says why)"),
        };
        let what = format!("there is no database: the folder {folder} has no SQLite file{left_out}");
        BackendError::new(ErrorKind::Statement, what).with_next_step(
            "put a SQLite file (NAME.db) in the folder, which is then found at once; or correct sqlite.folder, name \
             a file under [sqlite.databases], or set sample_data = true under [sqlite] in config.toml",
        )
    }

    /// All of them, by name.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Database> {
        self.found.values()
    }

    /// The database that requests of `context` run in; `default_of` finds the default one.
    ///
    /// # Errors
    /// A name in it does not exist.
    pub(super) fn main_of<'a>(
        &'a self,
        context: &Context,
        default_of: impl FnOnce(&'a Self) -> Result<&'a Database, BackendError>,
    ) -> Result<&'a Database, BackendError> {
        let no_context = |error: BackendError| match error.kind {
            ErrorKind::Statement => BackendError { kind: ErrorKind::NoContext, ..error },
            _ => error,
        };
        check_schema(context.schema.as_deref()).map_err(no_context)?;
        match context.database.as_deref() {
            Some(name) => self.find(name).map_err(no_context),
            None => default_of(self),
        }
    }

    /// `wanted` with missing parts filled in and names spelled as on disk. Where there is no database yet, none
    /// is filled in: each request finds the one that is there then.
    pub(super) fn resolve<'a>(
        &'a self,
        wanted: &Context,
        default_of: impl FnOnce(&'a Self) -> Result<&'a Database, BackendError>,
    ) -> Result<Context, BackendError> {
        match self.main_of(wanted, default_of) {
            Ok(database) => Ok(Context {
                database: Some(database.name.clone()),
                schema: Some(SCHEMA.into()),
                ..wanted.clone()
            }),
            Err(error) if wanted.database.is_some() || error.kind == ErrorKind::NoContext => Err(error),
            Err(_) => Ok(wanted.clone()),
        }
    }

    fn unknown(&self, name: &str) -> BackendError {
        let names: Vec<&str> = self.iter().map(|database| database.name.as_str()).collect();
        // A name that is too long to be one resembles none.
        let hint = if name.len() > NAME_BYTES_MAX {
            String::new()
        } else {
            did_you_mean(name, names.iter().copied())
        };
        if names.is_empty() || self.problem.is_some() {
            let cause = self.none();
            let message = format!("no such database: {}; {}", shown(name), cause.message);
            return BackendError { message, ..cause };
        }
        let existing = match names.len() {
            ..=NAMED_MAX => format!("databases: {}", names.join(", ")),
            count => format!("databases: {} and {} more", names[..NAMED_MAX].join(", "), count - NAMED_MAX),
        };
        BackendError::new(ErrorKind::Statement, format!("no such database: {}", shown(name)))
            .with_next_step(format!("{hint}{existing}"))
    }
}

/// As much of a name as a name may have.
fn shown(name: &str) -> String {
    name.chars().take(NAME_BYTES_MAX).collect()
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

    fn first(databases: &Databases) -> Result<&Database, BackendError> {
        databases.default_database(|_| true)
    }

    #[test]
    fn contexts_are_completed_and_spelled_as_on_disk() {
        let list = databases(&["Zoo", "Crm"]);
        let wanted = Context { role: Some("r".into()), schema: Some("MAIN".into()), ..Context::default() };
        let context = list.resolve(&wanted, first).unwrap();
        assert_eq!(context.database.as_deref(), Some("Crm"));
        assert_eq!((context.schema.as_deref(), context.role.as_deref()), (Some("main"), Some("r")));
        let wanted = Context { database: Some("ZOO".into()), ..Context::default() };
        assert_eq!(list.resolve(&wanted, first).unwrap().database.as_deref(), Some("Zoo"));
    }

    #[test]
    fn the_sample_data_is_the_default_only_if_there_is_nothing_else() {
        let default = |names: &[&str]| first(&databases(names)).unwrap().name.clone();
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
        assert!(list.resolve(&wanted, first).unwrap_err().next_step.unwrap().contains("one schema, main"));
    }

    #[test]
    fn for_an_empty_folder_the_error_says_what_to_do_and_the_context_stays_open() {
        let list = databases(&[]);
        assert!(first(&list).unwrap_err().next_step.unwrap().contains("sample_data"));
        assert_eq!(list.resolve(&Context::default(), first).unwrap(), Context::default());
        let wanted = Context { database: Some("crm".into()), ..Context::default() };
        let error = list.resolve(&wanted, first).unwrap_err();
        assert!(error.message.starts_with("no such database: crm; there is no database: "), "{error}");
    }

    #[test]
    fn the_default_is_the_first_that_can_be_read_or_else_the_first() {
        let list = databases(&["a", "b", "SNOWFLAKE_SAMPLE_DATA"]);
        let default =
            |readable: &str| list.default_database(|found| found.name == readable).unwrap().name.clone();
        assert_eq!(default("b"), "b");
        assert_eq!(default("none of them"), "a");
    }

    #[test]
    fn where_the_folder_is_missing_the_sample_data_does_not_take_its_place() {
        let mut list = databases(&["SNOWFLAKE_SAMPLE_DATA"]);
        list.problem = Some(BackendError::new(ErrorKind::Unavailable, "the folder is missing"));
        assert_eq!(first(&list).unwrap_err().message, "the folder is missing");
        assert!(list.find("snowflake_sample_data").is_ok());
        assert_eq!(list.find("crm").unwrap_err().message, "no such database: crm; the folder is missing");
    }
}
