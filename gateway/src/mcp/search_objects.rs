//! The tool `search_objects`: databases, schemas, tables, views and columns by a part of their name.
//!
//! | pattern | finds |
//! |---|---|
//! | `order_id` | names with that in them; `_` is itself |
//! | `ord%_id` | names LIKE it: `%` is any text, and then `_` any character |
//!
//! A `%` alone finds all. Each kind is one question about the catalog, in all databases at once; what the profile denies, and what its roles do not
//! let it list, is not found. The nearest names come first.

use rmcp::model::CallToolResult;
use serde_json::Value;
use sql_gate::Dialect;

use super::arguments::{self as args, InvalidArguments, limit};
use super::call::{Call, CallError};
use super::describe_table::{append, is_ours, shortened};
use super::facts::RowFormat;
use super::table::Source;
use super::tool_name::ToolName;
use crate::backend::{
    Backend, BackendError, Caps, Catalog, Collector, Completion, Cut, SearchFor, is_like, like_of,
};

/// A longer pattern is refused, in bytes: SQLite takes patterns of 128, with room for two wildcards.
const PATTERN_BYTES_MAX: usize = 120;

/// A comment is cut to this many characters.
const COMMENT_CHARS_MAX: usize = 80;

/// Databases that are named as not searched, at most.
const LEFT_OUT_SHOWN_MAX: usize = 10;

/// A kind of object.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Kind {
    Database,
    Schema,
    Table,
    View,
    Column,
}

/// Something that was found.
#[derive(Debug, PartialEq, Eq)]
struct Hit {
    /// How near its name is to what was looked for: 0 is the nearest.
    rank: u8,
    kind: Kind,
    object: String,
    detail: Option<String>,
}

/// What is looked for.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    /// The LIKE pattern, and the text in it, in lower case.
    like: String,
    text: String,
    kinds: Vec<Kind>,
}

impl Kind {
    const ALL: [Self; 5] = [Self::Database, Self::Schema, Self::Table, Self::View, Self::Column];

    fn name(self) -> &'static str {
        match self {
            Self::Database => "database",
            Self::Schema => "schema",
            Self::Table => "table",
            Self::View => "view",
            Self::Column => "column",
        }
    }

    /// The tool that lists such objects: who may not use it for want of a permission does not find them here.
    fn tool(self) -> ToolName {
        match self {
            Self::Database => ToolName::ListDatabases,
            Self::Schema => ToolName::ListSchemas,
            Self::Table | Self::Column => ToolName::ListTables,
            Self::View => ToolName::ListViews,
        }
    }
}

impl Wanted {
    fn read(tool: ToolName, pattern: &str, kinds: Option<&str>) -> Result<Self, InvalidArguments> {
        let like = if pattern.contains('%') { pattern.to_owned() } else { format!("%{}%", like_of(pattern)) };
        if like.len() > PATTERN_BYTES_MAX || pattern.chars().any(char::is_control) {
            let why = format!("`pattern` has {PATTERN_BYTES_MAX} bytes at most, and no control characters");
            return Err(InvalidArguments::new(tool, why));
        }
        let words =
            kinds.unwrap_or_default().split([',', ' ']).map(str::trim).filter(|word| !word.is_empty());
        let mut read = Vec::new();
        for word in words {
            let singular = word.trim_end_matches(['s', 'S']);
            let found = Kind::ALL.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(singular));
            let Some(kind) = found else {
                let why = format!(
                    "`kinds` are database, schema, table, view, column, separated by commas; {} was given",
                    super::shown(word)
                );
                return Err(InvalidArguments::new(tool, why));
            };
            read.push(kind);
        }
        let kinds = if read.is_empty() { Kind::ALL.to_vec() } else { read };
        Ok(Self { like, text: pattern.replace('%', "").to_lowercase(), kinds })
    }

    fn has(&self, kind: Kind) -> bool {
        self.kinds.contains(&kind)
    }

    /// The hit that an object of this name is.
    fn hit(&self, kind: Kind, name: &str, object: String, detail: Option<String>) -> Hit {
        let name = name.to_lowercase();
        let rank = match () {
            () if name == self.text => 0,
            () if name.starts_with(&self.text) => 1,
            () => 2,
        };
        Hit { rank, kind, object, detail }
    }
}

