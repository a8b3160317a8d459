//! What an operator does: needs the permission `admin_operations`.
//!
//! | | like |
//! |---|---|
//! | `POST /admin/sessions/ID/kill` | `snowgate kill ID`; with `{"request": 17}`, or `ID:17` as the id, `snowgate kill ID:17` |
//! | `POST /admin/reload` | `snowgate reload`, and the certificate; `snowgate restart` where something needs that |
//! | `POST /admin/drain` | `snowgate stop` |

use std::sync::Arc;

use axum::body::Bytes;
use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Extension, Router};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::task::spawn_blocking;
use tracing::Instrument as _;

use super::caller::Caller;
use super::error::HttpError;
use super::front::Front;
use super::health::permit;
use super::json::Json;
use super::server::check_files;
use crate::audit::Notice;
use crate::config::{Change, Config, Permission, ProcessEnvironment};
use crate::shared::{KillView, NothingKilled, ReloadView, Shared, kill};

pub(super) fn routes() -> Router<Arc<Front>> {
    Router::new()
        .route("/admin/sessions/{id}/kill", post(kill_session))
        .route("/admin/reload", post(reload))
        .route("/admin/drain", post(drain))
        .route_layer(middleware::from_fn(operators_only))
}

async fn operators_only(Extension(caller): Extension<Caller>, request: Request, next: Next) -> Response {
    match permit(&caller, Permission::AdminOperations) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Which of a session's calls to stop.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct KillArguments {
    /// The number of the one call; `None`: all.
    request: Option<u64>,
}

async fn kill_session(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
    Path(target): Path<String>,
    body: Bytes,
) -> Result<Json<KillView>, HttpError> {
    let usage = |what: String| {
        HttpError::new(StatusCode::BAD_REQUEST, "arguments_invalid", what)
            .or_do("send no body, or {\"request\": NUMBER} with the number of one call")
    };
    let arguments = match body.iter().all(u8::is_ascii_whitespace) {
        true => KillArguments::default(),
        false => {
            serde_json::from_slice(&body).map_err(|error| usage(format!("the body is wrong: {error}")))?
        }
    };
    let (session, request) = match target.rsplit_once(':') {
        None => (target.as_str(), arguments.request),
        Some((session, number)) => {
            let number = number.parse().map_err(|_| usage(format!("{number:?} is no number of a call")))?;
            (session, Some(number))
        }
    };
    kill_noted(&front.mcp.shared, &caller, session, request)
}

/// Stops calls of a session; the log and the audit trail have it.
pub(super) fn kill_noted(
    shared: &Shared,
    caller: &Caller,
    session: &str,
    request: Option<u64>,
) -> Result<Json<KillView>, HttpError> {
    let killed = kill(shared, session, request);
    // What is no session's id may be of any length, and is the client's own.
    let target: String = session.chars().take(TARGET_CHARS_MAX).collect();
    note(shared, caller, "kill", json!({"target": target, "target_request": request}), killed.is_ok());
    killed.map(Json).map_err(|error| nothing_killed(&error))
}

/// A longer target is cut in records, to this many characters.
const TARGET_CHARS_MAX: usize = 128;

/// What those are told who have stopped nothing.
fn nothing_killed(error: &NothingKilled) -> HttpError {
    let (status, code) = match error {
        NothingKilled::TooShort => (StatusCode::BAD_REQUEST, "arguments_invalid"),
        NothingKilled::Ambiguous(_) => (StatusCode::CONFLICT, "session_ambiguous"),
        NothingKilled::NoSession(_) => (StatusCode::NOT_FOUND, "no_such_session"),
        NothingKilled::NoCall { .. } => (StatusCode::NOT_FOUND, "no_such_call"),
    };
    HttpError::new(status, code, error.to_string())
}

