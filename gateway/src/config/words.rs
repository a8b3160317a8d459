//! Words of Snowflake's own tools, in whatever spelling they come: case, dashes and underscores are ignored.
//!
//! Sources: `network.py` and `connection.py` of snowflake-connector-python, `authenticator.go` and `dsn.go` of
//! gosnowflake.

use super::error::InvalidValue;
use super::suggest;

/// The values of `snowflake.authenticator`, named as in Snowflake's own tools.
pub(super) const AUTHENTICATORS: &[&str] = &[
    "snowflake_jwt",
    "oauth",
    "oauth_client_credentials",
    "oauth_authorization_code",
    "programmatic_access_token",
    "workload_identity",
    "externalbrowser",
    "username_password_mfa",
    "snowflake",
];

/// The values of `snowflake.workload_identity_provider`.
pub(super) const PROVIDERS: &[&str] = &["AWS", "AZURE", "GCP", "OIDC"];

/// Other spellings, without dashes and underscores.
const SYNONYMS: &[(&[&str], &str)] = &[
    (&["privatekey", "keypair", "jwt", "rsa"], "snowflake_jwt"),
    (&["oauthtoken"], "oauth"),
    (&["clientcredentials"], "oauth_client_credentials"),
    (&["authorizationcode"], "oauth_authorization_code"),
    (&["pat"], "programmatic_access_token"),
    (&["workloadidentityfederation", "wif"], "workload_identity"),
    (&["browser", "sso"], "externalbrowser"),
    (&["mfa", "userpasswordmfa"], "username_password_mfa"),
    (&["password", "usernamepassword", "userpassword", "default"], "snowflake"),
];

/// What Snowflake's tools know and this program does not, and what to use instead.
const UNSUPPORTED: &[(&[&str], &str)] = &[
    (
        &["okta", "nativeokta", "oktanative"],
        "log-ins by Okta's own password page are not supported; write authenticator = \"externalbrowser\", which \
         leads to Okta's page in a browser",
    ),
    (
        &["patwithexternalsession", "withexternalsession", "sessiontoken", "token"],
        "write authenticator = \"programmatic_access_token\" or \"oauth\", with `token_file_path`",
    ),
    (
        &["noauth", "none", "anonymous"],
        "every log-in needs credentials; `externalbrowser` needs none in a file",
    ),
    (
        &["keypairsshagent", "sshagent"],
        "keys of an SSH agent are not supported; write authenticator = \"snowflake_jwt\" with `private_key_file`",
    ),
    (
        &["dpop", "oauthdpop"],
        "tokens bound to a key (DPoP) are not supported; write authenticator = \"oauth\"",
    ),
    (
        &["tokenaccessor", "externaltoken"],
        "write authenticator = \"oauth\" with `token_command`, a program that prints the token",
    ),
];

/// The one spelling of an authenticator's name, if it is one that is supported.
pub(crate) fn authenticator_word(written: &str) -> Option<&'static str> {
    authenticator(written).ok()
}

/// The authenticator that `written` means.
pub(super) fn authenticator(written: &str) -> Result<&'static str, InvalidValue> {
    let trimmed = written.trim();
    if let Some(host) = host_of(trimmed) {
        let message =
            format!("the address of {host} is not supported as authenticator: it means Okta's own log-in");
        return Err(InvalidValue::with_hint(
            message,
            "write authenticator = \"externalbrowser\", which leads to the page of Okta or of any other identity \
             provider in a browser",
        ));
    }
    let word = plain(trimmed);
    let synonym = SYNONYMS.iter().find(|(spellings, _)| spellings.contains(&word.as_str()));
    if let Some(name) = named(AUTHENTICATORS, &word).or(synonym.map(|(_, name)| *name)) {
        return Ok(name);
    }
    let hint = UNSUPPORTED.iter().find(|(spellings, _)| spellings.contains(&word.as_str()));
    let hint = hint.map(|(_, hint)| (*hint).to_owned()).or_else(|| {
        suggest::nearest(trimmed, AUTHENTICATORS.iter().copied())
            .map(|near| format!("did you mean {near:?}?"))
    });
    let message = format!("the authenticator {trimmed:?} is not supported; {}", one_of(AUTHENTICATORS));
    Err(InvalidValue { message, hint })
}

/// The provider of a workload's identity that `written` means.
pub(super) fn provider(written: &str) -> Result<&'static str, InvalidValue> {
    let word = plain(written.trim());
    named(PROVIDERS, &word).ok_or_else(|| {
        let message = format!("the provider {:?} is not known; {}", written.trim(), one_of(PROVIDERS));
        InvalidValue::with_hint(message, "write \"OIDC\" for a token that a file or a command provides")
    })
}

/// The host of an address. What stands before it in the address, or behind it, may be secret.
fn host_of(written: &str) -> Option<&str> {
    let (_, rest) = written.split_once("://")?;
    let authority = rest.split(['/', '?', '#']).next().unwrap_or(rest);
    Some(authority.rsplit('@').next().unwrap_or(authority))
}

fn named(names: &[&'static str], word: &str) -> Option<&'static str> {
    names.iter().copied().find(|name| plain(name) == word)
}

fn plain(word: &str) -> String {
    word.chars().filter(|char| !matches!(char, '_' | '-' | ' ')).collect::<String>().to_ascii_lowercase()
}

fn one_of(names: &[&str]) -> String {
    let names: Vec<_> = names.iter().map(|name| format!("{name:?}")).collect();
    format!("expected one of {}", names.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_snowflakes_tools_is_read() {
        for (written, name) in [
            ("SNOWFLAKE_JWT", "snowflake_jwt"),
            ("Snowflake-JWT", "snowflake_jwt"),
            ("key-pair", "snowflake_jwt"),
            ("ExternalBrowser", "externalbrowser"),
            ("EXTERNAL_BROWSER", "externalbrowser"),
            (" UsernamePasswordMFA ", "username_password_mfa"),
            ("PAT", "programmatic_access_token"),
            ("OAUTH_CLIENT_CREDENTIALS", "oauth_client_credentials"),
            ("OAuthAuthorizationCode", "oauth_authorization_code"),
            ("Workload_Identity", "workload_identity"),
            ("OAuth", "oauth"),
            ("SNOWFLAKE", "snowflake"),
        ] {
            assert_eq!(authenticator(written).unwrap(), name, "{written}");
        }
        assert_eq!((provider("azure").unwrap(), provider("oidc").unwrap()), ("AZURE", "OIDC"));
    }

    #[test]
    fn what_is_not_supported_is_named_with_what_to_use_instead() {
        for (written, named, instead) in [
            ("https://user:hidden@corp.okta.com/app?token=hidden", "corp.okta.com", "externalbrowser"),
            ("OKTA", "\"OKTA\" is not supported", "externalbrowser"),
            ("PAT_WITH_EXTERNAL_SESSION", "is not supported", "programmatic_access_token"),
            ("snowflak_jwt", "is not supported; expected one of", "did you mean \"snowflake_jwt\"?"),
        ] {
            let error = authenticator(written).unwrap_err();
            let hint = error.hint.unwrap();
            assert!(error.message.contains(named) && hint.contains(instead), "{} {hint}", error.message);
            assert!(!error.message.contains("hidden") && !hint.contains("hidden"));
        }
        assert!(provider("IBM").unwrap_err().message.contains("\"IBM\""));
    }
}
