//! `snowgate login` on the gateway's side, and how the command and the gateway speak of it.

use std::fmt;

use serde::{Deserialize, Serialize};
use snowflake_wire::Secret;

use crate::backend::{Backend, BackendError, ErrorKind, LogInError, LogInNeed, LogInRequest};
use crate::shared::Shared;

/// A code of the user's authenticator app. No formatter shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Passcode(String);

/// Characters of a passcode, at most.
const PASSCODE_CHARS_MAX: usize = 32;

impl Passcode {
    /// Takes letters and digits; blanks, which some apps show in the middle, are dropped.
    ///
    /// # Errors
    /// It is empty, too long, or has other characters: what is wrong, without repeating it.
    pub fn parse(text: &str) -> Result<Self, &'static str> {
        let code: String = text.chars().filter(|c| !c.is_whitespace()).collect();
        match code.len() {
            0 => Err("the passcode is empty"),
            1..=PASSCODE_CHARS_MAX if code.bytes().all(|byte| byte.is_ascii_alphanumeric()) => Ok(Self(code)),
            _ => Err("a passcode has up to 32 letters or digits"),
        }
    }
}

impl fmt::Debug for Passcode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// The user's password. No formatter shows it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Password(String);

/// Bytes of a password, at most.
const PASSWORD_BYTES_MAX: usize = 1024;

impl Password {
    /// Takes a password as it was typed.
    ///
    /// # Errors
    /// It is empty or too long.
    pub fn new(text: &str) -> Result<Self, &'static str> {
        match text.len() {
            0 => Err("the password is empty"),
            1..=PASSWORD_BYTES_MAX => Ok(Self(text.to_owned())),
            _ => Err("the password is longer than 1024 bytes"),
        }
    }

    /// The password itself.
    pub fn secret(&self) -> Secret {
        Secret::new(self.0.clone())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

/// What a person asks for who logs in.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogInAsked {
    /// The connection; `None`: the default one.
    #[serde(default)]
    pub connection: Option<String>,
    /// A code of the user's authenticator app.
    pub passcode: Option<Passcode>,
    /// The password, where the configuration has none.
    #[serde(default)]
    pub password: Option<Password>,
    /// Whether to wait for the log-in under way, instead of starting one.
    pub joins: bool,
}

impl LogInAsked {
    /// The same for a backend.
    pub fn request(&self) -> LogInRequest {
        LogInRequest {
            passcode: self.passcode.as_ref().map(|passcode| Secret::new(passcode.0.clone())),
            password: self.password.as_ref().map(Password::secret),
            joins: self.joins,
        }
    }
}

/// How a log-in went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogInView {
    /// Whether the user is logged in.
    pub logged_in: bool,
    /// The connection; none where a gateway of another version does not say it.
    #[serde(default)]
    pub connection: Option<String>,
    /// The backend's kind.
    pub backend: String,
    /// Who logs in where.
    pub target: Option<String>,
    /// Why not.
    pub problem: Option<String>,
    /// The backend's code for that.
    pub code: Option<String>,
    /// What to do about it.
    pub next_step: Option<String>,
    /// What it waits for.
    pub needs: Need,
}

/// What a log-in waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Nothing.
    Nothing,
    /// A passcode.
    Passcode,
    /// A password.
    Password,
    /// Nothing: there is no such log-in.
    Unsupported,
    /// The user, in a browser or on a phone.
    User,
}

/// Logs in to a connection's backend.
pub(super) async fn log_in(shared: &Shared, asked: &LogInAsked) -> LogInView {
    let name = match &asked.connection {
        Some(name) => name.clone(),
        None => shared.config.backend.connection().to_owned(),
    };
    // A client's own connection has a name that only the gateway knows.
    let known = if shared.client_sets.has(&name) { None } else { Some(shared.multiplexer.pool(&name).await) };
    let pool = match known {
        Some(Ok(pool)) => pool,
        Some(Err(error)) => return LogInView::of(&name, None, Err(unknown(error))),
        None => {
            let message = format!("no connection is named {name:?}");
            return LogInView::of(&name, None, Err(unknown(BackendError::new(ErrorKind::Refused, message))));
        }
    };
    let backend = pool.backend();
    let done = tokio::select! {
        biased;
        done = backend.log_in(asked.request()) => done,
        () = shared.shutdown.drain.cancelled() => Err(LogInError { error: stopping(), needs: LogInNeed::Nothing }),
    };
    LogInView::of(&name, Some(backend), done)
}

/// A connection that there is not, or whose backend cannot be opened.
fn unknown(error: BackendError) -> LogInError {
    let is_unknown = error.kind == ErrorKind::Refused;
    LogInError { error, needs: if is_unknown { LogInNeed::Unsupported } else { LogInNeed::Nothing } }
}

impl LogInView {
    /// How a log-in to the connection called `connection` went.
    pub fn of(connection: &str, backend: Option<&dyn Backend>, done: Result<(), LogInError>) -> Self {
        let view = Self {
            logged_in: done.is_ok(),
            connection: Some(connection.to_owned()),
            backend: backend.map(|backend| backend.kind().to_owned()).unwrap_or_default(),
            target: backend.and_then(|backend| backend.status().target),
            problem: None,
            code: None,
            next_step: None,
            needs: Need::Nothing,
        };
        match done {
            Ok(()) => view,
            Err(LogInError { error, needs }) => Self {
                problem: Some(error.message),
                code: error.code,
                next_step: error.next_step,
                needs: match needs {
                    LogInNeed::Nothing => Need::Nothing,
                    LogInNeed::Passcode => Need::Passcode,
                    LogInNeed::Password => Need::Password,
                    LogInNeed::Unsupported => Need::Unsupported,
                    LogInNeed::User => Need::User,
                },
                ..view
            },
        }
    }
}

fn stopping() -> BackendError {
    BackendError::new(ErrorKind::Unavailable, "the gateway is shutting down").with_next_step("run it again")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_passcode_is_a_short_word_and_never_shown() {
        assert_eq!(Passcode::parse(" 123 456\n").unwrap(), Passcode("123456".into()));
        assert_eq!(format!("{:?}", Passcode::parse("123456").unwrap()), "[secret]");
        assert_eq!(format!("{:?}", Password::new("pass word").unwrap()), "[secret]");
        assert!(Password::new("").is_err() && Password::new(&"x".repeat(1025)).is_err());
        for odd in ["", "  ", "12-34", "é", &"1".repeat(33)] {
            assert!(Passcode::parse(odd).is_err(), "{odd}");
        }
    }
}
