//! Why a request did not succeed, for the connection, which may try it again.

use snowflake_wire::{Error, QueryId};

use crate::backend::BackendError;

/// Why a request did not succeed on its session.
#[derive(Debug)]
pub(in super::super) enum RunError {
    /// It failed.
    Failed(BackendError),
    /// The session had ended before the server processed the request.
    SessionLost(Error),
    /// The session has ended, and the query that it submitted keeps running.
    QueryDetached(QueryId),
    /// The server aborted it, and nothing here asked for that.
    Aborted(BackendError),
}

impl From<BackendError> for RunError {
    fn from(error: BackendError) -> Self {
        Self::Failed(error)
    }
}
