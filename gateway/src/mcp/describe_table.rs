//! The tool `describe_table`: columns with their keys and comments, what else is known of the table, and on request what its
//! values are like.
//!
//! | | SQLite | Snowflake |
//! |---|---|---|
//! | columns | one question | DESCRIBE TABLE |
//! | rows (an estimate), comment, UNIQUE sets | one question | SHOW OBJECTS |
//! | foreign keys | with the columns | SHOW IMPORTED KEYS |
//! | values (`detail`) | one statement of ours (`table_sample`) | the same |
//!
//! What a user may not ask, or a server does not know, is left out, but for the columns.

use std::sync::Arc;

use rmcp::model::{CallToolResult, ContentBlock};
use sql_gate::{Dialect, NameContext, ObjectKind};

use super::arguments as args;
use super::call::{Call, CallError, Work};
use super::facts::RowFormat;
use super::table::Source;
use super::table_sample::{self, Sample};
use super::tool_name::ToolName;
use crate::backend::{
    Backend, BackendError, Caps, Catalog, Cell, Collector, Completion, Context, ErrorKind, Operation,
    Relation, RelationKind, Rule,
};

/// Foreign keys that are shown, at most.
const FOREIGN_KEYS_MAX: usize = 20;

/// A comment is cut to this many characters.
const COMMENT_CHARS_MAX: usize = 500;

impl Call {
    pub(super) async fn describe_table(
        &self,
        arguments: args::DescribeTable,
    ) -> Result<CallToolResult, CallError> {
        let args::DescribeTable { table, database, schema, detail } = arguments;
        let has_detail = detail.unwrap_or(false);
        if has_detail {
            self.check_may_read_rows()?;
        }
        let relation = Relation { database, schema, name: table };
        let describe = |relation| Catalog::Describe { kind: RelationKind::Table, relation };
        let (relation, columns) = self.ask_about(relation, self.rows_max(), describe).await?;
        let mut notes = self.known_of(&relation).await?;
        let mut described = self.without_denied(&relation, with_one_key(columns)).await?;
        let rows = described.rows.row_count() as u64;
        if has_detail {
            match self.sample(&relation, &described).await {
                Ok(Some(sample)) => {
                    notes.insert(0, sample.said());
                    described = sample.beside(described);
                }
                Ok(None) => {}
                Err(error) if is_ours(&error) => return Err(error.into()),
                Err(error) => notes.insert(0, format!("no values: {}", error.message)),
            }
        }
        // Of several questions, those of the columns are what was asked for.
        self.record.seen().rows = Some(rows);
        let mut result = self.rows(described, Source::Catalog).await;
        if self.facts.line.format == RowFormat::Text && !notes.is_empty() {
            append(&mut result, &notes.join("\n"));
        }
        Ok(result)
    }

    /// The columns without the names of tables that they refer to and that the profile denies.
    async fn without_denied(
        &self,
        relation: &Relation,
        columns: Completion,
    ) -> Result<Completion, BackendError> {
        let pool = self.shared.pool(&self.profile).await?;
        let backend = pool.backend();
        if !self.profile.names.has_lists() || backend.dialect() != Dialect::Sqlite {
            return Ok(columns);
        }
        let context = backend.completed(&self.facts.context.context);
        let database = relation.database.clone().or(context.database);
        let place = NameContext { database, schema: relation.schema.clone().or(context.schema) };
        let may_see =
            |table: &str| self.profile.names.allows_row(ObjectKind::Relation, None, None, table, &place);
        Ok(with_references(columns, may_see))
    }

    /// Whether its client may read rows at all: what describes tables alone shows none of their values.
    fn check_may_read_rows(&self) -> Result<(), BackendError> {
        let may = [ToolName::ExecuteQuery, ToolName::QueryView];
        if may.iter().any(|tool| self.profile.offers(tool.as_str())) {
            return Ok(());
        }
        let message = format!(
            "`detail` reads rows, and the profile `{}` offers neither execute_query nor query_view",
            self.profile.name
        );
        Err(BackendError::new(ErrorKind::Refused, message)
            .with_rule(Rule::Tools)
            .with_next_step("call describe_table without `detail`"))
    }

