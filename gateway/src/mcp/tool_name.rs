//! The names of the tools: a closed set.

use rmcp::ErrorData;
use serde_json::json;

use super::{NAME_BYTES_MAX, shown};

/// How similar to a tool's name an unknown one must be (Jaro-Winkler) to be taken for a slip.
const SIMILARITY_MIN: f64 = 0.8;

/// Defines the tools, in the order they are listed: variant and name, once each.
macro_rules! tools {
    ($($(#[doc = $doc:literal])+ $tool:ident = $name:literal,)+) => {
        /// A tool.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        pub enum ToolName {
            $($(#[doc = $doc])+ $tool,)+
        }

        impl ToolName {
            /// All tools, in the order they are listed.
            pub const ALL: &[Self] = &[$(Self::$tool,)+];

            /// The name as clients know it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$tool => $name,)+
                }
            }
        }
    };
}

tools! {
    /// Lists databases.
    ListDatabases = "list_databases",
    /// Lists the schemas of a database.
    ListSchemas = "list_schemas",
    /// Lists tables.
    ListTables = "list_tables",
    /// Lists views.
    ListViews = "list_views",
    /// Shows a table's columns.
    DescribeTable = "describe_table",
    /// Shows a view's columns and definition.
    DescribeView = "describe_view",
    /// Returns a view's rows.
    QueryView = "query_view",
    /// Runs a statement.
    ExecuteQuery = "execute_query",
    /// Shows how a statement would run, without running it.
    ExplainQuery = "explain_query",
    /// Pages a result that was too large, or waits for one that takes long.
    GetResult = "get_result",
    /// Stops a statement that takes long.
    CancelQuery = "cancel_query",
    /// Writes a result to a file.
    ExportResult = "export_result",
    /// Finds databases, schemas, tables and columns by name.
    SearchObjects = "search_objects",
    /// Lists semantic views.
    ListSemanticViews = "list_semantic_views",
    /// Shows a semantic view's tables, dimensions and metrics.
    DescribeSemanticView = "describe_semantic_view",
    /// Changes the session's context: later requests depend on it.
    SetContext = "set_context",
    /// Shows the session.
    SessionInfo = "session_info",
}

impl ToolName {
    /// The tool called `name`.
    ///
    /// # Errors
    /// There is none; the error names the nearest.
    pub fn parse(name: &str) -> Result<Self, ErrorData> {
        Self::ALL.iter().copied().find(|known| known.as_str() == name).ok_or_else(|| unknown(name))
    }
}

pub(super) fn unknown(name: &str) -> ErrorData {
    let names: Vec<&str> = ToolName::ALL.iter().map(|tool| tool.as_str()).collect();
    // Comparing takes the product of two lengths; what is this long is no slip.
    let compared = if name.len() > NAME_BYTES_MAX { "" } else { name };
    let similarity = |known: &&str| strsim::jaro_winkler(compared, known);
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
        for &tool in ToolName::ALL {
            assert_eq!(ToolName::parse(tool.as_str()).unwrap(), tool);
        }
    }

    #[test]
    fn a_profile_can_name_every_tool() {
        let names: Vec<_> = ToolName::ALL.iter().map(|tool| tool.as_str()).collect();
        assert_eq!(crate::config::TOOLS, names);
    }

    #[test]
    fn an_unknown_tool_names_the_nearest() {
        assert!(unknown("execute_querry").message.contains("did you mean execute_query?"));
        assert!(!unknown("x").message.contains("did you mean"));
        let long = format!("execute_query{}", "y".repeat(NAME_BYTES_MAX));
        let message = unknown(&long).message;
        assert!(!message.contains("did you mean") && message.len() < 200, "{message}");
    }
}
