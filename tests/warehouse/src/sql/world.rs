//! What a statement sees when it is carried out.

use super::SqlError;
use crate::catalog::{Catalog, FullName, Relation, Row};
use crate::query::Queries;
use crate::session::Session;

/// Everything that a statement may read or change, under the lock of the whole state.
pub(crate) struct World<'a> {
    pub(crate) catalog: &'a mut Catalog,
    pub(crate) session: &'a mut Session,
    pub(crate) queries: &'a Queries,
}

impl World<'_> {
    /// The relation that `parts` mean: the session's temporary one before any other.
    pub(super) fn relation(&self, parts: &[String]) -> Result<(FullName, &Relation), SqlError> {
        let name = self.full_name(parts)?;
        let temporary = self.session.temporary.get(&name);
        let Some(relation) = temporary.or_else(|| self.catalog.relation(&name)) else {
            return Err(SqlError::unknown_object("Object", &parts.join(".")));
        };
        Ok((name, relation))
    }

    pub(super) fn full_name(&self, parts: &[String]) -> Result<FullName, SqlError> {
        self.catalog.full_name(parts, &self.session.context)
    }

    /// The rows of a relation, those of the session's own open transaction included.
    pub(super) fn rows(&self, name: &FullName, relation: &Relation) -> Vec<Row> {
        let mut rows = relation.rows.clone();
        let pending = self.session.transaction.iter().flatten();
        rows.extend(pending.filter(|(into, _)| into == name).map(|(_, row)| row.clone()));
        rows
    }

    /// Adds rows to a relation: at once, or when the session commits.
    pub(super) fn insert(&mut self, name: &FullName, rows: Vec<Row>) {
        if let Some(pending) = &mut self.session.transaction {
            pending.extend(rows.into_iter().map(|row| (name.clone(), row)));
        } else {
            self.insert_now(name, rows);
        }
    }

    /// Ends the open transaction, and keeps what it has inserted.
    pub(super) fn commit(&mut self) {
        for (name, row) in self.session.transaction.take().into_iter().flatten() {
            self.insert_now(&name, [row]);
        }
    }

    /// Adds rows whatever transaction is open.
    pub(super) fn insert_now(&mut self, name: &FullName, rows: impl IntoIterator<Item = Row>) {
        let temporary = self.session.temporary.get_mut(name);
        if let Some(relation) = temporary.or_else(|| self.catalog.relation_mut(name)) {
            relation.rows.extend(rows);
        }
    }
}
