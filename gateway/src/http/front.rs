//! What all requests of the front share, and their routes.

use std::sync::Arc;

use axum::Router;
use axum::middleware;

use tokio_util::task::TaskTracker;

use super::identify::identify;
use super::session::HttpSessions;
use super::{admin, health, mcp, rest};
use crate::mcp::Mcp;

/// What all requests of the front share.
pub(super) struct Front {
    /// What serves MCP.
    pub(super) mcp: Arc<Mcp>,
    /// The front's sessions.
    pub(super) sessions: Arc<HttpSessions>,
}

impl Front {
    pub(super) fn new(mcp: Arc<Mcp>, tasks: TaskTracker) -> Arc<Self> {
        let sessions = HttpSessions::new(Arc::clone(&mcp), tasks);
        Arc::new(Self { mcp, sessions })
    }

    /// All routes. A request passes the guards first, then the question who it is from.
    pub(super) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .merge(mcp::routes())
            .merge(rest::routes())
            .merge(admin::routes())
            .merge(health::routes())
            .layer(middleware::from_fn_with_state(Arc::clone(self), identify))
            .with_state(Arc::clone(self))
    }
}
