//! Which names a profile allows.
//!
//! | object | passes where |
//! |---|---|
//! | a relation | its database, its schema and itself pass |
//! | what else a schema holds (a stage, sequence ...), a function by a qualified name | its schema passes |
//! | a database or schema, looked at or used | something in it can pass |
//! | the same, made, changed, dropped or copied as a whole | everything in it passes |
//! | a function by its name alone (built in, or the current schema's), an object of the account | always |
//!
//! On top of that, what shows the names and definitions of all (`INFORMATION_SCHEMA`, the database `SNOWFLAKE`, SQLite's
//! own tables) passes only where a pattern names it (`metadata`).

use std::fmt;

use crate::metadata;
use crate::pattern::{Fit, Known, Level, Pattern, Place, SQLITE_SCHEMA, compared};
use crate::{Access, Dialect, NameContext, Object, ObjectKind, ObjectName};

/// The settings, with what each is about, those that deny first.
const LISTS: [(&str, Level, bool); 6] = [
    ("denied_databases", Level::Database, false),
    ("denied_schemas", Level::Schema, false),
    ("denied_tables", Level::Table, false),
    ("allowed_databases", Level::Database, true),
    ("allowed_schemas", Level::Schema, true),
    ("allowed_tables", Level::Table, true),
];

/// The stage of the user, `@~`: it is in no schema.
const USER_STAGE: &str = "~";

/// The lists of names of a profile. Deny wins; an empty list of what is allowed allows all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct NameRules {
    /// Those that have entries, as `LISTS` orders them.
    lists: Vec<List>,
    /// SQLite compares names without case, and its databases have one schema.
    is_sqlite: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct List {
    setting: &'static str,
    level: Level,
    allows: bool,
    patterns: Vec<Pattern>,
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

/// How much of an object must pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extent {
    /// It holds others, and something in it.
    Any,
    /// All of it.
    All,
}

/// A name, completed by the context. `None` where that has none.
#[derive(Clone, Debug, Default)]
struct Completed {
    database: Option<String>,
    schema: Option<String>,
    table: String,
}

