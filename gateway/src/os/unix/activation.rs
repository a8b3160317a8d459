//! The sockets that a service manager has opened for this process: systemd's (`sd_listen_fds(3)`), and launchd's, which
//! was never run.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

use crate::os::{ACTIVATION_VARIABLES, kernel};

/// A socket that another process has opened: a service manager, or the gateway before.
pub type PassedSocket = OwnedFd;

/// What `LISTEN_PID` says, if that is no process id: it is not this process's, so what was passed is not for it.
pub fn garbled_activation() -> Option<String> {
    let value = std::env::var_os(ACTIVATION_VARIABLES[0])?.to_string_lossy().into_owned();
    value.trim().parse::<u32>().is_err().then_some(value)
}

/// The sockets that were passed to this very process, none of which a program that it starts inherits. Call once, before
/// any thread runs and before anything else opens a file.
///
/// # Errors
/// The variables make no sense, or name descriptors that are not open.
pub fn activated_sockets() -> io::Result<Vec<PassedSocket>> {
    let of_systemd = match garbled_activation() {
        Some(_) => None,
        None => Some(sd_notify::listen_fds()?),
    };
    let numbers: Vec<RawFd> = of_systemd.into_iter().flatten().chain(kernel::activated_sockets()?).collect();
    // SAFETY: the manager has left these descriptors open for this process alone (`LISTEN_PID` is its id, which is
    // checked), they are open (setting their flag would have failed), and this function is called once.
    Ok(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect())
}
