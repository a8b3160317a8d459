//! Derives the authenticator from the settings.

use std::cmp::Ordering;
use std::path::PathBuf;

use snowflake_wire::Secret;

use super::{Secrets, missing, oauth};
use crate::backend::snowflake::{Authenticator, Key as PrivateKey, Token};
use crate::config::Paths;
use crate::config::error::ConfigError;
use crate::config::keys::{self, Key};
use crate::config::settings::{Origin, Settings};

/// The authenticator that is set, or that follows from the one credential that is set.
pub(super) fn authenticator(
    settings: &Settings,
    secrets: Secrets,
    paths: &Paths,
) -> Result<Authenticator, ConfigError> {
    let word = match settings.text_if_set(&keys::AUTHENTICATOR) {
        Some(word) => word,
        None => infer_authenticator(settings, &secrets, paths)?.to_owned(),
    };
    // A token says whose it is, and a browser asks.
    let needs_user =
        matches!(word.as_str(), "snowflake_jwt" | "externalbrowser" | "username_password_mfa" | "snowflake");
    if needs_user && settings.find(&keys::SNOWFLAKE_USER).is_none() {
        let hint = "set `user` under [snowflake], or the variable SNOWFLAKE_USER";
        return Err(missing(
            paths,
            &keys::SNOWFLAKE_USER,
            "is not set, but this authenticator needs it",
            hint,
        ));
    }
    let lacks = |what: &str, hint: &str| {
        missing(paths, &keys::AUTHENTICATOR, &format!("is {word:?}, but no {what} was found"), hint)
    };
    if matches!(word.as_str(), "oauth_client_credentials" | "oauth_authorization_code") {
        return oauth::authenticator(&word, settings, secrets, paths);
    }
    let Secrets { password, passcode, passphrase, private_key, token, .. } = secrets;
    let key_file = file_unless(settings, &keys::PRIVATE_KEY_FILE, private_key.as_ref());
    let token = find_token(settings, token, paths)?;
    let [password, passcode, passphrase, private_key] =
        [password, passcode, passphrase, private_key].map(|secret| secret.map(|(secret, _)| secret));
    match word.as_str() {
        "snowflake_jwt" => {
            let key =
                key_file.map(PrivateKey::File).or(private_key.map(PrivateKey::Given)).ok_or_else(|| {
                    lacks(
                        "private key",
                        "set `private_key_file` under [snowflake], or SNOWFLAKE_PRIVATE_KEY_PATH",
                    )
                })?;
            Ok(Authenticator::KeyPair { key, passphrase })
        }
        "oauth" | "programmatic_access_token" => {
            let token = token.ok_or_else(|| lacks("token", TOKEN_HINT))?;
            let is_oauth = word == "oauth";
            Ok(if is_oauth {
                Authenticator::OAuth(token)
            } else {
                Authenticator::ProgrammaticAccessToken(token)
            })
        }
        "workload_identity" => workload_identity(settings, token, paths),
        "externalbrowser" => Ok(Authenticator::ExternalBrowser),
        // The account decides whether it asks for a second factor.
        _ => {
            if settings.boolean(&keys::PASSCODE_IN_PASSWORD) {
                let password = password.ok_or_else(|| {
                    lacks("password", "set SNOWFLAKE_PASSWORD, or `password` in Snowflake's connections.toml")
                })?;
                return Ok(Authenticator::PasscodeInPassword(password));
            }
            // The user types it: `snowgate login`.
            let password = password.unwrap_or_else(|| Secret::new(String::new()));
            let second_factor = passcode.is_some() || word == "username_password_mfa";
            Ok(if second_factor {
                Authenticator::SecondFactor { password, passcode }
            } else {
                Authenticator::Password(password)
            })
        }
    }
}

const TOKEN_HINT: &str = "set SNOWFLAKE_TOKEN, or `token_file_path` or `token_command` under [snowflake]; in a \
                          service of Snowpark Container Services, token_file_path = \"/snowflake/session/token\"";

