//! The sessions of the front. Each is a shim's session whose shim is this process: its lines go through the same link,
//! intake, numbers, barriers and journal.
//!
//! | who sends | session | comes back after a restart |
//! |---|---|---|
//! | a client that opened with `initialize` | its own, by `Mcp-Session-Id` | yes, by that id, with the same key |
//! | a stateless or REST client with a name of its own: a key, `_client_id`, or a client name that tells it apart | one for each name | yes, by the name |
//! | a stateless or REST client that nothing tells apart from others | one for each connection; state that outlives a request is refused | nothing to come back to |
//! | a WebSocket | its own, until it is closed | no |

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use rmcp::model::ErrorData;

use super::caller::Caller;
use crate::mcp::{Mcp, RowFormat};

/// Which session a request is for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Which<'a> {
    /// A new one with a session id.
    New,
    /// The one with this `Mcp-Session-Id`.
    Id(&'a str),
    /// That of a client without a session id: `client` is what it calls itself in this request (`clientInfo.name`),
    /// `tag` what its user gave it (`_client_id`, `Snowgate-Client-Id`). Opened when it is first used.
    Named {
        /// What it calls itself.
        client: Option<&'a str>,
        /// What its user calls it.
        tag: Option<&'a str>,
    },
    /// A new one that ends with its handle: a WebSocket's.
    Socket,
}

/// Why there is no session for a request.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum NoSession {
    /// No session has this id, or it belongs to another key: HTTP 404.
    #[error(
        "there is no session with this `Mcp-Session-Id` for this key; send `initialize` to begin a new one"
    )]
    Unknown,
    /// It is refused, with what to do about it: HTTP 400, 403 or 503 if `retry`.
    #[error("{message}")]
    Refused {
        /// Why.
        message: String,
        /// What to do about it.
        next_step: Option<String>,
        /// Whether the next gateway, or this one a little later, may do it.
        retry: bool,
    },
}

/// What makes a request that is sent again the same request.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Idempotency {
    /// `Idempotency-Key`: for as long as the journal has the statement's result.
    Key(String),
    /// The JSON-RPC id in a session of its own: until its answer was delivered.
    Rpc(String),
}

/// What the front says of a message beside its text.
#[derive(Clone, Debug, Default)]
pub(super) struct Delivery {
    /// What makes it the same request when it comes again.
    pub(super) idempotency: Option<Idempotency>,
    /// How rows are written.
    pub(super) format: RowFormat,
}

/// A message for the client.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    /// The message, without a newline.
    pub(super) line: Bytes,
    /// Whether it answers the request: nothing follows.
    pub(super) is_answer: bool,
}

/// A request that was sent, until this is dropped.
#[derive(Debug)]
pub(super) struct Exchange {}

impl Exchange {
    /// The next message that belongs to the request: progress, log messages, those of a subscription, and last its
    /// answer. `None`: the connection to the session has ended without one (the gateway shuts down, the session was closed).
    pub(super) async fn next(&mut self) -> Option<Outgoing> {
        None
    }

    /// The client has its answer: a request that comes again is a new one, unless it has an `Idempotency-Key`.
    pub(super) fn delivered(&mut self) {}

    /// The client wants no answer any more: stops it. Without this, the request goes on when this is dropped.
    pub(super) fn cancel(self) {}
}

/// A session of the front.
#[derive(Debug)]
pub(super) struct HttpSession {}

impl HttpSession {
    /// What the client sends as `Mcp-Session-Id`: the id, a dot, and the secret.
    pub(super) fn id(&self) -> &str {
        ""
    }

    /// Sends a request (one JSON-RPC message). Waits while the session has too much under way.
    ///
    /// # Errors
    /// The session has ended, or the request is refused: an error for the client.
    pub(super) async fn request(
        self: &Arc<Self>,
        _line: Vec<u8>,
        _delivery: Delivery,
    ) -> Result<Exchange, ErrorData> {
        Err(ErrorData::internal_error("there are no sessions yet", None))
    }

    /// Sends a message that gets no answer: a notification, or a response.
    ///
    /// # Errors
    /// The session has ended.
    pub(super) async fn notify(self: &Arc<Self>, _line: Vec<u8>) -> Result<(), NoSession> {
        Ok(())
    }

    /// The next message that belongs to no request; `None`: the session has ended. One caller at a time gets each.
    pub(super) async fn next_event(&self) -> Option<Bytes> {
        None
    }

    /// Ends the session for good (`DELETE`, or a WebSocket that is closed): what runs is stopped.
    pub(super) async fn close(self: &Arc<Self>) {}
}

/// All sessions of the front.
pub(super) struct HttpSessions {
    _mcp: Arc<Mcp>,
}

impl HttpSessions {
    pub(super) fn new(mcp: Arc<Mcp>) -> Arc<Self> {
        Arc::new(Self { _mcp: mcp })
    }

    /// The session that a request of `caller` is for; one that is not open is opened, with what the state file has of it.
    ///
    /// # Errors
    /// There is none.
    pub(super) async fn find(
        self: &Arc<Self>,
        _caller: &Caller,
        _which: Which<'_>,
    ) -> Result<Arc<HttpSession>, NoSession> {
        Err(NoSession::Unknown)
    }
}

/// How long a session of the front stays open without a request; what the state file has of it stays longer.
pub(super) const _IDLE: Duration = Duration::from_secs(600);
