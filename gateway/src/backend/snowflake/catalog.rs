//! The statements behind the list and describe tools, and what of their answers is shown.
//!
//! All of them are served by Snowflake's own services: none wakes a warehouse, but for the rows of a view.

use super::names::{literal, quoted, sql, stored};
use crate::backend::{Catalog, Cell, Context, Relation, RelationKind, SearchFor};

/// A statement, and the columns of its answer that are shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Question {
    pub(super) sql: String,
    pub(super) shown: Shown,
}

impl Question {
    /// Whether `rows` rows may not be all that there are, although no more can be had.
    pub(super) fn is_cut(&self, rows: usize) -> bool {
        self.sql.starts_with("SHOW") && rows as u64 >= SHOW_ROWS_MAX
    }
}

/// Rows that SHOW returns, at most.
pub(super) const SHOW_ROWS_MAX: u64 = 10_000;

/// Which columns are shown.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shown {
    /// All of them.
    All,
    /// These: the name that the answer has, and the name to show it under.
    Only(&'static [(&'static str, &'static str)]),
}

const DATABASES: Shown = Shown::Only(&[("name", "name"), ("kind", "kind"), ("comment", "comment")]);
const SCHEMAS: Shown = Shown::Only(&[("database_name", "database"), ("name", "name")]);
const TABLES: Shown = Shown::Only(&[
    ("database_name", "database"),
    ("schema_name", "schema"),
    ("name", "name"),
    ("rows", "rows"),
]);
const VIEWS: Shown =
    Shown::Only(&[("database_name", "database"), ("schema_name", "schema"), ("name", "name")]);
const COLUMNS: Shown = Shown::Only(&[
    ("name", "column"),
    ("type", "type"),
    ("null?", "nullable"),
    ("default", "default"),
    ("primary key", "key"),
    ("unique key", "unique"),
    ("comment", "comment"),
]);
const ABOUT: Shown = Shown::Only(&[("rows", "rows"), ("comment", "comment")]);
const FOREIGN_KEYS: Shown = Shown::Only(&[
    ("fk_column_name", "column"),
    ("pk_database_name", "database"),
    ("pk_schema_name", "schema"),
    ("pk_table_name", "table"),
    ("pk_column_name", "to"),
]);
const FOUND_RELATIONS: Shown = Shown::Only(&[
    ("database_name", "database"),
    ("schema_name", "schema"),
    ("name", "name"),
    ("kind", "kind"),
    ("rows", "rows"),
    ("comment", "comment"),
]);
const FOUND_COLUMNS: Shown = Shown::Only(&[
    ("database_name", "database"),
    ("schema_name", "schema"),
    ("table_name", "table"),
    ("column_name", "column"),
    ("data_type", "type"),
]);
const SEMANTIC_VIEWS: Shown = Shown::Only(&[
    ("database_name", "database"),
    ("schema_name", "schema"),
    ("name", "name"),
    ("comment", "comment"),
]);
const SEMANTIC_VIEW: Shown = Shown::Only(&[
    ("object_kind", "kind"),
    ("object_name", "name"),
    ("parent_entity", "of"),
    ("property", "property"),
    ("property_value", "value"),
]);
const DEFINITION: Shown = Shown::Only(&[("DEFINITION", "definition")]);
const TEXT: Shown = Shown::Only(&[("text", "definition")]);

