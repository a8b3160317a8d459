//! Lists of objects, without those that the profile denies.

use std::sync::Arc;

use sql_gate::{Listing, NameContext, NameRules, ObjectKind};

use crate::backend::{Catalog, RowFilter, SearchFor};

/// Leaves out the rows about objects that may not be used.
#[derive(Debug)]
pub(crate) struct ListingFilter {
    rules: Arc<NameRules>,
    listing: Listing,
    context: NameContext,
}

impl ListingFilter {
    /// The filter for rows as `listing` says; `None`: all rows may be seen.
    pub(crate) fn new(rules: &Arc<NameRules>, listing: &Listing, context: NameContext) -> Option<Arc<Self>> {
        let (rules, listing) = (Arc::clone(rules), listing.clone());
        rules.has_lists().then(|| Arc::new(Self { rules, listing, context }))
    }

    /// What the rows of `catalog` list; `None`: it lists nothing.
    pub(crate) fn listing_of(catalog: &Catalog) -> Option<Listing> {
        let of = |kind, database_column, schema_column| {
            Some(Listing { kind, database_column, schema_column, name_column: "name" })
        };
        match catalog {
            Catalog::Databases => of(ObjectKind::Database, None, None),
            Catalog::Schemas { .. } => of(ObjectKind::Schema, Some("database"), None),
            Catalog::Tables { .. } | Catalog::Views { .. } => {
                of(ObjectKind::Relation, Some("database"), Some("schema"))
            }
            Catalog::SemanticViews { .. } | Catalog::Search { what: SearchFor::Relations, .. } => {
                of(ObjectKind::Relation, Some("database"), Some("schema"))
            }
            Catalog::Search { what: SearchFor::Schemas, .. } => {
                of(ObjectKind::Schema, Some("database"), None)
            }
            // A column is seen where its table is; a foreign key where what it refers to is.
            Catalog::Search { what: SearchFor::Columns, .. } | Catalog::ForeignKeys(_) => Some(Listing {
                kind: ObjectKind::Relation,
                database_column: Some("database"),
                schema_column: Some("schema"),
                name_column: "table",
            }),
            Catalog::Describe { .. }
            | Catalog::Definition(_)
            | Catalog::Rows(_)
            | Catalog::About(_)
            | Catalog::SemanticView(_) => None,
        }
    }
}

impl RowFilter for ListingFilter {
    fn keeps(&self, columns: &[String], row: &[Option<&str>]) -> bool {
        let Listing { kind, database_column, schema_column, name_column } = &self.listing;
        let at = |name: &str| columns.iter().position(|column| column.eq_ignore_ascii_case(name));
        // A list without the columns that it should have says nothing of where its rows are.
        let wanted = [*database_column, *schema_column, Some(*name_column)];
        if wanted.iter().flatten().any(|name| at(name).is_none()) {
            return false;
        }
        let cell = |name: &str| at(name).and_then(|at| row.get(at).copied().flatten());
        let Some(name) = cell(name_column) else { return false };
        let cell_of = |column: Option<&'static str>| column.and_then(cell);
        self.rules.allows_row(*kind, cell_of(*database_column), cell_of(*schema_column), name, &self.context)
    }
}
