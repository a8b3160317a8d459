//! The ways to prove who logs in.

mod browser;
mod jwt;
mod key_pair;
mod who;

use std::borrow::Cow;

pub use browser::BrowserChallenge;
pub(crate) use browser::challenge;
pub use key_pair::KeyPair;
use serde::{Serialize, Serializer};
pub(crate) use who::Who;

use crate::error::KeyError;
use crate::secret::Secret;

/// What a log-in proves the user with.
///
/// Sources for the fields: `auth.go` of gosnowflake and `auth/` of snowflake-connector-python.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Credentials {
    /// A signature with the user's private key. Never asks a person.
    KeyPair(KeyPair),
    /// An access token of an OAuth server.
    OAuth(Secret),
    /// A programmatic access token.
    ProgrammaticAccessToken(Secret),
    /// A password, with whatever second factor the account demands.
    Password {
        /// The password.
        password: Secret,
        /// The second factor.
        factor: SecondFactor,
    },
    /// What a browser brought back from the address of a [`BrowserChallenge`]. Good for one log-in.
    Browser {
        /// The token that it brought.
        token: Secret,
        /// The challenge's proof key.
        proof_key: Secret,
    },
    /// What shows the identity that a provider gives a workload: a token that it has signed.
    WorkloadIdentity {
        /// The provider's name: `AWS`, `AZURE`, `GCP` or `OIDC`.
        provider: String,
        /// The token.
        token: Secret,
    },
    /// The ID token that an earlier browser log-in gave, instead of the browser.
    IdToken(Secret),
}

/// A second factor next to a password.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub enum SecondFactor {
    /// None, or one that the server asks the user for itself: the log-in waits for the approval.
    #[default]
    Push,
    /// A code. Good for one log-in.
    Passcode(Secret),
    /// A code appended to the password. Good for one log-in.
    PasscodeInPassword,
    /// The MFA token that an earlier log-in gave, instead of asking again.
    MfaToken(Secret),
}

impl Credentials {
    /// Whether one log-in uses them up or counts against the user, so that no attempt that may have been seen is
    /// repeated.
    pub(crate) fn single_use(&self) -> bool {
        match self {
            // A push asks a person, a passcode is spent, and each wrong password brings the user nearer to a lock.
            Self::Browser { .. } | Self::Password { .. } => true,
            Self::KeyPair(_)
            | Self::OAuth(_)
            | Self::ProgrammaticAccessToken(_)
            | Self::WorkloadIdentity { .. }
            | Self::IdToken(_) => false,
        }
    }

    /// The log-in's fields for `user` of `account`. A key pair's token is new every time: it lives for a
    /// minute.
    pub(crate) fn proof(&self, account: &str, user: &str) -> Result<Proof<'_>, KeyError> {
        let lent = |authenticator, token| Proof {
            authenticator: Some(authenticator),
            token: Some(Cow::Borrowed(token)),
            ..Proof::default()
        };
        Ok(match self {
            Self::KeyPair(key) => Proof {
                authenticator: Some("SNOWFLAKE_JWT"),
                token: Some(Cow::Owned(key.token(account, user)?)),
                ..Proof::default()
            },
            Self::OAuth(token) => lent("OAUTH", token),
            Self::ProgrammaticAccessToken(token) => lent("PROGRAMMATIC_ACCESS_TOKEN", token),
            Self::WorkloadIdentity { provider, token } => {
                Proof { provider: Some(provider), ..lent("WORKLOAD_IDENTITY", token) }
            }
            Self::IdToken(token) => lent("ID_TOKEN", token),
            Self::Browser { token, proof_key } => {
                Proof { proof_key: Some(proof_key), ..lent(browser::AUTHENTICATOR, token) }
            }
            Self::Password { password, factor } => Proof { password: Some(password), ..factor.proof() },
        })
    }
}

impl SecondFactor {
    fn proof(&self) -> Proof<'_> {
        let by_code = Proof { ext_authn_duo_method: Some("passcode"), ..Proof::default() };
        match self {
            Self::Push => Proof::default(),
            Self::Passcode(code) => Proof { passcode: Some(code), ..by_code },
            Self::PasscodeInPassword => by_code,
            Self::MfaToken(token) => Proof { token: Some(Cow::Borrowed(token)), ..Proof::default() },
        }
    }
}

