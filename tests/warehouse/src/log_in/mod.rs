//! Logging in, in every way that there is.

mod browser;
mod granted;
mod jwt;
mod password;
mod proof;
mod refusals;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

pub(super) use browser::{Challenges, challenge, page};
use proof::ProofCheck;
use serde_json::Value;

use super::answers::{Refusal, Reply};
use super::seen::SeenLogIn;
use super::server::Received;
use super::state::{Shared, State};

/// What a log-in says of itself.
struct Asked<'a> {
    data: &'a Value,
    request: &'a Received,
}

/// `POST /session/v1/login-request`.
pub(super) async fn log_in(shared: &Arc<Shared>, request: &Received) -> Result<Reply, Refusal> {
    let asked = Asked { data: &request.body["data"], request };
    let check = shared.with(|state| proof::check(state, &asked));
    let proven = match check {
        Ok(ProofCheck::Proven(user)) => Ok(user),
        // Somebody must tap on a phone first. No lock is held meanwhile.
        Ok(ProofCheck::AfterPush(user, gate)) => {
            gate.pass().await;
            Ok(user)
        }
        Err(refusal) => Err(refusal),
    };
    shared.with(|state| {
        let granted =
            proven.and_then(|user| granted::grant(state, &asked, &user).map(|granted| (user, granted)));
        let outcome =
            granted.as_ref().map(|(_, granted)| granted.session).map_err(|refusal| refusal.code.clone());
        let user = granted.as_ref().map_or_else(|_| asked.user(), |(user, _)| user.clone());
        state.seen.log_ins.push(asked.seen(user, outcome));
        granted.map(|(_, granted)| granted.reply)
    })
}

impl Asked<'_> {
    fn text(&self, name: &str) -> &str {
        self.data[name].as_str().unwrap_or_default()
    }

    fn filled(&self, name: &str) -> Option<&str> {
        Some(self.text(name)).filter(|text| !text.is_empty())
    }

    /// The name that was given.
    fn user(&self) -> String {
        self.text("LOGIN_NAME").to_uppercase()
    }

    fn authenticator(&self) -> String {
        self.filled("AUTHENTICATOR").unwrap_or("SNOWFLAKE").to_uppercase()
    }

    fn parameters(&self) -> HashMap<String, Value> {
        let listed = self.data["SESSION_PARAMETERS"].as_object();
        listed.into_iter().flatten().map(|(name, value)| (name.to_uppercase(), value.clone())).collect()
    }

    /// Whether a session parameter asks for something. Some drivers write it as text.
    fn wants(&self, parameter: &str) -> bool {
        match self.parameters().get(parameter) {
            Some(Value::Bool(wanted)) => *wanted,
            Some(Value::String(text)) => text.eq_ignore_ascii_case("true"),
            _ => false,
        }
    }

    fn seen(&self, user: String, outcome: Result<u64, String>) -> SeenLogIn {
        SeenLogIn {
            at: Instant::now(),
            user,
            account: self.text("ACCOUNT_NAME").into(),
            authenticator: self.authenticator(),
            application: self.data["CLIENT_ENVIRONMENT"]["APPLICATION"].as_str().map(Into::into),
            parameters: self.parameters(),
            outcome,
        }
    }
}

/// The user of this name.
fn user_of<'a>(state: &'a mut State, name: &str) -> Result<&'a mut super::User, Refusal> {
    state.users.get_mut(name).ok_or_else(refusals::wrong_password)
}