    /// What is known of a table beside its columns, a line each.
    async fn known_of(&self, relation: &Relation) -> Result<Vec<String>, BackendError> {
        let mut notes = Vec::new();
        let about = self.optional(Catalog::About(relation.clone())).await?;
        if let Some(about) = about.as_ref().and_then(|about| about.rows.rows().next()) {
            let known: Vec<Option<&str>> = about.collect();
            let cell = |at: usize| known.get(at).copied().flatten().filter(|cell| !cell.is_empty());
            notes
                .extend(cell(1).map(|comment| format!("comment: {}", shortened(comment, COMMENT_CHARS_MAX))));
            let rows = cell(0).map(|rows| format!("about {rows} rows"));
            let unique = cell(2).map(|unique| format!("unique {unique}"));
            let facts: Vec<String> = rows.into_iter().chain(unique).collect();
            notes.extend((!facts.is_empty()).then(|| facts.join("; ")));
        }
        let pool = self.shared.pool(&self.profile).await?;
        if pool.backend().dialect() == Dialect::Snowflake
            && let Some(keys) = self.optional(Catalog::ForeignKeys(relation.clone())).await?
        {
            let keys = keys.rows.rows().take(FOREIGN_KEYS_MAX).map(Iterator::collect::<Vec<_>>);
            notes.extend(keys.map(|key| foreign_key(&key)));
        }
        Ok(notes)
    }

