//! The tools about semantic views, which Snowflake has: which there are, and what one is made of, with a query to begin with.

use std::collections::BTreeMap;

use rmcp::model::CallToolResult;
use sql_gate::Dialect;

use super::arguments as args;
use super::call::{Call, CallError, text_result};
use super::describe_table::{quoted, shortened};
use super::facts::RowFormat;
use super::table::Source;
use super::tool_name::ToolName;
use crate::backend::{Backend, BackendError, Catalog, Collector, Completion, Context, ErrorKind, Relation};

/// An expression or a comment is cut to this many characters.
const TEXT_CHARS_MAX: usize = 160;

/// Dimensions and metrics in the example, at most.
const EXAMPLE_MAX: usize = 2;

/// What a semantic view is made of, in the order in which it is shown.
const KINDS: [&str; 5] = ["TABLE", "RELATIONSHIP", "DIMENSION", "FACT", "METRIC"];

/// One part of a semantic view.
#[derive(Debug)]
struct Part {
    kind: String,
    name: String,
    /// The table that it belongs to.
    of: Option<String>,
    properties: BTreeMap<String, String>,
}

impl Call {
    pub(super) async fn list_semantic_views(
        &self,
        arguments: args::ListSemanticViews,
    ) -> Result<CallToolResult, CallError> {
        self.check_has_semantic_views().await?;
        let args::ListSemanticViews { database, schema } = arguments;
        let done = self.catalog(Catalog::SemanticViews { database, schema }, self.rows_max()).await?;
        Ok(self.rows(done, Source::Catalog).await)
    }

    pub(super) async fn describe_semantic_view(
        &self,
        _: ToolName,
        arguments: args::DescribeSemanticView,
    ) -> Result<CallToolResult, CallError> {
        self.check_has_semantic_views().await?;
        let args::DescribeSemanticView { view_name, database, schema } = arguments;
        let relation = Relation { database, schema, name: view_name };
        let (relation, done) = self.ask_about(relation, self.rows_max(), Catalog::SemanticView).await?;
        if self.facts.line.format == RowFormat::Json {
            return Ok(self.rows(self.without_base_tables(done), Source::Catalog).await);
        }
        let pool = self.shared.pool(&self.profile).await?;
        let context = pool.backend().completed(&self.facts.context.context);
        let name = name_of(&relation, &context, pool.backend());
        Ok(text_result(described(&name, &parts(&done.rows), !self.profile.names.has_lists())))
    }

    async fn check_has_semantic_views(&self) -> Result<(), BackendError> {
        if self.shared.pool(&self.profile).await?.backend().dialect() == Dialect::Snowflake {
            return Ok(());
        }
        let message =
            "there are no semantic views here: they are objects of Snowflake, and this connection is SQLite";
        Err(BackendError::new(ErrorKind::Refused, message)
            .with_next_step("use list_views and describe_view, or a profile with a connection to Snowflake"))
    }

    /// Which tables are behind it is not told where the profile has lists: some may be denied.
    fn without_base_tables(&self, done: Completion) -> Completion {
        if !self.profile.names.has_lists() {
            return done;
        }
        let columns = done.rows.columns().to_vec();
        let is_told = |row: &Vec<Option<String>>| {
            !row.get(3).and_then(Option::as_deref).is_some_and(|property| property.starts_with("BASE_TABLE"))
        };
        let rows = done.rows.to_rows().into_iter().filter(is_told);
        let rows = super::describe_table::rebuilt(&done.rows, columns, rows);
        Completion { rows, ..done }
    }
}

/// The view's name in SQL.
fn name_of(relation: &Relation, context: &Context, backend: &dyn Backend) -> String {
    let written = |name: &String| backend.written_name(&backend.stored_name(name));
    let database = relation.database.as_ref().or(context.database.as_ref());
    let schema = relation.schema.as_ref().or(context.schema.as_ref().filter(|_| relation.database.is_none()));
    let parts = [database, schema, Some(&relation.name)].into_iter().flatten();
    parts.map(written).collect::<Vec<_>>().join(".")
}

