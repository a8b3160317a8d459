//! The metadata questions behind the list and describe tools. Each backend answers them in its own way.

/// One question about the catalog. A `database` or `schema` of `None` means the context's.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Catalog {
    /// Every database: columns `name`, `kind`, `comment`.
    Databases,
    /// The schemas of a database: `database`, `name`.
    Schemas {
        /// The database; `None`: the context's.
        database: Option<String>,
    },
    /// Tables: `database`, `schema`, `name`, `rows` (an estimate or NULL).
    Tables {
        /// The database; `None`: the context's.
        database: Option<String>,
        /// The schema; `None`: the context's, else all of them.
        schema: Option<String>,
        /// A LIKE pattern on the name, matched without regard to case.
        like: Option<String>,
    },
    /// Views: `database`, `schema`, `name`.
    Views {
        /// The database.
        database: String,
        /// The schema; `None`: all of them.
        schema: Option<String>,
    },
    /// The columns of a table or view: `column`, `type`, `nullable`, `default`, `key`.
    Describe {
        /// What the name must be.
        kind: RelationKind,
        /// The relation's name.
        relation: Relation,
    },
    /// The definition of a view, as one row `definition`.
    Definition(Relation),
    /// Every row of a view, `SELECT *`.
    Rows(Relation),
}

impl Catalog {
    /// Whether the answer is about the same objects in every context, because the question says where they
    /// are. (A role still decides which of them are seen.) The rows of a view are no question about the catalog.
    pub fn is_context_free(&self) -> bool {
        match self {
            Self::Databases | Self::Views { .. } => true,
            Self::Schemas { database } | Self::Tables { database, .. } => database.is_some(),
            Self::Describe { relation, .. } | Self::Definition(relation) => {
                relation.database.is_some() && relation.schema.is_some()
            }
            Self::Rows(_) => false,
        }
    }

    /// Its texts, in bytes.
    pub fn bytes(&self) -> usize {
        let of = |texts: &[Option<&String>]| texts.iter().flatten().map(|text| text.len()).sum();
        match self {
            Self::Databases => 0,
            Self::Schemas { database } => of(&[database.as_ref()]),
            Self::Tables { database, schema, like } => {
                of(&[database.as_ref(), schema.as_ref(), like.as_ref()])
            }
            Self::Views { database, schema } => of(&[Some(database), schema.as_ref()]),
            Self::Describe { relation, .. } | Self::Definition(relation) | Self::Rows(relation) => {
                of(&[relation.database.as_ref(), relation.schema.as_ref(), Some(&relation.name)])
            }
        }
    }
}

/// What [`Catalog::Describe`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RelationKind {
    /// A table; a view is described too.
    Table,
    /// A view; a table is an error that says so.
    View,
}

/// A relation's name in parts, never parsed from or pasted into SQL text unquoted.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Relation {
    /// The database; `None`: the context's.
    pub database: Option<String>,
    /// The schema; `None`: the context's.
    pub schema: Option<String>,
    /// The relation.
    pub name: String,
}
