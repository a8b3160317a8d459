//! Logging in by browser: the challenge, and the page that sends the browser back.

use std::collections::HashMap;

use serde_json::json;
use uuid::Uuid;

use super::refusals;
use crate::answers::{Refusal, Reply};
use crate::server::Received;
use crate::state::State;

/// Challenges whose log-in has not come yet.
#[derive(Debug, Default)]
pub(crate) struct Challenges {
    list: HashMap<String, Challenge>,
}

#[derive(Debug)]
struct Challenge {
    user: String,
    /// Where the client listens.
    port: u16,
    proof_key: String,
    /// What the browser brings back. Nobody has it before the page was visited.
    token: String,
    visited: bool,
}

impl Challenges {
    /// Uses up the challenge that `token` and `proof_key` answer.
    pub(super) fn take(&mut self, user: &str, token: &str, proof_key: &str) -> bool {
        let fits = |challenge: &Challenge| {
            challenge.visited
                && challenge.user == user
                && challenge.token == token
                && challenge.proof_key == proof_key
        };
        let found = self.list.iter().find(|(_, challenge)| fits(challenge)).map(|(id, _)| id.clone());
        found.and_then(|id| self.list.remove(&id)).is_some()
    }
}

/// `POST /session/authenticator-request`.
pub(crate) fn challenge(state: &mut State, request: &Received) -> Result<Reply, Refusal> {
    let data = &request.body["data"];
    let text = |name: &str| data[name].as_str().unwrap_or_default();
    if !text("AUTHENTICATOR").eq_ignore_ascii_case("EXTERNALBROWSER") {
        return Err(refusals::unknown_authenticator());
    }
    let port = text("BROWSER_MODE_REDIRECT_PORT").parse();
    let port = port.map_err(|_| Refusal::new("390400", "BROWSER_MODE_REDIRECT_PORT is no port."))?;
    let random = || Uuid::new_v4().simple().to_string();
    let (id, proof_key, token) = (random(), random(), format!("saml-{}", random()));
    let address = format!("http://{}/sso/{id}?SAMLRequest=x", state.address);
    let user = text("LOGIN_NAME").to_uppercase();
    let answer = json!({"ssoUrl": address, "proofKey": proof_key, "tokenUrl": null});
    state.granted.extend([proof_key.clone(), token.clone()]);
    state.challenges.list.insert(id, Challenge { user, port, proof_key, token, visited: false });
    Ok(Reply::success(&answer))
}

/// `GET /sso/ID`: whoever comes here has a session with the identity provider, and is sent back at once.
pub(crate) fn page(state: &mut State, id: &str) -> Reply {
    let Some(challenge) = state.challenges.list.get_mut(id) else { return Reply::status(404) };
    challenge.visited = true;
    let back = format!("http://localhost:{}/?token={}", challenge.port, challenge.token);
    Reply::status(302).with_header("location", back)
}
