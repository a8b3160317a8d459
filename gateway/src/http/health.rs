//! Whether the process is well (`/health`), whether a query would work (`/ready`), and the snapshot of `snowgate status`
//! (`/status`). The first two say nothing about where anything is: those who ask may be anyone.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router};
use serde_json::{Value, json};
use tokio::time::timeout;

use super::caller::Caller;
use super::error::HttpError;
use super::front::Front;
use super::json::Json;
use crate::config::Permission;
use crate::multiplexer::BreakerState;
use crate::observe::snapshot;
use crate::shared::Shared;

/// How long anything that is looked at may take.
const LOOK_TIMEOUT: Duration = Duration::from_secs(2);

pub(super) fn routes() -> Router<Arc<Front>> {
    Router::new().route("/health", get(health)).route("/ready", get(ready)).route("/status", get(status))
}

/// What was looked at, each with what is wrong with it.
struct Checks(Vec<(&'static str, Option<&'static str>)>);

impl IntoResponse for Checks {
    /// 200 where nothing is wrong, else 503.
    fn into_response(self) -> Response {
        let is_good = self.0.iter().all(|(_, wrong)| wrong.is_none());
        let checks: Value =
            self.0.iter().map(|(name, wrong)| (*name, json!(wrong.unwrap_or("ok")))).collect();
        let (status, word) =
            if is_good { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "unavailable") };
        (status, Json(json!({ "status": word, "checks": checks }))).into_response()
    }
}

/// Whether the process is well. That it answers says that its runtime is.
async fn health(State(front): State<Arc<Front>>) -> Checks {
    let shared = &front.mcp.shared;
    Checks(vec![("shutdown", shutdown(shared)), ("state_file", state_file(shared).await)])
}

/// Whether a query would work: what `/health` says, and the default connection.
async fn ready(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
) -> Result<Checks, HttpError> {
    permit(&caller, Permission::HealthCheck)?;
    let shared = &front.mcp.shared;
    Ok(Checks(vec![
        ("shutdown", shutdown(shared)),
        ("state_file", state_file(shared).await),
        ("breaker", breaker(shared)),
        ("backend", backend(shared).await),
    ]))
}

fn shutdown(shared: &Shared) -> Option<&'static str> {
    shared.shutdown.drain.is_cancelled().then_some("the gateway shuts down")
}

async fn state_file(shared: &Shared) -> Option<&'static str> {
    let id = timeout(LOOK_TIMEOUT, shared.state.id_or_open()).await;
    (!matches!(id, Ok(Some(_)))).then_some("it cannot be used; statements that write are refused")
}

fn breaker(shared: &Shared) -> Option<&'static str> {
    match shared.default_pool.breaker().state {
        BreakerState::Closed | BreakerState::ForcedClosed => None,
        BreakerState::Open | BreakerState::HalfOpen => {
            Some("the backend does not answer; a few requests try whether it is back")
        }
        BreakerState::ForcedOpen => Some("it was opened by hand"),
    }
}

/// One that logs in only when it is needed is not made to.
async fn backend(shared: &Shared) -> Option<&'static str> {
    let pool = &shared.default_pool;
    if pool.backend().status().problem.is_some() {
        return Some("it is not available; `snowgate status` says why");
    }
    if pool.status().open > 0 || !pool.backend().connects_early() {
        return None;
    }
    match timeout(LOOK_TIMEOUT, pool.open_minimum()).await {
        Ok(Ok(())) => None,
        Ok(Err(_)) => Some("no connection can be opened; `snowgate status` says why"),
        Err(_) => Some("opening a connection takes too long"),
    }
}

/// The snapshot of `snowgate status --json`.
async fn status(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
) -> Result<Response, HttpError> {
    permit(&caller, Permission::HealthCheck)?;
    Ok(Json(snapshot(&front.mcp.shared)).into_response())
}

/// Refuses what the caller may not do.
pub(super) fn permit(caller: &Caller, permission: Permission) -> Result<(), HttpError> {
    match caller.objection(permission) {
        None => Ok(()),
        Some(why) => Err(HttpError::new(StatusCode::FORBIDDEN, "permission_denied", why)),
    }
}