/// The statement for `catalog` in `context`, for a result of `rows_max` rows: one more is asked for, to tell
/// whether there are more.
pub(super) fn question(catalog: &Catalog, context: &Context, rows_max: u64) -> Question {
    let limit = format!("LIMIT {}", (rows_max + 1).min(SHOW_ROWS_MAX));
    match catalog {
        Catalog::Databases => Question { sql: format!("SHOW DATABASES {limit}"), shown: DATABASES },
        Catalog::Schemas { database } => {
            let place = database.as_ref().or(context.database.as_ref());
            let place =
                place.map_or_else(|| "IN ACCOUNT".to_owned(), |name| format!("IN DATABASE {}", sql(name)));
            Question { sql: format!("SHOW SCHEMAS {place} {limit}"), shown: SCHEMAS }
        }
        Catalog::Tables { database, schema, like } => {
            let like = like.as_ref().map(|like| format!("LIKE {} ", literal(like))).unwrap_or_default();
            let place = place(database.as_deref(), schema.as_deref(), context);
            Question { sql: format!("SHOW TABLES {like}{place} {limit}"), shown: TABLES }
        }
        Catalog::Views { database, schema } => {
            let place = place(Some(database), schema.as_deref(), context);
            Question { sql: format!("SHOW VIEWS {place} {limit}"), shown: VIEWS }
        }
        Catalog::Describe { kind, relation } => {
            let kind = match kind {
                RelationKind::Table => "TABLE",
                RelationKind::View => "VIEW",
            };
            Question { sql: format!("DESCRIBE {kind} {}", path(relation, context)), shown: COLUMNS }
        }
        Catalog::Definition(relation) => {
            let name = literal(&path(relation, context));
            Question { sql: format!("SELECT GET_DDL('VIEW', {name}) AS DEFINITION"), shown: DEFINITION }
        }
        Catalog::Rows(relation) => Question {
            sql: format!("SELECT * FROM {} LIMIT {}", path(relation, context), rows_max + 1),
            shown: Shown::All,
        },
        Catalog::About(relation) => {
            let like = literal(&pattern_of(&stored(&relation.name)));
            let schema = schema_of(relation, context);
            let place = match (relation.database.as_deref().map(sql), schema) {
                (Some(database), schema) => {
                    format!("IN SCHEMA {database}.{}", schema.unwrap_or_else(|| quoted("PUBLIC")))
                }
                (None, Some(schema)) => format!("IN SCHEMA {schema}"),
                (None, None) => place(None, None, context),
            };
            Question { sql: format!("SHOW OBJECTS LIKE {like} {place} LIMIT 1"), shown: ABOUT }
        }
        Catalog::ForeignKeys(relation) => Question {
            sql: format!("SHOW IMPORTED KEYS IN TABLE {}", path(relation, context)),
            shown: FOREIGN_KEYS,
        },
        Catalog::Search { what, like, database } => {
            let place = database
                .as_deref()
                .map_or_else(|| "IN ACCOUNT".to_owned(), |name| format!("IN DATABASE {}", sql(name)));
            let like = literal(like);
            match what {
                SearchFor::Schemas => {
                    Question { sql: format!("SHOW SCHEMAS LIKE {like} {place} {limit}"), shown: SCHEMAS }
                }
                SearchFor::Relations => Question {
                    sql: format!("SHOW OBJECTS LIKE {like} {place} {limit}"),
                    shown: FOUND_RELATIONS,
                },
                // It knows no LIMIT.
                SearchFor::Columns => {
                    Question { sql: format!("SHOW COLUMNS LIKE {like} {place}"), shown: FOUND_COLUMNS }
                }
            }
        }
        Catalog::SemanticViews { database, schema } => {
            let place = place(database.as_deref(), schema.as_deref(), context);
            Question { sql: format!("SHOW SEMANTIC VIEWS {place} {limit}"), shown: SEMANTIC_VIEWS }
        }
        Catalog::SemanticView(relation) => Question {
            sql: format!("DESCRIBE SEMANTIC VIEW {}", path(relation, context)),
            shown: SEMANTIC_VIEW,
        },
    }
}

/// The statement for servers that do not know the first one, where there is another.
pub(super) fn second_question(catalog: &Catalog, context: &Context) -> Option<Question> {
    let Catalog::Definition(relation) = catalog else { return None };
    let place = match (&relation.database, schema_of(relation, context)) {
        (Some(database), Some(schema)) => format!(" IN SCHEMA {}.{schema}", sql(database)),
        (Some(database), None) => format!(" IN DATABASE {}", sql(database)),
        (None, Some(schema)) => format!(" IN SCHEMA {schema}"),
        (None, None) => String::new(),
    };
    let like = literal(&pattern_of(&stored(&relation.name)));
    Some(Question { sql: format!("SHOW VIEWS LIKE {like}{place} LIMIT 1"), shown: TEXT })
}