/// The parts in the rows of DESCRIBE SEMANTIC VIEW: kind, name, of, property, value.
fn parts(rows: &Collector) -> Vec<Part> {
    let mut parts: Vec<Part> = Vec::new();
    for row in rows.rows() {
        let row: Vec<Option<&str>> = row.collect();
        let cell = |at: usize| row.get(at).copied().flatten().filter(|cell| !cell.is_empty());
        let (kind, name) = (cell(0).unwrap_or_default(), cell(1).unwrap_or_default());
        let of = cell(2).map(str::to_owned);
        let is_same = |part: &Part| part.kind == kind && part.name == name && part.of == of;
        if !parts.last().is_some_and(is_same) {
            let properties = BTreeMap::new();
            parts.push(Part { kind: kind.to_owned(), name: name.to_owned(), of, properties });
        }
        if let (Some(part), Some(property), Some(value)) = (parts.last_mut(), cell(3), cell(4)) {
            part.properties.insert(property.to_ascii_uppercase(), value.to_owned());
        }
    }
    parts
}

/// The semantic view `name` as text: its comment, a line a part, and a query.
fn described(name: &str, parts: &[Part], tells_tables: bool) -> String {
    let mut lines = Vec::new();
    let of_view = |part: &&Part| !KINDS.contains(&part.kind.as_str());
    if let Some(comment) = parts.iter().filter(of_view).find_map(|part| part.properties.get("COMMENT")) {
        lines.push(format!("comment: {}", shortened(comment, TEXT_CHARS_MAX)));
    }
    lines.push("kind|name|type|definition|comment".to_owned());
    for kind in KINDS {
        let of_kind = parts.iter().filter(|part| part.kind.eq_ignore_ascii_case(kind));
        lines.extend(of_kind.map(|part| part.line(tells_tables)));
    }
    lines.extend(example(name, parts));
    lines.join("\n")
}

impl Part {
    fn property(&self, name: &str) -> Option<&str> {
        self.properties.get(name).map(String::as_str)
    }

    /// The name that a query has for it.
    fn queried(&self) -> String {
        let is_plain = |name: &str| {
            name.starts_with(|first: char| first.is_ascii_uppercase() || first == '_')
                && name
                    .chars()
                    .all(|next| next.is_ascii_uppercase() || next.is_ascii_digit() || "_$".contains(next))
        };
        let written = |name: &str| if is_plain(name) { name.to_owned() } else { quoted(name) };
        match &self.of {
            Some(of) => format!("{}.{}", written(of), written(&self.name)),
            None => written(&self.name),
        }
    }

    fn line(&self, tells_tables: bool) -> String {
        let definition = match self.kind.to_ascii_uppercase().as_str() {
            "TABLE" => {
                let base = ["BASE_TABLE_DATABASE_NAME", "BASE_TABLE_SCHEMA_NAME", "BASE_TABLE_NAME"];
                let base: Vec<&str> =
                    base.iter().filter(|_| tells_tables).filter_map(|name| self.property(name)).collect();
                let key = self.property("PRIMARY_KEY").map(|key| format!("key {key}"));
                [Some(base.join(".")).filter(|base| !base.is_empty()), key]
                    .into_iter()
                    .flatten()
                    .collect::<Vec<_>>()
                    .join(" ")
            }
            "RELATIONSHIP" => format!(
                "{} {} -> {} {}",
                self.property("TABLE").or(self.of.as_deref()).unwrap_or_default(),
                self.property("FOREIGN_KEY").unwrap_or_default(),
                self.property("REF_TABLE").unwrap_or_default(),
                self.property("REF_KEY").unwrap_or_default()
            ),
            _ => self.property("EXPRESSION").unwrap_or_default().to_owned(),
        };
        let comment = match (self.property("COMMENT"), self.property("SYNONYMS")) {
            (comment, Some(synonyms)) => {
                format!("{} also {synonyms}", comment.unwrap_or_default()).trim().to_owned()
            }
            (comment, None) => comment.unwrap_or_default().to_owned(),
        };
        let name =
            if self.kind.eq_ignore_ascii_case("RELATIONSHIP") { self.name.clone() } else { self.queried() };
        let cell = |text: &str| shortened(text, TEXT_CHARS_MAX).replace('|', "\\|");
        let (kind, data_type) =
            (self.kind.to_ascii_lowercase(), self.property("DATA_TYPE").unwrap_or_default());
        let line = format!("{kind}|{name}|{data_type}|{}|{}", cell(&definition), cell(&comment));
        line.trim_end_matches('|').to_owned()
    }
}

