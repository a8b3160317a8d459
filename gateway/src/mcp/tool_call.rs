//! A tool call: read once, typed from there on.
//!
//! Code that decides on a call, runs it or reports it matches on [`ToolCall`], so the compiler names the
//! places that a new tool is missing from.

use rmcp::ErrorData;
use rmcp::model::{CallToolRequestParams, JsonObject};

use super::arguments::{
    CancelQuery, DescribeSemanticView, DescribeTable, DescribeView, ExecuteQuery, ExplainQuery, ExportResult,
    GetResult, InvalidArguments, ListSchemas, ListSemanticViews, ListTables, ListViews, Nothing, QueryView,
    SearchObjects, SetContext, misfit, read,
};
use super::request_record::class_of;
use super::saved_question::SavedCall;
use super::tool_name::{ToolName, unknown};
use crate::session::Profile;

/// A call of a tool that exists, with arguments that fit its schema.
#[derive(Clone, Debug)]
pub enum ToolCall {
    /// `list_databases`
    ListDatabases,
    /// `list_schemas`
    ListSchemas(ListSchemas),
    /// `list_tables`
    ListTables(ListTables),
    /// `list_views`
    ListViews(ListViews),
    /// `describe_table`
    DescribeTable(DescribeTable),
    /// `describe_view`
    DescribeView(DescribeView),
    /// `query_view`
    QueryView(QueryView),
    /// `execute_query`
    ExecuteQuery(ExecuteQuery),
    /// `explain_query`
    ExplainQuery(ExplainQuery),
    /// `get_result`
    GetResult(GetResult),
    /// `cancel_query`
    CancelQuery(CancelQuery),
    /// `export_result`
    ExportResult(ExportResult),
    /// `search_objects`
    SearchObjects(SearchObjects),
    /// `list_semantic_views`
    ListSemanticViews(ListSemanticViews),
    /// `describe_semantic_view`
    DescribeSemanticView(DescribeSemanticView),
    /// `set_context`
    SetContext(SetContext),
    /// `session_info`
    SessionInfo,
    /// A saved question.
    Saved(SavedCall),
}

/// Why a call is not run.
#[derive(Debug)]
pub enum CallRefusal {
    /// There is no such tool: the protocol's own error.
    UnknownTool(ErrorData),
    /// The arguments do not fit the schema: a result that is an error, and says what the tool takes.
    InvalidArguments(InvalidArguments),
}

impl From<InvalidArguments> for CallRefusal {
    fn from(refusal: InvalidArguments) -> Self {
        Self::InvalidArguments(refusal)
    }
}

impl ToolCall {
    /// Reads a call of a session whose profile is `profile`.
    ///
    /// # Errors
    /// There is no such tool, or it does not take these arguments.
    pub fn parse(params: CallToolRequestParams, profile: &Profile) -> Result<Self, CallRefusal> {
        let tool = ToolName::parse(&params.name, saved_names(profile)).map_err(CallRefusal::UnknownTool)?;
        let arguments = params.arguments;
        Ok(match tool {
            ToolName::Saved(_) => {
                let offered = profile.question(&params.name).cloned();
                let offered = offered
                    .ok_or_else(|| CallRefusal::UnknownTool(unknown(&params.name, saved_names(profile))))?;
                Self::Saved(SavedCall { tool, offered, given: arguments.unwrap_or_default() })
            }
            ToolName::ListDatabases => none(tool, arguments, Self::ListDatabases)?,
            ToolName::ListSchemas => Self::ListSchemas(read(tool, arguments)?),
            ToolName::ListTables => Self::ListTables(read(tool, arguments)?),
            ToolName::ListViews => Self::ListViews(read(tool, arguments)?),
            ToolName::DescribeTable => Self::DescribeTable(read(tool, arguments)?),
            ToolName::DescribeView => Self::DescribeView(read(tool, arguments)?),
            ToolName::QueryView => Self::QueryView(read(tool, arguments)?),
            ToolName::ExecuteQuery => Self::ExecuteQuery(read(tool, arguments)?),
            ToolName::ExplainQuery => Self::ExplainQuery(read(tool, arguments)?),
            ToolName::GetResult => Self::GetResult(read(tool, arguments)?),
            ToolName::CancelQuery => Self::CancelQuery(read(tool, arguments)?),
            ToolName::ExportResult => Self::ExportResult(read(tool, arguments)?),
            ToolName::SearchObjects => Self::SearchObjects(read(tool, arguments)?),
            ToolName::ListSemanticViews => Self::ListSemanticViews(read(tool, arguments)?),
            ToolName::DescribeSemanticView => Self::DescribeSemanticView(read(tool, arguments)?),
            ToolName::SetContext => Self::SetContext(read(tool, arguments)?),
            ToolName::SessionInfo => none(tool, arguments, Self::SessionInfo)?,
        })
    }

