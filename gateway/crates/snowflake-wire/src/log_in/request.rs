//! A log-in on the wire.

use std::collections::BTreeMap;

use bytes::Bytes;
use serde::Serialize;

use super::LogIn;
use crate::auth::{Credentials, SecondFactor, Who};
use crate::error::KeyError;
use crate::statement::ParameterValue;

#[derive(Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
struct Wishes<'a> {
    /// Sent also when empty: not every server takes a log-in without.
    session_parameters: BTreeMap<&'a str, &'a ParameterValue>,
    #[serde(skip_serializing_if = "Option::is_none")]
    secondary_roles: Option<String>,
}

/// The body of a log-in.
pub(super) fn body(who: &Who<'_>, log_in: &LogIn) -> Result<Bytes, KeyError> {
    const YES: &ParameterValue = &ParameterValue::Bool(true);
    let proof = log_in.credentials.proof(&who.account.name(), who.user)?;
    let mut session_parameters: BTreeMap<_, _> =
        log_in.parameters.iter().map(|(name, value)| (name.as_str(), value)).collect();
    if let Some(parameter) = remembering(log_in) {
        session_parameters.insert(parameter, YES);
    }
    let secondary_roles = log_in.secondary_roles.as_ref().map(|roles| roles.to_uppercase());
    Ok(who.body(&proof, &Wishes { session_parameters, secondary_roles }))
}

/// The parameter that asks for a token to remember the log-in by.
fn remembering(log_in: &LogIn) -> Option<&'static str> {
    match &log_in.credentials {
        _ if !log_in.remember => None,
        Credentials::Browser { .. } | Credentials::IdToken(_) => Some("CLIENT_STORE_TEMPORARY_CREDENTIAL"),
        Credentials::Password { factor, .. } if !matches!(factor, SecondFactor::PasscodeInPassword) => {
            Some("CLIENT_REQUEST_MFA_TOKEN")
        }
        _ => None,
    }
}

/// The context that the session starts in, which travels in the address.
pub(super) fn context(log_in: &LogIn) -> impl Iterator<Item = (&'static str, String)> {
    let named = [
        ("databaseName", &log_in.database),
        ("schemaName", &log_in.schema),
        ("warehouse", &log_in.warehouse),
        ("roleName", &log_in.role),
    ];
    named.into_iter().filter_map(|(name, value)| Some((name, value.clone()?)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::identity::Identity;
    use crate::secret::Secret;
    use crate::settings::Account;

    fn sent(log_in: &LogIn, identity: &Identity) -> Value {
        let account = Account::parse("org-acct.eu-west-1").unwrap();
        let who = Who { account: &account, identity, user: &log_in.user };
        serde_json::from_slice(&body(&who, log_in).unwrap()).unwrap()
    }

    #[test]
    fn a_log_in_names_account_user_program_and_wishes() {
        let mut log_in = LogIn::new("me", Credentials::OAuth(Secret::new("t")));
        log_in.parameters.insert("QUERY_TAG".into(), "x".into());
        log_in.secondary_roles = Some("all".into());
        let data = &sent(&log_in, &Identity::new("App", "1.2"))["data"];
        assert_eq!(data["ACCOUNT_NAME"], "ORG-ACCT");
        assert_eq!(data["LOGIN_NAME"], "me");
        assert_eq!(data["CLIENT_ENVIRONMENT"]["APPLICATION"], "App");
        assert_eq!(data["SESSION_PARAMETERS"], json!({"QUERY_TAG": "x"}));
        assert_eq!(data["SECONDARY_ROLES"], "ALL");
        assert!(data.get("CLIENT_APP_ID").is_none() && data.get("CLIENT_APP_VERSION").is_none());
    }

    #[test]
    fn what_is_not_wished_is_not_sent() {
        let log_in = LogIn::new("", Credentials::OAuth(Secret::new("t")));
        let identity = Identity { driver: Some("Go".into()), ..Identity::new("App", "1.2") };
        let data = &sent(&log_in, &identity)["data"];
        assert_eq!((&data["CLIENT_APP_ID"], &data["CLIENT_APP_VERSION"]), (&json!("Go"), &json!("1.2")));
        assert_eq!(data["SESSION_PARAMETERS"], json!({}));
        for absent in ["LOGIN_NAME", "SECONDARY_ROLES"] {
            assert!(data.get(absent).is_none(), "{absent}");
        }
    }

    #[test]
    fn remembering_is_asked_for_where_there_is_something_to_remember() {
        let secret = || Secret::new("s");
        for (credentials, parameter) in [
            (
                Credentials::Browser { token: secret(), proof_key: secret() },
                Some("CLIENT_STORE_TEMPORARY_CREDENTIAL"),
            ),
            (
                Credentials::Password { password: secret(), factor: SecondFactor::Push },
                Some("CLIENT_REQUEST_MFA_TOKEN"),
            ),
            (Credentials::OAuth(secret()), None),
        ] {
            let log_in = LogIn { remember: true, ..LogIn::new("me", credentials) };
            assert_eq!(remembering(&log_in), parameter);
            assert_eq!(remembering(&LogIn { remember: false, ..log_in }), None);
        }
    }
}
