//! Catalog requests. Names are bound as values, or quoted where SQL does not allow values.

use rusqlite::{Connection, Error, Row, Rows, ToSql};

use super::checkups::Verdict;
use super::databases::{Database, Databases, Origin, SAMPLE_DATABASE, SCHEMA};
use super::failure::{breaks_connection, from_sqlite};
use super::names::{did_you_mean, needs_quotes, quoted};
use super::sample::SAMPLE_COMMENT;
use super::statement::Failure;
use super::value;
use crate::backend::{
    BackendError, Caps, Catalog, Cell, Collector, Completion, ErrorKind, Flow, RelationKind, RowFilter,
};

/// Tables that a client may see, without internal tables of SQLite and of virtual tables.
const RELATIONS: &str = "FROM pragma_table_list AS l WHERE l.schema = ?1 COLLATE NOCASE AND l.type <> 'shadow' \
                         AND l.name NOT LIKE 'sqlite\\_%' ESCAPE '\\'";

/// Files left out that are listed, at most.
const LEFT_OUT_SHOWN_MAX: usize = 50;

/// The database of a catalog request; `None`: the context's.
pub(super) fn database_of(catalog: &Catalog) -> Option<&str> {
    match catalog {
        Catalog::Databases => None,
        Catalog::Schemas { database } | Catalog::Tables { database, .. } => database.as_deref(),
        Catalog::SemanticViews { database, .. } | Catalog::Search { database, .. } => database.as_deref(),
        Catalog::Views { database, .. } => Some(database),
        _ => catalog.relation().and_then(|relation| relation.database.as_deref()),
    }
}

/// The schema of a catalog request.
pub(super) fn schema_of(catalog: &Catalog) -> Option<&str> {
    match catalog {
        Catalog::Tables { schema, .. }
        | Catalog::Views { schema, .. }
        | Catalog::SemanticViews { schema, .. } => schema.as_deref(),
        _ => catalog.relation().and_then(|relation| relation.schema.as_deref()),
    }
}

/// Every database, whether it can be opened, and the files that are left out. `verdicts`: those on `all`.
/// `filter`: which of them may be seen.
pub(super) fn databases(
    all: &Databases,
    verdicts: &[(&Database, Verdict)],
    caps: Caps,
    filter: Option<&dyn RowFilter>,
) -> Completion {
    let columns = ["name", "kind", "comment"].map(str::to_owned);
    let row =
        |name: String, kind: &str, comment: String| vec![Some(name), Some(kind.to_owned()), Some(comment)];
    let mut rows: Vec<Vec<Cell>> = Vec::new();
    let mut unreadable = Vec::new();
    for (database, verdict) in verdicts {
        let (kind, comment) = kind_and_comment(database);
        let name = database.name.clone();
        match verdict {
            Verdict::Readable => rows.push(row(name, kind, comment)),
            Verdict::Locked => {
                rows.push(row(name, kind, format!("{comment}; locked by another program at the moment")));
            }
            Verdict::Broken(error) => unreadable.push(row(name, "unreadable", said(error))),
        }
    }
    rows.extend(unreadable);
    if let Some(filter) = filter {
        rows.retain(|row| filter.keeps(&columns, &row.iter().map(Option::as_deref).collect::<Vec<_>>()));
        // Whose files the others are is not known.
        return completion(&["name", "kind", "comment"], rows, caps);
    }
    for left in all.left_out.iter().take(LEFT_OUT_SHOWN_MAX) {
        let name = left.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        rows.push(row(name, "left out", left.said()));
    }
    if let Some(more) = all.left_out.len().checked_sub(LEFT_OUT_SHOWN_MAX).filter(|more| *more > 0) {
        rows.push(vec![None, Some("left out".into()), Some(format!("and {more} more files"))]);
    }
    if let Some(problem) = all.problem.clone().or_else(|| all.is_empty().then(|| all.none())) {
        rows.push(vec![None, Some("problem".into()), Some(said(&problem))]);
    }
    completion(&["name", "kind", "comment"], rows, caps)
}

/// An error with its next step.
pub(super) fn said(error: &BackendError) -> String {
    match &error.next_step {
        Some(next_step) => format!("{}; {next_step}", error.message),
        None => error.message.clone(),
    }
}

