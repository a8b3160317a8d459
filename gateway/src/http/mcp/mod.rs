//! `/mcp`: streamable HTTP in both eras, and WebSocket.
//!
//! `post` takes one message a request, `get` opens streams of events and ends sessions, `socket` is a WebSocket. What
//! they share: `negotiate` (media types), `message` (the outside of a message), `headers` (what headers must say of it),
//! `reply` (answers that are no stream), `stream` (those that are), `event`, `replay` and `streams` (what a client that
//! was cut off comes back to).

mod close;
mod event;
mod get;
mod headers;
mod message;
mod negotiate;
mod post;
mod replay;
mod reply;
mod socket;
mod stream;
mod streams;

use std::sync::{Arc, OnceLock};

use axum::extract::{Extension, FromRequestParts as _, Request, State, WebSocketUpgrade};
use axum::http::Method;
use axum::response::{IntoResponse as _, Response};
use axum::routing::any;
use axum::{Router, http::StatusCode};

use self::streams::AllStreams;
use super::caller::Caller;
use super::front::Front;
use super::session::HttpSessions;
use crate::mcp::Mcp;

/// What `/mcp` takes at all.
const METHODS: &str = "GET, POST, DELETE";

/// What all requests of `/mcp` share.
pub(super) struct McpFront {
    mcp: Arc<Mcp>,
    sessions: Arc<HttpSessions>,
    streams: AllStreams,
}

/// Made when the first request comes: the front's state is not known before.
type Made = Arc<OnceLock<Arc<McpFront>>>;

pub(super) fn routes() -> Router<Arc<Front>> {
    Router::new().route("/mcp", any(serve)).layer(Extension(Made::default()))
}

async fn serve(
    State(front): State<Arc<Front>>,
    Extension(made): Extension<Made>,
    request: Request,
) -> Response {
    let front = Arc::clone(made.get_or_init(|| {
        let (mcp, sessions) = (Arc::clone(&front.mcp), Arc::clone(&front.sessions));
        Arc::new(McpFront { mcp, sessions, streams: AllStreams::default() })
    }));
    let Some(caller) = request.extensions().get::<Caller>().cloned() else {
        // The layer that lets requests in has not run: a mistake of ours.
        return reply::empty(StatusCode::INTERNAL_SERVER_ERROR);
    };
    if socket::is_upgrade(&request) {
        let (mut parts, _) = request.into_parts();
        return match WebSocketUpgrade::from_request_parts(&mut parts, &()).await {
            Ok(upgrade) => socket::upgrade(&front, caller, upgrade).await,
            Err(rejection) => rejection.into_response(),
        };
    }
    match *request.method() {
        Method::POST => post::post(&front, caller, request).await,
        Method::GET => get::get(&front, caller, request.headers()).await,
        Method::DELETE => get::delete(&front, caller, request.headers()).await,
        _ => reply::method_not_allowed(METHODS),
    }
}
