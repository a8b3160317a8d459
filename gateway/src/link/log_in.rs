//! `snowgate login` on the gateway's side, and how the command and the gateway speak of it.

use std::fmt;

use serde::{Deserialize, Serialize};
use snowflake_wire::Secret;

use crate::backend::{BackendError, ErrorKind, LogInError, LogInNeed, LogInRequest};
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

/// How a log-in went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogInView {
    /// Whether the user is logged in.
    pub logged_in: bool,
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
    /// Nothing: there is no such log-in.
    Unsupported,
    /// The user, in a browser or on a phone.
    User,
}

/// Logs in to the default connection's backend.
pub(super) async fn log_in(shared: &Shared, passcode: Option<&Passcode>, joins: bool) -> LogInView {
    let backend = shared.default_pool.backend();
    let passcode = passcode.map(|passcode| Secret::new(passcode.0.clone()));
    let done = tokio::select! {
        biased;
        done = backend.log_in(LogInRequest { passcode, joins }) => done,
        () = shared.shutdown.drain.cancelled() => Err(LogInError { error: stopping(), needs: LogInNeed::Nothing }),
    };
    let view = LogInView {
        logged_in: done.is_ok(),
        backend: backend.kind().to_owned(),
        target: backend.status().target,
        problem: None,
        code: None,
        next_step: None,
        needs: Need::Nothing,
    };
    match done {
        Ok(()) => view,
        Err(LogInError { error, needs }) => LogInView {
            problem: Some(error.message),
            code: error.code,
            next_step: error.next_step,
            needs: match needs {
                LogInNeed::Nothing => Need::Nothing,
                LogInNeed::Passcode => Need::Passcode,
                LogInNeed::Unsupported => Need::Unsupported,
                LogInNeed::User => Need::User,
            },
            ..view
        },
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
        for odd in ["", "  ", "12-34", "é", &"1".repeat(33)] {
            assert!(Passcode::parse(odd).is_err(), "{odd}");
        }
    }
}
