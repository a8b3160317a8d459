//! Tables and views.

/// The values of a row, as they travel: text or NULL.
pub(crate) type Row = Vec<Option<String>>;

/// A column as a table defines it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ColumnDefinition {
    /// Its name.
    pub name: String,
    /// Its type as `DESCRIBE` shows it: `NUMBER(38,0)`, `VARCHAR(16777216)`, ...
    pub data_type: String,
    /// Whether it may hold NULL.
    pub nullable: bool,
    /// Whether it is (part of) the primary key. As in Snowflake, nothing enforces it.
    pub key: bool,
    /// What is said of it.
    pub comment: String,
    /// What it refers to: database, schema, table and column. Nothing enforces it.
    pub references: Option<[String; 4]>,
}

impl ColumnDefinition {
    /// A column that may hold NULL.
    pub fn new(name: &str, data_type: &str) -> Self {
        Self {
            name: name.into(),
            data_type: data_type.into(),
            nullable: true,
            key: false,
            comment: String::new(),
            references: None,
        }
    }

    /// This column with a comment.
    #[must_use]
    pub fn commented(self, comment: &str) -> Self {
        Self { comment: comment.into(), ..self }
    }

    /// This column as a foreign key.
    #[must_use]
    pub fn referring_to(self, to: [&str; 4]) -> Self {
        Self { references: Some(to.map(Into::into)), ..self }
    }

    /// This column as the primary key.
    #[must_use]
    pub fn as_key(self) -> Self {
        Self { nullable: false, key: true, ..self }
    }
}

/// A table or a view.
#[derive(Clone, Debug)]
pub(crate) struct Relation {
    pub(crate) kind: RelationKind,
    pub(crate) columns: Vec<ColumnDefinition>,
    pub(crate) comment: String,
    /// A view's rows are as fixed as a table's: nothing computes them.
    pub(crate) rows: Vec<Row>,
}

/// Which of the two.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum RelationKind {
    Table,
    /// Ends with its session.
    Temporary,
    /// With its definition.
    View(String),
}

impl Relation {
    pub(crate) fn table(columns: Vec<ColumnDefinition>, rows: Vec<Row>) -> Self {
        Self { kind: RelationKind::Table, columns, comment: String::new(), rows }
    }

    pub(crate) fn is_view(&self) -> bool {
        matches!(self.kind, RelationKind::View(_))
    }
}
