//! The arguments of each tool. The doc comments of the fields are the schema's descriptions; what else is
//! accepted is in `given`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use rmcp::model::{CallToolResult, JsonObject};
use schemars::{JsonSchema, Schema, schema_for};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::given::{self, text_of, whole};
use super::tool_name::ToolName;
use super::{NAME_BYTES_MAX, failure, shown};
use crate::backend::Parameters;

/// Rows of `execute_query` where no limit is given.
pub(super) const QUERY_LIMIT: u64 = 100;
/// Rows of `query_view` where no limit is given.
pub(super) const VIEW_LIMIT: u64 = 10;
/// Matches of `search_objects` where no limit is given.
pub(super) const SEARCH_LIMIT: u64 = 50;

/// An error about arguments is cut to this, in characters.
const ERROR_CHARS_MAX: usize = 300;

/// Of `list_databases` and `session_info`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub(super) struct Nothing {}

/// Of `list_schemas`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ListSchemas {
    /// Default: the session's.
    pub database: Option<String>,
}

/// Of `list_tables`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ListTables {
    /// Default: the session's.
    pub database: Option<String>,
    /// Schema.
    pub schema: Option<String>,
    /// LIKE pattern, case ignored.
    pub like: Option<String>,
}

/// Of `list_views`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ListViews {
    /// Database.
    pub database: String,
    /// Default: all.
    pub schema: Option<String>,
}

/// Of `describe_table`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct DescribeTable {
    /// Table or view.
    pub table: String,
    /// Default: the session's.
    pub database: Option<String>,
    /// Schema.
    pub schema: Option<String>,
    /// Add sample values and ranges; default: false.
    #[schemars(extend("default" = false))]
    pub detail: Option<bool>,
}

/// Of `describe_view`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct DescribeView {
    /// Database.
    pub database: String,
    /// View name.
    pub view_name: String,
    /// Schema.
    pub schema: Option<String>,
}

/// Of `query_view`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct QueryView {
    /// Database.
    pub database: String,
    /// View name.
    pub view_name: String,
    /// Schema.
    pub schema: Option<String>,
    /// Rows at most; default: 10.
    #[schemars(with = "Option<u64>", extend("default" = VIEW_LIMIT))]
    pub limit: Option<Value>,
}

/// Of `execute_query`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ExecuteQuery {
    /// Query.
    pub query: String,
    /// For this call only.
    pub database: Option<String>,
    /// For this call only.
    pub schema: Option<String>,
    /// Rows at most; default: 100.
    #[schemars(with = "Option<u64>", extend("default" = QUERY_LIMIT))]
    pub limit: Option<Value>,
    /// In a transaction of its own; default: false.
    #[schemars(extend("default" = false))]
    pub use_transaction: Option<bool>,
    /// false: roll that back at the end (a dry run); default: true.
    #[schemars(extend("default" = true))]
    pub auto_commit: Option<bool>,
    /// What is bound: a client's own statement has nothing to bind.
    #[serde(skip)]
    #[schemars(skip)]
    pub parameters: Parameters,
}

/// Of `explain_query`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ExplainQuery {
    /// Query.
    pub query: String,
    /// Database.
    pub database: Option<String>,
    /// Schema.
    pub schema: Option<String>,
}

/// Of `get_result`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct GetResult {
    /// Handle.
    pub handle: String,
    /// Rows to skip; default: those shown before.
    #[schemars(with = "Option<u64>")]
    pub offset: Option<Value>,
    /// From 1; instead of `offset`.
    #[schemars(with = "Option<u64>")]
    pub page: Option<Value>,
    /// Rows at most; default: 100.
    #[schemars(with = "Option<u64>", extend("default" = QUERY_LIMIT))]
    pub limit: Option<Value>,
    /// Names, separated by commas; default: all.
    pub columns: Option<String>,
    /// Wait for a running statement.
    #[schemars(with = "Option<u64>")]
    pub wait_ms: Option<Value>,
}

/// Of `cancel_query`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct CancelQuery {
    /// Handle.
    pub handle: String,
}

/// Of `export_result`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ExportResult {
    /// Either this or `handle`.
    pub query: Option<String>,
    /// Handle.
    pub handle: Option<String>,
    #[cfg_attr(feature = "parquet", doc = "csv, jsonl, json or parquet; default: by `name`, else csv.")]
    #[cfg_attr(not(feature = "parquet"), doc = "csv, jsonl or json; default: by `name`, else csv.")]
    pub format: Option<String>,
    /// New file's name.
    pub name: String,
    /// Database.
    pub database: Option<String>,
    /// Schema.
    pub schema: Option<String>,
}