/// A LIKE pattern that only `name` matches.
fn pattern_of(name: &str) -> String {
    let mut pattern = String::with_capacity(name.len());
    for char in name.chars() {
        if matches!(char, '%' | '_' | '\\') {
            pattern.push('\\');
        }
        pattern.push(char);
    }
    pattern
}

/// Where SHOW looks: a schema, a database, or all of the account.
fn place(database: Option<&str>, schema: Option<&str>, context: &Context) -> String {
    // A schema of the context belongs to the context's database only.
    let schema = match database {
        Some(_) => schema,
        None => schema.or(context.schema.as_deref()),
    };
    match (database.or(context.database.as_deref()), schema) {
        (Some(database), Some(schema)) => format!("IN SCHEMA {}.{}", sql(database), sql(schema)),
        (Some(database), None) => format!("IN DATABASE {}", sql(database)),
        (None, Some(schema)) => format!("IN SCHEMA {}", sql(schema)),
        (None, None) => "IN ACCOUNT".to_owned(),
    }
}

/// A relation's name in SQL, with as many parts as it takes.
fn path(relation: &Relation, context: &Context) -> String {
    let name = sql(&relation.name);
    match (relation.database.as_deref().map(sql), schema_of(relation, context)) {
        (Some(database), schema) => {
            // What Snowflake means by two dots.
            format!("{database}.{}.{name}", schema.unwrap_or_else(|| quoted("PUBLIC")))
        }
        (None, Some(schema)) => format!("{schema}.{name}"),
        (None, None) => name,
    }
}

/// The relation's schema in SQL: its own, or the context's if that is in the same database.
fn schema_of(relation: &Relation, context: &Context) -> Option<String> {
    let is_here = match (&relation.database, &context.database) {
        (Some(wanted), Some(current)) => stored(wanted) == stored(current),
        (Some(_), None) => false,
        // A name alone is looked up in the context by the server.
        (None, _) => return relation.schema.as_deref().map(sql),
    };
    relation.schema.as_deref().or(context.schema.as_deref().filter(|_| is_here)).map(sql)
}

impl Shown {
    /// The places of the shown columns among `columns`, and their names. A column that the server does not
    /// give is left out.
    pub(super) fn of(self, columns: &[String]) -> Vec<(usize, String)> {
        match self {
            Self::All => columns.iter().cloned().enumerate().collect(),
            Self::Only(shown) => shown
                .iter()
                .filter_map(|(name, as_name)| {
                    let at = columns.iter().position(|column| column.eq_ignore_ascii_case(name))?;
                    Some((at, (*as_name).to_owned()))
                })
                .collect(),
        }
    }
}

