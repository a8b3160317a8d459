//! Where a Snowflake account and its credentials come from.
//!
//! Besides our own file and variables, the configuration of Snowflake's own tools and other servers is used:
//! the `SNOWFLAKE_*` variables, and the named connections of `connections.toml` and `config.toml`. A connection
//! sets what nothing else sets. `SNOWGATE_SNOWFLAKE_*` overrides `SNOWFLAKE_*`; neither changes where a file
//! lets credentials go (`Protection::Account`).
//!
//! The default connection is not used once an account is set elsewhere: a password must not be sent to
//! another account than the one it is stored with.

mod connection;
#[cfg(test)]
mod connection_tests;
mod connections;
mod credentials;
mod fields;
mod oauth;
mod place;
pub(super) mod session_parameters;
#[cfg(test)]
mod tests;
mod unused;
mod variables;

use snowflake_wire::{Account, Protocol, Proxy, Secret, SettingsError};

pub use connections::connection_names;
pub(super) use connections::{CONNECTION_PREFIX, VARIABLES as CONNECTION_VARIABLES};
pub(super) use fields::SECRET_NAMES;
pub use place::account_identifier;
pub(super) use variables::{ACCOUNT as ACCOUNT_VARIABLE, is_secret, names as variables};
pub use variables::{Meaning, meaning_of};

use super::error::{ConfigError, Place, Warning};
use super::keys::{self, Key};
use super::settings::{Origin, Settings};
use super::{Environment, Paths};
use crate::backend::snowflake::SnowflakeSettings;

/// Values that must not be printed, and where they came from.
#[derive(Default)]
pub(super) struct Secrets {
    password: Option<(Secret, Origin)>,
    passcode: Option<(Secret, Origin)>,
    passphrase: Option<(Secret, Origin)>,
    private_key: Option<(Secret, Origin)>,
    token: Option<(Secret, Origin)>,
    oauth_client_secret: Option<(Secret, Origin)>,
    /// A connection's own; it may hold a password.
    proxy: Option<ConnectionProxy>,
}

/// What a connection says of the proxy.
struct ConnectionProxy {
    /// Its address, and where that is written.
    address: Option<(Secret, Place)>,
    /// The hosts that are reached without it, in place of `NO_PROXY`.
    except: Option<String>,
}

/// Reads the variables of Snowflake's tools. Their errors count only if Snowflake is the backend; otherwise the
/// variables are for other programs.
pub(super) fn apply_variables(
    env: &dyn Environment,
    paths: &Paths,
    settings: &mut Settings,
) -> (Secrets, Vec<ConfigError>) {
    let mut errors = Vec::new();
    let secrets = variables::apply(env, paths, settings, &mut errors);
    (secrets, errors)
}

/// The settings of the account; `None` if it is not the backend.
///
/// `snowflake.port`, 1 to 65535, is the one number among them.
pub(super) fn assemble(
    env: &dyn Environment,
    paths: &Paths,
    settings: &mut Settings,
    mut secrets: Secrets,
) -> Result<Option<SnowflakeSettings>, Vec<ConfigError>> {
    if !is_backend(settings) {
        return Ok(None);
    }
    connections::apply(env, paths, settings, &mut secrets)?;
    settings.warnings.extend(variables::unused(env));
    let mut errors = Vec::new();
    if let Err(error) = check_host(settings, paths) {
        errors.push(error);
    }
    let account = account(settings, paths).map_err(|error| errors.push(error));
    let proxy = proxy(env, settings, secrets.proxy.take(), paths).map_err(|error| errors.push(error));
    let authenticator =
        credentials::authenticator(settings, secrets, paths).map_err(|error| errors.push(error));
    let (Ok(account), Ok(proxy), Ok(authenticator), true) =
        (account, proxy, authenticator, errors.is_empty())
    else {
        return Err(errors);
    };
    if authenticator.lacks_password() {
        let place = settings.place(&keys::AUTHENTICATOR, &paths.config_file);
        let message = "no password was found: `snowgate login` asks for it once the gateway runs; or set SNOWFLAKE_PASSWORD, or \
                       `password` in Snowflake's connections.toml"
            .to_owned();
        settings.warnings.push(Warning { place, key: Some(keys::AUTHENTICATOR.path.to_owned()), message });
    }
    let text = |key| settings.text_if_set(key);
    let is_plain = settings.text(&keys::SNOWFLAKE_PROTOCOL) == "http";
    Ok(Some(SnowflakeSettings {
        account,
        host: text(&keys::SNOWFLAKE_HOST),
        port: settings.find(&keys::SNOWFLAKE_PORT).and_then(|_| {
            // The bound of the key is that of a port.
            u16::try_from(settings.integer(&keys::SNOWFLAKE_PORT)).ok()
        }),
        protocol: if is_plain { Protocol::Http } else { Protocol::Https },
        proxy,
        user: text(&keys::SNOWFLAKE_USER).unwrap_or_default(),
        authenticator,
        role: text(&keys::SNOWFLAKE_ROLE),
        warehouse: text(&keys::SNOWFLAKE_WAREHOUSE),
        database: text(&keys::SNOWFLAKE_DATABASE),
        schema: text(&keys::SNOWFLAKE_SCHEMA),
        secondary_roles: text(&keys::SECONDARY_ROLES).map(|roles| roles.to_ascii_uppercase()),
        session_parameters: session_parameters::sent(&settings.session_parameters),
        read_only: settings.boolean(&keys::SNOWFLAKE_READ_ONLY),
        token_cache: settings
            .boolean(&keys::TOKEN_CACHE)
            .then(|| paths.data_dir.join("snowflake-tokens.json")),
    }))
}

