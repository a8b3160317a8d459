//! Looking at a query without its result.

use serde_json::json;

use crate::answers::{Refusal, Reply};
use crate::seen::QueryState;
use crate::server::Received;
use crate::sql::SqlError;
use crate::state::State;

/// `GET /monitoring/queries/ID`: a list of one, or of none.
pub(crate) fn status(state: &mut State, request: &Received) -> Result<Reply, Refusal> {
    let user = &state.sessions.of_token(request.token())?.user;
    let id = &request.route.id;
    let Some(query) = state.queries.get(id).filter(|query| query.user == *user) else {
        return Ok(Reply::success(&json!({"queries": []})));
    };
    let seen = &state.seen.queries[query.seen];
    let error = match &query.done {
        Some(done) => done.outcome.as_ref().err(),
        None => None,
    };
    let running = seen.state == QueryState::Running;
    Ok(Reply::success(&json!({"queries": [{
        "id": id, "sqlText": seen.sql, "status": seen.state.name(),
        "state": if running { "FILE_SET_INITIALIZATION" } else { seen.state.name() },
        "queryTag": seen.tag, "sessionId": seen.session, "warehouseName": seen.warehouse,
        "errorCode": error.map_or("", |error: &SqlError| &error.code),
        "errorMessage": error.map(|error| &error.message),
    }]})))
}
