//! A log-in because somebody asks for it (`snowgate login`): at once, whatever was refused before, and with a
//! passcode where one is given.

use std::sync::{Arc, Mutex, PoisonError};

use tokio::time::timeout;

use super::{LOG_IN_WAIT_MAX, LoginManager};
use crate::backend::snowflake::refusal_codes::Refusal;
use crate::backend::snowflake::settings::Authenticator;
use crate::backend::{BackendError, ErrorKind, LogInError, LogInNeed, LogInRequest};
use snowflake_wire::Secret;

/// Attempts of one request: a second one where the first joined a log-in that was under way without its
/// passcode, and that failed.
const ATTEMPTS_MAX: u32 = 2;

/// A passcode until a log-in takes it; it is good for one.
#[derive(Default)]
pub(super) struct FreshPasscode(Mutex<Option<Secret>>);

impl FreshPasscode {
    pub(super) fn take(&self) -> Option<Secret> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    fn set(&self, passcode: Option<Secret>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = passcode;
    }

    fn is_there(&self) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).is_some()
    }
}

/// A password that was typed, until it is refused, or the process ends. It is written nowhere.
#[derive(Default)]
pub(super) struct TypedPassword(Mutex<Option<Secret>>);

impl TypedPassword {
    pub(super) fn get(&self) -> Option<Secret> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set(&self, password: Option<Secret>) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = password;
    }
}

impl LoginManager {
    /// Logs in now. What the user has to do for it goes on when this returns.
    ///
    /// # Errors
    /// Nobody is logged in, or not yet.
    pub(in crate::backend::snowflake) async fn log_in_now(
        self: &Arc<Self>,
        request: LogInRequest,
    ) -> Result<(), LogInError> {
        let trying = timeout(LOG_IN_WAIT_MAX, self.try_now(request));
        let done = trying.await.unwrap_or_else(|_| Err(self.timed_out()));
        // It gets old within a minute: no later log-in is to send it.
        self.fresh_passcode.set(None);
        done.map_err(|error| {
            // A wrong one is typed anew.
            if code_of(&error) == INCORRECT_PASSWORD {
                self.typed_password.set(None);
            }
            LogInError { needs: self.needs(&error), error }
        })
    }

    async fn try_now(self: &Arc<Self>, request: LogInRequest) -> Result<(), BackendError> {
        let authenticator = &self.settings.authenticator;
        if request.passcode.is_some() && !matches!(authenticator, Authenticator::SecondFactor { .. }) {
            return Err(no_use_for_a_passcode());
        }
        if let Some(password) = request.password {
            if !matches!(authenticator, Authenticator::Password(_) | Authenticator::SecondFactor { .. }) {
                return Err(no_use_for_a_password());
            }
            if !authenticator.lacks_password() {
                return Err(has_a_password());
            }
            self.typed_password.set(Some(password));
        }
        self.check_password()?;
        if let (true, Some(done)) = (request.joins, self.interactive.last()) {
            return done;
        }
        if !request.joins {
            self.refusals.lock().await.forget();
            if let Some(access) = &self.access {
                access.forget_failure().await;
            }
            self.fresh_passcode.set(request.passcode);
        }
        if authenticator.asks_the_user() {
            return self.try_with_user().await;
        }
        // It has shown that it works; connections log in by themselves.
        self.log_in_alone().await.map(drop)
    }

    async fn try_with_user(self: &Arc<Self>) -> Result<(), BackendError> {
        let mut attempts = 1;
        loop {
            match self.log_in_with_user().await {
                Ok(session) => {
                    self.interactive.put_back(session);
                    return Ok(());
                }
                // There is a session, and the account gives no second one.
                Err(error) if error.kind == ErrorKind::Exhausted => return Ok(()),
                Err(_) if attempts < ATTEMPTS_MAX && self.was_passcode_left() => attempts += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// Whether a log-in has ended without the passcode that was given.
    fn was_passcode_left(&self) -> bool {
        self.fresh_passcode.is_there() && self.interactive.notice().is_none()
    }

    fn needs(&self, error: &BackendError) -> LogInNeed {
        let code = code_of(error);
        let takes_passcode = matches!(self.settings.authenticator, Authenticator::SecondFactor { .. });
        if error.kind == ErrorKind::Refused {
            LogInNeed::Unsupported
        } else if self.authenticator().lacks_password() {
            LogInNeed::Password
        } else if self.interactive.notice().is_some() {
            LogInNeed::User
        } else if takes_passcode && Refusal::wants_passcode(code) {
            LogInNeed::Passcode
        } else {
            LogInNeed::Nothing
        }
    }
}

/// The code of a wrong password, or of a wrong user.
const INCORRECT_PASSWORD: &str = "390100";

fn code_of(error: &BackendError) -> &str {
    error.code.as_deref().and_then(|code| code.split(',').next()).unwrap_or_default()
}

fn no_use_for_a_password() -> BackendError {
    let message = "the authenticator in use takes no password, so nothing was sent";
    BackendError::new(ErrorKind::Refused, message).with_next_step("run `snowgate login` without a password")
}

fn has_a_password() -> BackendError {
    let message = "the configuration has a password already, so the one that was typed was not used";
    BackendError::new(ErrorKind::Refused, message).with_next_step(
        "correct it where it comes from (`snowgate config show` says where), then run `snowgate restart`",
    )
}

pub(super) fn no_use_for_a_passcode() -> BackendError {
    let message = "the authenticator in use takes no passcode, so nothing was sent";
    BackendError::new(ErrorKind::Refused, message).with_next_step(
        "for a password with a code, set authenticator = \"username_password_mfa\" under [snowflake] and run \
         `snowgate restart`; else run `snowgate login` without a passcode",
    )
}
