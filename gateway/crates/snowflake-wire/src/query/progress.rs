//! How far a query is.

use std::time::Duration;

use crate::answer::Answer;
use crate::ids::QueryId;

/// A query after an exchange about it.
#[derive(Debug)]
pub enum Progress {
    /// It is done.
    Done(Box<Answer>),
    /// It still runs.
    Running(RunningQuery),
}

/// A query that runs. It goes on if this is dropped.
#[derive(Clone, Debug)]
pub struct RunningQuery {
    pub(super) query_id: QueryId,
    /// Where its result will be, on the same server.
    pub(super) result_path: String,
    pub(super) aborts_after: Option<Duration>,
    /// Whether this session submitted it, so that its answer tells the session's context.
    pub(super) own: bool,
}

impl RunningQuery {
    /// The server's name for it.
    pub fn query_id(&self) -> &QueryId {
        &self.query_id
    }

    /// How long the server keeps the query running without a request for its result; then it aborts it.
    pub fn aborts_after(&self) -> Option<Duration> {
        self.aborts_after
    }
}

impl Progress {
    /// The query's id, where the server gave one.
    pub fn query_id(&self) -> Option<&QueryId> {
        match self {
            Self::Done(answer) => answer.query_id.as_ref(),
            Self::Running(running) => Some(&running.query_id),
        }
    }
}
