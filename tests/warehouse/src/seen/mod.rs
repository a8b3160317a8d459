//! What the stand-in saw: everything that a test may ask for afterwards.

mod query;

use std::collections::HashMap;
use std::time::Instant;

pub use query::{QueryState, SeenQuery};
use serde_json::Value;

use super::Endpoint;

/// Requests that are kept; later ones are only counted.
const REQUESTS_MAX: usize = 100_000;

/// All that was seen since the start, each list in the order of arrival.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Seen {
    /// Every request, refused and broken ones included, up to 100,000.
    pub requests: Vec<SeenRequest>,
    /// Requests by endpoint, without a bound.
    pub counts: HashMap<Endpoint, usize>,
    /// Log-ins, refused ones included.
    pub log_ins: Vec<SeenLogIn>,
    /// Queries. One that was submitted twice under the same request id is one.
    pub queries: Vec<SeenQuery>,
    /// Aborts, also of queries that nobody knows.
    pub aborts: Vec<SeenAbort>,
    /// Sessions whose token was renewed, one entry a renewal.
    pub renewals: Vec<u64>,
    /// Sessions that sent a heartbeat, one entry each.
    pub heartbeats: Vec<u64>,
    /// Sessions that were closed by their clients.
    pub closes: Vec<u64>,
    /// Connections that were ever accepted.
    pub connections: usize,
}

/// One request.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SeenRequest {
    /// When its head had come.
    pub at: Instant,
    /// The connection that it came on, numbered from 1.
    pub connection: usize,
    /// What it asked for.
    pub endpoint: Endpoint,
    /// The method.
    pub method: String,
    /// The path, as sent.
    pub path: String,
    /// What stood behind the path, decoded.
    pub query: HashMap<String, String>,
    /// The headers; names in lower case.
    pub headers: HashMap<String, String>,
    /// The body, decompressed, if it was read and is JSON; else null.
    pub body: Value,
    /// Whether a fault struck it.
    pub struck: bool,
}

/// One log-in.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SeenLogIn {
    /// When it was decided.
    pub at: Instant,
    /// The name that was given; the one that it is known under, where it succeeded.
    pub user: String,
    /// The account that was given.
    pub account: String,
    /// How it was proven: `SNOWFLAKE` for a password.
    pub authenticator: String,
    /// `CLIENT_ENVIRONMENT.APPLICATION`.
    pub application: Option<String>,
    /// The session parameters that were asked for.
    pub parameters: HashMap<String, Value>,
    /// The session, or the code of the refusal.
    pub outcome: Result<u64, String>,
}

/// One abort.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct SeenAbort {
    /// When it was carried out.
    pub at: Instant,
    /// The session that sent it.
    pub session: u64,
    /// The request id of the query, if it was named by that.
    pub request_id: Option<String>,
    /// The query, if there is one of that name.
    pub query_id: Option<String>,
    /// Whether it stopped a running query.
    pub effective: bool,
}

impl Seen {
    /// How many requests came to `endpoint`.
    pub fn count(&self, endpoint: Endpoint) -> usize {
        self.counts.get(&endpoint).copied().unwrap_or(0)
    }

    /// The requests to `endpoint`, as far as they were kept.
    pub fn requests_to(&self, endpoint: Endpoint) -> impl Iterator<Item = &SeenRequest> {
        self.requests.iter().filter(move |request| request.endpoint == endpoint)
    }

    /// The queries of exactly this text.
    pub fn queries_of(&self, sql: &str) -> Vec<&SeenQuery> {
        self.queries.iter().filter(|query| query.sql == sql).collect()
    }

    /// Log-ins that succeeded.
    pub fn sessions(&self) -> usize {
        self.log_ins.iter().filter(|log_in| log_in.outcome.is_ok()).count()
    }

    /// Whether `text` stands anywhere in a request: in its path, a header or its body. For secrets that must
    /// not.
    pub fn mentions(&self, text: &str) -> bool {
        self.requests.iter().any(|request| {
            request.path.contains(text)
                || request.query.values().any(|value| value.contains(text))
                || request.headers.values().any(|value| value.contains(text))
                || request.body.to_string().contains(text)
        })
    }

    pub(super) fn request(&mut self, request: SeenRequest) {
        *self.counts.entry(request.endpoint).or_default() += 1;
        if self.requests.len() < REQUESTS_MAX {
            self.requests.push(request);
        }
    }
}
