//! What the server grants.

use std::time::Duration;

use super::LoggedIn;
use crate::envelope::{self, Envelope};
use crate::error::{Error, Operation};
use crate::http::Http;
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
}

impl Granted {
    pub(super) fn read(answer: &Envelope) -> Result<Self, Error> {
        let data = answer.data();
        let session = data
            .filled("token")
            .ok_or_else(|| Error::malformed(Operation::LogIn, "the answer has no session token"))?;
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
        })
    }

    pub(super) fn into_logged_in(self, http: Http) -> LoggedIn {
        LoggedIn {
            session: Session::new(http, self.session_id, self.tokens, self.known),
            user: self.user,
            server_version: self.server_version,
            id_token: self.id_token,
            mfa_token: self.mfa_token,
        }
    }
}
