//! The credentials that need no user's help. Files are read again for each log-in.

use std::io;
use std::path::Path;

use sha2::{Digest, Sha256};

use super::refusals::Stamp;
use super::token_command;
use crate::backend::snowflake::settings::{Authenticator, Key, Token};
use crate::backend::{BackendError, ErrorKind};
use crate::os::read_whole;
use snowflake_wire::{Credentials, KeyPair, SecondFactor, Secret};

/// The longest key or token file, in bytes.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// Credentials, and the stamp that tells them from what the same file holds later.
pub(super) struct Found {
    pub(super) credentials: Credentials,
    pub(super) stamp: Stamp,
    /// Whether they were made for this log-in, so that no others are newer.
    pub(super) is_new: bool,
}

impl Found {
    /// Credentials that are always the same.
    pub(super) fn of(credentials: Credentials) -> Self {
        Self { credentials, stamp: None, is_new: false }
    }
}

/// Reads what is in files; `None` where only the user can log in. Blocks; a key's passphrase takes a moment
/// of computing besides.
///
/// # Errors
/// A file cannot be read, or a key not be used.
pub(super) fn read(authenticator: &Authenticator) -> Result<Option<Found>, BackendError> {
    let found = match authenticator {
        Authenticator::KeyPair { key, passphrase } => return key_pair(key, passphrase.as_ref()).map(Some),
        Authenticator::OAuth(token) => read_token(token)?.map(Credentials::OAuth),
        Authenticator::ProgrammaticAccessToken(token) => {
            read_token(token)?.map(Credentials::ProgrammaticAccessToken)
        }
        Authenticator::Password(password) => Text {
            text: Credentials::Password { password: password.clone(), factor: SecondFactor::Push },
            stamp: None,
        },
        Authenticator::WorkloadIdentity { provider, token } => {
            let provider = provider.clone();
            read_token(token)?.map(|token| Credentials::WorkloadIdentity { provider, token })
        }
        Authenticator::SecondFactor { .. }
        | Authenticator::PasscodeInPassword(_)
        | Authenticator::ExternalBrowser
        | Authenticator::OAuthClientCredentials(_)
        | Authenticator::OAuthAuthorizationCode { .. } => return Ok(None),
    };
    Ok(Some(Found { credentials: found.text, stamp: found.stamp, is_new: false }))
}

/// What a file holds, or a variable.
struct Text<T = Secret> {
    text: T,
    stamp: Stamp,
}

impl Text {
    fn map<T>(self, made: impl FnOnce(Secret) -> T) -> Text<T> {
        Text { text: made(self.text), stamp: self.stamp }
    }
}

fn key_pair(key: &Key, passphrase: Option<&Secret>) -> Result<Found, BackendError> {
    let (pem, name, next_step) = match key {
        Key::Given(pem) => (
            Text { text: pem.clone(), stamp: None },
            "that is given as text".to_owned(),
            "check the key (SNOWFLAKE_PRIVATE_KEY, or `private_key` of the connection) and its passphrase \
             (SNOWFLAKE_PRIVATE_KEY_PASSPHRASE), run `snowgate stop`, and restart the client",
        ),
        Key::File(file) => (
            read_key_file(file)?,
            "of `private_key_file`".to_owned(),
            "check the file (`private_key_file` under [snowflake]; `snowgate config show` says which) and its passphrase \
             (SNOWFLAKE_PRIVATE_KEY_PASSPHRASE; after a change of that, run `snowgate stop` and restart the \
             client)",
        ),
    };
    let stamp = pem.stamp;
    let key = KeyPair::from_pem(pem.text.expose(), passphrase).map_err(|error| {
        let message = format!("the private key {name} cannot be used: {error}");
        BackendError::new(ErrorKind::Unavailable, message).with_next_step(next_step)
    })?;
    Ok(Found { credentials: Credentials::KeyPair(key), stamp, is_new: false })
}

fn read_token(token: &Token) -> Result<Text, BackendError> {
    match token {
        Token::Given(token) => Ok(Text { text: token.clone(), stamp: None }),
        Token::File(file) => {
            let found = read_file(file, "token_file_path")?.map(|text| Secret::new(text.expose().trim()));
            if found.text.expose().is_empty() {
                return Err(unreadable("token_file_path", &"it is empty"));
            }
            Ok(found)
        }
        Token::Command(words) => token_command::run(words).map(stamped),
    }
}

/// A text that may be another one next time.
fn stamped(text: Secret) -> Text {
    let stamp = Some(Sha256::digest(text.expose().as_bytes()).into());
    Text { text, stamp }
}

fn read_key_file(file: &Path) -> Result<Text, BackendError> {
    let content = read_whole(file, FILE_BYTES_MAX).map_err(|error| unreadable("private_key_file", &error))?;
    let stamp = Some(Sha256::digest(&content).into());
    Ok(Text { text: KeyPair::text_of(content), stamp })
}

fn read_file(file: &Path, key: &str) -> Result<Text, BackendError> {
    let text = read_whole(file, FILE_BYTES_MAX).and_then(|content| {
        String::from_utf8(content)
            .map_err(|_| io::Error::new(io::ErrorKind::InvalidData, "stream did not contain valid UTF-8"))
    });
    text.map(Secret::new).map(stamped).map_err(|error| unreadable(key, &error))
}

pub(super) fn unreadable(key: &str, why: &dyn std::fmt::Display) -> BackendError {
    // Where a secret is, is none of a model's business: its setting names the file.
    let message = format!("the file of `{key}` cannot be read: {why}");
    BackendError::new(ErrorKind::Unavailable, message).with_next_step(format!(
        "check `{key}` under [snowflake] (`snowgate config show` says which file it is), and that you may read it"
    ))
}
