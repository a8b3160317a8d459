//! What an operator does: needs the permission `admin_operations`.

use std::sync::Arc;

use axum::Router;

use super::front::Front;

pub(super) fn routes() -> Router<Arc<Front>> {
    Router::new()
}
