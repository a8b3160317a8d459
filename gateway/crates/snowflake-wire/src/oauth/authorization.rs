//! A log-in on the server's page: where the browser must go, and what it must bring back.

use std::fmt;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use ring::digest::{SHA256, digest};
use url::Url;
use uuid::Uuid;

use crate::secret::Secret;

/// A log-in on a page.
pub struct Authorization {
    /// The page. It may show who logs in: for the user, not for a log.
    pub address: Url,
    /// What the browser must bring back beside the code: only so is it the answer to this log-in.
    pub state: Secret,
    /// Proves to the server that the code is shown by who asked for it.
    pub(super) verifier: Secret,
    /// Where the browser returns to.
    pub(super) redirect: String,
}

impl Authorization {
    pub(super) fn new(page: &Url, client: &str, redirect: &str, scope: Option<&str>) -> Self {
        let (state, verifier) = (random(), random());
        let mut address = page.clone();
        address.query_pairs_mut().extend_pairs([
            ("response_type", "code"),
            ("client_id", client),
            ("redirect_uri", redirect),
            ("state", state.expose()),
            ("code_challenge", challenge(verifier.expose()).as_str()),
            ("code_challenge_method", "S256"),
        ]);
        if let Some(scope) = scope {
            address.query_pairs_mut().append_pair("scope", scope);
        }
        Self { address, state, verifier, redirect: redirect.to_owned() }
    }
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Authorization").field("host", &self.address.host_str()).finish_non_exhaustive()
    }
}

/// 64 characters with 244 random bits: within the 43 to 128 that RFC 7636 wants of a verifier.
fn random() -> Secret {
    Secret::new(format!("{}{}", Uuid::new_v4().simple(), Uuid::new_v4().simple()))
}

/// What the server is told of the verifier at first.
fn challenge(verifier: &str) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(digest(&SHA256, verifier.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_the_rfc() {
        // RFC 7636, appendix B.
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert_eq!(challenge(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn a_page_keeps_its_own_query_and_each_log_in_has_a_state_and_a_proof_of_its_own() {
        let page = Url::parse("https://idp/authorize?tenant=1").unwrap();
        let (one, two) = (
            Authorization::new(&page, "me", "http://127.0.0.1:1", Some("a b")),
            Authorization::new(&page, "me", "http://127.0.0.1:1", None),
        );
        assert!(one.address.as_str().starts_with("https://idp/authorize?tenant=1&response_type=code&"));
        assert!(one.address.query().unwrap().ends_with("&code_challenge_method=S256&scope=a+b"));
        assert!(one.state != two.state && one.verifier != two.verifier && one.state != one.verifier);
        assert!(!one.address.as_str().contains(one.verifier.expose()));
        assert!(!format!("{one:?}").contains(one.state.expose()));
    }
}
