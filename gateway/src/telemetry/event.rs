//! What is known of a request once it has ended.

use std::borrow::Cow;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::asker::Asker;
use super::correlation::Correlation;
use super::outcome::Outcome;
use crate::backend::{Context, Rule};
use crate::state::Digest;

/// One request that has ended, however it ended.
#[derive(Clone, Debug)]
pub struct RequestEvent {
    /// When it ended.
    pub at: SystemTime,
    /// From its start to its end, its waiting included.
    pub total: Duration,
    /// Who has asked.
    pub asker: Arc<Asker>,
    /// Its number in the session.
    pub number: u64,
    /// Whether an earlier gateway may have acted on it.
    pub replayed: bool,
    /// The method; `unknown`: the client's own text.
    pub method: Cow<'static, str>,
    /// The tool.
    pub tool: Option<&'static str>,
    /// What it does: `read`, `write`, `ddl`, `catalog`, `context` ...
    pub class: Option<&'static str>,
    /// What became of it.
    pub outcome: Outcome,
    /// The kind of failure.
    pub error: Option<&'static str>,
    /// The rule that refused it.
    pub rule: Option<Rule>,
    /// The backend's code.
    pub code: Option<String>,
    /// Why, where that quotes no statement.
    pub reason: Option<String>,
    /// Waiting for a connection; `None`: it asked for none.
    pub waited: Option<Duration>,
    /// Running on one; `None`: it got none.
    pub ran: Option<Duration>,
    /// Rows of its result.
    pub rows: Option<u64>,
    /// Rows that it changed.
    pub changed: Option<u64>,
    /// Bytes of its result.
    pub bytes: Option<u64>,
    /// The file that it has written.
    pub export: Option<ExportFacts>,
    /// The backend's id of its query.
    pub query_id: Option<String>,
    /// What it was estimated to cost.
    pub estimate: Option<String>,
    /// The connection of the configuration that it ran on.
    pub connection: Option<String>,
    /// The context that it ran in.
    pub context: Option<Context>,
    /// Its statement.
    pub statement: Option<StatementFacts>,
    /// By what the client's own records find it.
    pub correlation: Correlation,
    /// Where the journal has it, if its statement may have changed something.
    pub journaled: Option<Journaled>,
    /// Whether it has a place in the queue of the audit trail.
    pub has_audit_place: bool,
}

/// A file that a request has written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ExportFacts {
    /// Its path.
    pub file: String,
    /// Its bytes.
    pub bytes: u64,
    /// Its SHA-256, as hexadecimal digits.
    pub sha256: String,
}

/// A request that is in the journal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Journaled {
    /// Its number there.
    pub number: u64,
    /// Whether what became of it is known, and no later gateway is to find out.
    pub is_settled: bool,
}

impl RequestEvent {
    /// Whether it is a tool call, or what is served as one (a resource, a completion).
    pub fn is_call(&self) -> bool {
        self.method == "tools/call" || self.tool.is_some()
    }
}

/// A statement, as far as it is kept.
#[derive(Clone, Debug)]
pub struct StatementFacts {
    /// SHA-256 of its text.
    pub digest: Digest,
    /// Its text up to [`StatementFacts::TEXT_BYTES_MAX`]; only where a stream or the trail has statements.
    pub text: Option<Arc<str>>,
    /// The text without its literals; see `queries`.
    pub pattern: Option<Arc<str>>,
    /// The objects that it touches, by name; [`StatementFacts::OBJECTS_MAX`] at most.
    pub objects: Vec<String>,
}

impl StatementFacts {
    /// Bytes of a text that are kept.
    pub const TEXT_BYTES_MAX: usize = 64 * 1024;
    /// Objects that are named.
    pub const OBJECTS_MAX: usize = 64;

    /// Those of the statement `sql`, with its text where `keeps_text`.
    pub fn new(digest: Digest, sql: &str, keeps_text: bool) -> Self {
        let text = keeps_text.then(|| Arc::from(&sql[..sql.floor_char_boundary(Self::TEXT_BYTES_MAX)]));
        Self { digest, text, pattern: None, objects: Vec::new() }
    }
}
