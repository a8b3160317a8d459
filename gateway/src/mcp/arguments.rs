//! The arguments of each tool: what the schema promises is what is accepted. The doc comments of the fields
//! are the schema's descriptions.

use rmcp::ErrorData;
use rmcp::model::JsonObject;
use schemars::JsonSchema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer};
use serde_json::{Number, Value, json};

use super::tool_name::ToolName;
use super::{NAME_BYTES_MAX, shown};

/// Rows of `execute_query` where no limit is given.
pub(super) const QUERY_LIMIT: u64 = 100;
/// Rows of `query_view` where no limit is given.
pub(super) const VIEW_LIMIT: u64 = 10;

/// An error about arguments is cut to this, in characters.
const ERROR_CHARS_MAX: usize = 300;

/// Of `list_databases` and `session_info`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Nothing {}

/// Of `list_schemas`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListSchemas {
    /// Database; default: the session's.
    pub database: Option<String>,
}

/// Of `list_tables`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListTables {
    /// Database; default: the session's.
    pub database: Option<String>,
    /// Schema; default: the session's.
    pub schema: Option<String>,
    /// Only names LIKE this pattern (% and _ as wildcards, case ignored).
    pub like: Option<String>,
}

/// Of `list_views`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ListViews {
    /// Database.
    pub database: String,
    /// Schema; default: all.
    pub schema: Option<String>,
}

/// Of `describe_table`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribeTable {
    /// Table or view.
    pub table: String,
    /// Database; default: the session's.
    pub database: Option<String>,
    /// Schema; default: the session's.
    pub schema: Option<String>,
}

/// Of `describe_view`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DescribeView {
    /// Database.
    pub database: String,
    /// View.
    pub view_name: String,
    /// Schema; default: the session's.
    pub schema: Option<String>,
}

/// Of `query_view`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueryView {
    /// Database.
    pub database: String,
    /// View.
    pub view_name: String,
    /// Schema; default: the session's.
    pub schema: Option<String>,
    /// Rows to return, at most.
    #[serde(default, deserialize_with = "whole")]
    #[schemars(range(min = 1), extend("default" = VIEW_LIMIT))]
    pub limit: Option<u64>,
}

/// Of `execute_query`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ExecuteQuery {
    /// One SQL statement.
    pub query: String,
    /// Database for this call only.
    pub database: Option<String>,
    /// Schema for this call only.
    pub schema: Option<String>,
    /// Rows to return, at most; the statement itself is not changed.
    #[serde(default, deserialize_with = "whole")]
    #[schemars(range(min = 1), extend("default" = QUERY_LIMIT))]
    pub limit: Option<u64>,
    /// Run the statement in a transaction of its own.
    #[schemars(extend("default" = false))]
    pub use_transaction: Option<bool>,
    /// false: roll the transaction back at the end (a dry run); no transaction outlives a call.
    #[schemars(extend("default" = true))]
    pub auto_commit: Option<bool>,
}

/// Of `set_context`.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
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

/// A whole number, also as JSON Schema means it: 10.0 is one.
fn whole<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    let Some(number) = Option::<Number>::deserialize(deserializer)? else { return Ok(None) };
    // Written out, because a cast would round what is too large.
    let text = number.to_string();
    let digits = text.strip_suffix(".0").unwrap_or(&text);
    digits.parse().map(Some).map_err(|_| D::Error::custom(format!("{number} is not a whole number from 0")))
}

/// Reads the arguments of `tool`.
pub(super) fn read<T: DeserializeOwned + JsonSchema>(
    tool: ToolName,
    arguments: Option<JsonObject>,
) -> Result<T, ErrorData> {
    let arguments = arguments.unwrap_or_default();
    check_names(tool, &arguments)?;
    serde_json::from_value(Value::Object(arguments)).map_err(|error| {
        let expected = expected(schemars::schema_for!(T).as_value());
        // It may repeat what the client wrote.
        let error: String = error.to_string().chars().take(ERROR_CHARS_MAX).collect();
        invalid(tool, &format!("{error}; it takes {expected}"), Some(json!({"tool": tool.as_str()})))
    })
}

