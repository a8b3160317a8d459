//! What is written down of a result.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::backend::Context;
use crate::rows::{Column, ColumnSummary};
use crate::state::KeptContext;

/// What is known of a result by its handle.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Kept {
    /// The tool that was called.
    pub tool: String,
    /// The name of the session's profile, and what that allowed: a session that may do something else does not see the rows.
    pub profile: String,
    /// See `profile`.
    pub policy: String,
    /// The call, where it was answered before its statement had ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub call: Option<PendingCall>,
    /// The result of its tool. None while it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub result: Option<Value>,
    /// Its rows, where they are more than was shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<KeptRows>,
}

/// A call that was answered before its statement had ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PendingCall {
    /// The number of its request in its session: the journal knows the statement by it.
    pub number: u64,
    /// The parameters of `tools/call`.
    pub params: Value,
    /// The context in which it was sent.
    pub context: KeptContext,
    /// When, in milliseconds since 1970.
    pub began_ms: i64,
}

/// Rows that are more than was shown.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KeptRows {
    /// Where they are.
    pub source: RowSource,
    /// The columns.
    pub columns: Vec<Column>,
    /// Rows that can be read; `None`: it is not known how many there are.
    pub rows: Option<u64>,
    /// Whether these are all rows of the result.
    pub is_whole: bool,
    /// Why not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Rows that the call has shown.
    pub shown: u64,
    /// What each column holds, in the first `summary_rows` rows.
    pub summary: Vec<ColumnSummary>,
    /// See `summary`.
    pub summary_rows: u64,
}

/// Where the rows of a result are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowSource {
    /// In the file beside the record.
    File,
    /// In the warehouse, which keeps the result of each query for a day.
    Query {
        /// The query's id.
        id: String,
        /// The context that it ran in: its role may read the result.
        context: Context,
    },
}

impl Kept {
    /// Whether its statement may still run.
    pub fn is_running(&self) -> bool {
        self.call.is_some() && self.result.is_none()
    }
}