/// The token that is set. Of a text, a file and a command, that of the highest precedence counts.
fn find_token(
    settings: &Settings,
    given: Option<(Secret, Origin)>,
    paths: &Paths,
) -> Result<Option<Token>, ConfigError> {
    let file = file_unless(settings, &keys::TOKEN_FILE_PATH, given.as_ref());
    let Some(command) = settings.command_if_set(&keys::TOKEN_COMMAND) else {
        return Ok(file.map(Token::File).or(given.map(|(token, _)| Token::Given(token))));
    };
    let rank = |key| settings.find(key).map(|setting| precedence(&setting.origin));
    let command_rank = rank(&keys::TOKEN_COMMAND).unwrap_or(u8::MAX);
    let given_rank = given.as_ref().map_or(u8::MAX, |(_, origin)| precedence(origin));
    let file_rank = rank(&keys::TOKEN_FILE_PATH).unwrap_or(u8::MAX);
    match command_rank.cmp(&given_rank.min(file_rank)) {
        Ordering::Less => Ok(Some(Token::Command(command))),
        Ordering::Greater => Ok(file.map(Token::File).or(given.map(|(token, _)| Token::Given(token)))),
        Ordering::Equal => {
            let hint = "remove it, or `token_file_path` or the token";
            Err(missing(paths, &keys::TOKEN_COMMAND, "is set beside another token of the same place", hint))
        }
    }
}

fn workload_identity(
    settings: &Settings,
    token: Option<Token>,
    paths: &Paths,
) -> Result<Authenticator, ConfigError> {
    let key = &keys::WORKLOAD_IDENTITY_PROVIDER;
    let Some(provider) = settings.text_if_set(key) else {
        let hint = "set it to OIDC, or to AWS, AZURE or GCP if the token is that cloud's own";
        return Err(missing(
            paths,
            key,
            "is not set, but the authenticator workload_identity needs it",
            hint,
        ));
    };
    let Some(token) = token else {
        let message = match provider.as_str() {
            "OIDC" => "is OIDC, but no token was found".to_owned(),
            cloud => format!(
                "is {cloud}, but no token was found, and the metadata service of a cloud is not asked: that is not \
                 supported"
            ),
        };
        let hint = "set `token_file_path` or `token_command` (a program that prints the token) under [snowflake], \
                    with OIDC or with the provider whose token it is";
        return Err(missing(paths, key, &message, hint));
    };
    Ok(Authenticator::WorkloadIdentity { provider, token })
}

/// The file that `key` names, unless a text in a place of higher precedence overrides it.
fn file_unless(settings: &Settings, key: &Key, given: Option<&(Secret, Origin)>) -> Option<PathBuf> {
    let file = settings.path_if_set(key)?;
    let file_rank = settings.find(key).map(|setting| precedence(&setting.origin));
    let is_overridden =
        given.is_some_and(|(_, origin)| file_rank.is_some_and(|rank| precedence(origin) < rank));
    (!is_overridden).then_some(file)
}

/// The precedence of a place, the highest first.
fn precedence(origin: &Origin) -> u8 {
    match origin {
        Origin::Environment { .. } => 0,
        Origin::File { .. } | Origin::EarlierFile { .. } => 1,
        Origin::Connection { .. } => 2,
        Origin::Default => 3,
    }
}

/// The authenticator that follows from the credentials.
fn infer_authenticator(
    settings: &Settings,
    secrets: &Secrets,
    paths: &Paths,
) -> Result<&'static str, ConfigError> {
    let has_key = settings.find(&keys::PRIVATE_KEY_FILE).is_some() || secrets.private_key.is_some();
    let has_token = settings.find(&keys::TOKEN_FILE_PATH).is_some()
        || settings.find(&keys::TOKEN_COMMAND).is_some()
        || secrets.token.is_some();
    let failed = |message: &str, hint: &str| Err(missing(paths, &keys::AUTHENTICATOR, message, hint));
    match (has_key, has_token, secrets.password.is_some()) {
        (true, false, false) => Ok("snowflake_jwt"),
        (false, false, true) => Ok("snowflake"),
        (false, true, false) => failed(
            "is not set, and a token can be of several kinds",
            "set it to oauth or programmatic_access_token, or workload_identity",
        ),
        (false, false, false) => failed(
            "is not set, and no credentials were found",
            "set it to externalbrowser, or set a private key (SNOWFLAKE_PRIVATE_KEY_PATH), a token or a password",
        ),
        _ => failed("is not set, and several credentials were found", "set it to the one to use"),
    }
}
