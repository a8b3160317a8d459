//! `/mcp`: streamable HTTP in both eras, and WebSocket.

use std::sync::Arc;

use axum::Router;

use super::front::Front;

pub(super) fn routes() -> Router<Arc<Front>> {
    Router::new()
}