impl NameRules {
    /// Rules from lists of patterns, by the setting's name (`allowed_databases` ...).
    ///
    /// # Errors
    /// A pattern that cannot be read.
    pub fn new(lists: &[(&'static str, &[String])], dialect: Dialect) -> Result<Self, PatternError> {
        let mut rules = Self { lists: Vec::new(), is_sqlite: dialect == Dialect::Sqlite };
        for (setting, level, allows) in LISTS {
            let mut patterns = Vec::new();
            for (_, written) in lists.iter().filter(|(name, _)| *name == setting) {
                for pattern in *written {
                    patterns.push(Pattern::read(pattern, level, dialect).map_err(PatternError)?);
                }
            }
            if !patterns.is_empty() {
                rules.lists.push(List { setting, level, allows, patterns });
            }
        }
        Ok(rules)
    }

    /// Whether there is any list.
    pub fn has_lists(&self) -> bool {
        !self.lists.is_empty()
    }

    /// Whether `object`, completed by `context`, is allowed.
    ///
    /// # Errors
    /// What decides against it.
    pub fn check(&self, object: &Object, context: &NameContext) -> Result<(), Denial> {
        if !self.has_lists() {
            return Ok(());
        }
        let parts = &object.name.0;
        let is_whole = matches!(object.access, Access::Define | Access::Write);
        let extent = if is_whole { Extent::All } else { Extent::Any };
        match object.kind {
            ObjectKind::Account => Ok(()),
            ObjectKind::Stage if matches!(&parts[..], [only] if only == USER_STAGE) => Ok(()),
            ObjectKind::Database => self.check_database(parts, extent, context),
            ObjectKind::Schema => self.check_schema(parts, extent, context),
            ObjectKind::Relation => self.check_relation(parts, context),
            ObjectKind::Function if object.access == Access::Read => self.check_function(parts, context),
            ObjectKind::Stage | ObjectKind::Function | ObjectKind::Other => {
                self.check_inside(object.kind, parts, context)
            }
        }
    }

    /// Whether a row of a list may be seen that is about an object of this kind and name. What the kind has not, and what
    /// the row does not say, is `None`: that is the context's.
    pub fn allows_row(
        &self,
        kind: ObjectKind,
        database: Option<&str>,
        schema: Option<&str>,
        name: &str,
        context: &NameContext,
    ) -> bool {
        let is_blank = |own: Option<&str>| own.is_none_or(str::is_empty);
        if kind == ObjectKind::Function && is_blank(database) && is_blank(schema) {
            return true; // built in
        }
        let row = |own: Option<&str>, context: &Option<String>| {
            own.filter(|own| !own.is_empty()).map_or_else(|| context.clone(), |own| Some(own.to_owned()))
        };
        let place =
            NameContext { database: row(database, &context.database), schema: row(schema, &context.schema) };
        let object = Object { kind, name: ObjectName(vec![name.to_owned()]), access: Access::Read };
        match kind {
            // A name alone is not the built-in one here.
            ObjectKind::Function if self.has_lists() => {
                self.check_inside(kind, &object.name.0, &place).is_ok()
            }
            _ => self.check(&object, &place).is_ok(),
        }
    }

    fn check_database(&self, parts: &[String], extent: Extent, context: &NameContext) -> Result<(), Denial> {
        let database = match parts {
            [] => self.context_database(context),
            [database] => Some(self.compared(database)),
            _ => {
                return Err(
                    self.not_allowed(format!("database {} (a name of too many parts)", parts.join(".")))
                );
            }
        };
        let place =
            Place { database: known(database.as_deref()), schema: Known::Within, table: Known::Within };
        self.check_place(Level::Database, place, extent, || described("database", extent, &[&database]))
    }

    fn check_schema(&self, parts: &[String], extent: Extent, context: &NameContext) -> Result<(), Denial> {
        let (database, schema) = match parts {
            [] => (self.context_database(context), self.context_schema(context)),
            [schema] => (self.context_database(context), Some(self.compared(schema))),
            [database, schema] => (Some(self.compared(database)), Some(self.compared(schema))),
            _ => {
                return Err(
                    self.not_allowed(format!("schema {} (a name of too many parts)", parts.join(".")))
                );
            }
        };
        let place = Place {
            database: known(database.as_deref()),
            schema: known(schema.as_deref()),
            table: Known::Within,
        };
        self.check_metadata(place, None)?;
        self.check_place(Level::Schema, place, extent, || described("schema", extent, &[&database, &schema]))
    }

    fn check_relation(&self, parts: &[String], context: &NameContext) -> Result<(), Denial> {
        if self.is_sqlite && matches!(parts, [first, .., name] if self.is_own_of_sqlite_session(first, name))
        {
            return Ok(());
        }
        let Some(name) = self.complete(parts, context) else {
            return Err(self.not_allowed(format!("table {} (a name of too many parts)", parts.join("."))));
        };
        let place = Place { table: Known::Name(&name.table), ..name.holder() };
        self.check_metadata(place, Some(&name.table))?;
        self.check_place(Level::Table, place, Extent::All, || name.described("table"))
    }

    /// A function that a statement calls.
    fn check_function(&self, parts: &[String], context: &NameContext) -> Result<(), Denial> {
        let Some(own) = parts.last() else { return Ok(()) };
        if metadata::shows_statements(own) {
            return Err(self.not_allowed(format!("function {own}, which shows the statements of others,")));
        }
        // In INFORMATION_SCHEMA, a name alone is that schema's.
        let is_metadata = context.schema.as_deref() == Some(metadata::INFORMATION_SCHEMA);
        if parts.len() == 1 && !(is_metadata && metadata::is_table_function(own)) {
            return Ok(());
        }
        if metadata::is_built_in(parts) {
            return self.check_denied_only(parts);
        }
        self.check_inside(ObjectKind::Function, parts, context)
    }

    /// What a schema holds beside relations.
    fn check_inside(&self, kind: ObjectKind, parts: &[String], context: &NameContext) -> Result<(), Denial> {
        let what = match kind {
            ObjectKind::Stage => "stage",
            ObjectKind::Function => "function",
            _ => "object",
        };
        let Some(name) = self.complete(parts, context) else {
            return Err(self.not_allowed(format!("{what} {} (a name of too many parts)", parts.join("."))));
        };
        self.check_metadata(name.holder(), Some(&name.table))?;
        self.check_place(Level::Schema, name.holder(), Extent::Any, || name.described(what))
    }

    /// A built-in function of the database SNOWFLAKE: refused only where a list denies that by name.
    fn check_denied_only(&self, parts: &[String]) -> Result<(), Denial> {
        for list in self.lists.iter().filter(|list| !list.allows) {
            if let Some(pattern) =
                list.patterns.iter().find(|pattern| pattern.names_database(metadata::SNOWFLAKE))
            {
                let object = format!("function {}", parts.join("."));
                return Err(Denial { object, setting: list.setting, pattern: Some(pattern.text.clone()) });
            }
        }
        Ok(())
    }

    fn check_place(
        &self,
        level: Level,
        place: Place<'_>,
        extent: Extent,
        describe: impl Fn() -> String,
    ) -> Result<(), Denial> {
        for list in &self.lists {
            // What the place does not say of itself is `Within`, which fits a list about less than that.
            let extent = if list.is_about(level) { Extent::All } else { extent };
            let is_enough = |pattern: &&Pattern| match (pattern.fit(place), list.allows) {
                (Fit::Yes, _) | (Fit::Unclear, false) => true,
                (Fit::Within, allows) => allows == (extent == Extent::Any),
                (Fit::No, _) | (Fit::Unclear, true) => false,
            };
            let found = list.patterns.iter().find(is_enough);
            if found.is_some() != list.allows {
                let pattern = found.map(|pattern| pattern.text.clone());
                return Err(Denial { object: describe(), setting: list.setting, pattern });
            }
        }
        Ok(())
    }

    /// What shows the names and definitions of others must be named.
    fn check_metadata(&self, place: Place<'_>, name: Option<&str>) -> Result<(), Denial> {
        if self.is_sqlite {
            return match name.is_some_and(metadata::is_of_sqlite) {
                true => Err(self.not_allowed(format!(
                    "{}, which shows all names (list_tables and describe_table show those that are allowed),",
                    name.unwrap_or_default()
                ))),
                false => Ok(()),
            };
        }
        let Some(shown) = metadata::shown(place, name) else { return Ok(()) };
        let lists_below_database = self.lists.iter().any(|list| list.level != Level::Database);
        let is_refused = match shown {
            metadata::Shown::Database => lists_below_database,
            metadata::Shown::Account => true,
        };
        let is_named = || {
            let mut patterns = self.lists.iter().filter(|list| list.allows).flat_map(|list| &list.patterns);
            patterns.any(|pattern| metadata::is_named_by(pattern, place))
        };
        if !is_refused || is_named() {
            return Ok(());
        }
        let parts = [place.database, place.schema].map(|known| match known {
            Known::Name(name) => name,
            Known::Within | Known::Missing => "*",
        });
        let name = name.map(|name| format!(".{name}")).unwrap_or_default();
        let object = format!(
            "{}{name}, which shows names and definitions of others and is not named there,",
            parts.join(".")
        );
        Err(self.not_allowed(object))
    }

    /// Refused because no list of what is allowed names it.
    fn not_allowed(&self, object: String) -> Denial {
        let allows = self.lists.iter().rev().find(|list| list.allows);
        Denial { object, setting: allows.map_or("allowed_tables", |list| list.setting), pattern: None }
    }

    fn is_own_of_sqlite_session(&self, database: &str, name: &str) -> bool {
        database.eq_ignore_ascii_case("temp") && !metadata::is_of_sqlite(&self.compared(name))
    }

    fn complete(&self, parts: &[String], context: &NameContext) -> Option<Completed> {
        let own = |name: &String| Some(self.compared(name));
        let (database, schema, table) = match parts {
            [table] => (self.context_database(context), self.context_schema(context), table),
            [schema, table] if !self.is_sqlite => (self.context_database(context), own(schema), table),
            [schema, table] if schema.eq_ignore_ascii_case(SQLITE_SCHEMA) => {
                (self.context_database(context), own(schema), table)
            }
            [database, table] => (own(database), Some(SQLITE_SCHEMA.to_owned()), table),
            [database, schema, table] => (own(database), own(schema), table),
            _ => return None,
        };
        Some(Completed { database, schema, table: self.compared(table) })
    }

    fn context_database(&self, context: &NameContext) -> Option<String> {
        context.database.as_deref().map(|name| self.compared(name))
    }

    fn context_schema(&self, context: &NameContext) -> Option<String> {
        if self.is_sqlite {
            return Some(SQLITE_SCHEMA.to_owned());
        }
        context.schema.clone()
    }

    fn compared(&self, name: &str) -> String {
        compared(name, if self.is_sqlite { Dialect::Sqlite } else { Dialect::Snowflake })
    }
}

impl List {
    /// Whether its patterns are about objects of `level` or what holds them.
    fn is_about(&self, level: Level) -> bool {
        (self.level as u8) <= level as u8
    }
}

impl Completed {
    /// The schema that it is in.
    fn holder(&self) -> Place<'_> {
        Place {
            database: known(self.database.as_deref()),
            schema: known(self.schema.as_deref()),
            table: Known::Within,
        }
    }

    fn described(&self, kind: &str) -> String {
        described(kind, Extent::Any, &[&self.database, &self.schema, &Some(self.table.clone())])
    }
}

fn known(name: Option<&str>) -> Known<'_> {
    name.map_or(Known::Missing, Known::Name)
}

/// `table DB.SCHEMA.T`, and what to do where the context has not what completes it.
fn described(kind: &str, extent: Extent, parts: &[&Option<String>]) -> String {
    let all = if extent == Extent::All { "all of " } else { "" };
    let names: Vec<&str> = parts.iter().map(|part| part.as_deref().unwrap_or("?")).collect();
    let hint = match parts {
        [None, ..] => " (no database is chosen: choose one with set_context, or write the name in full)",
        [_, None, ..] => " (no schema is chosen: choose one with set_context, or write the name in full)",
        _ => "",
    };
    format!("{all}{kind} {}{hint}", names.join("."))
}

#[cfg(test)]
mod tests;