/// What a search has found so far.
#[derive(Default)]
struct Search {
    hits: Vec<Hit>,
    /// Whether there may be more.
    is_cut: bool,
    notes: Vec<String>,
}

impl Call {
    pub(super) async fn search_objects(
        &self,
        tool: ToolName,
        arguments: args::SearchObjects,
    ) -> Result<CallToolResult, CallError> {
        let args::SearchObjects { pattern, kinds, database, limit: given } = arguments;
        let hits_max = limit(tool, given.as_ref(), args::SEARCH_LIMIT, self.rows_max())?;
        let mut wanted = Wanted::read(tool, &pattern, kinds.as_deref())?;
        let denied: Vec<Kind> =
            wanted.kinds.iter().copied().filter(|kind| !self.may_list(kind.tool())).collect();
        wanted.kinds.retain(|kind| !denied.contains(kind));
        // A column may be a view's.
        if denied.contains(&Kind::Column) && self.may_list(ToolName::ListViews) {
            wanted.kinds.push(Kind::Column);
        }
        let mut search = Search::default();
        self.search_all(&wanted, database.as_deref(), &mut search).await?;
        if !denied.is_empty() {
            let names: Vec<&str> = denied.iter().map(|kind| kind.name()).collect();
            search
                .notes
                .push(format!("not looked for, as your role does not permit it: {}", names.join(", ")));
        }
        let (done, notes) = search.done(usize::try_from(hits_max).unwrap_or(usize::MAX));
        let mut result = self.rows(done, Source::Search).await;
        if self.facts.line.format == RowFormat::Text && !notes.is_empty() {
            append(&mut result, &notes.join("\n"));
        }
        Ok(result)
    }

    /// Whether no role takes the tool away. (That a profile does not list it is about the list of tools.)
    fn may_list(&self, tool: ToolName) -> bool {
        self.profile.role_against_tool(tool.as_str()).is_none()
    }

