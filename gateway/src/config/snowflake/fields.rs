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
pub(in crate::config) const SECRET_NAMES: [&str; 7] = [
    "password",
    "passcode",
    "private_key",
    "private_key_passphrase",
    "private_key_file_pwd",
    "passphrase",
    "token",
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
        _ if key.path == keys::AUTHENTICATOR.path => normalize_authenticator(text),
        Kind::Choice { .. } => text.trim().to_ascii_lowercase(),
        _ => text.to_owned(),
    }
}

/// The value of `snowflake.authenticator` for another tool's name. Unknown names stay as they are.
fn normalize_authenticator(written: &str) -> String {
    let word = written.trim().to_ascii_lowercase();
    let known = match word.as_str() {
        "private_key" | "key_pair" | "keypair" | "jwt" => "snowflake_jwt",
        "external_browser" | "browser" | "sso" => "externalbrowser",
        "pat" => "programmatic_access_token",
        "password" => "snowflake",
        "mfa" => "username_password_mfa",
        other => other,
    };
    known.to_owned()
}
