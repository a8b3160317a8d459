//! How the connections of a pool serve one session.

use std::time::Duration;

use crate::config::{IsolationLevel, LEASE_IDLE, PIN_IDLE};

/// What a request's session may expect of a pool.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How much of a connection it has to itself.
    pub level: IsolationLevel,
    /// Whether the request makes, or may make, state on the connection: it then needs one of its own.
    pub makes_state: bool,
    /// Whether the request is a read that gives the same rows to whoever runs it at this moment.
    pub is_repeatable: bool,
    /// How long the session's last connection stays its favourite.
    pub lease_idle: Duration,
    /// How long a connection that it holds for its state may be unused.
    pub pin_idle: Duration,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            level: IsolationLevel::default(),
            makes_state: false,
            is_repeatable: false,
            lease_idle: LEASE_IDLE,
            pin_idle: PIN_IDLE,
        }
    }
}
