//! Which handler a request goes to.

use std::sync::Arc;

use serde_json::json;

use super::Received;
use crate::answers::{Refusal, Reply};
use crate::state::{Shared, State};
use crate::{Endpoint, log_in, oauth, query, session};

/// Carries a request out.
pub(super) async fn act(shared: &Arc<Shared>, request: &Received) -> Reply {
    let now = |handler: fn(&mut State, &Received) -> Result<Reply, Refusal>| {
        let answer = shared.with(|state| handler(state, request));
        shared.changed();
        answer
    };
    let answer = match request.route.endpoint {
        Endpoint::LogIn => log_in::log_in(shared, request).await,
        Endpoint::Challenge => now(log_in::challenge),
        Endpoint::BrowserPage => Ok(shared.with(|state| log_in::page(state, &request.route.id))),
        Endpoint::OAuthToken => Ok(shared.with(|state| oauth::token(state, request))),
        Endpoint::OAuthPage => Ok(shared.with(|state| oauth::page(state, request))),
        Endpoint::Renew => now(session::renew),
        Endpoint::Heartbeat => now(session::heartbeat),
        Endpoint::Close => now(session::close),
        Endpoint::Submit => query::submit(shared, request).await,
        Endpoint::Result => query::result(shared, request).await,
        Endpoint::Status => now(query::status),
        Endpoint::Abort => now(query::abort),
        Endpoint::Chunk => Ok(query::chunk(shared, request)),
        Endpoint::Telemetry => Ok(Reply::success(&json!("Log Received"))),
        Endpoint::Other => Ok(Reply::status(404)),
    };
    answer.unwrap_or_else(|refusal| refusal.reply(shared.with(|state| state.settings.unauthorized_status)))
}
