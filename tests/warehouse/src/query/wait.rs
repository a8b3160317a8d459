//! Waiting for a result.

use std::sync::Arc;
use std::time::Duration;

use super::reply;
use crate::answers::{Refusal, Reply};
use crate::server::Received;
use crate::sql::SqlError;
use crate::state::{Shared, State};

/// `GET /queries/ID/result`. Whoever is the same user may ask, in whichever session.
pub(crate) async fn result(shared: &Arc<Shared>, request: &Received) -> Result<Reply, Refusal> {
    let id = &request.route.id;
    let known = shared.with(|state| asked(state, request))?;
    if !known {
        let error = SqlError::new("000709", "02000", format!("Statement {id} not found"));
        return Ok(Reply::failed(&error, id));
    }
    shared.changed();
    Ok(answer(shared, id).await)
}

/// Counts the question; gives whether there is such a query of the user.
fn asked(state: &mut State, request: &Received) -> Result<bool, Refusal> {
    let user = &state.sessions.of_token(request.token())?.user;
    let id = &request.route.id;
    let known = state.queries.get(id).is_some_and(|query| query.user == *user);
    if known {
        state.look_at(id).polls += 1;
    }
    Ok(known)
}

/// The result; or, if the query takes longer than a question is held, that it runs.
pub(super) async fn answer(shared: &Arc<Shared>, id: &str) -> Reply {
    let hold = shared.with(|state| hold(state, id));
    shared.wait(hold, |state| state.queries.is_done(id).then_some(())).await;
    shared.with(|state| reply::of(state, id))
}

/// How long a question is held. A query that waits for questions holds none but the last.
fn hold(state: &mut State, id: &str) -> Duration {
    let limit = state.settings.hold;
    let Some(query) = state.queries.get(id).filter(|query| query.by_polls) else { return limit };
    let polls = state.seen.queries[query.seen].polls;
    let waits = query.plan.iter().flat_map(|plan| &plan.waits);
    let enough =
        waits.into_iter().all(|wait| !matches!(wait, crate::sql::Wait::Polls(count) if polls < *count));
    if enough { limit } else { Duration::ZERO }
}