    async fn search_all(
        &self,
        wanted: &Wanted,
        database: Option<&str>,
        search: &mut Search,
    ) -> Result<(), BackendError> {
        let pool = self.shared.pool(&self.profile).await?;
        let backend = pool.backend();
        if database.is_none() && (wanted.has(Kind::Database) || backend.dialect() == Dialect::Sqlite) {
            let done = self.catalog(Catalog::Databases, self.rows_max()).await?;
            search.take_databases(wanted, &done.rows, backend);
        }
        let questions = [
            (SearchFor::Schemas, wanted.has(Kind::Schema)),
            (SearchFor::Relations, wanted.has(Kind::Table) || wanted.has(Kind::View)),
            (SearchFor::Columns, wanted.has(Kind::Column)),
        ];
        for (what, _) in questions.into_iter().filter(|(_, is_wanted)| *is_wanted) {
            let (like, database) = (wanted.like.clone(), database.map(str::to_owned));
            let asked = Catalog::Search { what, like, database };
            match self.catalog(asked, self.rows_max()).await {
                Ok(done) => self.take(wanted, what, &done, backend, search),
                // One kind that cannot be looked for does not hide the others.
                Err(error) if !is_ours(&error) && (!search.hits.is_empty() || what == SearchFor::Columns) => {
                    search.notes.push(format!("not looked for: {}: {}", called(what), error.message));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    fn take(
        &self,
        wanted: &Wanted,
        what: SearchFor,
        done: &Completion,
        backend: &dyn Backend,
        search: &mut Search,
    ) {
        search.is_cut |= done.rows.cut() != Cut::Nothing;
        for row in done.rows.rows() {
            let row: Vec<Option<&str>> = row.collect();
            let cell = |name: &str| {
                let at = done.rows.columns().iter().position(|column| column == name)?;
                row.get(at).copied().flatten().filter(|cell| !cell.is_empty())
            };
            let is_view = |kind: &str| kind.to_ascii_uppercase().contains("VIEW");
            let place = [cell("database"), cell("schema").filter(|_| backend.dialect() != Dialect::Sqlite)];
            // What describes the catalog itself is found by its own names.
            if cell("schema").is_some_and(|schema| schema == "INFORMATION_SCHEMA") {
                continue;
            }
            let named = |last: &[Option<&str>]| {
                let parts = place.iter().chain(last).copied().flatten();
                parts.map(|part| written(part, backend)).collect::<Vec<_>>().join(".")
            };
            let hit = match what {
                SearchFor::Schemas => {
                    let Some(name) = cell("name") else { continue };
                    // Without it, all schemas of SQLite have one name.
                    let parts = [cell("database"), Some(name)].into_iter().flatten();
                    let object = parts.map(|part| written(part, backend)).collect::<Vec<_>>().join(".");
                    wanted.hit(Kind::Schema, name, object, None)
                }
                SearchFor::Relations => {
                    let Some(name) = cell("name") else { continue };
                    let kind = if cell("kind").is_some_and(is_view) { Kind::View } else { Kind::Table };
                    if !wanted.has(kind) {
                        continue;
                    }
                    let rows = cell("rows").map(|rows| format!("{rows} rows"));
                    let comment = cell("comment").map(|text| shortened(text, COMMENT_CHARS_MAX));
                    let detail: Vec<String> = rows.into_iter().chain(comment).collect();
                    let detail = (!detail.is_empty()).then(|| detail.join("; "));
                    wanted.hit(kind, name, named(&[Some(name)]), detail)
                }
                SearchFor::Columns => {
                    let Some(name) = cell("column") else { continue };
                    if !self.may_see_columns_of(cell("kind").map(is_view)) {
                        continue;
                    }
                    let detail = cell("type").map(type_name);
                    wanted.hit(Kind::Column, name, named(&[cell("table"), Some(name)]), detail)
                }
            };
            search.hits.push(hit);
        }
    }

    /// Whether the columns of a table, or a view, may be listed; `None`: it is not known which it is.
    fn may_see_columns_of(&self, is_view: Option<bool>) -> bool {
        let (tables, views) = (self.may_list(ToolName::ListTables), self.may_list(ToolName::ListViews));
        match is_view {
            Some(false) => tables,
            Some(true) => views,
            None => tables && views,
        }
    }
}

impl Search {
    fn take_databases(&mut self, wanted: &Wanted, rows: &Collector, backend: &dyn Backend) {
        let mut left_out = Vec::new();
        for row in rows.rows() {
            let row: Vec<Option<&str>> = row.collect();
            let cell = |at: usize| row.get(at).copied().flatten();
            let Some(name) = cell(0) else { continue };
            match cell(1) {
                Some("unreadable") => left_out.push(written(name, backend)),
                Some("left out" | "problem") => {}
                _ if wanted.has(Kind::Database) && is_like(name, &wanted.like) => {
                    let comment =
                        cell(2).filter(|text| !text.is_empty() && backend.dialect() != Dialect::Sqlite);
                    let detail = comment.map(|text| shortened(text, COMMENT_CHARS_MAX));
                    self.hits.push(wanted.hit(Kind::Database, name, written(name, backend), detail));
                }
                _ => {}
            }
        }
        if !left_out.is_empty() {
            let more = left_out.len().saturating_sub(LEFT_OUT_SHOWN_MAX);
            left_out.truncate(LEFT_OUT_SHOWN_MAX);
            let more = if more > 0 { format!(" and {more} more") } else { String::new() };
            let names = left_out.join(", ");
            self.notes.push(format!("not searched: {names}{more} (list_databases says why)"));
        }
    }

    /// The nearest hits, at most so many, and what is said behind them.
    fn done(mut self, hits_max: usize) -> (Completion, Vec<String>) {
        self.hits.sort_by(|a, b| (a.rank, a.kind, &a.object).cmp(&(b.rank, b.kind, &b.object)));
        let caps = Caps { rows_max: hits_max as u64, bytes_max: u64::MAX, count_rows_max: u64::MAX };
        let mut rows = Collector::new(caps);
        rows.set_columns(["kind", "object", "detail"].map(str::to_owned).into());
        for Hit { kind, object, detail, .. } in self.hits {
            rows.push(vec![Some(kind.name().to_owned()), Some(object), detail]);
        }
        if self.is_cut {
            rows.stop_counting();
        }
        let done = Completion::of_rows(rows);
        (done, self.notes)
    }
}

/// The kind of objects, for people.
fn called(what: SearchFor) -> &'static str {
    match what {
        SearchFor::Schemas => "schemas",
        SearchFor::Relations => "tables and views",
        SearchFor::Columns => "columns",
    }
}

/// A stored name as SQL takes it.
fn written(name: &str, backend: &dyn Backend) -> String {
    let is_word = |char: char| char.is_ascii_alphanumeric() || char == '_' || !char.is_ascii();
    match backend.dialect() {
        Dialect::Snowflake => backend.written_name(name),
        Dialect::Sqlite
            if name.chars().all(is_word) && !name.starts_with(|char: char| char.is_ascii_digit()) =>
        {
            name.to_owned()
        }
        Dialect::Sqlite => super::describe_table::quoted(name),
    }
}

/// A column's type as SQL has it. SHOW COLUMNS has JSON: `{"type":"FIXED","precision":38,"scale":0}`.
fn type_name(shown: &str) -> String {
    let Ok(Value::Object(parts)) = serde_json::from_str::<Value>(shown) else { return shown.to_owned() };
    let number = |name: &str| parts.get(name).and_then(Value::as_u64);
    let name = parts.get("type").and_then(Value::as_str).unwrap_or_default();
    match name {
        "FIXED" => {
            format!("NUMBER({},{})", number("precision").unwrap_or(38), number("scale").unwrap_or(0))
        }
        "REAL" => "FLOAT".to_owned(),
        "TEXT" => match number("length") {
            Some(length) => format!("VARCHAR({length})"),
            None => "VARCHAR".to_owned(),
        },
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wanted(pattern: &str, kinds: Option<&str>) -> Result<Wanted, ()> {
        Wanted::read(ToolName::SearchObjects, pattern, kinds).map_err(drop)
    }

    #[test]
    fn a_pattern_is_a_part_of_a_name_unless_it_has_a_percent_sign() {
        assert_eq!(wanted("order_id", None).unwrap().like, "%order\\_id%");
        assert_eq!(wanted("ord%_id", None).unwrap().like, "ord%_id");
        assert_eq!(wanted("", None).unwrap().like, "%%");
        assert!(wanted(&"x".repeat(200), None).is_err() && wanted("a\0", None).is_err());
    }

    #[test]
    fn kinds_are_read_in_every_number_and_case() {
        assert_eq!(wanted("x", Some("Tables, view")).unwrap().kinds, [Kind::Table, Kind::View]);
        assert_eq!(wanted("x", Some(" ")).unwrap().kinds, Kind::ALL);
        assert!(wanted("x", Some("tables,index")).is_err());
    }

    #[test]
    fn the_nearest_names_come_first_and_the_rest_is_counted() {
        let wanted = wanted("order", None).unwrap();
        let mut search = Search::default();
        for (kind, name) in [
            (Kind::Column, "order"),
            (Kind::Table, "reorder"),
            (Kind::Table, "orders"),
            (Kind::Table, "ORDER"),
        ] {
            search.hits.push(wanted.hit(kind, name, name.to_owned(), None));
        }
        let (done, _) = search.done(3);
        let names: Vec<String> =
            done.rows.to_rows().into_iter().filter_map(|mut row| row.remove(1)).collect();
        assert_eq!(names, ["ORDER", "order", "orders"]);
        assert_eq!(done.rows.cut(), Cut::Rows(1));
    }

    #[test]
    fn a_type_is_shown_as_sql_has_it() {
        for (shown, expected) in [
            (r#"{"type":"FIXED","precision":12,"scale":2,"nullable":true}"#, "NUMBER(12,2)"),
            (r#"{"type":"TEXT","length":10,"byteLength":40}"#, "VARCHAR(10)"),
            (r#"{"type":"TIMESTAMP_NTZ","precision":0,"scale":9}"#, "TIMESTAMP_NTZ"),
            ("INTEGER", "INTEGER"),
        ] {
            assert_eq!(type_name(shown), expected);
        }
    }
}
