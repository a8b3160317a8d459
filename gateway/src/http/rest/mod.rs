//! Tools over plain HTTP: `/mcp/tools`, `/mcp/tools/call`, `/openapi.json`.

use std::sync::Arc;

use axum::Router;

use super::front::Front;

pub(super) fn routes() -> Router<Arc<Front>> {
    Router::new()
}