/// Names are compared, repeated in errors, kept and carried from gateway to gateway: so they are bounded. Every
/// text is a name or a pattern for names, but for a statement.
fn check_names(tool: ToolName, arguments: &JsonObject) -> Result<(), ErrorData> {
    let texts = arguments.iter().filter_map(|(key, value)| Some((key, value.as_str()?)));
    for (key, text) in texts.filter(|(key, _)| *key != "query") {
        if text.len() > NAME_BYTES_MAX || text.chars().any(char::is_control) {
            let why = format!(
                "{} has {} bytes; a name has at most {NAME_BYTES_MAX}, and no control characters",
                shown(key),
                text.len()
            );
            return Err(invalid(tool, &why, None));
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

/// The refusal of arguments that fit the schema of `tool`, and are wrong all the same.
pub(super) fn invalid(tool: ToolName, why: &str, data: Option<Value>) -> ErrorData {
    ErrorData::invalid_params(format!("Invalid arguments for {}: {why}", tool.as_str()), data)
}

/// A row limit within `rows_max`.
pub(super) fn limit(
    tool: ToolName,
    given: Option<u64>,
    default: u64,
    rows_max: u64,
) -> Result<u64, ErrorData> {
    match given.unwrap_or(default.min(rows_max)) {
        0 => Err(invalid(tool, "limit must be at least 1", None)),
        limit if limit > rows_max => {
            let why = format!(
                "limit {limit} is over this gateway's {rows_max} (`rows_max` under [limits] in its config); page with \
                 ORDER BY ... LIMIT ... OFFSET in the query"
            );
            Err(invalid(tool, &why, None))
        }
        limit => Ok(limit),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(arguments: &Value) -> String {
        let arguments = arguments.as_object().cloned();
        read::<QueryView>(ToolName::QueryView, arguments).unwrap_err().message.into_owned()
    }

    #[test]
    fn a_wrong_argument_is_answered_with_what_is_taken() {
        let unknown = message(&json!({"database": "d", "view_name": "v", "rows": 3}));
        assert!(unknown.contains("unknown field `rows`"), "{unknown}");
        let wrong = message(&json!({"database": "d", "view_name": "v", "limit": "many"}));
        assert!(wrong.contains("invalid type") && wrong.contains("limit (integer)"), "{wrong}");
        assert!(message(&json!({})).contains("database (string, required)"));
    }

    #[test]
    fn names_are_bounded_in_every_argument_and_never_repeated_whole() {
        let long = "x".repeat(NAME_BYTES_MAX + 1);
        for (database, view_name) in [(long.as_str(), "v"), ("d", long.as_str()), ("d\n", "v")] {
            let message = message(&json!({"database": database, "view_name": view_name}));
            assert!(message.contains("at most 255") && message.len() < 300, "{message}");
        }
        let unknown = message(&json!({"database": "d", "view_name": "v", &*long: true}));
        assert!(unknown.len() < 600, "{unknown}");
        let fits = "x".repeat(NAME_BYTES_MAX);
        let arguments = json!({"query": "x".repeat(1000), "database": fits});
        read::<ExecuteQuery>(ToolName::ExecuteQuery, arguments.as_object().cloned()).unwrap();
    }

    #[test]
    fn a_whole_number_may_be_written_as_a_fraction() {
        let read = |limit: Value| {
            let arguments = json!({"database": "d", "view_name": "v", "limit": limit});
            read::<QueryView>(ToolName::QueryView, arguments.as_object().cloned())
                .map(|arguments| arguments.limit)
        };
        assert_eq!(read(json!(10.0)).unwrap(), Some(10));
        assert_eq!(read(json!(null)).unwrap(), None);
        for wrong in [json!(1.5), json!(-1), json!("10")] {
            assert!(read(wrong).is_err());
        }
    }

    #[test]
    fn a_limit_is_at_least_one_and_at_most_the_gateways() {
        assert_eq!(limit(ToolName::QueryView, None, 100, 50).unwrap(), 50);
        assert_eq!(limit(ToolName::QueryView, Some(50), 100, 50).unwrap(), 50);
        assert!(limit(ToolName::QueryView, Some(0), 100, 50).unwrap_err().message.contains("at least 1"));
        assert!(limit(ToolName::QueryView, Some(51), 100, 50).unwrap_err().message.contains("rows_max"));
    }
}
