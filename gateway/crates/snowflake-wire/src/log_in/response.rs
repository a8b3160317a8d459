//! What the server grants.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use reqwest::header::HeaderValue;

use super::LoggedIn;
use crate::envelope::{self, Envelope};
use crate::error::{Error, Operation};
use crate::http::Http;
use crate::query_context::QueryContext;
use crate::secret::Secret;
use crate::session::{Known, Session, SessionContext, Tokens};

/// A granted log-in.
pub(crate) struct Granted {
    pub(crate) session_id: Option<i64>,
    tokens: Tokens,
    known: Known,
    user: Option<String>,
    server_version: Option<String>,
    id_token: Option<Secret>,
    mfa_token: Option<Secret>,
    route: Option<HeaderValue>,
}

impl Granted {
    pub(super) fn read(answer: &Envelope) -> Result<Self, Error> {
        let data = answer.data();
        let Some(session) = data.filled("token") else { return Err(without_token(answer)) };
        let seconds = |name| data.number(name).and_then(|s| u64::try_from(s).ok()).map(Duration::from_secs);
        Ok(Self {
            session_id: data.number("sessionId"),
            tokens: Tokens::new(
                Secret::new(session),
                seconds("validityInSeconds"),
                data.filled("masterToken").map(Secret::new),
                seconds("masterValidityInSeconds"),
            ),
            known: Known::new(SessionContext::at_log_in(&data), envelope::parameters(&data)),
            user: data.filled("displayUserName"),
            server_version: data.filled("serverVersion"),
            id_token: data.filled("idToken").map(Secret::new),
            mfa_token: data.filled("mfaToken").map(Secret::new),
            route: answer.route.clone(),
        })
    }

    /// The session of a client whose statements carry `query_context` back.
    pub(crate) fn into_logged_in(self, http: Http, query_context: Arc<Mutex<QueryContext>>) -> LoggedIn {
        let (tokens, known) = (self.tokens, self.known);
        LoggedIn {
            session: Session::new(http, self.session_id, tokens, known, query_context, self.route),
            user: self.user,
            server_version: self.server_version,
            id_token: self.id_token,
            mfa_token: self.mfa_token,
        }
    }
}

/// A success without a session: the server wants something else first, which its own pages ask for.
fn without_token(answer: &Envelope) -> Error {
    let Some(action) = answer.data().filled("nextAction") else {
        return Error::malformed(Operation::LogIn, "the answer has no session token");
    };
    let mut failure = answer.failure();
    let said = if answer.has_message() { format!(": {}", failure.message) } else { String::new() };
    failure.message = match action.as_str() {
        "PWD_CHANGE" => {
            format!(
                "the password must be changed before anybody can log in with it (nextAction PWD_CHANGE){said}"
            )
        }
        action => format!(
            "there is no session yet, the server wants another step first (nextAction {action}){said}"
        ),
    };
    Error::LogInRefused(Box::new(failure))
}
