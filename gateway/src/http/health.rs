//! Whether the process is well, whether a query would work, and the snapshot of `snowgate status`.

use std::sync::Arc;

use axum::Router;

use super::front::Front;

pub(super) fn routes() -> Router<Arc<Front>> {
    Router::new()
}
