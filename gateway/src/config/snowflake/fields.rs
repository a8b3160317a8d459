//! The values that a variable or a named connection can set, with all their names.

use snowflake_wire::Secret;

use super::Secrets;
use crate::config::keys::{self, Key};
use crate::config::kind::Kind;
use crate::config::settings::Origin;

/// One value in the configuration of Snowflake's tools.
pub(super) struct Field {
    pub(super) target: Target,
    /// Its variables; the first that is set is used.
    pub(super) variables: &'static [&'static str],
    /// Its names in a connection. Case and underscores are ignored there, so `privateKeyPath` is one of them.
    pub(super) names: &'static [&'static str],
}

/// A field of the secrets.
type SecretField = fn(&mut Secrets) -> &mut Option<(Secret, Origin)>;

/// What it sets.
#[derive(Clone, Copy)]
pub(super) enum Target {
    Key(&'static Key),
    Secret(SecretField),
}

/// Names that users may try under `[snowflake]` in our own file, which never contains secrets.
pub(in crate::config) const SECRET_NAMES: [&str; 8] = [
    "password",
    "passcode",
    "private_key",
    "private_key_passphrase",
    "private_key_file_pwd",
    "passphrase",
    "token",
    "oauth_client_secret",
];

const fn field(
    key: &'static Key,
    variables: &'static [&'static str],
    names: &'static [&'static str],
) -> Field {
    Field { target: Target::Key(key), variables, names }
}

const fn secret(
    field: SecretField,
    variables: &'static [&'static str],
    names: &'static [&'static str],
) -> Field {
    Field { target: Target::Secret(field), variables, names }
}

/// All values.
pub(super) const FIELDS: &[Field] = &[
    field(&keys::SNOWFLAKE_ACCOUNT, &["SNOWFLAKE_ACCOUNT"], &["account"]),
    field(&keys::SNOWFLAKE_REGION, &["SNOWFLAKE_REGION"], &["region"]),
    field(&keys::SNOWFLAKE_USER, &["SNOWFLAKE_USER"], &["user", "username", "uid"]),
    field(&keys::AUTHENTICATOR, &["SNOWFLAKE_AUTHENTICATOR", "SNOWFLAKE_AUTH_TYPE"], &["authenticator"]),
    field(
        &keys::PRIVATE_KEY_FILE,
        &["SNOWFLAKE_PRIVATE_KEY_FILE", "SNOWFLAKE_PRIVATE_KEY_PATH"],
        &["private_key_file", "private_key_path"],
    ),
    field(&keys::TOKEN_FILE_PATH, &["SNOWFLAKE_TOKEN_FILE_PATH"], &["token_file_path"]),
    field(
        &keys::WORKLOAD_IDENTITY_PROVIDER,
        &["SNOWFLAKE_WORKLOAD_IDENTITY_PROVIDER"],
        &["workload_identity_provider"],
    ),
    field(&keys::OAUTH_CLIENT_ID, &["SNOWFLAKE_OAUTH_CLIENT_ID"], &["oauth_client_id"]),
    field(
        &keys::OAUTH_AUTHORIZATION_URL,
        &["SNOWFLAKE_OAUTH_AUTHORIZATION_URL"],
        &["oauth_authorization_url"],
    ),
    field(
        &keys::OAUTH_TOKEN_REQUEST_URL,
        &["SNOWFLAKE_OAUTH_TOKEN_REQUEST_URL"],
        &["oauth_token_request_url", "oauth_token_url"],
    ),
    field(&keys::OAUTH_REDIRECT_URI, &["SNOWFLAKE_OAUTH_REDIRECT_URI"], &["oauth_redirect_uri"]),
    field(&keys::OAUTH_SCOPE, &["SNOWFLAKE_OAUTH_SCOPE"], &["oauth_scope"]),
    field(
        &keys::OAUTH_ENABLE_REFRESH_TOKENS,
        &["SNOWFLAKE_OAUTH_ENABLE_REFRESH_TOKENS"],
        &["oauth_enable_refresh_tokens"],
    ),
    field(
        &keys::OAUTH_ENABLE_SINGLE_USE_REFRESH_TOKENS,
        &["SNOWFLAKE_OAUTH_ENABLE_SINGLE_USE_REFRESH_TOKENS"],
        &["oauth_enable_single_use_refresh_tokens"],
    ),
    field(
        &keys::OAUTH_CREDENTIALS_IN_BODY,
        &["SNOWFLAKE_OAUTH_CREDENTIALS_IN_BODY"],
        &["oauth_credentials_in_body"],
    ),
    secret(
        |secrets| &mut secrets.oauth_client_secret,
        &["SNOWFLAKE_OAUTH_CLIENT_SECRET"],
        &["oauth_client_secret"],
    ),
    field(&keys::SNOWFLAKE_ROLE, &["SNOWFLAKE_ROLE"], &["role", "rolename"]),
    field(&keys::SECONDARY_ROLES, &["SNOWFLAKE_SECONDARY_ROLES"], &["secondary_roles"]),
    field(&keys::SNOWFLAKE_WAREHOUSE, &["SNOWFLAKE_WAREHOUSE"], &["warehouse", "warehousename"]),
    field(&keys::SNOWFLAKE_DATABASE, &["SNOWFLAKE_DATABASE"], &["database", "dbname", "databasename", "db"]),
    field(&keys::SNOWFLAKE_SCHEMA, &["SNOWFLAKE_SCHEMA"], &["schema", "schemaname"]),
    field(&keys::SNOWFLAKE_HOST, &["SNOWFLAKE_HOST"], &["host", "server"]),
    field(&keys::SNOWFLAKE_PORT, &["SNOWFLAKE_PORT"], &["port"]),
    field(&keys::SNOWFLAKE_PROTOCOL, &["SNOWFLAKE_PROTOCOL"], &["protocol"]),
    secret(|secrets| &mut secrets.password, &["SNOWFLAKE_PASSWORD"], &["password", "pwd"]),
    field(&keys::PASSCODE_IN_PASSWORD, &["SNOWFLAKE_PASSCODE_IN_PASSWORD"], &["passcode_in_password"]),
    secret(|secrets| &mut secrets.passcode, &["SNOWFLAKE_PASSCODE"], &["passcode"]),
    secret(
        |secrets| &mut secrets.passphrase,
        &["SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "SNOWFLAKE_PRIVATE_KEY_FILE_PWD"],
        &["private_key_passphrase", "private_key_file_pwd", "private_key_pwd", "private_key_pass"],
    ),
    secret(
        |secrets| &mut secrets.private_key,
        &["SNOWFLAKE_PRIVATE_KEY", "SNOWFLAKE_PRIVATE_KEY_RAW"],
        &["private_key_raw", "private_key"],
    ),
    secret(|secrets| &mut secrets.token, &["SNOWFLAKE_TOKEN"], &["token"]),
];

/// A name as it is compared: Snowflake's own tools write `private_key_path`, `privateKeyPath` and
/// `PRIVATE_KEY_PATH`.
pub(super) fn normalized(name: &str) -> String {
    name.chars().filter(|char| !matches!(char, '_' | '-')).map(|char| char.to_ascii_lowercase()).collect()
}

/// The text of a value for `key`, as our own file spells it.
pub(super) fn spelled(key: &Key, text: &str) -> String {
    match key.kind {
        Kind::Choice { .. } => text.trim().to_ascii_lowercase(),
        _ => text.to_owned(),
    }
}
