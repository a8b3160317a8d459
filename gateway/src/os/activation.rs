//! The sockets that a service manager has opened for this process: systemd's (`sd_listen_fds(3)`), and launchd's, which
//! was never run.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{FromRawFd, OwnedFd, RawFd};

/// The variables by which a manager passes sockets. They name the process that they are for, so what this one starts
/// ignores them; a program that takes its place by `exec` has the same id, and must not have them.
pub const ACTIVATION_VARIABLES: [&str; 3] = ["LISTEN_PID", "LISTEN_FDS", "LISTEN_FDNAMES"];

/// What launchd calls the socket, in the agent's property list.
pub const LAUNCHD_SOCKET: &str = "gateway";

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
pub fn activated_sockets() -> io::Result<Vec<OwnedFd>> {
    let of_systemd = match garbled_activation() {
        Some(_) => None,
        None => Some(sd_notify::listen_fds()?),
    };
    let numbers: Vec<RawFd> = of_systemd.into_iter().flatten().chain(of_launchd()?).collect();
    // SAFETY: the manager has left these descriptors open for this process alone (`LISTEN_PID` is its id, which is
    // checked), they are open (setting their flag would have failed), and this function is called once.
    Ok(numbers.into_iter().map(|number| unsafe { OwnedFd::from_raw_fd(number) }).collect())
}

#[cfg(target_os = "macos")]
fn of_launchd() -> io::Result<Vec<RawFd>> {
    use std::os::fd::BorrowedFd;

    use raunch::Error;
    use rustix::io::{FdFlags, fcntl_setfd};

    let numbers = match raunch::activate_socket(LAUNCHD_SOCKET) {
        Ok(numbers) => numbers,
        // Started by another program, or by a restart, which passes it on itself.
        Err(Error::NotManaged | Error::NotInPlist | Error::AlreadyActivated) => Vec::new(),
        Err(error) => return Err(io::Error::other(error)),
    };
    for number in &numbers {
        // SAFETY: launchd has just opened it, and nothing closes it meanwhile.
        fcntl_setfd(unsafe { BorrowedFd::borrow_raw(*number) }, FdFlags::CLOEXEC)?;
    }
    Ok(numbers)
}

#[cfg(not(target_os = "macos"))]
#[allow(clippy::unnecessary_wraps)]
fn of_launchd() -> io::Result<Vec<RawFd>> {
    Ok(Vec::new())
}
