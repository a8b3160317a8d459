//! What a service manager is told of this process (`sd_notify(3)`): nothing where none asked for it.

use std::time::Duration;

use sd_notify::NotifyState;

/// One message; what it says replaces what was said before.
fn tell(states: &[NotifyState<'_>]) {
    // The manager may have gone, and there is no other place to say it.
    let _ = sd_notify::notify(states);
}

/// The gateway serves; `status`: one line for people.
pub fn tell_ready(status: &str) {
    tell(&[NotifyState::Ready, NotifyState::Status(status)]);
}

/// One line for people.
pub fn tell_status(status: &str) {
    tell(&[NotifyState::Status(status)]);
}

/// The configuration is read again, or another program is about to take this one's place; [`tell_ready`] follows.
pub fn tell_reloading(status: &str) {
    // Without the time the message counts for nothing (`Type=notify-reload`).
    let Ok(now) = NotifyState::monotonic_usec_now() else { return };
    tell(&[NotifyState::Reloading, now, NotifyState::Status(status)]);
}

/// The gateway shuts down, and takes at most `bound` from now.
pub fn tell_stopping(status: &str, bound: Duration) {
    let bound = u32::try_from(bound.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::Stopping, NotifyState::Status(status), NotifyState::ExtendTimeoutUsec(bound)]);
}

/// The start takes its time, but at most `bound` from now.
pub fn tell_starting(status: &str, bound: Duration) {
    let bound = u32::try_from(bound.as_micros()).unwrap_or(u32::MAX);
    tell(&[NotifyState::Status(status), NotifyState::ExtendTimeoutUsec(bound)]);
}

/// The gateway is alive.
pub fn tell_alive() {
    tell(&[NotifyState::Watchdog]);
}

/// How often the manager wants to hear that at least; `None`: it does not.
pub fn watchdog_timeout() -> Option<Duration> {
    sd_notify::watchdog_enabled().filter(|timeout| !timeout.is_zero())
}
