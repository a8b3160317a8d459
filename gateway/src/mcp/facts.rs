//! What a front's intake tells of a request.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use crate::session::SessionContext;
use crate::state::{Digest, RepeatRow};
use crate::telemetry::{Correlation, Trace};

/// What MCP must know of a request beside its text; rides with it through `rmcp`.
#[derive(Clone, Debug)]
pub struct RequestFacts {
    /// The request's number in its session, the same with every gateway: the journal knows the request by it.
    pub number: u64,
    /// Whether an earlier gateway may have acted on it.
    pub replayed: bool,
    /// The session's context when the request started.
    pub context: SessionContext,
    /// By what the client's own records find it.
    pub correlation: Correlation,
    /// What the front says of it beside its text.
    pub line: LineFacts,
}

impl RequestFacts {
    /// The same, with what the front says.
    pub fn with(mut self, line: LineFacts) -> Self {
        // What the request itself says is nearer to it than what its transport says.
        self.correlation.trace = self.correlation.trace.or_else(|| line.trace.clone());
        Self { replayed: self.replayed || line.repeats.is_some(), line, ..self }
    }

    /// The number under which the journal knows its statement: that of the request that it repeats.
    pub fn journal_number(&self) -> u64 {
        self.line.repeats.unwrap_or(self.number)
    }
}

/// What a front says of a request beside its text. A shim says nothing.
#[derive(Clone, Debug, Default)]
pub struct LineFacts {
    /// How rows are written.
    pub format: RowFormat,
    /// The number of the request that this one is, sent again.
    pub repeats: Option<u64>,
    /// What it is found by when it is sent again.
    pub repeat_key: Option<Arc<RepeatKey>>,
    /// Of a cancel: the number of the request that is meant, where its id may be that of several.
    pub cancels: Option<u64>,
    /// The `traceparent` of the HTTP request.
    pub trace: Option<Trace>,
}

impl LineFacts {
    /// Whether a request is taken for an earlier one by its JSON-RPC id, which its client may have used twice.
    pub(super) fn is_repeated_by_id(&self) -> bool {
        self.repeats.is_some() && self.repeat_key.as_ref().is_some_and(|key| key.is_id)
    }
}

/// How the rows of a result are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RowFormat {
    /// As text for a model.
    #[default]
    Text,
    /// As JSON for a program (`rows`): the front makes of it what its client asked for.
    Json,
}

/// What a request is found by when it is sent again.
#[derive(Debug)]
pub struct RepeatKey {
    /// Its text: what kind of key, and the key.
    pub text: String,
    /// Of what was sent: a repeated request has the same.
    pub digest: Digest,
    /// Whether it is a JSON-RPC id.
    pub is_id: bool,
    /// Set once the journal has the request's statement, and this key with it.
    pub is_journaled: AtomicBool,
}

impl RepeatKey {
    /// What the state file keeps of it.
    pub(super) fn row(&self) -> RepeatRow {
        RepeatRow { key: self.text.clone(), digest: self.digest }
    }
}

/// The number of the request that a notification is about; rides with it through `rmcp`.
#[derive(Clone, Copy, Debug, Default)]
pub struct About(pub u64);

/// Why an argument of a tool call cannot be read, by its name; rides with a request that lacks its arguments.
#[derive(Clone, Debug)]
pub struct UnreadableArgument(pub String);
