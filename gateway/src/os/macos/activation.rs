//! The socket that launchd has opened for this process.

use std::io;
use std::os::fd::{BorrowedFd, RawFd};

use raunch::Error;
use rustix::io::{FdFlags, fcntl_setfd};

use crate::os::LAUNCHD_SOCKET;

/// Their numbers; a program that this process starts inherits none.
///
/// # Errors
/// The system's.
pub(in crate::os) fn activated_sockets() -> io::Result<Vec<RawFd>> {
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
