//! What a variable or a named connection may say, under each of its names.

use super::Secrets;
use crate::backend::snowflake::wire::Secret;
use crate::config::keys::{self, Key};
use crate::config::settings::Origin;

/// One thing that is set up for Snowflake's tools.
pub(super) struct Field {
    pub(super) target: Target,
    /// Variables that hold it; of several, the first that is set counts.
    pub(super) variables: &'static [&'static str],
    /// Its names in a connection.
    pub(super) names: &'static [&'static str],
}

/// A place among the secrets.
type Slot = fn(&mut Secrets) -> &mut Option<(Secret, Origin)>;

/// Where it goes.
#[derive(Clone, Copy)]
pub(super) enum Target {
    Key(&'static Key),
    Secret(Slot),
}

/// What people may look for under `[snowflake]` of our own file, where no secret stands.
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

const fn secret(slot: Slot, variables: &'static [&'static str], names: &'static [&'static str]) -> Field {
    Field { target: Target::Secret(slot), variables, names }
}

/// All of them.
pub(super) const FIELDS: &[Field] = &[
    field(&keys::SNOWFLAKE_ACCOUNT, &["SNOWFLAKE_ACCOUNT"], &["account"]),
    field(&keys::SNOWFLAKE_USER, &["SNOWFLAKE_USER"], &["user", "username"]),
    field(&keys::AUTHENTICATOR, &["SNOWFLAKE_AUTHENTICATOR", "SNOWFLAKE_AUTH_TYPE"], &["authenticator"]),
    field(
        &keys::PRIVATE_KEY_FILE,
        &["SNOWFLAKE_PRIVATE_KEY_FILE", "SNOWFLAKE_PRIVATE_KEY_PATH"],
        &["private_key_file", "private_key_path"],
    ),
    field(&keys::TOKEN_FILE_PATH, &["SNOWFLAKE_TOKEN_FILE_PATH"], &["token_file_path"]),
    field(&keys::SNOWFLAKE_ROLE, &["SNOWFLAKE_ROLE"], &["role", "rolename"]),
    field(&keys::SNOWFLAKE_WAREHOUSE, &["SNOWFLAKE_WAREHOUSE"], &["warehouse", "warehousename"]),
    field(&keys::SNOWFLAKE_DATABASE, &["SNOWFLAKE_DATABASE"], &["database", "dbname", "databasename"]),
    field(&keys::SNOWFLAKE_SCHEMA, &["SNOWFLAKE_SCHEMA"], &["schema", "schemaname"]),
    field(&keys::SNOWFLAKE_HOST, &["SNOWFLAKE_HOST"], &["host"]),
    field(&keys::SNOWFLAKE_PORT, &["SNOWFLAKE_PORT"], &["port"]),
    field(&keys::SNOWFLAKE_PROTOCOL, &["SNOWFLAKE_PROTOCOL"], &["protocol"]),
    secret(|secrets| &mut secrets.password, &["SNOWFLAKE_PASSWORD"], &["password", "pwd"]),
    secret(|secrets| &mut secrets.passcode, &["SNOWFLAKE_PASSCODE"], &["passcode"]),
    secret(
        |secrets| &mut secrets.passphrase,
        &["SNOWFLAKE_PRIVATE_KEY_PASSPHRASE", "SNOWFLAKE_PRIVATE_KEY_FILE_PWD"],
        &["private_key_passphrase", "private_key_file_pwd"],
    ),
    secret(
        |secrets| &mut secrets.private_key,
        &["SNOWFLAKE_PRIVATE_KEY", "SNOWFLAKE_PRIVATE_KEY_RAW"],
        &["private_key_raw"],
    ),
    secret(|secrets| &mut secrets.token, &["SNOWFLAKE_TOKEN"], &["token"]),
];

/// A word for a way to log in, as the key `snowflake.authenticator` has it. What is none of the known ones stays.
pub(super) fn authenticator_word(written: &str) -> String {
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
