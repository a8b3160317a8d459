//! The server's part in a log-in by browser: it says where the browser must go.

use std::fmt;

use serde::Serialize;
use url::Url;

use super::{Proof, Who};
use crate::error::{Error, Operation};
use crate::http::{Call, Http, Payload};
use crate::secret::Secret;

/// How the log-ins of this way are named.
pub(super) const AUTHENTICATOR: &str = "EXTERNALBROWSER";

/// Where a browser must go to log a user in.
///
/// It ends at `http://localhost:PORT/?token=...` on the port that was given; that token and the proof key are
/// [`super::Credentials::Browser`].
#[derive(Clone)]
pub struct BrowserChallenge {
    /// The page, `http` or `https`. It may show who logs in: for the user, not for a log.
    pub address: Url,
    /// What the log-in afterwards proves that it asked.
    pub proof_key: Secret,
}

impl fmt::Debug for BrowserChallenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BrowserChallenge").field("host", &self.address.host_str()).finish_non_exhaustive()
    }
}

/// What a challenge is asked with, next to who asks.
#[derive(Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Extra {
    browser_mode_redirect_port: String,
}

/// Requests a challenge whose answer the browser delivers to `port` on this machine.
pub(crate) async fn challenge(http: &Http, who: &Who<'_>, port: u16) -> Result<BrowserChallenge, Error> {
    const OPERATION: Operation = Operation::BrowserChallenge;
    let body = who.body(&Proof::by_browser(), &Extra { browser_mode_redirect_port: port.to_string() });
    let timeout = http.limits().answer_timeout;
    let mut call =
        Call::post(OPERATION, "/session/authenticator-request", timeout).with(Payload::Fixed(body));
    (call.accept, call.sensitive) = ("application/json", true);
    let answer = http.exchange(&call, None).await?;
    if !answer.succeeded() {
        return Err(Error::LogInRefused(Box::new(answer.failure())));
    }
    let data = answer.data();
    let address = data.text("ssoUrl").and_then(|text| Url::parse(&text).ok());
    let address = address.filter(|url| matches!(url.scheme(), "http" | "https"));
    match (address, data.filled("proofKey")) {
        (Some(address), Some(proof_key)) => {
            Ok(BrowserChallenge { address, proof_key: Secret::new(proof_key) })
        }
        _ => Err(Error::malformed(OPERATION, "the answer has no address for a browser, or no proof key")),
    }
}
