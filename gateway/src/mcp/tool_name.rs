//! The names of the tools: a closed set, and those of saved questions.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

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
            /// A saved question's.
            Saved(SavedName),
        }

        impl ToolName {
            /// All built-in tools, in the order they are listed.
            pub const ALL: &[Self] = &[$(Self::$tool,)+];

            /// The name as clients know it.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$tool => $name,)+
                    Self::Saved(name) => name.0,
                }
            }
        }
    };
}

/// The name of a saved question. It lives as long as the process: there are few, of 48 bytes at most, and one that comes
/// again with a reload is the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct SavedName(&'static str);

/// The names that there were. Written where a question is called for the first time.
static SAVED_NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

impl SavedName {
    /// The name of a question of the configuration, which bounds its length and how many there are.
    pub(super) fn of(name: &str) -> Self {
        let mut names = SAVED_NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Self(known);
        }
        let kept: &'static str = Box::leak(name.to_owned().into_boxed_str());
        names.insert(kept);
        Self(kept)
    }
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
    /// The tool called `name`: a built-in one, or one of `saved`, the saved questions that there are for the client.
    ///
    /// # Errors
    /// There is none; the error names the nearest.
    pub fn parse<'a>(name: &str, saved: impl Iterator<Item = &'a str> + Clone) -> Result<Self, ErrorData> {
        let built_in = Self::ALL.iter().copied().find(|known| known.as_str() == name);
        let question = || saved.clone().any(|known| known == name).then(|| Self::Saved(SavedName::of(name)));
        built_in.or_else(question).ok_or_else(|| unknown(name, saved))
    }
}

pub(super) fn unknown<'a>(name: &str, saved: impl Iterator<Item = &'a str>) -> ErrorData {
    let names: Vec<&str> = ToolName::ALL.iter().map(|tool| tool.as_str()).chain(saved).collect();
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
            assert_eq!(ToolName::parse(tool.as_str(), std::iter::empty()).unwrap(), tool);
        }
    }

    #[test]
    fn a_profile_can_name_every_tool() {
        let names: Vec<_> = ToolName::ALL.iter().map(|tool| tool.as_str()).collect();
        assert_eq!(crate::config::TOOLS, names);
    }

    #[test]
    fn a_saved_question_is_a_tool_and_is_suggested() {
        let saved = ["revenue_of_region"];
        let found = ToolName::parse("revenue_of_region", saved.into_iter()).unwrap();
        assert_eq!(found.as_str(), "revenue_of_region");
        assert_eq!(found, ToolName::parse("revenue_of_region", saved.into_iter()).unwrap());
        let error = ToolName::parse("revenue_of_regions", saved.into_iter()).unwrap_err();
        assert!(error.message.contains("did you mean revenue_of_region?"), "{}", error.message);
    }

    #[test]
    fn an_unknown_tool_names_the_nearest() {
        let unknown = |name: &str| unknown(name, std::iter::empty());
        assert!(unknown("execute_querry").message.contains("did you mean execute_query?"));
        assert!(!unknown("x").message.contains("did you mean"));
        let long = format!("execute_query{}", "y".repeat(NAME_BYTES_MAX));
        let message = unknown(&long).message;
        assert!(!message.contains("did you mean") && message.len() < 200, "{message}");
    }
}
