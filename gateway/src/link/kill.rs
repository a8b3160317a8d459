//! `snowgate kill`: a person stops what a session runs.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::session::Session;
use crate::shared::Shared;

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

/// Stops call `request` of the session whose id begins with `id`, or all that it has sent so far.
///
/// # Errors
/// There is no such session, or call, or more than one session; for people.
pub(super) fn kill(shared: &Shared, id: &str, request: Option<u64>) -> Result<KillView, String> {
    let session = find(shared, id)?;
    let calls = &session.calls;
    let requests = match request {
        None => calls.kill_all(),
        Some(number) if calls.kill(number) => vec![number],
        Some(number) => {
            let listed = calls.listed();
            let under_way: Vec<String> =
                listed.iter().take(20).map(|(number, _)| number.to_string()).collect();
            return Err(format!(
                "session {} runs no call {number}; under way are: {}",
                session.key.id,
                if under_way.is_empty() { "none".to_owned() } else { under_way.join(", ") }
            ));
        }
    };
    tracing::warn!(session = session.key.id, ?requests, "calls are stopped by `snowgate kill`");
    Ok(KillView { session: session.key.id.clone(), client: session.client().name, requests })
}

fn find(shared: &Shared, id: &str) -> Result<Arc<Session>, String> {
    if id.chars().count() < ID_CHARS_MIN {
        return Err(format!(
            "give at least {ID_CHARS_MIN} characters of the session's id (`snowgate sessions`)"
        ));
    }
    let mut fitting = shared.sessions.sorted().into_iter().filter(|session| session.key.id.starts_with(id));
    match (fitting.next(), fitting.next()) {
        (Some(session), None) => Ok(session),
        (None, _) => {
            Err(format!("there is no session {id:?}; `snowgate sessions` lists those that are open"))
        }
        (Some(_), Some(_)) => Err(format!("more than one session's id begins with {id:?}; give more of it")),
    }
}