/// Uses what is on disk now: the certificate and what of the configuration can be applied at once, the rest by a restart.
async fn reload(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
) -> Result<(StatusCode, Json<Value>), HttpError> {
    let shared = Arc::clone(&front.mcp.shared);
    let read = spawn_blocking(move || {
        let config = Config::load(&shared.paths, &ProcessEnvironment)
            .map_err(|errors| refused("config_invalid", errors.to_string()))?;
        if let Some(Err(error)) = config.http.as_ref().map(check_files) {
            let cause =
                std::error::Error::source(&error).map(|cause| format!(": {cause}")).unwrap_or_default();
            return Err(refused("certificate_invalid", format!("{error}{cause}")).or_do(error.next_step()));
        }
        Ok(())
    });
    let read = read.await.unwrap_or_else(|_| Err(internal("the configuration cannot be read")));
    // On a task of its own: one that has begun is finished, noted and followed by its restart, also if the caller hangs up.
    let apply = tokio::spawn(apply(front, caller, read).in_current_span());
    apply.await.unwrap_or_else(|_| Err(internal("the reload failed unexpectedly; the log says more")))
}

fn internal(what: &str) -> HttpError {
    HttpError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", what.to_owned())
}

/// Applies the configuration, which was `read` without an error or was not; restarts where something needs that.
async fn apply(
    front: Arc<Front>,
    caller: Caller,
    read: Result<(), HttpError>,
) -> Result<(StatusCode, Json<Value>), HttpError> {
    let shared = &front.mcp.shared;
    let reloaded = match read {
        Ok(()) => shared.reload().await.map_err(|errors| refused("config_invalid", errors.to_string())),
        Err(error) => Err(error),
    };
    let restarts = reloaded.as_ref().ok().map(|reloaded| !reloaded.needs_restart.is_empty());
    let mut facts = reloaded.as_ref().map_or_else(|_| json!({}), ReloadView::audit_facts);
    facts["restarts"] = json!(restarts);
    note(shared, &caller, "reload", facts, reloaded.is_ok());
    let reloaded = reloaded?;
    let needs_restart = !reloaded.needs_restart.is_empty();
    front.reload.notify_one();
    if needs_restart {
        tracing::info!("restarting: the configuration has changed");
        shared.shutdown.restart();
    }
    let status = if needs_restart { StatusCode::ACCEPTED } else { StatusCode::OK };
    let keys =
        |changes: &[Change]| -> Vec<String> { changes.iter().map(|change| change.key.clone()).collect() };
    let answer = json!({
        "restarts": needs_restart,
        "applied": keys(&reloaded.applied),
        "needs_restart": keys(&reloaded.needs_restart),
    });
    Ok((status, Json(answer)))
}

fn refused(code: &'static str, why: String) -> HttpError {
    HttpError::new(StatusCode::CONFLICT, code, why)
        .or_do("nothing was changed; correct it (`snowgate config check`) and try again")
}

/// Finishes what runs, and shuts down.
async fn drain(
    State(front): State<Arc<Front>>,
    Extension(caller): Extension<Caller>,
) -> (StatusCode, Json<Value>) {
    let shared = &front.mcp.shared;
    note(shared, &caller, "drain", json!({}), true);
    shared.shutdown.stop();
    let restarted_by = shared.service.as_ref().map(|service| service.manager.clone());
    let answer =
        json!({ "status": "draining", "sessions": shared.sessions.len(), "restarted_by": restarted_by });
    (StatusCode::ACCEPTED, Json(answer))
}

/// Who did it is in the log, and in the audit trail.
fn note(shared: &Shared, caller: &Caller, operation: &'static str, facts: Value, is_done: bool) {
    let key = caller.key.as_ref().map(|key| key.name.as_str());
    tracing::warn!(operation, key, address = ?caller.address, "an operator's request over HTTP");
    shared.telemetry.audit.note(|| {
        let mut facts = facts;
        facts["outcome"] = if is_done { "allowed" } else { "denied" }.into();
        facts["from"] =
            caller.address.map_or_else(|| "local".to_owned(), |address| address.to_string()).into();
        Notice::operator(operation, "http", key, facts)
    });
}