    /// The answer to a question whose answer may be missing.
    async fn optional(&self, catalog: Catalog) -> Result<Option<Completion>, BackendError> {
        match self.catalog(catalog, self.rows_max()).await {
            Ok(done) => Ok(Some(done)),
            Err(error) if is_ours(&error) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// What the values of the described columns are like; `None`: there is nothing that could be looked at.
    async fn sample(
        &self,
        relation: &Relation,
        columns: &Completion,
    ) -> Result<Option<Sample>, BackendError> {
        let pool = self.shared.pool(&self.profile).await?;
        let backend = pool.backend();
        let context = self.call_context(Context::default()).await?;
        let name = full_name(relation, &backend.completed(&context.context), backend);
        let Some(sql) = table_sample::statement(&name, &columns.rows, backend.dialect()) else {
            return Ok(None);
        };
        let statement = Arc::new(sql_gate::read(&sql, backend.dialect()));
        let operation = Operation::statement(sql);
        let work = Work { statement: Some(statement), ..Work::reading(operation, 1) };
        let done = self.run_in(context, work).await?;
        Ok(Sample::of(&done.rows, columns.rows.row_count()))
    }
}

/// Whether the call is over for the sake of `error`, and not only a part of its answer missing.
pub(super) fn is_ours(error: &BackendError) -> bool {
    matches!(error.kind, ErrorKind::Cancelled | ErrorKind::Detached | ErrorKind::LimitReached)
}

/// A text of at most so many characters.
pub(super) fn shortened(text: &str, chars_max: usize) -> String {
    let mut chars = text.chars();
    let mut short: String = chars.by_ref().take(chars_max).collect();
    if chars.next().is_some() {
        short.push('\u{2026}');
    }
    short.replace(['\n', '\r'], " ")
}

/// Puts `text` behind the text of the result.
pub(super) fn append(result: &mut CallToolResult, text: &str) {
    if let Some(ContentBlock::Text(content)) = result.content.first_mut() {
        content.text.push('\n');
        content.text.push_str(text);
    }
}

/// The relation's name in SQL.
fn full_name(relation: &Relation, context: &Context, backend: &dyn Backend) -> String {
    let stored = |name: &String| backend.stored_name(name);
    let database = relation.database.as_ref().or(context.database.as_ref()).map(stored);
    let is_here = database == context.database.as_ref().map(stored);
    let schema = match backend.dialect() {
        // A database is its only schema.
        Dialect::Sqlite => None,
        Dialect::Snowflake => {
            let schema = relation.schema.as_ref().or(context.schema.as_ref().filter(|_| is_here)).map(stored);
            schema.or_else(|| database.as_ref().map(|_| "PUBLIC".to_owned()))
        }
    };
    let parts = [database, schema, Some(stored(&relation.name))];
    parts.into_iter().flatten().map(|part| quoted(&part)).collect::<Vec<_>>().join(".")
}

/// A stored name in SQL.
pub(super) fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn foreign_key(key: &[Option<&str>]) -> String {
    let cell = |at: usize| key.get(at).copied().flatten().unwrap_or_default();
    format!("foreign key {} -> {}.{}.{}({})", cell(0), cell(1), cell(2), cell(3), cell(4))
}

/// The columns as both backends show them: one column for keys, and comments only where there are any.
pub(super) fn with_one_key(done: Completion) -> Completion {
    let at = |name: &str| done.rows.columns().iter().position(|column| column == name);
    let (Some(key), Some(unique)) = (at("key"), at("unique")) else { return done };
    let comment = at("comment");
    let mut rows = done.rows.to_rows();
    let has = |row: &Vec<Cell>, at: usize| row.get(at).is_some_and(|cell| cell.as_deref() == Some("Y"));
    let has_comments = comment.is_some_and(|comment| {
        rows.iter().any(|row| row.get(comment).and_then(Option::as_ref).is_some_and(|cell| !cell.is_empty()))
    });
    for row in &mut rows {
        let keys = match (has(row, key), has(row, unique)) {
            (true, _) => Some("PRIMARY KEY"),
            (false, true) => Some("UNIQUE"),
            (false, false) => None,
        };
        row[key] = keys.map(str::to_owned);
    }
    let kept = |at: usize| at != unique && (has_comments || Some(at) != comment);
    let columns: Vec<String> = done.rows.columns().to_vec();
    let keep = |row: Vec<Cell>| {
        row.into_iter().enumerate().filter(|(at, _)| kept(*at)).map(|(_, cell)| cell).collect::<Vec<_>>()
    };
    let names = columns.iter().enumerate().filter(|(at, _)| kept(*at)).map(|(_, name)| name.clone());
    let rows = rebuilt(&done.rows, names.collect(), rows.into_iter().map(keep));
    Completion { rows, ..done }
}

/// The columns, whose keys name only tables that may be seen: `REFERENCES orders(id)`.
fn with_references(done: Completion, may_see: impl Fn(&str) -> bool) -> Completion {
    const REFERENCES: &str = "REFERENCES ";
    let Some(key) = done.rows.columns().iter().position(|column| column == "key") else { return done };
    let shown = |keys: String| {
        let mut parts = keys.split(REFERENCES);
        let before = parts.next().unwrap_or_default().to_owned();
        parts.fold(before, |text, part| {
            let table = part.rfind('(').map_or(part.trim_end_matches(", "), |end| &part[..end]);
            let rest = if part.ends_with(", ") { ", " } else { "" };
            match may_see(table) {
                true => format!("{text}{REFERENCES}{part}"),
                false => format!("{text}{REFERENCES}a table that may not be used{rest}"),
            }
        })
    };
    let rows = done.rows.to_rows().into_iter().map(|mut row| {
        row[key] = row[key].take().map(shown);
        row
    });
    let rows = rebuilt(&done.rows, done.rows.columns().to_vec(), rows);
    Completion { rows, ..done }
}

/// The rows of a result with other columns; how much of it was left out stays as it was.
pub(super) fn rebuilt(
    from: &Collector,
    columns: Vec<String>,
    rows: impl Iterator<Item = Vec<Cell>>,
) -> Collector {
    let caps = Caps { rows_max: u64::MAX, bytes_max: 4 * from.bytes().max(1 << 16), count_rows_max: 0 };
    let mut collector = Collector::new(caps);
    collector.set_columns(columns);
    for row in rows {
        collector.push(row);
    }
    collector.count_as(from);
    collector
}

#[cfg(test)]
mod tests {
    use super::*;

    fn described(rows: &[[Option<&str>; 4]]) -> Completion {
        let mut collector = Collector::new(Caps { rows_max: 9, bytes_max: 1 << 16, count_rows_max: 0 });
        collector.set_columns(["column", "key", "unique", "comment"].map(str::to_owned).into());
        for row in rows {
            collector.push(row.iter().map(|cell| cell.map(str::to_owned)).collect());
        }
        let (affected, query_id, context) = (None, None, None);
        Completion {
            rows: collector,
            affected,
            query_id,
            context,
            held: crate::backend::Held::default(),
            overflow: None,
        }
    }

    #[test]
    fn keys_are_one_column_and_comments_are_there_if_there_are_any() {
        let bare = described(&[
            [Some("A"), Some("Y"), Some("N"), None],
            [Some("B"), Some("N"), Some("Y"), Some("")],
            [Some("C"), Some("N"), Some("N"), None],
        ]);
        let shown = with_one_key(bare).rows;
        assert_eq!(shown.columns(), ["column", "key"]);
        let keys: Vec<Cell> = shown.to_rows().into_iter().map(|mut row| row.remove(1)).collect();
        assert_eq!(keys, [Some("PRIMARY KEY".to_owned()), Some("UNIQUE".to_owned()), None]);
        let commented = with_one_key(described(&[[Some("A"), Some("N"), Some("N"), Some("what")]])).rows;
        assert_eq!(commented.columns(), ["column", "key", "comment"]);
    }

    #[test]
    fn a_key_names_only_what_may_be_seen() {
        let key = "PRIMARY KEY, REFERENCES a(id), REFERENCES hush(x), REFERENCES b";
        let described = described(&[[Some("c"), Some(key), None, None]]);
        let shown = with_references(described, |table| table != "hush").rows.to_rows();
        let expected = "PRIMARY KEY, REFERENCES a(id), REFERENCES a table that may not be used, REFERENCES b";
        assert_eq!(shown[0][1].as_deref(), Some(expected));
    }

    #[test]
    fn a_long_text_is_shortened_to_one_line() {
        assert_eq!(shortened("a\nb", 9), "a b");
        assert_eq!(shortened("abc", 2), "ab\u{2026}");
    }
}
