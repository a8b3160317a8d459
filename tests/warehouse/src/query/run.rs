//! Carrying a query out, when what it waits for has come.

use std::sync::Arc;
use std::time::Duration;

use super::Done;
use crate::parameters;
use crate::result::{Paging, ResultSet, Rows};
use crate::seen::QueryState;
use crate::sql::{Outcome, Plan, SqlError, Wait, World};
use crate::state::{Shared, State};

/// Nobody waits for a query any more after this.
const FOREVER: Duration = Duration::from_secs(24 * 3600);

/// Waits for all of `waits`, then carries the query out. One that was aborted meanwhile is let be.
pub(super) async fn run(shared: Arc<Shared>, id: String, waits: Vec<Wait>, limit: Option<Duration>) {
    let waited = tokio::time::timeout(limit.unwrap_or(FOREVER), all(&shared, &id, &waits)).await;
    shared.with(|state| match waited {
        Ok(()) => finish(state, &id),
        Err(_) => state.fail(&id, SqlError::timed_out(limit.unwrap_or(FOREVER).as_secs())),
    });
    shared.changed();
}

async fn all(shared: &Shared, id: &str, waits: &[Wait]) {
    for wait in waits {
        let came = |state: &mut State| {
            let came = match wait {
                Wait::For(_) => false,
                Wait::Release(name) => state.released.contains(name),
                Wait::Polls(count) => state.look_at(id).polls >= *count,
            };
            (came || state.queries.is_done(id)).then_some(())
        };
        let limit = if let Wait::For(time) = wait { *time } else { FOREVER };
        shared.wait(limit, came).await;
    }
}

/// Carries a query out, unless it is done.
pub(crate) fn finish(state: &mut State, id: &str) {
    let Some(query) = state.queries.get_mut(id) else { return };
    let (session, describe_only, seen) = (query.session, query.describe_only, query.seen);
    let Some(plan) = query.plan.take() else { return };
    let Some(session) = state.sessions.get_mut(session) else {
        return state.fail(id, SqlError::canceled());
    };
    let mut world = World { catalog: &mut state.catalog, session, queries: &state.queries };
    let outcome = if describe_only { described(plan, &mut world) } else { (plan.action)(&mut world) };
    let done = Done { outcome, context: session.context.clone(), parameters: parameters::of(session) };
    state.seen.queries[seen].executions += usize::from(!describe_only);
    state.seen.queries[seen].state = match &done.outcome {
        Ok(_) => QueryState::Succeeded,
        Err(error) => QueryState::Failed(error.code.clone()),
    };
    state.queries.settle(id, done);
}

/// The columns of a result, without its rows. What would change something is not carried out for that.
fn described(plan: Plan, world: &mut World<'_>) -> Result<Outcome, SqlError> {
    if plan.changes {
        let status = ResultSet::status(crate::result::StatementType::Define, "");
        return Ok(Outcome::Rows(emptied(status)));
    }
    match (plan.action)(world)? {
        Outcome::Rows(result) => Ok(Outcome::Rows(emptied(result))),
        other @ Outcome::Transfer(_) => Ok(other),
    }
}

fn emptied(result: ResultSet) -> ResultSet {
    ResultSet { rows: Rows::Listed(Vec::new()).into(), paging: Paging::inline(0), ..result }
}
