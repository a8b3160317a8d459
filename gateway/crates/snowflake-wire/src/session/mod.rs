//! A session: the tokens, what is known of its state, and the exchanges that keep it.

mod call;
mod context;
mod renewal;
mod tokens;
mod upkeep;

use std::collections::HashMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

pub(crate) use context::Known;
pub use context::SessionContext;
use renewal::Renewals;
use reqwest::header::HeaderValue;
use serde_json::Value;
pub(crate) use tokens::Tokens;
use tokio::time::Instant;

use crate::envelope::{self, Envelope, Fields};
use crate::error::Failure;
use crate::http::{Http, Shown};
use crate::query_context::QueryContext;
use crate::secret::Secret;

/// A session on the server. A clone is the same session.
///
/// All calls may be made at once and from any task, and any of them may be dropped while it waits: only a
/// query that was submitted goes on, until it is done or aborted. Statements of one session that run at the
/// same time share its context, so a caller that changes it must run them one at a time.
///
/// Dropping the last clone does not close the session: the server ends it hours later. See
/// [`Session::close`].
#[derive(Clone)]
pub struct Session {
    shared: Arc<Shared>,
}

struct Shared {
    http: Http,
    /// The server's number for the session.
    id: Option<i64>,
    /// Replaced by renewals only.
    tokens: Mutex<Tokens>,
    /// Makes renewals take turns.
    renewals: Renewals,
    /// Set once, by the exchange that learns that the session has ended.
    ended: OnceLock<Failure>,
    /// Set by `close`.
    closed: AtomicBool,
    /// Written by each statement's answer.
    known: Mutex<Known>,
    /// What the next statement carries back. Shared by all sessions of a client: the statement after a write
    /// may run on another one, and has to read what was written.
    query_context: Arc<Mutex<QueryContext>>,
    /// Where the server wants this session's requests to go, in its own words; written by each answer that
    /// says so.
    route: Mutex<Option<HeaderValue>>,
    /// Counts statements; the server wants them numbered.
    statements: AtomicU64,
}

impl Session {
    pub(crate) fn new(
        http: Http,
        id: Option<i64>,
        tokens: Tokens,
        known: Known,
        query_context: Arc<Mutex<QueryContext>>,
        route: Option<HeaderValue>,
    ) -> Self {
        Self {
            shared: Arc::new(Shared {
                http,
                id,
                tokens: Mutex::new(tokens),
                renewals: Renewals::default(),
                ended: OnceLock::new(),
                closed: AtomicBool::new(false),
                known: Mutex::new(known),
                query_context,
                route: Mutex::new(route),
                statements: AtomicU64::new(0),
            }),
        }
    }

    /// The server's number for the session.
    pub fn id(&self) -> Option<i64> {
        self.shared.id
    }

    /// The context after the last statement that was answered.
    pub fn context(&self) -> SessionContext {
        self.known().context.clone()
    }

    /// A parameter's value, as the server last gave it; it gives those that concern clients, `TIMEZONE` among
    /// them.
    pub fn parameter(&self, name: &str) -> Option<Value> {
        self.known().parameters.get(name).cloned()
    }

    /// Whether the session can still be used, as far as is known here.
    pub fn is_alive(&self) -> bool {
        self.shared.ended.get().is_none() && !self.is_closed()
    }

    /// How long the session's token is good for; it is renewed when the server says so, not by this clock.
    pub fn token_expires_in(&self) -> Option<Duration> {
        let until = self.tokens().session_until?;
        Some(until.saturating_duration_since(Instant::now()))
    }

    /// How long the token that renews is good for, as it was last granted; then a log-in is needed. A
    /// heartbeat extends it on the server, which does not say by how much.
    pub fn renewable_for(&self) -> Option<Duration> {
        let until = self.tokens().master_until?;
        Some(until.saturating_duration_since(Instant::now()))
    }

    pub(crate) fn http(&self) -> &Http {
        &self.shared.http
    }

    pub(crate) fn next_statement_number(&self) -> u64 {
        self.shared.statements.fetch_add(1, Ordering::Relaxed) + 1
    }

    /// The session's time zone, by its name in the IANA database.
    pub(crate) fn time_zone(&self) -> Option<String> {
        envelope::time_zone(&self.known().parameters)
    }

    /// Takes over what the answer to a statement of this session says of its state.
    pub(crate) fn learn(&self, data: &Fields<'_>, parameters: HashMap<String, Value>) {
        let size = {
            let mut known = self.known();
            known.context = known.context.after(data);
            known.parameters.extend(parameters);
            known.parameters.get("QUERY_CONTEXT_CACHE_SIZE").cloned()
        };
        self.query_context().learn(data, size.as_ref());
    }

    /// What the next statement carries back.
    pub(crate) fn query_context(&self) -> MutexGuard<'_, QueryContext> {
        self.shared.query_context.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// `token`, with what a request of this session shows beside it.
    pub(crate) fn shown<'a>(&self, token: &'a Secret) -> Shown<'a> {
        Shown { token, route: self.route().clone() }
    }

    /// Takes over where the server wants the next request to go, if `answer` says so.
    pub(crate) fn follow_route(&self, answer: &Envelope) {
        if let Some(route) = &answer.route {
            *self.route() = Some(route.clone());
        }
    }

    fn route(&self) -> MutexGuard<'_, Option<HeaderValue>> {
        self.shared.route.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.shared.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tokens(&self) -> MutexGuard<'_, Tokens> {
        self.shared.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closed(&self) -> bool {
        self.shared.closed.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Session")
            .field("id", &self.id())
            .field("alive", &self.is_alive())
            .finish_non_exhaustive()
    }
}