/// The fields of a log-in that prove who it is. They borrow the secrets, so that serialising makes the only
/// copy.
#[derive(Default, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub(crate) struct Proof<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    authenticator: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    provider: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed_token")]
    token: Option<Cow<'a, Secret>>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    password: Option<&'a Secret>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ext_authn_duo_method: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    passcode: Option<&'a Secret>,
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "exposed")]
    proof_key: Option<&'a Secret>,
}

impl Proof<'static> {
    /// What asks for a browser's address: the way, and no proof yet.
    pub(crate) fn by_browser() -> Self {
        Self { authenticator: Some(browser::AUTHENTICATOR), ..Self::default() }
    }
}

fn exposed<S: Serializer>(secret: &Option<&Secret>, to: S) -> Result<S::Ok, S::Error> {
    secret.map(Secret::expose).serialize(to)
}

fn exposed_token<S: Serializer>(secret: &Option<Cow<'_, Secret>>, to: S) -> Result<S::Ok, S::Error> {
    secret.as_ref().map(|secret| secret.expose()).serialize(to)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn secret(text: &str) -> Secret {
        Secret::new(text)
    }

    fn filled(credentials: &Credentials) -> Value {
        serde_json::to_value(credentials.proof("ACCT", "me").unwrap()).unwrap()
    }

    #[test]
    fn each_way_sends_its_fields_and_no_others() {
        let password = |factor| Credentials::Password { password: secret("pw"), factor };
        for (credentials, fields) in [
            (Credentials::OAuth(secret("t")), json!({"AUTHENTICATOR": "OAUTH", "TOKEN": "t"})),
            (
                Credentials::ProgrammaticAccessToken(secret("t")),
                json!({"AUTHENTICATOR": "PROGRAMMATIC_ACCESS_TOKEN", "TOKEN": "t"}),
            ),
            (
                Credentials::WorkloadIdentity { provider: "OIDC".into(), token: secret("t") },
                json!({"AUTHENTICATOR": "WORKLOAD_IDENTITY", "PROVIDER": "OIDC", "TOKEN": "t"}),
            ),
            (Credentials::IdToken(secret("t")), json!({"AUTHENTICATOR": "ID_TOKEN", "TOKEN": "t"})),
            (
                Credentials::Browser { token: secret("t"), proof_key: secret("p") },
                json!({"AUTHENTICATOR": "EXTERNALBROWSER", "TOKEN": "t", "PROOF_KEY": "p"}),
            ),
            (password(SecondFactor::Push), json!({"PASSWORD": "pw"})),
            (
                password(SecondFactor::Passcode(secret("123"))),
                json!({"PASSWORD": "pw", "EXT_AUTHN_DUO_METHOD": "passcode", "PASSCODE": "123"}),
            ),
            (
                password(SecondFactor::PasscodeInPassword),
                json!({"PASSWORD": "pw", "EXT_AUTHN_DUO_METHOD": "passcode"}),
            ),
            (password(SecondFactor::MfaToken(secret("m"))), json!({"PASSWORD": "pw", "TOKEN": "m"})),
        ] {
            assert_eq!(filled(&credentials), fields);
            let shown = format!("{credentials:?}");
            assert!(!shown.contains("pw") && !shown.contains("\"t\""), "{shown}");
        }
    }

    #[test]
    fn what_asks_a_person_or_is_spent_is_not_repeated() {
        assert!(Credentials::Browser { token: secret("t"), proof_key: secret("p") }.single_use());
        let password = |factor| Credentials::Password { password: secret("pw"), factor };
        assert!(password(SecondFactor::Push).single_use());
        assert!(password(SecondFactor::Passcode(secret("1"))).single_use());
        assert!(password(SecondFactor::PasscodeInPassword).single_use());
        assert!(password(SecondFactor::MfaToken(secret("1"))).single_use());
        assert!(!Credentials::OAuth(secret("t")).single_use());
    }
}
