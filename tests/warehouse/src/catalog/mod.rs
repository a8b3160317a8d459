//! What there is: databases, schemas, tables and views, roles and warehouses.

mod definition;
mod relation;
mod sample;

use std::collections::{BTreeMap, BTreeSet};

pub(super) use definition::definition;
pub use relation::ColumnDefinition;
pub(super) use relation::{Relation, RelationKind, Row};

use super::session::Context;
use super::sql::{PlanFigures, SqlError};

/// Everything that has a name. Written by statements and by the test, under the lock of the whole state.
#[derive(Debug)]
pub(super) struct Catalog {
    pub(super) databases: BTreeMap<String, Database>,
    pub(super) roles: BTreeSet<String>,
    pub(super) warehouses: BTreeSet<String>,
    /// What EXPLAIN says.
    pub(super) plan: PlanFigures,
}

/// A database.
#[derive(Debug, Default)]
pub(super) struct Database {
    pub(super) comment: String,
    pub(super) schemas: BTreeMap<String, Schema>,
}

/// A schema.
#[derive(Debug, Default)]
pub(super) struct Schema {
    pub(super) relations: BTreeMap<String, Relation>,
}

/// The full name of a relation: database, schema, name.
pub(super) type FullName = (String, String, String);

impl Catalog {
    /// The contents that every stand-in starts with.
    pub(super) fn sample() -> Self {
        sample::catalog()
    }

    /// Adds an empty database with the schema `PUBLIC`, if there is none of this name.
    pub(super) fn add_database(&mut self, name: &str) {
        let database = self.databases.entry(name.to_owned()).or_default();
        database.schemas.entry("PUBLIC".into()).or_default();
    }

    /// The full name that `parts` mean in `context`, whether there is such a relation or not.
    pub(super) fn full_name(&self, parts: &[String], context: &Context) -> Result<FullName, SqlError> {
        let (database, schema, name) = match parts {
            [database, schema, name] => (Some(database), Some(schema), name),
            [schema, name] => (context.database.as_ref(), Some(schema), name),
            [name] => (context.database.as_ref(), context.schema.as_ref(), name),
            _ => return Err(SqlError::unknown_object("Object", &parts.join("."))),
        };
        let database = database.ok_or_else(SqlError::no_database)?;
        let schema = schema.ok_or_else(SqlError::no_schema)?;
        Ok((database.clone(), schema.clone(), name.clone()))
    }

    /// The schema `database.schema`.
    pub(super) fn schema(&self, database: &str, schema: &str) -> Result<&Schema, SqlError> {
        let found =
            self.databases.get(database).ok_or_else(|| SqlError::unknown_object("Database", database))?;
        let full = format!("{database}.{schema}");
        found.schemas.get(schema).ok_or_else(|| SqlError::unknown_object("Schema", &full))
    }

    pub(super) fn schema_mut(&mut self, database: &str, schema: &str) -> Result<&mut Schema, SqlError> {
        self.schema(database, schema)?;
        let found = self.databases.get_mut(database).and_then(|database| database.schemas.get_mut(schema));
        found.ok_or_else(|| SqlError::unknown_object("Schema", schema))
    }

    /// A relation that is not temporary.
    pub(super) fn relation(&self, name: &FullName) -> Option<&Relation> {
        self.databases.get(&name.0)?.schemas.get(&name.1)?.relations.get(&name.2)
    }

    pub(super) fn relation_mut(&mut self, name: &FullName) -> Option<&mut Relation> {
        self.databases.get_mut(&name.0)?.schemas.get_mut(&name.1)?.relations.get_mut(&name.2)
    }
}

/// A name as a statement shows it: quoted where it must be.
pub(super) fn spelled(name: &str) -> String {
    let plain = name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_')
        && name.chars().all(|next| next.is_ascii_uppercase() || next.is_ascii_digit() || "_$".contains(next));
    if plain { name.to_owned() } else { format!("\"{}\"", name.replace('"', "\"\"")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(parts: &[&str]) -> Vec<String> {
        parts.iter().map(|&part| part.to_owned()).collect()
    }

    #[test]
    fn a_name_is_completed_from_the_context() {
        let catalog = Catalog::sample();
        let context = Context { database: Some("D".into()), schema: Some("S".into()), ..Context::default() };
        let full = |parts: &[&str]| catalog.full_name(&names(parts), &context).unwrap();
        assert_eq!(full(&["T"]), ("D".into(), "S".into(), "T".into()));
        assert_eq!(full(&["X", "T"]), ("D".into(), "X".into(), "T".into()));
        assert_eq!(full(&["Y", "X", "T"]), ("Y".into(), "X".into(), "T".into()));
        assert_eq!(catalog.full_name(&names(&["T"]), &Context::default()).unwrap_err().code, "090105");
    }

    #[test]
    fn only_odd_names_are_quoted() {
        assert_eq!(spelled("ORDERS_2"), "ORDERS_2");
        assert_eq!(spelled("Mixed \"x\""), "\"Mixed \"\"x\"\"\"");
        assert_eq!(spelled("2ND"), "\"2ND\"");
    }
}
