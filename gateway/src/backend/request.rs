//! One unit of work for a connection, and what comes back.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use sql_gate::Statement;

use crate::rows::Overflow;

use super::{
    Caps, Catalog, Collector, Context, CostGuard, Held, Ownership, Parameters, RowFilter, SinkUse,
    StatementGate, Wall, WriteJournal,
};

/// How a statement is wrapped in a transaction of its own.
///
/// | | the statement succeeds | it fails, or is stopped |
/// |---|---|---|
/// | `None` | takes effect | has no effect of its own; what a script or procedure did before that may stay |
/// | `Commit` | COMMIT: takes effect | ROLLBACK |
/// | `Rollback` | ROLLBACK | ROLLBACK |
///
/// A COMMIT whose answer is lost is [`ErrorKind::OutcomeUnknown`].
///
/// [`ErrorKind::OutcomeUnknown`]: super::ErrorKind::OutcomeUnknown
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Transaction {
    /// No transaction: the statement runs alone.
    #[default]
    None,
    /// BEGIN before, COMMIT after success.
    Commit,
    /// BEGIN before, ROLLBACK after: a dry run.
    Rollback,
}

/// What a connection is asked to do.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// One SQL statement in the backend's own dialect, passed on unedited.
    Statement {
        /// The text as the client sent it.
        sql: String,
        /// The transaction around it.
        transaction: Transaction,
        /// What is bound to its parameters: by their names where it has `:name` (SQLite), by their places where it has `?`.
        parameters: Parameters,
    },
    /// A question about the catalog.
    Catalog(Catalog),
    /// Switches to the request's context and does nothing else: shows whether that context exists.
    UseContext,
}

impl Operation {
    /// A statement without parameters, in no transaction of its own.
    pub fn statement(sql: String) -> Self {
        Self::Statement { sql, transaction: Transaction::None, parameters: Parameters::default() }
    }
}

/// Whose request it is: for the backend's own history, and to recognize it later.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RequestOrigin {
    /// The client's name, once it is known.
    pub client: Option<String>,
    /// The session's id.
    pub session: String,
    /// The number of the request in its session; a later gateway uses the same one.
    pub number: u64,
    /// By what the client's own records find it: names, and short plain texts of the client's.
    pub found_by: Vec<(&'static str, String)>,
}

impl RequestOrigin {
    /// A name for the request that is the same in every gateway: the first 128 bits of a SHA-256, marked as a
    /// UUID of version 8 (RFC 9562).
    pub fn uuid(&self) -> Uuid {
        let digest = Sha256::digest(format!("{}/{}", self.session, self.number).as_bytes());
        let bytes = <[u8; 16]>::try_from(&digest[..16]).unwrap_or_default();
        uuid::Builder::from_custom_bytes(bytes).into_uuid()
    }
}

/// One unit of work for a connection.
#[derive(Clone, Debug)]
pub struct Request {
    /// The context it runs in; the connection switches to it first where it differs.
    pub context: Context,
    /// The work.
    pub operation: Operation,
    /// Row, byte and counting limits for the result.
    pub caps: Caps,
    /// How long it may run.
    pub timeout: Duration,
    /// Whose it is.
    pub origin: RequestOrigin,
    /// The id of the query that an earlier gateway started for it: its result is fetched, and nothing is run.
    pub earlier: Option<String>,
    /// Asked before anything is changed; never for a statement that only reads.
    pub journal: Arc<dyn WriteJournal>,
    /// What has been read of a statement's text; `None` for everything else.
    pub statement: Option<Arc<Statement>>,
    /// Whose connection it runs on: set by the pool.
    pub ownership: Ownership,
    /// Decides whether a statement may run.
    pub gate: Arc<dyn StatementGate>,
    /// Which rows of a list of objects are left in; `None`: all.
    pub row_filter: Option<Arc<dyn RowFilter>>,
    /// What the connection's log-in must be; `None`: anything. Two requests that differ in this are not alike.
    pub wall: Option<Wall>,
    /// Set while it runs on a connection, for those who look at what is under way.
    pub is_running: Option<Arc<AtomicBool>>,
    /// What it may cost by its own estimate; `None`: anything.
    pub cost: Option<Arc<CostGuard>>,
    /// Who takes its rows beside the caps; `None`: what is cut is lost.
    pub sink: Option<SinkUse>,
    /// Rows of the result of `earlier` that are left out before the first one that is returned.
    pub rows_skipped: u64,
    /// Whether `earlier` is only read: where its result is gone that is an error, and nothing runs again.
    pub only_reads_earlier: bool,
}

/// The result of a request that succeeded.
#[derive(Clone, Debug)]
pub struct Completion {
    /// The columns and the rows within the caps.
    pub rows: Collector,
    /// Rows changed, where the statement was not a query.
    pub affected: Option<u64>,
    /// The backend's own id for the query, where it has one.
    pub query_id: Option<String>,
    /// The context that the connection is in afterwards, where the backend reports it.
    pub context: Option<Context>,
    /// What of its session's own the connection holds afterwards. Filled in by the pool.
    pub held: Held,
    /// What is known of rows that were cut, where the request had a sink for them.
    pub overflow: Option<Arc<Overflow>>,
}

impl Completion {
    /// These rows, of which nothing else is to be said.
    pub(crate) fn of_rows(rows: Collector) -> Self {
        Self { rows, affected: None, query_id: None, context: None, held: Held::default(), overflow: None }
    }

    /// The result of [`Operation::UseContext`].
    pub(crate) fn of_context(context: Context) -> Self {
        let nothing = Caps { rows_max: 0, bytes_max: 0, count_rows_max: 0 };
        Self {
            rows: Collector::new(nothing),
            affected: None,
            query_id: None,
            context: Some(context),
            held: Held::default(),
            overflow: None,
        }
    }
}
