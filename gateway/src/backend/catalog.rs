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
    /// What else is known of a table or view, as one row at most: `rows` (an estimate), `comment`, `unique` (sets of columns).
    /// A cell is NULL where it is not known.
    About(Relation),
    /// The foreign keys of a table that its columns do not show: `column`, `database`, `schema`, `table`, `to`, a row each
    /// column.
    ForeignKeys(Relation),
    /// Objects whose names match; [`SearchFor`] has the columns.
    Search {
        /// What is looked for.
        what: SearchFor,
        /// A LIKE pattern on the name, with `\` as escape, matched without regard to case.
        like: String,
        /// The database; `None`: all.
        database: Option<String>,
    },
    /// Semantic views: `database`, `schema`, `name`, `comment`.
    SemanticViews {
        /// The database; `None`: the context's.
        database: Option<String>,
        /// The schema; `None`: all of them.
        schema: Option<String>,
    },
    /// What a semantic view is made of: `kind`, `name`, `of`, `property`, `value`, a row each property.
    SemanticView(Relation),
}

/// What [`Catalog::Search`] looks for. (Databases are few: [`Catalog::Databases`] has all.)
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SearchFor {
    /// `database`, `name`.
    Schemas,
    /// Tables and views: `database`, `schema`, `name`, `kind`, `rows`, `comment`.
    Relations,
    /// `database`, `schema`, `table`, `kind` (of the table, where known), `column`, `type`.
    Columns,
}

impl Catalog {
    /// Whether the answer is about the same objects in every context, because the question says where they
    /// are. (A role still decides which of them are seen.) The rows of a view are no question about the catalog.
    pub fn is_context_free(&self) -> bool {
        match self {
            Self::Databases | Self::Views { .. } | Self::Search { .. } => true,
            Self::Schemas { database }
            | Self::Tables { database, .. }
            | Self::SemanticViews { database, .. } => database.is_some(),
            Self::Describe { relation, .. }
            | Self::Definition(relation)
            | Self::About(relation)
            | Self::ForeignKeys(relation)
            | Self::SemanticView(relation) => relation.database.is_some() && relation.schema.is_some(),
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
            Self::SemanticViews { database, schema } => of(&[database.as_ref(), schema.as_ref()]),
            Self::Search { like, database, .. } => of(&[Some(like), database.as_ref()]),
            Self::Describe { .. }
            | Self::Definition(_)
            | Self::Rows(_)
            | Self::About(_)
            | Self::ForeignKeys(_)
            | Self::SemanticView(_) => self.relation().map_or(0, |relation| {
                of(&[relation.database.as_ref(), relation.schema.as_ref(), Some(&relation.name)])
            }),
        }
    }

    /// The table or view that it is about.
    pub fn relation(&self) -> Option<&Relation> {
        match self {
            Self::Describe { relation, .. }
            | Self::Definition(relation)
            | Self::Rows(relation)
            | Self::About(relation)
            | Self::ForeignKeys(relation)
            | Self::SemanticView(relation) => Some(relation),
            Self::Databases
            | Self::Schemas { .. }
            | Self::Tables { .. }
            | Self::Views { .. }
            | Self::Search { .. }
            | Self::SemanticViews { .. } => None,
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

/// `text` as a LIKE pattern that matches it alone, with `\` as escape.
pub fn like_of(text: &str) -> String {
    let mut pattern = String::with_capacity(text.len());
    for char in text.chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern
}

/// Whether `name` matches the LIKE pattern `like`, with `\` as escape, without regard to case.
pub fn is_like(name: &str, like: &str) -> bool {
    let fold = |text: &str| text.chars().flat_map(char::to_lowercase).collect::<Vec<char>>();
    let (name, like) = (fold(name), fold(like));
    // Where to go on if what follows the last % does not fit: the pattern behind it, and one more character of the name.
    let (mut at, mut pattern, mut again) = (0, 0, None);
    while at < name.len() || pattern < like.len() {
        let escapes = like.get(pattern) == Some(&'\\') && pattern + 1 < like.len();
        let literal = like.get(pattern + usize::from(escapes)).copied();
        match literal {
            Some('%') if !escapes => {
                again = Some((pattern + 1, at + 1));
                pattern += 1;
                continue;
            }
            Some(char) if at < name.len() && ((char == '_' && !escapes) || char == name[at]) => {
                pattern += 1 + usize::from(escapes);
                at += 1;
                continue;
            }
            _ => {}
        }
        match again {
            Some((behind, next)) if next <= name.len() => {
                (pattern, at) = (behind, next);
                again = Some((behind, next + 1));
            }
            _ => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_like_pattern_matches_as_sql_has_it() {
        for (name, like, matches) in [
            ("Orders", "orders", true),
            ("orders", "order", false),
            ("orders", "%der%", true),
            ("orders", "o_d%", true),
            ("orders", "%", true),
            ("", "%", true),
            ("", "", true),
            ("", "_", false),
            ("order_id", "%\\_id", true),
            ("orderxid", "%\\_id", false),
            ("a%b", "a\\%b", true),
            ("axb", "a\\%b", false),
            ("abcabd", "%ab_", true),
            ("aaab", "%aab", true),
            ("\u{c4}rger", "\u{e4}%", true),
        ] {
            assert_eq!(is_like(name, like), matches, "{name} LIKE {like}");
        }
        let long = "a".repeat(255);
        assert!(!is_like(&long, &format!("{}b", "%a".repeat(100))), "and soon");
    }
}
