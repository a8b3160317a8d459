//! Backends: what runs statements.
//!
//! A [`Backend`] opens [`Connection`]s; a connection runs one [`Request`] at a time and fills a capped
//! [`Collector`]. Neither knows of sessions, clients or MCP: the multiplexer above hands each request the context
//! it runs in, and nothing of a request outlives its call.

mod collector;
mod error;
pub mod snowflake;
pub mod sqlite;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

pub use collector::{Caps, Cell, Collector, Cut, Flow};
pub use error::{BackendError, ErrorKind};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

/// A boxed future: what lets [`Backend`] and [`Connection`] be trait objects.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Where a session's statements run. A name is kept as the backend spells it (see [`Backend::resolve`]).
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Context {
    /// The role whose grants apply; `None`: the login's default. Backends without roles ignore it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The warehouse that runs queries. Backends without warehouses ignore it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub warehouse: Option<String>,
    /// The current database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database: Option<String>,
    /// The current schema of that database.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub schema: Option<String>,
}

/// How a statement is wrapped in a transaction of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Transaction {
    /// The statement stands alone and takes effect when it succeeds.
    #[default]
    None,
    /// BEGIN before, COMMIT after success, ROLLBACK after an error.
    Commit,
    /// BEGIN before, ROLLBACK after, whatever happened: a dry run.
    Rollback,
}

/// What a connection is asked to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operation {
    /// One SQL statement in the backend's own dialect, passed on unedited.
    Statement {
        /// The text as the client sent it.
        sql: String,
        /// The transaction around it.
        transaction: Transaction,
    },
    /// A question about the catalog, answered in the backend's own way.
    Catalog(Catalog),
    /// Nothing but going to the request's context, to see that there is one.
    UseContext,
}

/// The metadata questions behind the list and describe tools. A `database` or `schema` of `None` means the context's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Catalog {
    /// Every database: columns `name`, `kind`, `comment`.
    Databases,
    /// The schemas of a database: `database`, `name`.
    Schemas {
        /// The database; `None`: the context's.
        database: Option<String>,
    },
    /// Tables: `database`, `schema`, `name`, `rows` (an estimate or NULL).
    Tables {
        /// The database; `None`: the context's.
        database: Option<String>,
        /// The schema; `None`: the context's, else all of them.
        schema: Option<String>,
        /// A LIKE pattern on the name, matched without regard to case.
        like: Option<String>,
    },
    /// Views: `database`, `schema`, `name`.
    Views {
        /// The database.
        database: String,
        /// The schema; `None`: all of them.
        schema: Option<String>,
    },
    /// The columns of a table or view: `column`, `type`, `nullable`, `default`, `key`.
    Describe {
        /// What the name must be.
        kind: RelationKind,
        /// The relation's name.
        relation: Relation,
    },
    /// The definition of a view, as one row `definition`.
    Definition(Relation),
    /// Every row of a view, `SELECT *`.
    Rows(Relation),
}

/// What [`Catalog::Describe`] asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelationKind {
    /// A table; a view is described too.
    Table,
    /// A view; a table is an error that says so.
    View,
}

/// A relation's name in parts, never parsed from or pasted into SQL text unquoted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Relation {
    /// The database; `None`: the context's.
    pub database: Option<String>,
    /// The schema; `None`: the context's.
    pub schema: Option<String>,
    /// The relation.
    pub name: String,
}

/// What keeps a statement from running twice: asked before one that may change something reaches the backend, and told
/// the names of those that take long.
pub trait WriteJournal: std::fmt::Debug + Send + Sync {
    /// The statement is about to run, under the name `query_id` where the backend has one by then. Blocks for as long as
    /// an append to a file takes.
    ///
    /// # Errors
    /// It must not run; the error is its answer.
    fn begin(&self, query_id: Option<&str>) -> Result<(), BackendError>;

    /// The backend runs the statement under the name `query_id`, and whoever asks for that name can fetch what comes of it:
    /// a later gateway, for one. Blocks like [`WriteJournal::begin`]. A backend without such names never calls it.
    fn record_query_id(&self, query_id: &str);
}

/// Whose request it is: for the backend's own history, and to know it again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestOrigin {
    /// The client's name, once it told.
    pub client: Option<String>,
    /// The session's id.
    pub session: String,
    /// The number of the request in its session; a later gateway gives it the same.
    pub number: u64,
}