/// A query to begin with.
fn example(name: &str, parts: &[Part]) -> Option<String> {
    let of_kind = |kind: &str| {
        let found = parts.iter().filter(|part| part.kind.eq_ignore_ascii_case(kind)).take(EXAMPLE_MAX);
        found.map(Part::queried).collect::<Vec<_>>().join(", ")
    };
    let (dimensions, metrics) = (of_kind("DIMENSION"), of_kind("METRIC"));
    let clause =
        |word: &str, names: &str| if names.is_empty() { String::new() } else { format!(" {word} {names}") };
    let (dimensions, metrics) = (clause("DIMENSIONS", &dimensions), clause("METRICS", &metrics));
    let has_any = !dimensions.is_empty() || !metrics.is_empty();
    has_any.then(|| format!("query: SELECT * FROM SEMANTIC_VIEW({name}{dimensions}{metrics})"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Caps;

    fn view() -> Vec<Part> {
        let mut rows = Collector::new(Caps { rows_max: 99, bytes_max: 1 << 20, count_rows_max: 0 });
        rows.set_columns(["kind", "name", "of", "property", "value"].map(str::to_owned).into());
        for [kind, name, of, property, value] in [
            ["", "", "", "COMMENT", "what was sold"],
            ["TABLE", "ORDERS", "", "BASE_TABLE_DATABASE_NAME", "SALES"],
            ["TABLE", "ORDERS", "", "BASE_TABLE_SCHEMA_NAME", "PUBLIC"],
            ["TABLE", "ORDERS", "", "BASE_TABLE_NAME", "ORDERS"],
            ["TABLE", "ORDERS", "", "PRIMARY_KEY", "[\"ID\"]"],
            ["RELATIONSHIP", "R", "ORDERS", "TABLE", "ORDERS"],
            ["RELATIONSHIP", "R", "ORDERS", "REF_TABLE", "CUSTOMERS"],
            ["RELATIONSHIP", "R", "ORDERS", "FOREIGN_KEY", "[\"C\"]"],
            ["RELATIONSHIP", "R", "ORDERS", "REF_KEY", "[\"ID\"]"],
            ["DIMENSION", "day", "ORDERS", "EXPRESSION", "date(placed)"],
            ["DIMENSION", "day", "ORDERS", "DATA_TYPE", "DATE"],
            ["METRIC", "TOTAL", "ORDERS", "EXPRESSION", "SUM(a | b)"],
            ["METRIC", "TOTAL", "ORDERS", "DATA_TYPE", "NUMBER(38,2)"],
            ["METRIC", "TOTAL", "ORDERS", "COMMENT", "of all"],
        ] {
            let cell = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
            rows.push(vec![cell(kind), cell(name), cell(of), cell(property), cell(value)]);
        }
        parts(&rows)
    }

    #[test]
    fn a_semantic_view_is_a_line_a_part_and_a_query() {
        let text = described("SALES.PUBLIC.V", &view(), true);
        let expected = "comment: what was sold\nkind|name|type|definition|comment\n\
                        table|ORDERS||SALES.PUBLIC.ORDERS key [\"ID\"]\n\
                        relationship|R||ORDERS [\"C\"] -> CUSTOMERS [\"ID\"]\n\
                        dimension|ORDERS.\"day\"|DATE|date(placed)\n\
                        metric|ORDERS.TOTAL|NUMBER(38,2)|SUM(a \\| b)|of all\n\
                        query: SELECT * FROM SEMANTIC_VIEW(SALES.PUBLIC.V DIMENSIONS ORDERS.\"day\" METRICS ORDERS.TOTAL)";
        assert_eq!(text, expected);
        assert!(!described("V", &view(), false).contains("SALES.PUBLIC.ORDERS"), "it may be denied");
    }

    #[test]
    fn the_query_of_the_example_is_one_that_the_gate_understands() {
        let query = example("SALES.PUBLIC.V", &view()).unwrap();
        let read = sql_gate::read(query.trim_start_matches("query: "), Dialect::Snowflake);
        assert_eq!((read.class, &read.not_understood), (sql_gate::Class::Read, &None));
        let objects: Vec<String> = read.objects.iter().map(|object| object.name.to_string()).collect();
        assert_eq!(objects, ["SALES.PUBLIC.V"]);
        assert_eq!(example("V", &[]), None);
    }
}
