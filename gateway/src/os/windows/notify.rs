//! What a service manager is told of this process: what starts a gateway here (the Run key, the task scheduler) asks for nothing.

use std::time::Duration;

/// The gateway serves; `status`: one line for people.
pub fn tell_ready(_status: &str) {}

/// One line for people.
pub fn tell_status(_status: &str) {}

/// The configuration is read again, or another program is about to take this one's place; [`tell_ready`] follows.
pub fn tell_reloading(_status: &str) {}

/// The gateway shuts down, and takes at most `bound` from now.
pub fn tell_stopping(_status: &str, _bound: Duration) {}

/// The start takes its time, but at most `bound` from now.
pub fn tell_starting(_status: &str, _bound: Duration) {}

/// The gateway is alive.
pub fn tell_alive() {}

/// How often the manager wants to hear that at least; `None`: it does not.
pub fn watchdog_timeout() -> Option<Duration> {
    None
}
