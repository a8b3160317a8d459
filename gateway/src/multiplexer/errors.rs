//! The errors that a pool adds to those of its backend.

use std::time::Duration;

use super::stop::{CONNECT_TIMEOUT, STOP_TIMEOUT, StopReason};
use crate::backend::{BackendError, ErrorKind};

/// No slot came free in time.
pub(super) fn all_busy(limit: usize, waited: Duration) -> BackendError {
    let message = format!("all {limit} connections were busy for {} ms", waited.as_millis());
    BackendError::new(ErrorKind::Busy, message).with_next_step(
        "try again, or raise `connections_max` or `wait_timeout_ms` under [pool] in the config",
    )
}

/// The backend took longer than [`CONNECT_TIMEOUT`] to open a connection.
pub(super) fn connect_timed_out() -> BackendError {
    let seconds = CONNECT_TIMEOUT.as_secs();
    BackendError::new(
        ErrorKind::Unavailable,
        format!("the backend does not answer: no connection was opened within {seconds} s"),
    )
    .with_next_step("try again in a moment")
}

/// The request was stopped before it had a connection. The query `earlier`, which an earlier gateway started,
/// goes on where only this gateway stops.
pub(crate) fn stopped_while_waiting(stop: StopReason, earlier: Option<&str>) -> BackendError {
    match (stop, earlier) {
        (StopReason::Detach, Some(query_id)) => BackendError::detached(query_id),
        _ => cancelled(),
    }
}

/// The statement was stopped because its client, or this gateway's end, wanted it.
pub(super) fn cancelled() -> BackendError {
    BackendError::new(ErrorKind::Cancelled, "the request was cancelled; its statement was stopped")
}

/// The statement was stopped because it ran for longer than it may.
pub(super) fn timed_out(timeout: Duration) -> BackendError {
    BackendError::new(
        ErrorKind::TimedOut,
        format!("the statement was stopped after {} ms", timeout.as_millis()),
    )
    .with_next_step("make it cheaper, or raise `statement_timeout_ms` under [limits] in the config")
}

/// The statement went on for [`STOP_TIMEOUT`] after it was cancelled.
pub(super) fn did_not_stop() -> BackendError {
    let message = format!(
        "the statement did not stop when cancelled, within {} ms: it may still take effect",
        STOP_TIMEOUT.as_millis()
    );
    BackendError::new(ErrorKind::Unavailable, message)
        .with_next_step("check whether it took effect before you run it again")
}
