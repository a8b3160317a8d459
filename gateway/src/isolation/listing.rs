//! Lists of objects, without those that the profile denies.

use std::sync::Arc;

use sql_gate::{Access, Listing, NameContext, NameRules, Object, ObjectKind, ObjectName};

use crate::backend::{Catalog, RowFilter};

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
            Catalog::Describe { .. } | Catalog::Definition(_) | Catalog::Rows(_) => None,
        }
    }
}

impl RowFilter for ListingFilter {
    fn keeps(&self, columns: &[String], row: &[Option<&str>]) -> bool {
        let cell = |name: &str| {
            let at = columns.iter().position(|column| column.eq_ignore_ascii_case(name))?;
            row.get(at).copied().flatten()
        };
        let Some(name) = cell(self.listing.name_column) else { return false };
        let outer = |column: Option<&'static str>, context: &Option<String>| {
            let column = column?;
            Some(
                cell(column)
                    .filter(|cell| !cell.is_empty())
                    .map_or_else(|| context.clone(), |cell| Some(cell.to_owned())),
            )
        };
        let parts = [
            outer(self.listing.database_column, &self.context.database),
            outer(self.listing.schema_column, &self.context.schema),
        ];
        let mut parts: Vec<String> = parts.into_iter().flatten().flatten().collect();
        parts.push(name.to_owned());
        let object = Object { kind: self.listing.kind, name: ObjectName(parts), access: Access::Read };
        self.rules.check(&object, &self.context).is_ok()
    }
}