/// Of `search_objects`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct SearchObjects {
    /// Part of a name, or LIKE pattern with %.
    pub pattern: String,
    /// database, schema, table, view, column; default: all.
    pub kinds: Option<String>,
    /// Default: all.
    pub database: Option<String>,
    /// Matches at most; default: 50.
    #[schemars(with = "Option<u64>", extend("default" = SEARCH_LIMIT))]
    pub limit: Option<Value>,
}

/// Of `list_semantic_views`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct ListSemanticViews {
    /// Default: the session's.
    pub database: Option<String>,
    /// Default: all.
    pub schema: Option<String>,
}

/// Of `describe_semantic_view`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct DescribeSemanticView {
    /// View name.
    pub view_name: String,
    /// Default: the session's.
    pub database: Option<String>,
    /// Schema.
    pub schema: Option<String>,
}

/// Of `set_context`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
pub struct SetContext {
    /// Role.
    pub role: Option<String>,
    /// Warehouse.
    pub warehouse: Option<String>,
    /// Database.
    pub database: Option<String>,
    /// Schema.
    pub schema: Option<String>,
}

/// Why a call's arguments cannot be used: a result, so that the model sees it (SEP-1303).
#[derive(Debug)]
pub struct InvalidArguments {
    tool: ToolName,
    why: String,
}

impl InvalidArguments {
    /// Arguments that fit the schema of `tool`, and are wrong all the same.
    pub(super) fn new(tool: ToolName, why: impl Into<String>) -> Self {
        Self { tool, why: why.into() }
    }

    /// The tool that was called.
    pub(super) fn tool(&self) -> ToolName {
        self.tool
    }

    /// The result of the call.
    pub(super) fn result(&self) -> CallToolResult {
        let text = format!("Invalid arguments for {}: {}", self.tool.as_str(), self.why);
        failure::of_arguments(text)
    }
}

/// The schema of the arguments of `tool`.
fn schema(tool: ToolName) -> Schema {
    match tool {
        ToolName::ListDatabases | ToolName::SessionInfo => schema_for!(Nothing),
        ToolName::ListSchemas => schema_for!(ListSchemas),
        ToolName::ListTables => schema_for!(ListTables),
        ToolName::ListViews => schema_for!(ListViews),
        ToolName::DescribeTable => schema_for!(DescribeTable),
        ToolName::DescribeView => schema_for!(DescribeView),
        ToolName::QueryView => schema_for!(QueryView),
        ToolName::ExecuteQuery => schema_for!(ExecuteQuery),
        ToolName::ExplainQuery => schema_for!(ExplainQuery),
        ToolName::GetResult => schema_for!(GetResult),
        ToolName::CancelQuery => schema_for!(CancelQuery),
        ToolName::ExportResult => schema_for!(ExportResult),
        ToolName::SearchObjects => schema_for!(SearchObjects),
        ToolName::ListSemanticViews => schema_for!(ListSemanticViews),
        ToolName::DescribeSemanticView => schema_for!(DescribeSemanticView),
        ToolName::SetContext => schema_for!(SetContext),
        // They are the question's own.
        ToolName::Saved(_) => schema_for!(Nothing),
    }
}

static SCHEMAS: LazyLock<BTreeMap<ToolName, Value>> =
    LazyLock::new(|| ToolName::ALL.iter().map(|&tool| (tool, schema(tool).to_value())).collect());

/// Reads the arguments of `tool`, which are a `T`.
pub(super) fn read<T: DeserializeOwned>(
    tool: ToolName,
    arguments: Option<JsonObject>,
) -> Result<T, InvalidArguments> {
    let read = given::read(tool, arguments.unwrap_or_default(), &SCHEMAS[&tool]).and_then(|arguments| {
        check_names(&arguments)?;
        serde_json::from_value(Value::Object(arguments))
            .map_err(|error| error.to_string().chars().take(ERROR_CHARS_MAX).collect())
    });
    read.map_err(|why| misfit(tool, &why))
}

/// Arguments that do not fit the schema of `tool`.
pub(super) fn misfit(tool: ToolName, why: &str) -> InvalidArguments {
    InvalidArguments::new(tool, format!("{why}; it takes {}", expected(&SCHEMAS[&tool])))
}

/// Names are compared, repeated in errors, kept and carried from gateway to gateway: so they are bounded. Every
/// text is a name or a pattern for names, but for a statement.
fn check_names(arguments: &JsonObject) -> Result<(), String> {
    let texts = arguments.iter().filter_map(|(key, value)| Some((key, value.as_str()?)));
    for (key, text) in texts.filter(|(key, _)| *key != "query") {
        if text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
            return Err(format!(
                "{} has {} bytes; a name has at most {NAME_BYTES_MAX}, and no control characters",
                shown(key),
                text.len()
            ));
        }
    }
    Ok(())
}

