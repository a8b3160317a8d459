//! Renewing a session, keeping it, closing it.

use serde_json::{Value, json};

use crate::answers::{Refusal, Reply};
use crate::server::Received;
use crate::state::State;

/// `POST /session/token-request`: with the master token, for new tokens.
pub(crate) fn renew(state: &mut State, request: &Received) -> Result<Reply, Refusal> {
    let session = state.sessions.of_master(request.token())?;
    let (token, master) = state.sessions.tokens.grant(session);
    state.seen.renewals.push(session);
    Ok(Reply::success(&json!({
        "sessionToken": token, "validityInSecondsST": state.settings.token_validity.as_secs(),
        "masterToken": master, "validityInSecondsMT": state.settings.master_validity.as_secs(),
        "sessionId": session,
    })))
}

/// `POST /session/heartbeat`.
pub(crate) fn heartbeat(state: &mut State, request: &Received) -> Result<Reply, Refusal> {
    let session = state.sessions.of_token(request.token())?.id;
    state.seen.heartbeats.push(session);
    Ok(Reply::success(&Value::Null))
}

/// `POST /session?delete=true`: the session's queries are aborted, but for detached ones.
pub(crate) fn close(state: &mut State, request: &Received) -> Result<Reply, Refusal> {
    let session = state.sessions.of_token(request.token())?.id;
    state.seen.closes.push(session);
    state.close_session(session);
    Ok(Reply::success(&Value::Null))
}
