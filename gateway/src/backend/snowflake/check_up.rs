//! What `snowgate doctor` asks of an account: where it is, whether there are credentials, and one log-in.

use std::path::PathBuf;
use std::sync::Arc;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use serde_json::Value;
use snowflake_wire::{Credentials, Failure, Identity, Proxy, Secret, Settings};
use url::Url;

use super::log_in::{self, LoginManager};
use super::refusal_codes::Refusal;
use super::settings::{Authenticator, Key, SnowflakeSettings, Token};
use super::wall::Standing;
use super::{RETRY, context};
use crate::backend::{BackendError, Context, Wall};

/// How an account logs in, as far as that matters before it is tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogInKind {
    /// With a private key, whose tokens need a clock that is right.
    KeyPair,
    /// With a password, of which five wrong ones lock the user.
    Password,
    /// With the user's help, in a browser or on a phone.
    User,
    /// With a token, or in another way that needs no help and locks no user.
    Token,
}

/// An account, before anything is sent.
#[derive(Debug)]
pub struct AccountCheckUp {
    /// The server's address.
    pub server: Url,
    /// The proxy on the way there.
    pub proxy: Option<Proxy>,
    /// How it logs in.
    pub kind: LogInKind,
    /// Why there are no credentials that can be sent.
    pub credentials: Option<BackendError>,
    /// When the token expires, in seconds since 1970, where it says so.
    pub token_expires: Option<i64>,
    /// Files with secrets.
    pub secret_files: Vec<PathBuf>,
}

/// A log-in that worked.
#[derive(Clone, Debug)]
pub struct LoggedInCheckUp {
    /// What the session began in.
    pub context: Context,
    /// What of the configuration is not there, or must not be used: what it is, and its name.
    pub missing: Vec<(&'static str, String)>,
    /// What the account says that the session is; `None`: it was not asked, or does not say.
    pub wall: Option<String>,
    /// Why a profile's requirement does not hold.
    pub wall_problem: Option<BackendError>,
}

/// A log-in that did not.
#[derive(Clone, Debug)]
pub struct LogInFault {
    /// What happened, and what to do.
    pub error: BackendError,
    /// Whether the role of the configuration is what was refused.
    pub is_about_role: bool,
    /// Whether the password was, so that it must not be sent again.
    pub is_about_password: bool,
}

fn wire_settings(settings: &SnowflakeSettings) -> Settings {
    let mut wire = Settings::new(settings.account.clone(), Identity::new("Snowgate", snowgate_link::BUILD));
    wire.host.clone_from(&settings.host);
    wire.port = settings.port;
    wire.protocol = settings.protocol;
    wire.proxy.clone_from(&settings.proxy);
    wire.retry = RETRY;
    wire
}

/// Looks at the account of `settings`; nothing is sent, and no program run. Blocks on files.
///
/// # Errors
/// Settings that cannot be used.
pub fn check_up(settings: &SnowflakeSettings) -> Result<AccountCheckUp, BackendError> {
    let wire = wire_settings(settings);
    let server = wire.base().map_err(|error| super::failure::of_connection(&error.into()))?;
    let proxy = wire.proxy.filter(|proxy| proxy.address_for(&server).is_some());
    let found = match &settings.authenticator {
        Authenticator::OAuth(Token::Command(_))
        | Authenticator::ProgrammaticAccessToken(Token::Command(_))
        | Authenticator::WorkloadIdentity { token: Token::Command(_), .. } => Ok(None),
        other => log_in::credentials_of(other),
    };
    let token_expires = match &found {
        Ok(Some(
            Credentials::OAuth(token)
            | Credentials::ProgrammaticAccessToken(token)
            | Credentials::WorkloadIdentity { token, .. },
        )) => expires(token),
        _ => None,
    };
    Ok(AccountCheckUp {
        server,
        proxy,
        kind: kind(&settings.authenticator),
        credentials: found.err(),
        token_expires,
        secret_files: secret_files(&settings.authenticator),
    })
}

fn kind(authenticator: &Authenticator) -> LogInKind {
    match authenticator {
        Authenticator::KeyPair { .. } => LogInKind::KeyPair,
        Authenticator::Password(_) => LogInKind::Password,
        other if other.asks_the_user() => LogInKind::User,
        _ => LogInKind::Token,
    }
}

fn secret_files(authenticator: &Authenticator) -> Vec<PathBuf> {
    match authenticator {
        Authenticator::KeyPair { key: Key::File(file), .. }
        | Authenticator::OAuth(Token::File(file))
        | Authenticator::ProgrammaticAccessToken(Token::File(file))
        | Authenticator::WorkloadIdentity { token: Token::File(file), .. } => vec![file.clone()],
        _ => Vec::new(),
    }
}

/// When a token of the form of RFC 7519 expires, in seconds since 1970.
fn expires(token: &Secret) -> Option<i64> {
    let payload = token.expose().split('.').nth(1)?;
    let claims: Value = serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(payload).ok()?).ok()?;
    claims["exp"].as_i64()
}

