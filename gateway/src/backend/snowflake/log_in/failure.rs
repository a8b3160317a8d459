//! Errors of the log-in itself.

use std::fmt::Display;

use crate::backend::{BackendError, ErrorKind};

/// A log-in whose task ended without a result.
pub(super) fn crashed(why: &dyn Display) -> BackendError {
    BackendError::new(ErrorKind::Unavailable, format!("the log-in failed unexpectedly: {why}"))
        .with_next_step("try again; if it keeps failing, see the gateway's log")
}

/// Tells a request that stops waiting what the user has to do.
pub(super) fn waiting_for_user(notice: Option<String>) -> BackendError {
    let notice = notice.unwrap_or_else(|| "waiting for a log-in".to_owned());
    BackendError::new(ErrorKind::Unavailable, notice)
        .with_next_step("ask the user to do that, then call the tool again; nothing was run")
}

/// A log-in whose password was not typed yet.
pub(super) fn no_password() -> BackendError {
    let message =
        "the password is not known: the configuration has none, and none was typed since the gateway started";
    BackendError::new(ErrorKind::Unavailable, message).with_next_step(
        "ask the user to run `snowgate login` in a terminal and to type it (it is kept in memory only), or to set \
         SNOWFLAKE_PASSWORD where the gateway starts; then call the tool again",
    )
}
