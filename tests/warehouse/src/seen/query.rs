//! A query as the stand-in saw it.

use std::collections::HashMap;
use std::time::Instant;

use serde_json::Value;

use crate::sql::Bindings;

/// A query.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SeenQuery {
    /// When it was first submitted.
    pub at: Instant,
    /// Its name.
    pub query_id: String,
    /// The client's name for the submission; empty where it gave none.
    pub request_id: String,
    /// The session that submitted it first.
    pub session: u64,
    /// That session's user.
    pub user: String,
    /// The text, as sent.
    pub sql: String,
    /// The statement's parameters.
    pub parameters: HashMap<String, Value>,
    /// What is bound to its `?`.
    pub bindings: Bindings,
    /// Its tag: the statement's `QUERY_TAG`, else the session's.
    pub tag: Option<String>,
    /// Whether it was to run detached (`asyncExec`).
    pub detached: bool,
    /// Whether only its columns were asked for.
    pub describe_only: bool,
    /// The warehouse that worked for it; `None` where it needs none, as metadata does.
    pub warehouse: Option<String>,
    /// How often it was submitted under that request id.
    pub submissions: usize,
    /// How often it was carried out: 0 or 1, unless the stand-in is wrong.
    pub executions: usize,
    /// How often its result was asked for.
    pub polls: usize,
    /// How it is.
    pub state: QueryState,
}

/// How a query is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum QueryState {
    /// It runs.
    Running,
    /// It is done.
    Succeeded,
    /// It failed with this code.
    Failed(String),
    /// It was aborted.
    Aborted,
}

impl QueryState {
    /// The name on the wire.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Running => "RUNNING",
            Self::Succeeded => "SUCCESS",
            Self::Failed(_) => "FAILED_WITH_ERROR",
            Self::Aborted => "ABORTED",
        }
    }
}