fn kind_and_comment(database: &Database) -> (&'static str, String) {
    let path = database.path.display();
    let written = match needs_quotes(&database.name) {
        true => format!("; written {} in SQL", quoted(&database.name)),
        false => String::new(),
    };
    match database.origin {
        Origin::Sample => ("sample", SAMPLE_COMMENT.into()),
        // As earlier versions wrote it.
        Origin::Folder if database.name == SAMPLE_DATABASE => ("sample", SAMPLE_COMMENT.into()),
        Origin::Folder => ("folder", format!("file {path}{written}")),
        Origin::Config => ("config", format!("file {path}{written}")),
    }
}

/// The only schema of `database`.
pub(super) fn schemas(database: &str, caps: Caps) -> Completion {
    let row = vec![Some(database.to_owned()), Some(SCHEMA.to_owned())];
    completion(&["database", "name"], [row], caps)
}

/// The catalog of one open database.
pub(super) struct Reader<'a> {
    pub(super) connection: &'a Connection,
    /// The database's name, as it is attached.
    pub(super) database: &'a str,
    pub(super) caps: Caps,
    /// Which rows of a list may be seen.
    pub(super) filter: Option<&'a dyn RowFilter>,
}

/// A relation that exists.
struct ExistingRelation {
    name: String,
    is_view: bool,
}

