//! The arguments of each tool: what the schema promises is what is accepted.

use rmcp::ErrorData;
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

/// Rows of `execute_query` where no limit is given.
pub(super) const QUERY_LIMIT: u64 = 100;
/// Rows of `query_view` where no limit is given.
pub(super) const VIEW_LIMIT: u64 = 10;

/// Of `list_databases` and `session_info`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Of `list_schemas`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListSchemas {
    /// Database; default: the session's.
    pub(super) database: Option<String>,
}

/// Of `list_tables`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListTables {
    /// Database; default: the session's.
    pub(super) database: Option<String>,
    /// Schema; default: the session's.
    pub(super) schema: Option<String>,
    /// Only names LIKE this pattern (% and _ as wildcards, case ignored).
    pub(super) like: Option<String>,
}

/// Of `list_views`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ListViews {
    /// Database.
    pub(super) database: String,
    /// Schema; default: all.
    pub(super) schema: Option<String>,
}

/// Of `describe_table`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DescribeTable {
    /// Table or view.
    pub(super) table: String,
    /// Database; default: the session's.
    pub(super) database: Option<String>,
    /// Schema; default: the session's.
    pub(super) schema: Option<String>,
}

/// Of `describe_view`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DescribeView {
    /// Database.
    pub(super) database: String,
    /// View.
    pub(super) view_name: String,
    /// Schema; default: the session's.
    pub(super) schema: Option<String>,
}

/// Of `query_view`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct QueryView {
    /// Database.
    pub(super) database: String,
    /// View.
    pub(super) view_name: String,
    /// Schema; default: the session's.
    pub(super) schema: Option<String>,
    /// Rows to return, at most.
    #[schemars(range(min = 1), extend("default" = VIEW_LIMIT))]
    pub(super) limit: Option<u64>,
}

/// Of `execute_query`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ExecuteQuery {
    /// One SQL statement.
    pub(super) query: String,
    /// Database for this call only.
    pub(super) database: Option<String>,
    /// Schema for this call only.
    pub(super) schema: Option<String>,
    /// Rows to return, at most; the statement itself is not changed.
    #[schemars(range(min = 1), extend("default" = QUERY_LIMIT))]
    pub(super) limit: Option<u64>,
    /// Run the statement in a transaction of its own.
    #[schemars(extend("default" = false))]
    pub(super) use_transaction: Option<bool>,
    /// false: roll the transaction back at the end (a dry run); no transaction outlives a call.
    #[schemars(extend("default" = true))]
    pub(super) auto_commit: Option<bool>,
}

/// Of `set_context`.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct SetContext {
    /// Role.
    pub(super) role: Option<String>,
    /// Warehouse.
    pub(super) warehouse: Option<String>,
    /// Database.
    pub(super) database: Option<String>,
    /// Schema.
    pub(super) schema: Option<String>,
}

/// Reads the arguments of `tool`.
pub(super) fn read<T: DeserializeOwned>(tool: &str, arguments: Option<JsonObject>) -> Result<T, ErrorData> {
    let arguments = Value::Object(arguments.unwrap_or_default());
    serde_json::from_value(arguments)
        .map_err(|error| ErrorData::invalid_params(format!("Invalid arguments for {tool}: {error}"), Some(json!({"tool": tool}))))
}

/// A row limit within `rows_max`.
pub(super) fn limit(tool: &str, given: Option<u64>, default: u64, rows_max: u64) -> Result<u64, ErrorData> {
    match given.unwrap_or(default.min(rows_max)) {
        0 => Err(ErrorData::invalid_params(format!("Invalid arguments for {tool}: limit must be at least 1"), None)),
        limit if limit > rows_max => Err(ErrorData::invalid_params(
            format!(
                "Invalid arguments for {tool}: limit {limit} is over this gateway's {rows_max} \
                 (`rows_max` under [limits] in its config); page with ORDER BY ... LIMIT ... OFFSET in the query"
            ),
            None,
        )),
        limit => Ok(limit),
    }
}