/// Whether Snowflake is the backend.
pub(super) fn is_backend(settings: &Settings) -> bool {
    settings.text(&keys::BACKEND_KIND) == "snowflake"
}

fn account(settings: &Settings, paths: &Paths) -> Result<Account, ConfigError> {
    let Some(text) = settings.text_if_set(&keys::SNOWFLAKE_ACCOUNT) else {
        let hint = "set `account` under [snowflake], the variable SNOWFLAKE_ACCOUNT, or `connection` to a name in \
                    Snowflake's connections.toml";
        return Err(missing(
            paths,
            &keys::SNOWFLAKE_ACCOUNT,
            "is not set, but the Snowflake backend needs it",
            hint,
        ));
    };
    let key = &keys::SNOWFLAKE_ACCOUNT;
    if let Some(account) = place::account_of_address(&text) {
        let shown = text.rsplit('@').next().unwrap_or(&text);
        let message = format!("expected an account identifier, got the address {shown:?}");
        return Err(written_otherwise(settings, paths, key, message, &account));
    }
    let account = Account::parse(&text).map_err(|error| invalid_value(settings, paths, key, &error))?;
    let Some(region) = settings.text_if_set(&keys::SNOWFLAKE_REGION) else { return Ok(account) };
    account
        .in_region(&region)
        .map_err(|error| invalid_value(settings, paths, &keys::SNOWFLAKE_REGION, &error))
}

/// A warning about a region that differs from that in the identifier.
pub(super) fn two_regions(settings: &Settings, paths: &Paths) -> Option<Warning> {
    let key = &keys::SNOWFLAKE_REGION;
    let region = settings.text_if_set(key).filter(|_| is_backend(settings))?;
    if settings.find(&keys::SNOWFLAKE_HOST).is_some() {
        let message = format!("the region {region:?} has no effect: `host` says where the account is");
        let place = settings.place(key, &paths.config_file);
        return Some(Warning { place, key: Some(key.path.to_owned()), message });
    }
    let account = Account::parse(&settings.text_if_set(&keys::SNOWFLAKE_ACCOUNT)?).ok()?;
    let used = account.in_region(&region).ok()?;
    if account.region().is_empty() || account == used {
        return None;
    }
    let message = format!(
        "the region {region:?} is used in place of {:?}, which the account identifier names: the account is {:?}",
        account.region(),
        used.as_str()
    );
    Some(Warning { place: settings.place(key, &paths.config_file), key: Some(key.path.to_owned()), message })
}

/// A warning about an account identifier that is valid, but in no usual form.
pub(super) fn unusual_account(settings: &Settings, paths: &Paths) -> Option<Warning> {
    let key = &keys::SNOWFLAKE_ACCOUNT;
    let text = settings.text_if_set(key).filter(|_| is_backend(settings))?;
    let likely = place::likely_account(&text)?;
    let message = format!(
        "the account identifier {text:?} is unusual: `organization-account` has a dash, and a region is behind a dot; \
         did you mean {likely:?}?"
    );
    let place = settings.place(key, &paths.config_file);
    Some(Warning { place, key: Some(key.path.to_owned()), message })
}