/// One unit of work for a connection.
#[derive(Clone, Debug)]
pub struct Request {
    /// The context it runs in; the connection changes to it first where it differs.
    pub context: Context,
    /// The work.
    pub operation: Operation,
    /// Row, byte and counting limits for the result.
    pub caps: Caps,
    /// How long it may run.
    pub timeout: Duration,
    /// Whose it is.
    pub origin: RequestOrigin,
    /// The name of the query that an earlier gateway made of it: its result is fetched, and nothing is run.
    pub earlier: Option<String>,
    /// Asked before anything is changed; never for a statement that only reads.
    pub journal: Arc<dyn WriteJournal>,
}

/// What came of a request that succeeded.
#[derive(Debug)]
pub struct Completion {
    /// The columns and the rows within the caps.
    pub rows: Collector,
    /// Rows changed, where the statement was no query.
    pub affected: Option<u64>,
    /// The backend's own name for the query, where it has one.
    pub query_id: Option<String>,
    /// The context that the connection is in afterwards, where the backend tells it.
    pub context: Option<Context>,
}

impl Completion {
    /// What came of a request that only went to a context.
    pub(crate) fn of_context(context: Context) -> Self {
        let nothing = Caps { rows_max: 0, bytes_max: 0, count_rows_max: 0 };
        Self { rows: Collector::new(nothing), affected: None, query_id: None, context: Some(context) }
    }
}

impl RequestOrigin {
    /// A name for the request that is the same in every gateway: the first 128 bits of a SHA-256, marked as a UUID of
    /// version 8 (RFC 9562).
    pub fn uuid(&self) -> Uuid {
        let digest = Sha256::digest(format!("{}/{}", self.session, self.number).as_bytes());
        let bytes = <[u8; 16]>::try_from(&digest[..16]).unwrap_or_default();
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

/// How a backend is, for people.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct BackendStatus {
    /// Where it is, where that can be said in a line.
    pub target: Option<String>,
    /// What keeps it from working, and what to do: an address to log in at, for one.
    pub problem: Option<String>,
}

/// A warehouse, or what stands for one. Shared by all sessions.
pub trait Backend: Send + Sync + 'static {
    /// The backend's kind as config names it: `sqlite`, `snowflake`.
    fn kind(&self) -> &'static str;

    /// Fills what `wanted` leaves open (a database, its schema) and spells each name as the backend does.
    ///
    /// # Errors
    /// A name that does not exist, with the names that do as the next step.
    fn resolve<'a>(&'a self, wanted: &'a Context) -> BoxFuture<'a, Result<Context, BackendError>>;

    /// `context` with what it leaves open, as far as that is known here: for people.
    fn completed(&self, context: &Context) -> Context {
        context.clone()
    }

    /// Whether the backend knows more of a context than its own files do, so that [`Operation::UseContext`] is what tells whether
    /// there is such a context.
    fn tells_contexts(&self) -> bool {
        false
    }

    /// Whether a gateway opens connections before anybody asks for one.
    fn connects_early(&self) -> bool {
        true
    }

    /// How it is, for `status`.
    fn status(&self) -> BackendStatus {
        BackendStatus::default()
    }

    /// The gateway leaves: says goodbye to whoever is at the other end, within a bound of its own.
    fn close(&self) -> BoxFuture<'_, ()> {
        Box::pin(std::future::ready(()))
    }

    /// Opens one connection.
    ///
    /// # Errors
    /// The backend cannot be reached or refuses the login; [`ErrorKind::Exhausted`] where there is a connection already, and
    /// it gives no further one.
    fn connect(&self) -> BoxFuture<'_, Result<Box<dyn Connection>, BackendError>>;
}

/// One connection: one request at a time.
pub trait Connection: Send {
    /// Runs `request` to its end. The future must be driven to completion: to stop early, call
    /// [`Cancel::cancel`] and go on awaiting.
    ///
    /// # Errors
    /// Whatever the backend says of the statement; [`ErrorKind::Cancelled`] after a cancel.
    fn run(&mut self, request: Request) -> BoxFuture<'_, Result<Completion, BackendError>>;

    /// A handle that stops the running request from another task.
    fn canceller(&self) -> Arc<dyn Cancel>;

    /// Whether the connection can serve another request; a pool drops it where not.
    fn is_usable(&self) -> bool;
}

/// Stops what a connection runs.
pub trait Cancel: Send + Sync {
    /// Stops the request that runs now; without one it does nothing, and never harms the next.
    fn cancel(&self);

    /// The gateway leaves, and its next one asks for the request again: lets go of what goes on without us and can be
    /// fetched later ([`ErrorKind::Detached`]), and stops anything else.
    fn detach(&self) {
        self.cancel();
    }
}
