//! GET: a stream of a session's messages, new or resumed; and DELETE, which ends the session. The stateless era has neither.

use std::sync::Arc;

use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;

use super::McpFront;
use super::event::EventId;
use super::headers::{Era, LAST_EVENT_ID, REVISION, SESSION_ID, is_primed, known, single};
use super::negotiate::Accepts;
use super::{reply, stream};
use crate::http::caller::Caller;
use crate::http::session::{HttpSession, Which};

/// Opens a stream, or goes on with one.
pub(super) async fn get(front: &McpFront, caller: Caller, headers: &HeaderMap) -> Response {
    if !Accepts::of(headers).events {
        return reply::refusal(StatusCode::NOT_ACCEPTABLE, "`Accept` must name text/event-stream");
    }
    let session = match session_of(front, &caller, headers).await {
        Ok(session) => session,
        Err(response) => return *response,
    };
    let streams = front.streams.of(&session);
    let (sink, response) = stream::open();
    let last = headers.get(LAST_EVENT_ID);
    let Some(last) = last else {
        tokio::spawn(stream::run_standalone(session, streams, is_primed(headers), sink));
        return response;
    };
    // An id that is no id of this gateway's is that of a stream that has ended.
    if let Some(id) = last.to_str().ok().and_then(|id| id.parse::<EventId>().ok()) {
        tokio::spawn(stream::run_resumed(session, streams, id, sink));
    }
    response
}

/// Ends a session.
pub(super) async fn delete(front: &McpFront, caller: Caller, headers: &HeaderMap) -> Response {
    match session_of(front, &caller, headers).await {
        Ok(session) => {
            session.close().await;
            front.streams.forget(&session);
            reply::empty(StatusCode::NO_CONTENT)
        }
        Err(response) => *response,
    }
}

async fn session_of(
    front: &McpFront,
    caller: &Caller,
    headers: &HeaderMap,
) -> Result<Arc<HttpSession>, Box<Response>> {
    let bad = |error| Box::new(reply::error(StatusCode::BAD_REQUEST, None, error));
    let revision = single(headers, REVISION).map_err(bad)?;
    if known(revision).map_err(bad)? == Era::Stateless {
        return Err(Box::new(reply::method_not_allowed("POST")));
    }
    let Some(id) = single(headers, SESSION_ID).map_err(bad)? else {
        return Err(Box::new(reply::refusal(
            StatusCode::BAD_REQUEST,
            "the header Mcp-Session-Id is missing: send the id that the answer to `initialize` has",
        )));
    };
    let found = front.sessions.find(caller, Which::Id(id)).await;
    found.map_err(|why| Box::new(reply::no_session(None, &why)))
}
