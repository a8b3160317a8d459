//! The settings of an OAuth server, named as in Snowflake's own tools.
//!
//! Sources: `connection.py` and `auth/oauth_code.py` of snowflake-connector-python, `auth_oauth.go` of
//! gosnowflake.

use url::{Host, Url};

use super::{Secrets, missing};
use crate::backend::snowflake::{Authenticator, OAuthServer};
use crate::config::Paths;
use crate::config::error::ConfigError;
use crate::config::keys::{self, Key};
use crate::config::settings::Settings;

/// The authenticator `word`, which asks an OAuth server.
pub(super) fn authenticator(
    word: &str,
    settings: &Settings,
    secrets: Secrets,
    paths: &Paths,
) -> Result<Authenticator, ConfigError> {
    let server = server(settings, secrets, paths)?;
    if word == "oauth_client_credentials" {
        let lacks = |key: &Key, hint: &str| {
            missing(paths, key, "is not set, but the authenticator oauth_client_credentials needs it", hint)
        };
        if server.token_url.is_none() {
            let hint = "set the address of your identity provider: Snowflake itself returns no such tokens";
            return Err(lacks(&keys::OAUTH_TOKEN_REQUEST_URL, hint));
        }
        if server.client_id.is_none() {
            return Err(lacks(&keys::OAUTH_CLIENT_ID, "set the client's id at your identity provider"));
        }
        if server.client_secret.is_none() {
            return Err(no_client_secret(paths));
        }
        return Ok(Authenticator::OAuthClientCredentials(server));
    }
    let page = address(settings, paths, &keys::OAUTH_AUTHORIZATION_URL)?;
    check_client(&server, page.as_ref(), settings, paths)?;
    let redirect = redirect(settings, paths)?;
    let single_use_refresh_tokens = settings.boolean(&keys::OAUTH_ENABLE_SINGLE_USE_REFRESH_TOKENS);
    Ok(Authenticator::OAuthAuthorizationCode { server, page, redirect, single_use_refresh_tokens })
}

fn server(settings: &Settings, secrets: Secrets, paths: &Paths) -> Result<OAuthServer, ConfigError> {
    let role = settings.text_if_set(&keys::SNOWFLAKE_ROLE);
    let mut scope =
        settings.text_if_set(&keys::OAUTH_SCOPE).or_else(|| Some(format!("session:role:{}", role?)));
    if settings.boolean(&keys::OAUTH_ENABLE_REFRESH_TOKENS) {
        const OFFLINE: &str = "offline_access";
        scope = Some(match scope {
            Some(scope) if scope.split(' ').any(|one| one == OFFLINE) => scope,
            Some(scope) => format!("{scope} {OFFLINE}"),
            None => OFFLINE.to_owned(),
        });
    }
    Ok(OAuthServer {
        token_url: address(settings, paths, &keys::OAUTH_TOKEN_REQUEST_URL)?,
        client_id: settings.text_if_set(&keys::OAUTH_CLIENT_ID),
        client_secret: secrets.oauth_client_secret.map(|(secret, _)| secret),
        scope,
        credentials_in_body: settings.boolean(&keys::OAUTH_CREDENTIALS_IN_BODY),
    })
}

/// Snowflake's own client, which needs no id, is known to Snowflake's own server only.
fn check_client(
    server: &OAuthServer,
    page: Option<&Url>,
    settings: &Settings,
    paths: &Paths,
) -> Result<(), ConfigError> {
    let host = settings.text_if_set(&keys::SNOWFLAKE_HOST);
    let is_snowflakes = |url: &Url| {
        let name = url.host_str().unwrap_or_default();
        host.as_deref().is_some_and(|host| host.eq_ignore_ascii_case(name))
            || [".snowflakecomputing.com", ".snowflakecomputing.cn"]
                .iter()
                .any(|domain| name.ends_with(domain))
    };
    let lacks = |key: &Key, message: &str, hint: &str| Err(missing(paths, key, message, hint));
    if server.client_id.is_none() && server.client_secret.is_some() {
        let hint = "set the id that belongs to the client secret, or remove the secret";
        return lacks(&keys::OAUTH_CLIENT_ID, "is not set, but a client secret is", hint);
    }
    // What one server's page has brought, and the client's secret, go to that server alone.
    let other = match (server.token_url.as_ref(), page) {
        (Some(url), None) if !is_snowflakes(url) => Some(&keys::OAUTH_AUTHORIZATION_URL),
        (None, Some(url)) if !is_snowflakes(url) => Some(&keys::OAUTH_TOKEN_REQUEST_URL),
        _ => None,
    };
    if let Some(key) = other {
        let hint = "set both addresses of the identity provider, or none of them for Snowflake's own";
        return lacks(key, "is not set, but the other address of the OAuth server is", hint);
    }
    if server.client_id.is_some()
        || [server.token_url.as_ref(), page].into_iter().flatten().all(is_snowflakes)
    {
        return Ok(());
    }
    let hint = "set the client's id at that server; only Snowflake's own server needs none";
    Err(missing(paths, &keys::OAUTH_CLIENT_ID, "is not set, but the OAuth server needs it", hint))
}

fn no_client_secret(paths: &Paths) -> ConfigError {
    let message = "is \"oauth_client_credentials\", but no client secret was found";
    let hint = "set SNOWFLAKE_OAUTH_CLIENT_SECRET, or `oauth_client_secret` in Snowflake's connections.toml";
    missing(paths, &keys::AUTHENTICATOR, message, hint)
}

/// The address of `key`. One with a user or a password in it is refused, and not repeated.
fn address(settings: &Settings, paths: &Paths, key: &Key) -> Result<Option<Url>, ConfigError> {
    let Some(text) = settings.text_if_set(key) else { return Ok(None) };
    let wrong = |message: &str, hint: &str| ConfigError {
        place: settings.place(key, &paths.config_file),
        key: Some(key.path.to_owned()),
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    };
    let example = "write it as https://host/path";
    let url = Url::parse(&text).map_err(|_| wrong("is not the address of a server", example))?;
    if !url.username().is_empty() || url.password().is_some() {
        let hint =
            "put the client's id in `oauth_client_id`, and its secret in SNOWFLAKE_OAUTH_CLIENT_SECRET";
        return Err(wrong("contains a user or password", hint));
    }
    match url.scheme() {
        "https" => Ok(Some(url)),
        "http" if is_loopback(&url) => Ok(Some(url)),
        "http" => Err(wrong("would send secrets unencrypted to another machine", "write https://")),
        _ => Err(wrong("is not the address of a server", example)),
    }
}

/// The address on this machine where the browser ends.
fn redirect(settings: &Settings, paths: &Paths) -> Result<Option<Url>, ConfigError> {
    let key = &keys::OAUTH_REDIRECT_URI;
    let Some(text) = settings.text_if_set(key) else { return Ok(None) };
    let url = Url::parse(&text).ok();
    let url = url.filter(|url| url.scheme() == "http" && is_loopback(url) && url.query().is_none());
    url.map(Some).ok_or_else(|| ConfigError {
        place: settings.place(key, &paths.config_file),
        key: Some(key.path.to_owned()),
        message: format!("{text:?} is not an address on this machine, where the browser can return to"),
        hint: Some(
            "register one like http://127.0.0.1:8001/callback with the OAuth server (`http`, with localhost, 127.0.0.1 \
             or [::1]), and write it here"
                .to_owned(),
        ),
    })
}

fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    }
}
