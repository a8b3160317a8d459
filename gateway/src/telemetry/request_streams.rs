//! The streams `access` (a line a request) and `sql` (the text of statements).

use std::sync::Arc;

use super::event::RequestEvent;

/// Where those go; without a file by default.
#[derive(Debug, Default)]
pub struct RequestStreams {}

impl RequestStreams {
    pub(super) fn note(&self, _: &Arc<RequestEvent>) {}
}
