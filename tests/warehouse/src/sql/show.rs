//! `SHOW`.

mod like;
mod objects;

use like::Like;

use super::words::Words;
use super::{Plan, SqlError, World};
use crate::catalog::Row;
use crate::result::{Column, ResultSet, StatementType};

/// A `SHOW` gives no more rows than this, as the service does.
const ROWS_MAX: usize = 10_000;

/// What is shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Databases,
    Schemas,
    Tables,
    Views,
    /// Tables and views.
    Objects,
    Columns,
    ImportedKeys,
    SemanticViews,
    Warehouses,
    Roles,
    Parameters,
}

/// Where it is looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Scope {
    /// As the session's context says.
    Current,
    Account,
    Database(Option<String>),
    Schema(Vec<String>),
    /// A table or view.
    Relation(Vec<String>),
}

/// What of it is shown.
#[derive(Debug, Default)]
struct Filter {
    like: Option<Like>,
    starts_with: Option<String>,
    limit: Option<usize>,
    /// Only names behind this one: the next page.
    from: Option<String>,
}

/// A thing that is shown: its name, and its row.
struct Shown {
    name: String,
    row: Row,
}

pub(super) fn show(words: &mut Words<'_>) -> Result<Plan, SqlError> {
    let terse = words.accept("terse");
    let kind = Kind::read(words)?;
    words.accept("history");
    let mut filter = Filter::default();
    if words.accept("like") {
        filter.like = Some(Like::new(&words.text()?));
    }
    let scope = if words.accept("in") { Scope::read(words)? } else { Scope::Current };
    filter.read_rest(words)?;
    let action = move |world: &mut World<'_>| {
        let (columns, shown) = objects::list(kind, &scope, world)?;
        Ok(result(columns, filter.of(shown), terse))
    };
    Ok(Plan::metadata(action))
}

/// `TERSE` leaves the first columns: date, name, kind and where it is.
fn result(mut columns: Vec<Column>, mut rows: Vec<Row>, terse: bool) -> ResultSet {
    const TERSE_COLUMNS: usize = 5;
    if terse {
        columns.truncate(TERSE_COLUMNS);
        rows.iter_mut().for_each(|row| row.truncate(TERSE_COLUMNS));
    }
    ResultSet::listed(StatementType::Show, columns, rows)
}

impl Kind {
    fn read(words: &mut Words<'_>) -> Result<Self, SqlError> {
        if words.accept_all(&["imported", "keys"]) {
            return Ok(Self::ImportedKeys);
        }
        if words.accept_all(&["semantic", "views"]) {
            return Ok(Self::SemanticViews);
        }
        let kinds = [
            ("objects", Self::Objects),
            ("columns", Self::Columns),
            ("databases", Self::Databases),
            ("schemas", Self::Schemas),
            ("tables", Self::Tables),
            ("views", Self::Views),
            ("warehouses", Self::Warehouses),
            ("roles", Self::Roles),
            ("parameters", Self::Parameters),
        ];
        let found = kinds.into_iter().find(|(word, _)| words.accept(word));
        found.map(|(_, kind)| kind).ok_or_else(|| words.unexpected())
    }
}

impl Scope {
    fn read(words: &mut Words<'_>) -> Result<Self, SqlError> {
        if words.accept("account") || words.accept("session") {
            return Ok(Self::Account);
        }
        if words.accept("database") {
            // Without a name: the current one.
            let named = words.peek().is_some() && !["starts", "limit", ";"].iter().any(|word| words.is(word));
            return Ok(Self::Database(if named { Some(words.name()?) } else { None }));
        }
        if words.accept("table") || words.accept("view") {
            return Ok(Self::Relation(words.parts()?));
        }
        let schema = words.accept("schema");
        let parts = words.parts()?;
        Ok(match parts.as_slice() {
            [name] if !schema => Self::Database(Some(name.clone())),
            _ => Self::Schema(parts),
        })
    }
}

impl Filter {
    fn read_rest(&mut self, words: &mut Words<'_>) -> Result<(), SqlError> {
        if words.accept_all(&["starts", "with"]) {
            self.starts_with = Some(words.text()?);
        }
        if words.accept("limit") {
            self.limit = Some(words.number()?);
            if words.accept("from") {
                self.from = Some(words.text()?);
            }
        }
        Ok(())
    }

    fn of(&self, shown: Vec<Shown>) -> Vec<Row> {
        let limit = self.limit.unwrap_or(ROWS_MAX).min(ROWS_MAX);
        shown
            .into_iter()
            .filter(|shown| self.matches(&shown.name))
            .take(limit)
            .map(|shown| shown.row)
            .collect()
    }

    fn matches(&self, name: &str) -> bool {
        self.like.as_ref().is_none_or(|like| like.matches(name))
            && self.starts_with.as_ref().is_none_or(|start| name.starts_with(start.as_str()))
            && self.from.as_ref().is_none_or(|from| name > from.as_str())
    }
}