impl Reader<'_> {
    /// Tables whose names match `like`; the rows are those of the last ANALYZE, NULL without one.
    pub(super) fn tables(&self, like: Option<&str>) -> Result<Completion, Failure> {
        let estimate = if self.is_analyzed()? { self.estimate_of("l.name") } else { "NULL".to_owned() };
        let sql = format!(
            "SELECT ?1, '{SCHEMA}', l.name, {estimate} {RELATIONS} AND l.type IN ('table', 'virtual') \
             AND (?2 IS NULL OR l.name LIKE ?2 ESCAPE '\\') ORDER BY l.name COLLATE NOCASE"
        );
        self.read(&sql, &[&self.database, &like], &["database", "schema", "name", "rows"])
    }

    /// Tables and views whose names match `like`, into `found`.
    pub(super) fn search_relations(&self, like: &str, found: &mut Found<'_>) -> Result<(), Failure> {
        let estimate = if self.is_analyzed()? { self.estimate_of("l.name") } else { "NULL".to_owned() };
        let sql = format!(
            "SELECT ?1, '{SCHEMA}', l.name, iif(l.type = 'view', 'view', 'table'), {estimate}, NULL {RELATIONS} \
             AND l.name LIKE ?2 ESCAPE '\\' ORDER BY l.name COLLATE NOCASE"
        );
        let mut statement = self.connection.prepare(&sql).map_err(|error| failure(&error))?;
        let rows = statement.query((self.database, like)).map_err(|error| failure(&error))?;
        found.take(rows, Found::RELATIONS.len())
    }

    /// The columns whose names match `like`, into `found`. A view that no longer works has none.
    pub(super) fn search_columns(&self, like: &str, found: &mut Found<'_>) -> Result<(), Failure> {
        let sql = format!("SELECT l.name, iif(l.type = 'view', 'view', 'table') {RELATIONS} ORDER BY l.name");
        let mut statement = self.connection.prepare(&sql).map_err(|error| failure(&error))?;
        let relations: Vec<(String, String)> = statement
            .query_map([self.database], |row| Ok((row.get(0)?, row.get(1)?)))
            .and_then(Iterator::collect)
            .map_err(|error| failure(&error))?;
        let sql = format!(
            "SELECT ?1, '{SCHEMA}', ?2, ?3, c.name, c.type FROM pragma_table_xinfo(?2, ?1) AS c WHERE c.hidden <> 1 \
             AND c.name LIKE ?4 ESCAPE '\\' ORDER BY c.cid"
        );
        let mut statement = self.connection.prepare(&sql).map_err(|error| failure(&error))?;
        for (name, kind) in &relations {
            let rows = statement.query((self.database, name, kind, like));
            match rows
                .map_err(|error| failure(&error))
                .and_then(|rows| found.take(rows, Found::COLUMNS.len()))
            {
                Err(failure) if failure.breaks || failure.error.kind == ErrorKind::Cancelled => {
                    return Err(failure);
                }
                _ if found.is_full => break,
                _ => {}
            }
        }
        Ok(())
    }

    /// Views.
    pub(super) fn views(&self) -> Result<Completion, Failure> {
        let sql = format!(
            "SELECT ?1, '{SCHEMA}', l.name {RELATIONS} AND l.type = 'view' ORDER BY l.name COLLATE NOCASE"
        );
        self.read(&sql, &[&self.database], &["database", "schema", "name"])
    }

    /// The columns of a relation.
    pub(super) fn describe(&self, kind: RelationKind, name: &str) -> Result<Completion, Failure> {
        let found = if kind == RelationKind::View { self.view(name)? } else { self.relation(name)? };
        // A primary key is no promise against NULL, unless it is the row id, which has no index of its own. (In
        // tables that are STRICT or WITHOUT ROWID its columns are NOT NULL anyway.)
        let sql = "SELECT c.name, c.type, CASE WHEN c.\"notnull\" OR (c.pk AND NOT EXISTS (SELECT 1 FROM \
                     pragma_index_list(?1, ?2) WHERE origin = 'pk')) THEN 'NO' ELSE 'YES' END, c.dflt_value, \
                   nullif(concat_ws(', ', \
                     CASE WHEN c.pk > 0 AND (SELECT max(pk) FROM pragma_table_xinfo(?1, ?2)) > 1 \
                          THEN 'PRIMARY KEY (' || c.pk || ')' WHEN c.pk > 0 THEN 'PRIMARY KEY' END, \
                     (SELECT group_concat('REFERENCES ' || f.\"table\" || coalesce('(' || f.\"to\" || ')', ''), ', ') \
                        FROM pragma_foreign_key_list(?1, ?2) AS f WHERE f.\"from\" = c.name COLLATE NOCASE)), '') \
                   FROM pragma_table_xinfo(?1, ?2) AS c WHERE c.hidden <> 1 ORDER BY c.cid";
        self.read(sql, &[&found.name, &self.database], &["column", "type", "nullable", "default", "key"])
    }

    /// What else is known of a relation: the rows of the last ANALYZE, and its UNIQUE sets of columns.
    pub(super) fn about(&self, name: &str) -> Result<Completion, Failure> {
        let found = self.relation(name)?;
        let rows = if self.is_analyzed()? { self.estimate_of("?2") } else { "NULL".to_owned() };
        let sql = format!(
            "SELECT {rows}, NULL, (SELECT group_concat('(' || (SELECT group_concat(i.name, ', ') FROM \
             pragma_index_info(l.name, ?1) AS i) || ')', ', ') FROM pragma_index_list(?2, ?1) AS l \
             WHERE l.\"unique\" AND l.origin <> 'pk' AND NOT l.partial AND NOT EXISTS \
             (SELECT 1 FROM pragma_index_info(l.name, ?1) AS i WHERE i.name IS NULL))"
        );
        self.read(&sql, &[&self.database, &found.name], &["rows", "comment", "unique"])
    }

    /// The rows of the table whose name is `name` in SQL, as the last ANALYZE counted them.
    fn estimate_of(&self, name: &str) -> String {
        format!(
            "(SELECT max(CAST(s.stat AS INTEGER)) FROM {}.sqlite_stat1 AS s WHERE s.tbl = {name} COLLATE NOCASE)",
            quoted(self.database)
        )
    }

    /// The text of CREATE VIEW.
    pub(super) fn definition(&self, name: &str) -> Result<Completion, Failure> {
        let found = self.view(name)?;
        let sql = format!(
            "SELECT sql FROM {}.sqlite_schema WHERE type = 'view' AND name = ?1",
            quoted(self.database)
        );
        self.read(&sql, &[&found.name], &["definition"])
    }

    /// The SQL text that reads every row of a relation.
    pub(super) fn select_all(&self, name: &str) -> Result<String, Failure> {
        let found = self.relation(name)?;
        Ok(format!("SELECT * FROM {}.{}", quoted(self.database), quoted(&found.name)))
    }

    fn is_analyzed(&self) -> Result<bool, Failure> {
        let sql = format!(
            "SELECT count(*) FROM {}.sqlite_schema WHERE name = 'sqlite_stat1'",
            quoted(self.database)
        );
        self.connection.query_row(&sql, [], |row| row.get(0)).map_err(|error| failure(&error))
    }

    /// The view called `name`.
    fn view(&self, name: &str) -> Result<ExistingRelation, Failure> {
        let found = self.relation(name)?;
        if found.is_view {
            return Ok(found);
        }
        Err(BackendError::new(ErrorKind::Statement, format!("{} is a table, not a view", found.name))
            .with_next_step("describe_table shows its columns")
            .into())
    }

    /// The table or view called `name`, in whatever case.
    fn relation(&self, name: &str) -> Result<ExistingRelation, Failure> {
        let sql = format!("SELECT l.name, l.type = 'view' {RELATIONS} AND l.name = ?2 COLLATE NOCASE");
        let found = self.connection.query_row(&sql, (self.database, name), |row| {
            Ok(ExistingRelation { name: row.get(0)?, is_view: row.get(1)? })
        });
        match found {
            Ok(found) => Ok(found),
            Err(Error::QueryReturnedNoRows) => Err(self.unknown(name)?.into()),
            Err(error) => Err(failure(&error)),
        }
    }

    fn unknown(&self, name: &str) -> Result<BackendError, Failure> {
        let mut statement = self
            .connection
            .prepare(&format!("SELECT l.name {RELATIONS}"))
            .map_err(|error| failure(&error))?;
        let known =
            statement.query_map([self.database], |row| row.get(0)).map_err(|error| failure(&error))?;
        let known: Vec<String> = known.collect::<Result<_, _>>().map_err(|error| failure(&error))?;
        let hint = did_you_mean(name, known.iter().map(String::as_str));
        let error = BackendError::new(
            ErrorKind::Statement,
            format!("no such table or view: {}.{name}", self.database),
        );
        Ok(error.with_next_step(format!("{hint}list_tables and list_views show what exists")))
    }

    fn read(&self, sql: &str, values: &[&dyn ToSql], columns: &[&str]) -> Result<Completion, Failure> {
        let mut statement = self.connection.prepare(sql).map_err(|error| failure(&error))?;
        let mut collector = Collector::new(self.caps);
        collector.set_columns(columns.iter().map(|&name| name.to_owned()).collect());
        let mut rows = statement.query(values).map_err(|error| failure(&error))?;
        let names: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
        while let Some(row) = rows.next().map_err(|error| failure(&error))? {
            if let Some(filter) = self.filter
                && !keeps(filter, &names, row)
            {
                continue;
            }
            let (flow, _) =
                value::push(&mut collector, row, columns.len()).map_err(|error| failure(&error))?;
            if flow == Flow::Stop {
                break;
            }
        }
        Ok(Completion::of_rows(collector))
    }
}