impl SnowflakeSettings {
    /// The secrets among the settings: what must not be shown. Those in files are not among them.
    pub fn secrets(&self) -> Vec<&Secret> {
        let mut found: Vec<&Secret> = match &self.authenticator {
            Authenticator::KeyPair { key, passphrase } => {
                let key = if let Key::Given(key) = key { Some(key) } else { None };
                key.into_iter().chain(passphrase).collect()
            }
            Authenticator::OAuth(Token::Given(token))
            | Authenticator::ProgrammaticAccessToken(Token::Given(token))
            | Authenticator::WorkloadIdentity { token: Token::Given(token), .. } => vec![token],
            Authenticator::Password(password) | Authenticator::PasscodeInPassword(password) => vec![password],
            Authenticator::SecondFactor { password, passcode } => {
                [Some(password), passcode.as_ref()].into_iter().flatten().collect()
            }
            Authenticator::OAuthClientCredentials(server)
            | Authenticator::OAuthAuthorizationCode { server, .. } => server.client_secret.iter().collect(),
            _ => Vec::new(),
        };
        found.extend(self.proxy.as_ref().and_then(Proxy::password));
        // A password that is typed later.
        found.retain(|secret| !secret.expose().is_empty());
        found
    }
}

/// Logs in once, with what needs no user's help, and asks what the session is, if `walls` ask for that. The session is closed.
///
/// # Errors
/// The log-in does not work.
pub async fn log_in_once(
    settings: &SnowflakeSettings,
    walls: &[Wall],
) -> Result<LoggedInCheckUp, LogInFault> {
    let manager = LoginManager::new(&wire_settings(settings), settings.clone())
        .map_err(|error| LogInFault::of(super::failure::of_connection(&error)))?;
    let manager = Arc::new(manager);
    let session = manager.log_in().await.map_err(LogInFault::of)?;
    let found = context::of_session(&session.base);
    let standing = match walls {
        [] => None,
        _ => Some(Standing::ask(session.wire()).await),
    };
    let (wall, wall_problem) = match standing {
        None => (None, None),
        Some(Ok(standing)) => {
            let problem = walls.iter().find_map(|wall| standing.check(wall).err());
            (Some(standing.shown()), problem)
        }
        Some(Err(error)) => (None, walls.first().map(|wall| super::wall::unanswered(wall, &error))),
    };
    drop(session);
    manager.sessions.closing.close();
    // The server ends it by itself if this takes too long.
    let _ = tokio::time::timeout(super::CLOSE_TIMEOUT, manager.sessions.closing.wait()).await;
    Ok(LoggedInCheckUp { missing: missing(settings, &found), context: found, wall, wall_problem })
}

/// What the configuration names and the session does not have: the account leaves out what is not there.
fn missing(settings: &SnowflakeSettings, found: &Context) -> Vec<(&'static str, String)> {
    let named = [
        ("role", &settings.role, &found.role),
        ("warehouse", &settings.warehouse, &found.warehouse),
        ("database", &settings.database, &found.database),
        ("schema", &settings.schema, &found.schema),
    ];
    let lacks = |(what, wanted, found): (&'static str, &Option<String>, &Option<String>)| {
        let wanted = wanted.as_ref()?;
        found.is_none().then(|| (what, wanted.clone()))
    };
    named.into_iter().filter_map(lacks).collect()
}

impl LogInFault {
    fn of(error: BackendError) -> Self {
        let code =
            error.code.as_deref().and_then(|code| code.split(',').next()).unwrap_or_default().to_owned();
        let is_refused = !code.is_empty();
        let (sql_state, position, query_id) = (None, None, None);
        let refusal =
            Refusal::of(&Failure { code, sql_state, message: error.message.clone(), position, query_id });
        Self {
            is_about_role: is_refused && refusal.is_about_role(),
            is_about_password: is_refused && refusal.locks(),
            error,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::ErrorKind;

    #[test]
    fn a_token_says_when_it_expires_if_it_is_of_that_form() {
        let claims = BASE64_URL_SAFE_NO_PAD.encode(r#"{"exp": 1700000000}"#);
        assert_eq!(expires(&Secret::new(format!("e30.{claims}.x"))), Some(1_700_000_000));
        for other in ["", "opaque", "a.b.c", "e30.e30.x"] {
            assert_eq!(expires(&Secret::new(other)), None, "{other}");
        }
    }

    #[test]
    fn what_was_refused_is_told_by_the_code() {
        let fault =
            |code: &str| LogInFault::of(BackendError::new(ErrorKind::Unavailable, "x").with_code(code));
        assert!(fault("390189, SQLSTATE 08001").is_about_role);
        assert!(fault("390100").is_about_password);
        let unreachable = LogInFault::of(BackendError::new(ErrorKind::Unavailable, "incorrect password"));
        assert!(!unreachable.is_about_password && !unreachable.is_about_role);
    }
}
