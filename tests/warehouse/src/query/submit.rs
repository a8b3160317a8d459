//! Submitting a statement.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::Query;
use super::run::run;
use super::wait::answer;
use crate::answers::{Refusal, Reply};
use crate::seen::{QueryState, SeenQuery};
use crate::server::Received;
use crate::session::Session;
use crate::sql::{Bindings, Plan, SqlError, Wait, compile};
use crate::state::{Shared, State};

/// What a submission says of itself.
struct Submission {
    request_id: String,
    sql: String,
    parameters: HashMap<String, Value>,
    bindings: Bindings,
    detached: bool,
    describe_only: bool,
}

/// `POST /queries/v1/query-request`. The same request id is the same query, whichever session of the user
/// asks.
pub(crate) async fn submit(shared: &Arc<Shared>, request: &Received) -> Result<Reply, Refusal> {
    let submission = Submission::read(request);
    let detached = submission.detached;
    let (id, to_run) = shared.with(|state| accept(state, request, submission))?;
    if let Some((waits, limit)) = to_run {
        tokio::spawn(run(Arc::clone(shared), id.clone(), waits, limit));
    }
    shared.changed();
    if detached {
        return Ok(Reply::running("333334", &id));
    }
    Ok(answer(shared, &id).await)
}

/// What a query waits for, and how long it may take.
type ToRun = (Vec<Wait>, Option<Duration>);

fn accept(
    state: &mut State,
    request: &Received,
    submission: Submission,
) -> Result<(String, Option<ToRun>), Refusal> {
    let session = state.sessions.of_token(request.token())?;
    if let Some(id) = state.queries.by_request(&session.user, &submission.request_id).cloned() {
        state.look_at(&id).submissions += 1;
        return Ok((id, None));
    }
    let expected = submission.parameters.get("MULTI_STATEMENT_COUNT").and_then(number).unwrap_or(1);
    let plan = compile(&submission.sql, expected, &submission.bindings)
        .and_then(|plan| with_warehouse(plan, session));
    let limit = submission.time_limit(session);
    let waits = plan.as_ref().map(|plan| plan.waits.clone()).unwrap_or_default();
    let (query_id, request_id) = add(state, request, submission, plan)?;
    state.look_at(&query_id).request_id = request_id;
    if waits.is_empty() {
        super::finish(state, &query_id);
        return Ok((query_id, None));
    }
    Ok((query_id, Some((waits, limit))))
}

fn with_warehouse(plan: Plan, session: &Session) -> Result<Plan, SqlError> {
    let missing = plan.needs_warehouse && session.context.warehouse.is_none();
    if missing { Err(SqlError::no_warehouse()) } else { Ok(plan) }
}

/// Adds the query; one that was not understood is done at once. Gives its name and the client's.
fn add(
    state: &mut State,
    request: &Received,
    submission: Submission,
    plan: Result<Plan, SqlError>,
) -> Result<(String, String), Refusal> {
    let session = state.sessions.of_token(request.token())?;
    let tag = submission.parameters.get("QUERY_TAG").or_else(|| session.parameters.get("QUERY_TAG"));
    let needs_warehouse = plan.as_ref().is_ok_and(|plan| plan.needs_warehouse);
    let mut seen = SeenQuery {
        at: Instant::now(),
        query_id: String::new(),
        request_id: String::new(),
        session: session.id,
        user: session.user.clone(),
        sql: submission.sql,
        tag: tag.and_then(Value::as_str).map(Into::into),
        parameters: submission.parameters,
        bindings: submission.bindings,
        detached: submission.detached,
        describe_only: submission.describe_only,
        warehouse: session.context.warehouse.clone().filter(|_| needs_warehouse),
        submissions: 1,
        executions: 0,
        polls: 0,
        state: QueryState::Running,
    };
    let (plan, error) = match plan {
        Ok(plan) => (Some(plan), None),
        Err(error) => (None, Some(error)),
    };
    let by_polls = plan.iter().flat_map(|plan| &plan.waits).any(|wait| matches!(wait, Wait::Polls(_)));
    let query = Query {
        session: seen.session,
        user: seen.user.clone(),
        seen: state.seen.queries.len(),
        detached: submission.detached,
        describe_only: submission.describe_only,
        by_polls,
        plan,
        done: None,
    };
    let query_id = state.queries.add(&submission.request_id, query);
    seen.query_id.clone_from(&query_id);
    state.seen.queries.push(seen);
    if let Some(error) = error {
        state.fail(&query_id, error);
    }
    Ok((query_id, submission.request_id))
}

impl Submission {
    fn read(request: &Received) -> Self {
        let body = &request.body;
        let parameters = body["parameters"].as_object();
        Self {
            request_id: request.query.get("requestId").cloned().unwrap_or_default(),
            sql: body["sqlText"].as_str().unwrap_or_default().to_owned(),
            parameters: parameters.cloned().unwrap_or_default().into_iter().collect(),
            bindings: Bindings::of(body),
            detached: body["asyncExec"] == true,
            describe_only: body["describeOnly"] == true,
        }
    }

    /// `STATEMENT_TIMEOUT_IN_SECONDS`, of the statement or of the session; 0 is none.
    fn time_limit(&self, session: &Session) -> Option<Duration> {
        const NAME: &str = "STATEMENT_TIMEOUT_IN_SECONDS";
        let value = self.parameters.get(NAME).or_else(|| session.parameters.get(NAME))?;
        number(value).filter(|&seconds| seconds > 0).map(Duration::from_secs)
    }
}

/// A parameter's number, which some drivers write as text.
fn number(value: &Value) -> Option<u64> {
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}
