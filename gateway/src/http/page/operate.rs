//! What the page changes.

use std::sync::Arc;

use axum::Extension;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use serde::Deserialize;

use crate::config::Permission;
use crate::http::admin;
use crate::http::caller::Caller;
use crate::http::error::HttpError;
use crate::http::front::Front;
use crate::http::json::Json;
use crate::shared::KillView;

/// Which calls to stop.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KillArguments {
    /// The session's id.
    session: String,
    /// The number of the one call; `None`: all.
    request: Option<u64>,
}

/// Refuses those who are no operators, and says how the page becomes an operator's.
pub(super) fn operators_only(caller: &Caller) -> Result<(), HttpError> {
    caller.objection(Permission::AdminOperations).map_or(Ok(()), |why| {
        Err(HttpError::new(StatusCode::FORBIDDEN, "permission_denied", why)
            .or_do("or open the page with `snowgate open` where the gateway runs"))
    })
}

/// `POST /ui/kill`
pub(super) async fn kill_call(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
    body: Bytes,
) -> Result<Json<KillView>, HttpError> {
    operators_only(&caller)?;
    let KillArguments { session, request } = serde_json::from_slice(&body).map_err(|error| {
        HttpError::new(StatusCode::BAD_REQUEST, "arguments_invalid", format!("the body is wrong: {error}"))
            .or_do("send {\"session\": ID, \"request\": NUMBER}; without a number, all calls are stopped")
    })?;
    admin::kill_noted(&front.mcp.shared, &caller, &session, request)
}
