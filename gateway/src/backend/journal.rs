//! What a backend asks before it changes anything.

use super::BackendError;

/// Keeps a statement from running twice: asked before one that may change something reaches the backend, and
/// told the query ids of those that take long.
pub trait WriteJournal: std::fmt::Debug + Send + Sync {
    /// Records that the statement is about to run, with `query_id` if the backend has one by then. Blocks for
    /// as long as an append to a file takes.
    ///
    /// # Errors
    /// The statement must not run; the error is its answer.
    fn begin(&self, query_id: Option<&str>) -> Result<(), BackendError>;

    /// Records that the backend runs the statement as `query_id`: from now on its result can be fetched by
    /// that id, also by a later gateway. Blocks like [`WriteJournal::begin`]. A backend without query ids
    /// never calls it.
    fn record_query_id(&self, query_id: &str);
}
