//! What all requests of the front share, and their routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;

use tokio_util::task::TaskTracker;

use super::caller::{Caller, Peer};
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

/// Lets a request in, with its [`Caller`].
async fn identify(State(_front): State<Arc<Front>>, mut request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<Peer>().copied();
    let (connection, address) = peer.map_or((0, None), |peer| (peer.connection, peer.address));
    request.extensions_mut().insert(Caller { key: None, address, connection });
    next.run(request).await
}