/// Refuses an address in place of a host.
fn check_host(settings: &Settings, paths: &Paths) -> Result<(), ConfigError> {
    let key = &keys::SNOWFLAKE_HOST;
    let Some(text) = settings.text_if_set(key) else { return Ok(()) };
    let Some((host, port)) = place::host_of_address(&text) else { return Ok(()) };
    // A user and a password before the host are not repeated.
    let shown = text.rsplit('@').next().unwrap_or(&text);
    let message = format!("expected a host, got the address {shown:?}");
    let mut error = written_otherwise(settings, paths, key, message, &host);
    if let (Some(port), Some(hint)) = (port, &mut error.hint) {
        hint.push_str(&format!(", and `port = {port}`"));
    }
    Err(error)
}

/// An error about the value of `key`, at its place, with the value to write.
fn written_otherwise(
    settings: &Settings,
    paths: &Paths,
    key: &Key,
    message: String,
    better: &str,
) -> ConfigError {
    let place = settings.place(key, &paths.config_file);
    let hint = match &place {
        Place::Variable(variable) => format!("write {variable}={better}"),
        _ => format!("write `{} = {better:?}`", key.name),
    };
    ConfigError { place, key: Some(key.path.to_owned()), message, hint: Some(hint) }
}

fn proxy(
    env: &dyn Environment,
    settings: &Settings,
    of_connection: Option<ConnectionProxy>,
    paths: &Paths,
) -> Result<Option<Proxy>, ConfigError> {
    let (of_connection, except_of_connection) =
        of_connection.map_or((None, None), |proxy| (proxy.address, proxy.except));
    let first = |names: [&str; 2]| names.into_iter().find_map(|name| Some((name.to_owned(), env.get(name)?)));
    // In lower case first, as other programs read them.
    let usual = first(["no_proxy", "NO_PROXY"]).map(|(_, hosts)| hosts);
    let except = except_of_connection.or(usual).unwrap_or_default();
    if let Some(address) = settings.text_if_set(&keys::SNOWFLAKE_PROXY) {
        if address.contains('@') {
            let hint = "put a proxy with a password in the variable HTTPS_PROXY";
            return Err(missing(paths, &keys::SNOWFLAKE_PROXY, "contains a user or password", hint));
        }
        let proxy = Proxy::parse(&address, &except);
        return proxy
            .map(Some)
            .map_err(|error| invalid_value(settings, paths, &keys::SNOWFLAKE_PROXY, &error));
    }
    if let Some((address, place)) = of_connection {
        return Proxy::parse(address.expose(), &except).map(Some).map_err(|error| ConfigError {
            place,
            key: None,
            message: error.to_string(),
            hint: Some("only HTTP proxies are supported".to_owned()),
        });
    }
    let names = if settings.text(&keys::SNOWFLAKE_PROTOCOL) == "http" {
        ["http_proxy", "HTTP_PROXY"]
    } else {
        ["https_proxy", "HTTPS_PROXY"]
    };
    let Some((variable, address)) = first(names).or_else(|| first(["all_proxy", "ALL_PROXY"])) else {
        return Ok(None);
    };
    // Of a kind that cannot be used here (SOCKS), it may be there for other programs.
    if Proxy::is_never_used(&except) {
        return Ok(None);
    }
    // Like other programs, accept a host and port without a scheme.
    let with_scheme = if address.contains("://") { address } else { format!("http://{address}") };
    Proxy::parse(&with_scheme, &except).map(Some).map_err(|error| ConfigError {
        place: Place::Variable(variable),
        key: None,
        message: error.to_string(),
        hint: Some(
            "only HTTP proxies are supported; where the account is reached without a proxy, set NO_PROXY=*"
                .to_owned(),
        ),
    })
}

/// An error about the value of `key`, at its place.
fn invalid_value(settings: &Settings, paths: &Paths, key: &Key, error: &SettingsError) -> ConfigError {
    ConfigError {
        place: settings.place(key, &paths.config_file),
        key: Some(key.path.to_owned()),
        message: error.to_string(),
        hint: None,
    }
}

/// An error about a missing value, or one that cannot be used.
fn missing(paths: &Paths, key: &Key, message: &str, hint: &str) -> ConfigError {
    ConfigError {
        place: Place::File(paths.config_file.clone()),
        key: Some(key.path.to_owned()),
        message: message.to_owned(),
        hint: Some(hint.to_owned()),
    }
}