/// The shown cells of a row.
pub(super) fn pick(shown: &[(usize, String)], mut row: Vec<Cell>) -> Vec<Cell> {
    shown.iter().map(|(at, _)| row.get_mut(*at).and_then(Option::take)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(catalog: &Catalog) -> String {
        let context = Context { database: Some("DB".into()), schema: Some("S".into()), ..Context::default() };
        question(catalog, &context, 10).sql
    }

    fn text(text: &str) -> Option<String> {
        Some(text.to_owned())
    }

    #[test]
    fn every_question_names_its_place_and_its_limit() {
        let tables = |database: Option<String>, schema: Option<String>, like: Option<String>| {
            asked(&Catalog::Tables { database, schema, like })
        };
        assert_eq!(asked(&Catalog::Databases), "SHOW DATABASES LIMIT 11");
        assert_eq!(
            tables(None, None, text("o'r%")),
            "SHOW TABLES LIKE 'o''r%' IN SCHEMA \"DB\".\"S\" LIMIT 11"
        );
        assert_eq!(tables(text("other"), None, None), "SHOW TABLES IN DATABASE \"OTHER\" LIMIT 11");
        assert_eq!(tables(None, text("\"s\""), None), "SHOW TABLES IN SCHEMA \"DB\".\"s\" LIMIT 11");
        let schemas = asked(&Catalog::Schemas { database: None });
        assert_eq!(schemas, "SHOW SCHEMAS IN DATABASE \"DB\" LIMIT 11");
        let nowhere = question(&Catalog::Schemas { database: None }, &Context::default(), 20_000).sql;
        assert_eq!(nowhere, "SHOW SCHEMAS IN ACCOUNT LIMIT 10000");
    }

    #[test]
    fn relations_are_quoted_part_by_part() {
        let relation =
            |database, schema| Relation { database, schema, name: "t\"; DROP TABLE x; --".to_owned() };
        let describe = |relation| asked(&Catalog::Describe { kind: RelationKind::Table, relation });
        assert_eq!(describe(relation(None, None)), "DESCRIBE TABLE \"t\"\"; DROP TABLE x; --\"");
        assert_eq!(
            describe(relation(text("d"), None)),
            "DESCRIBE TABLE \"D\".\"PUBLIC\".\"t\"\"; DROP TABLE x; --\""
        );
        assert_eq!(
            describe(relation(text("db"), None)),
            "DESCRIBE TABLE \"DB\".\"S\".\"t\"\"; DROP TABLE x; --\""
        );
        let view = Relation { database: text("d"), schema: text("s"), name: "it's".to_owned() };
        assert_eq!(
            asked(&Catalog::Definition(view)),
            "SELECT GET_DDL('VIEW', '\"D\".\"S\".\"it''s\"') AS DEFINITION"
        );
    }

    #[test]
    fn what_is_looked_for_is_a_pattern_and_never_sql() {
        let like = "%it's\\_x%".to_owned();
        let search = |what, database| Catalog::Search { what, like: like.clone(), database };
        for (catalog, sql) in [
            (search(SearchFor::Schemas, None), "SHOW SCHEMAS LIKE '%it''s\\\\_x%' IN ACCOUNT LIMIT 10"),
            (
                search(SearchFor::Relations, text("my db")),
                "SHOW OBJECTS LIKE '%it''s\\\\_x%' IN DATABASE \"my db\" LIMIT 10",
            ),
            (search(SearchFor::Columns, None), "SHOW COLUMNS LIKE '%it''s\\\\_x%' IN ACCOUNT"),
        ] {
            assert_eq!(question(&catalog, &Context::default(), 9).sql, sql);
        }
    }

    #[test]
    fn what_else_is_known_of_a_table_is_asked_where_it_is() {
        let relation = |database, schema| Relation { database, schema, name: "a_b".to_owned() };
        let here = Context { database: text("D"), schema: text("S"), ..Context::default() };
        let asked = |catalog: Catalog| question(&catalog, &here, 9).sql;
        assert_eq!(
            asked(Catalog::About(relation(text("d"), text("x")))),
            "SHOW OBJECTS LIKE 'A\\\\_B' IN SCHEMA \"D\".\"X\" LIMIT 1"
        );
        assert_eq!(
            asked(Catalog::About(relation(text("other"), None))),
            "SHOW OBJECTS LIKE 'A\\\\_B' IN SCHEMA \"OTHER\".\"PUBLIC\" LIMIT 1"
        );
        assert_eq!(
            asked(Catalog::ForeignKeys(relation(text("d"), None))),
            "SHOW IMPORTED KEYS IN TABLE \"D\".\"S\".\"A_B\""
        );
        assert_eq!(asked(Catalog::SemanticView(relation(None, None))), "DESCRIBE SEMANTIC VIEW \"A_B\"");
    }

    #[test]
    fn a_definition_is_asked_for_in_a_second_way() {
        let relation = Relation { database: text("d"), schema: text("s"), name: "my_view".to_owned() };
        let second = second_question(&Catalog::Definition(relation), &Context::default()).unwrap();
        assert_eq!(second.sql, "SHOW VIEWS LIKE 'MY\\\\_VIEW' IN SCHEMA \"D\".\"S\" LIMIT 1");
        assert_eq!(second_question(&Catalog::Databases, &Context::default()), None);
    }

    #[test]
    fn columns_are_picked_by_name_in_whatever_order_they_come() {
        let columns = ["created_on", "name", "rows", "database_name"].map(str::to_owned);
        let shown = TABLES.of(&columns);
        assert_eq!(shown, [(3, "database".to_owned()), (1, "name".to_owned()), (2, "rows".to_owned())]);
        let row = vec![text("2026"), text("T"), None, text("D")];
        assert_eq!(pick(&shown, row), [text("D"), text("T"), None]);
    }
}
