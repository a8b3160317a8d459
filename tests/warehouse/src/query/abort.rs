//! Aborting a query.

use std::time::Instant;

use serde_json::Value;

use crate::answers::{Refusal, Reply};
use crate::seen::SeenAbort;
use crate::server::Received;
use crate::state::State;

/// `POST /queries/v1/abort-request` with the client's name for the query, or `POST
/// /queries/ID/abort-request`.
pub(crate) fn abort(state: &mut State, request: &Received) -> Result<Reply, Refusal> {
    let session = state.sessions.of_token(request.token())?;
    let (session, user) = (session.id, session.user.clone());
    let request_id = request.body["requestId"].as_str().filter(|_| request.route.id.is_empty());
    let named = match request_id {
        Some(request_id) => state.queries.by_request(&user, request_id).cloned(),
        None => Some(request.route.id.clone()),
    };
    let query_id = named.filter(|id| state.queries.get(id).is_some_and(|query| query.user == user));
    let effective = query_id.as_ref().is_some_and(|id| state.abort(id));
    let request_id = request_id.map(Into::into);
    state.seen.aborts.push(SeenAbort { at: Instant::now(), session, request_id, query_id, effective });
    if effective {
        Ok(Reply::success(&Value::Null))
    } else {
        Err(Refusal::new("000605", "Identified SQL statement is not currently executing."))
    }
}