    /// Why a call of the tool `name` is refused, one of whose arguments cannot be read because of `why`.
    pub(super) fn unreadable(name: &str, why: &str, profile: &Profile) -> CallRefusal {
        match ToolName::parse(name, saved_names(profile)) {
            Ok(tool @ ToolName::Saved(_)) => CallRefusal::InvalidArguments(InvalidArguments::new(tool, why)),
            Ok(tool) => CallRefusal::InvalidArguments(misfit(tool, why)),
            Err(error) => CallRefusal::UnknownTool(error),
        }
    }

    /// What it does, for the log: `catalog`, `context`, or what its statement does.
    pub(super) fn class(&self) -> &'static str {
        match self {
            Self::ListDatabases
            | Self::ListSchemas(_)
            | Self::ListTables(_)
            | Self::ListViews(_)
            | Self::DescribeTable(_)
            | Self::DescribeView(_)
            | Self::ExplainQuery(_)
            | Self::SearchObjects(_)
            | Self::ListSemanticViews(_)
            | Self::DescribeSemanticView(_) => "catalog",
            Self::QueryView(_) | Self::GetResult(_) => "read",
            // What its query does replaces this.
            Self::ExportResult(_) => "read",
            Self::CancelQuery(_) => "context",
            Self::ExecuteQuery(arguments) => class_of(&arguments.query),
            Self::Saved(call) => call.offered.class.name(),
            Self::SetContext(_) | Self::SessionInfo => "context",
        }
    }

    /// Whether it reads rows of tables, so that it counts as a query.
    pub(super) fn reads_rows(&self) -> bool {
        match self {
            Self::QueryView(_) | Self::ExportResult(_) => true,
            Self::DescribeTable(arguments) => arguments.detail == Some(true),
            _ => false,
        }
    }

    /// The tool that is called.
    pub fn tool(&self) -> ToolName {
        match self {
            Self::ListDatabases => ToolName::ListDatabases,
            Self::ListSchemas(_) => ToolName::ListSchemas,
            Self::ListTables(_) => ToolName::ListTables,
            Self::ListViews(_) => ToolName::ListViews,
            Self::DescribeTable(_) => ToolName::DescribeTable,
            Self::DescribeView(_) => ToolName::DescribeView,
            Self::QueryView(_) => ToolName::QueryView,
            Self::ExecuteQuery(_) => ToolName::ExecuteQuery,
            Self::ExplainQuery(_) => ToolName::ExplainQuery,
            Self::GetResult(_) => ToolName::GetResult,
            Self::CancelQuery(_) => ToolName::CancelQuery,
            Self::ExportResult(_) => ToolName::ExportResult,
            Self::SearchObjects(_) => ToolName::SearchObjects,
            Self::ListSemanticViews(_) => ToolName::ListSemanticViews,
            Self::DescribeSemanticView(_) => ToolName::DescribeSemanticView,
            Self::SetContext(_) => ToolName::SetContext,
            Self::SessionInfo => ToolName::SessionInfo,
            Self::Saved(call) => call.tool,
        }
    }
}

/// The names of the saved questions of `profile`.
pub(super) fn saved_names(profile: &Profile) -> impl Iterator<Item = &str> + Clone {
    profile.questions.iter().map(|offered| offered.question.name.as_str())
}

/// The call of a tool without arguments.
fn none(tool: ToolName, arguments: Option<JsonObject>, call: ToolCall) -> Result<ToolCall, InvalidArguments> {
    let Nothing {} = read(tool, arguments)?;
    Ok(call)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn every_tool_is_read_as_itself() {
        let arguments = json!({"database": "d", "table": "t", "view_name": "v", "query": "q", "handle": "h",
            "name": "n", "pattern": "p"});
        for &tool in ToolName::ALL {
            let takes: &[&str] = match tool {
                ToolName::ListViews => &["database"],
                ToolName::DescribeTable => &["table"],
                ToolName::DescribeView | ToolName::QueryView => &["database", "view_name"],
                ToolName::ExecuteQuery | ToolName::ExplainQuery => &["query"],
                ToolName::GetResult | ToolName::CancelQuery => &["handle"],
                ToolName::ExportResult => &["name"],
                ToolName::SearchObjects => &["pattern"],
                ToolName::DescribeSemanticView => &["view_name"],
                _ => &[],
            };
            let arguments = takes.iter().map(|name| ((*name).to_owned(), arguments[name].clone())).collect();
            let params = CallToolRequestParams::new(tool.as_str()).with_arguments(arguments);
            assert_eq!(ToolCall::parse(params, &Profile::default()).unwrap().tool(), tool);
        }
    }

    #[test]
    fn a_tool_without_arguments_ignores_any() {
        let arguments = json!({"random_string": "", "verbose": true}).as_object().cloned().unwrap();
        let params = CallToolRequestParams::new("session_info").with_arguments(arguments);
        assert_eq!(ToolCall::parse(params, &Profile::default()).unwrap().tool(), ToolName::SessionInfo);
    }
}
