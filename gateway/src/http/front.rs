//! What all requests of the front share, and their routes.

use std::sync::Arc;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::middleware;
use tokio::sync::Notify;
use tokio_util::task::TaskTracker;

use super::bodies::{Bodies, read_body};
use super::error::HttpError;
use super::guards::{Guards, guard};
use super::identify::identify;
use super::page::Page;
use super::session::HttpSessions;
use super::{admin, health, mcp, metrics, page, rest};
use crate::config::HttpConfig;
use crate::mcp::Mcp;

/// What all requests of the front share.
pub(super) struct Front {
    /// What serves MCP.
    pub(super) mcp: Arc<Mcp>,
    /// The front's sessions.
    pub(super) sessions: Arc<HttpSessions>,
    /// Has the certificate read again at once.
    pub(super) reload: Notify,
    /// Memory of long answers of tools on their way to clients.
    pub(super) answers: rest::AnswerMemory,
    /// The page: who looks at it, and what they are sent.
    pub(super) page: Page,
    guards: Arc<Guards>,
    bodies: Arc<Bodies>,
}

impl Front {
    pub(super) fn new(mcp: Arc<Mcp>, config: &HttpConfig, tasks: TaskTracker) -> Arc<Self> {
        Arc::new(Self {
            sessions: HttpSessions::new(Arc::clone(&mcp), tasks),
            mcp,
            reload: Notify::new(),
            answers: rest::AnswerMemory::default(),
            page: Page::new(config),
            guards: Guards::new(config),
            bodies: Bodies::new(config.request_bytes_max, config.header_timeout),
        })
    }

    /// All routes. A request passes the guards first, then the question who it is from; then its body is read.
    pub(super) fn router(self: &Arc<Self>) -> Router {
        Router::new()
            .merge(mcp::routes())
            .merge(rest::routes())
            .merge(admin::routes())
            .merge(health::routes())
            .merge(metrics::routes())
            .merge(page::routes())
            .method_not_allowed_fallback(method_not_allowed)
            .fallback(not_found)
            .layer(DefaultBodyLimit::disable())
            .layer(middleware::from_fn_with_state(Arc::clone(&self.bodies), read_body))
            .layer(middleware::from_fn_with_state(Arc::clone(self), identify))
            .layer(middleware::from_fn_with_state(Arc::clone(&self.guards), guard))
            .with_state(Arc::clone(self))
    }
}

async fn not_found() -> HttpError {
    HttpError::new(StatusCode::NOT_FOUND, "not_found", "the gateway has nothing at this path")
        .or_do("docs/http.md lists the paths, /openapi.json those for programs")
}

async fn method_not_allowed() -> HttpError {
    HttpError::new(
        StatusCode::METHOD_NOT_ALLOWED,
        "method_not_allowed",
        "this path does not take this method",
    )
    .or_do("use one of the methods in the header `Allow`")
}