/// The arguments that a schema describes, in one line.
fn expected(schema: &Value) -> String {
    let Some(properties) = schema["properties"].as_object().filter(|properties| !properties.is_empty())
    else {
        return "no arguments".to_owned();
    };
    let required = |name: &str| {
        schema["required"].as_array().is_some_and(|names| names.iter().any(|known| known == name))
    };
    let describe = |(name, property): (&String, &Value)| {
        let kind = &property["type"];
        let kind = kind.as_str().or_else(|| kind[0].as_str()).unwrap_or("value");
        format!("{name} ({kind}{})", if required(name) { ", required" } else { "" })
    };
    properties.iter().map(describe).collect::<Vec<_>>().join(", ")
}

/// A row limit within `rows_max`.
pub(super) fn limit(
    tool: ToolName,
    given: Option<&Value>,
    default: u64,
    rows_max: u64,
) -> Result<u64, InvalidArguments> {
    let Some(given) = given else { return Ok(default.min(rows_max)) };
    match whole(given) {
        Some(limit) if (1..=rows_max).contains(&limit) => Ok(limit),
        other => {
            let mut why = format!(
                "`limit` is a whole number from 1 to {rows_max} (`rows_max` under [limits] in the gateway's \
                 config); {} was given",
                text_of(given)
            );
            if other.is_some_and(|limit| limit > rows_max) {
                why.push_str("; page with ORDER BY ... LIMIT ... OFFSET in the query");
            }
            Err(InvalidArguments::new(tool, why))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn message(arguments: &Value) -> String {
        let arguments = arguments.as_object().cloned();
        read::<ExecuteQuery>(ToolName::ExecuteQuery, arguments).unwrap_err().why
    }

    #[test]
    fn a_wrong_argument_is_answered_with_what_is_taken() {
        let unknown = message(&json!({"query": "q", "commit": false}));
        assert!(unknown.contains("unknown argument `commit`"), "{unknown}");
        assert!(unknown.contains("; it takes ") && unknown.contains("limit (integer)"), "{unknown}");
        assert!(message(&json!({})).contains("query (string, required)"));
    }

    #[test]
    fn names_are_bounded_in_every_argument_and_never_repeated_whole() {
        let refused = |arguments: Value| {
            read::<QueryView>(ToolName::QueryView, arguments.as_object().cloned()).unwrap_err().why
        };
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for (database, view_name) in [(long.as_str(), "v"), ("d", long.as_str()), ("d\n", "v")] {
            let message = refused(json!({"database": database, "view_name": view_name}));
            assert!(message.contains("at most 255") && message.len() < 300, "{message}");
        }
        let fits = "x".repeat(NAME_BYTES_MAX);
        let arguments = json!({"query": "x".repeat(1000), "database": fits});
        read::<ExecuteQuery>(ToolName::ExecuteQuery, arguments.as_object().cloned()).unwrap();
    }

    #[test]
    fn a_table_may_be_called_a_view_and_a_view_a_table() {
        for name in ["table", "view_name", "view", "name", "table_name"] {
            let arguments = json!({"database": "d", name: "t"}).as_object().cloned();
            let table = read::<DescribeTable>(ToolName::DescribeTable, arguments.clone()).unwrap();
            let view = read::<DescribeView>(ToolName::DescribeView, arguments.clone()).unwrap();
            let rows = read::<QueryView>(ToolName::QueryView, arguments).unwrap();
            assert_eq!([table.table, view.view_name, rows.view_name], ["t", "t", "t"], "{name}");
        }
        let both = json!({"database": "d", "table": "t", "view_name": "v"}).as_object().cloned();
        let refused = read::<DescribeTable>(ToolName::DescribeTable, both).unwrap_err().why;
        assert!(refused.contains("`table` and `view_name` are the same argument"), "{refused}");
    }

    #[test]
    fn a_limit_is_at_least_one_and_at_most_the_gateways() {
        let limit = |given: Option<Value>| limit(ToolName::QueryView, given.as_ref(), 100, 50);
        assert_eq!(limit(None).unwrap(), 50);
        for (given, rows) in [(json!(50), 50), (json!(1.0), 1), (json!("7"), 7)] {
            assert_eq!(limit(Some(given)).unwrap(), rows);
        }
        for given in [json!(0), json!(51), json!(-5), json!(1.5), json!(u64::MAX), json!("all"), json!(true)]
        {
            let why = limit(Some(given.clone())).unwrap_err().why;
            assert!(why.contains("from 1 to 50") && why.contains(&format!("; {given} was given")), "{why}");
        }
    }
}
