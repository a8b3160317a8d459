//! A person stops what a session runs: by `snowgate kill`, or over HTTP.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::Shared;
use crate::session::Session;

/// Characters of a session's id that must be given.
const ID_CHARS_MIN: usize = 4;

/// What was stopped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KillView {
    /// The session's id.
    pub session: String,
    /// Its client's name.
    pub client: Option<String>,
    /// The numbers of the calls that were under way, and are stopped.
    pub requests: Vec<u64>,
}

/// Why nothing was stopped; for people.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NothingKilled {
    /// Too little of the id.
    #[error("give at least {ID_CHARS_MIN} characters of the session's id (`snowgate sessions`)")]
    TooShort,
    /// No session's id begins so.
    #[error("there is no session {0:?}; `snowgate sessions` lists those that are open")]
    NoSession(String),
    /// Those of several do.
    #[error("more than one session's id begins with {0:?}; give more of it")]
    Ambiguous(String),
    /// The session runs no such call.
    #[error("session {session} runs no call {request}; under way are: {running}")]
    NoCall {
        /// The session's id.
        session: String,
        /// The call's number.
        request: u64,
        /// What it runs.
        running: String,
    },
}

/// Stops call `request` of the session whose id begins with `id`, or all that it has sent so far.
///
/// # Errors
/// There is no such session, or call, or more than one session.
pub fn kill(shared: &Shared, id: &str, request: Option<u64>) -> Result<KillView, NothingKilled> {
    let session = find(shared, id)?;
    let calls = &session.calls;
    let requests = match request {
        None => calls.kill_all(),
        Some(number) if calls.kill(number) => vec![number],
        Some(number) => {
            let listed = calls.listed();
            let under_way: Vec<String> =
                listed.iter().take(20).map(|(number, _)| number.to_string()).collect();
            return Err(NothingKilled::NoCall {
                session: session.key.id.clone(),
                request: number,
                running: if under_way.is_empty() { "none".to_owned() } else { under_way.join(", ") },
            });
        }
    };
    tracing::warn!(session = session.key.id, ?requests, "calls are stopped by hand");
    Ok(KillView { session: session.key.id.clone(), client: session.client().name, requests })
}

fn find(shared: &Shared, id: &str) -> Result<Arc<Session>, NothingKilled> {
    if id.chars().count() < ID_CHARS_MIN {
        return Err(NothingKilled::TooShort);
    }
    let mut fitting = shared.sessions.sorted().into_iter().filter(|session| session.key.id.starts_with(id));
    match (fitting.next(), fitting.next()) {
        (Some(session), None) => Ok(session),
        (None, _) => Err(NothingKilled::NoSession(id.to_owned())),
        (Some(_), Some(_)) => Err(NothingKilled::Ambiguous(id.to_owned())),
    }
}
