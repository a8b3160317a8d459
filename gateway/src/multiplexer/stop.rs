//! Why and for how long a request is waited for.

use std::time::Duration;

/// How long a statement may take to stop after a cancel before its connection is given up.
pub(super) const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How long opening a connection may take.
pub(super) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Why a request is to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Its result is not wanted any more.
    Cancel,
    /// The gateway shuts down, and the next one is asked for the same request.
    Detach,
}

/// How long a connection may take to answer that it works.
pub(super) const CHECK_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a connection may take to roll back and remove what a session left on it.
pub(super) const RESET_TIMEOUT: Duration = Duration::from_secs(5);