/// What a search has found so far.
pub(super) struct Found<'a> {
    pub(super) collector: Collector,
    /// Whether no more is taken.
    pub(super) is_full: bool,
    columns: Vec<String>,
    filter: Option<&'a dyn RowFilter>,
}

impl<'a> Found<'a> {
    pub(super) const SCHEMAS: [&'static str; 2] = ["database", "name"];
    pub(super) const RELATIONS: [&'static str; 6] = ["database", "schema", "name", "kind", "rows", "comment"];
    pub(super) const COLUMNS: [&'static str; 6] = ["database", "schema", "table", "kind", "column", "type"];

    pub(super) fn new(caps: Caps, columns: &[&str], filter: Option<&'a dyn RowFilter>) -> Self {
        let columns: Vec<String> = columns.iter().map(|&name| name.to_owned()).collect();
        let mut collector = Collector::new(caps);
        collector.set_columns(columns.clone());
        Self { collector, is_full: false, columns, filter }
    }

    /// Takes a row, if it may be seen.
    pub(super) fn push(&mut self, row: Vec<Cell>) {
        let cells: Vec<Option<&str>> = row.iter().map(Option::as_deref).collect();
        if self.filter.is_none_or(|filter| filter.keeps(&self.columns, &cells)) {
            self.is_full |= self.collector.push(row) == Flow::Stop;
        }
    }

    fn take(&mut self, mut rows: Rows<'_>, columns: usize) -> Result<(), Failure> {
        while let Some(row) = rows.next().map_err(|error| failure(&error))? {
            if self.filter.is_some_and(|filter| !keeps(filter, &self.columns, row)) {
                continue;
            }
            let (flow, _) =
                value::push(&mut self.collector, row, columns).map_err(|error| failure(&error))?;
            if flow == Flow::Stop {
                self.is_full = true;
                break;
            }
        }
        Ok(())
    }
}

fn keeps(filter: &dyn RowFilter, columns: &[String], row: &Row<'_>) -> bool {
    let texts: Vec<Option<&str>> = (0..columns.len())
        .map(|column| row.get_ref(column).ok().and_then(|value| value.as_str_or_null().ok().flatten()))
        .collect();
    filter.keeps(columns, &texts)
}

fn failure(error: &Error) -> Failure {
    Failure { breaks: breaks_connection(error), error: from_sqlite(error) }
}

fn completion(columns: &[&str], rows: impl IntoIterator<Item = Vec<Cell>>, caps: Caps) -> Completion {
    let mut collector = Collector::new(caps);
    collector.set_columns(columns.iter().map(|&name| name.to_owned()).collect());
    for row in rows {
        if collector.push(row) == Flow::Stop {
            break;
        }
    }
    Completion::of_rows(collector)
}
