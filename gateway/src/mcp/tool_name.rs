//! The names of the tools: a closed set.

use rmcp::ErrorData;
use serde_json::json;

use super::shown;

/// How similar to a tool's name an unknown one must be (Jaro-Winkler) to be taken for a slip.
const SIMILARITY_MIN: f64 = 0.8;

/// A tool.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ToolName {
    /// Lists databases.
    ListDatabases,
    /// Lists the schemas of a database.
    ListSchemas,
    /// Lists tables.
    ListTables,
    /// Lists views.
    ListViews,
    /// Shows a table's columns.
    DescribeTable,
    /// Shows a view's columns and definition.
    DescribeView,
    /// Returns a view's rows.
    QueryView,
    /// Runs a statement.
    ExecuteQuery,
    /// Changes the session's context: later requests depend on it.
    SetContext,
    /// Shows the session.
    SessionInfo,
}

impl ToolName {
    /// All tools, in the order they are listed.
    pub const ALL: [Self; 10] = [
        Self::ListDatabases,
        Self::ListSchemas,
        Self::ListTables,
        Self::ListViews,
        Self::DescribeTable,
        Self::DescribeView,
        Self::QueryView,
        Self::ExecuteQuery,
        Self::SetContext,
        Self::SessionInfo,
    ];

    /// The name as clients know it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ListDatabases => "list_databases",
            Self::ListSchemas => "list_schemas",
            Self::ListTables => "list_tables",
            Self::ListViews => "list_views",
            Self::DescribeTable => "describe_table",
            Self::DescribeView => "describe_view",
            Self::QueryView => "query_view",
            Self::ExecuteQuery => "execute_query",
            Self::SetContext => "set_context",
            Self::SessionInfo => "session_info",
        }
    }

    /// The tool called `name`.
    ///
    /// # Errors
    /// There is none; the error names the nearest.
    pub(super) fn parse(name: &str) -> Result<Self, ErrorData> {
        Self::ALL.into_iter().find(|known| known.as_str() == name).ok_or_else(|| unknown(name))
    }
}

fn unknown(name: &str) -> ErrorData {
    let names = ToolName::ALL.map(ToolName::as_str);
    let similarity = |known: &&str| strsim::jaro_winkler(name, known);
    let near = names.iter().filter(|known| similarity(known) > SIMILARITY_MIN);
    let nearest = near.max_by(|a, b| similarity(a).total_cmp(&similarity(b)));
    let hint = nearest.map(|nearest| format!("; did you mean {nearest}?")).unwrap_or_default();
    let message = format!("Unknown tool: {}{hint}", shown(name));
    ErrorData::invalid_params(message, Some(json!({"tools": names})))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_tool_is_found_by_its_name() {
        for tool in ToolName::ALL {
            assert_eq!(ToolName::parse(tool.as_str()).unwrap(), tool);
        }
    }

    #[test]
    fn an_unknown_tool_names_the_nearest() {
        assert!(unknown("execute_querry").message.contains("did you mean execute_query?"));
        assert!(!unknown("x").message.contains("did you mean"));
    }
}
