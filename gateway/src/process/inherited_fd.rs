//! The descriptors that a gateway passes on to the program that takes its place by `exec`: the lock, so that no other gateway
//! begins in between, and the socket of the HTTP front, so that no connection is refused. The process, its environment and
//! its arguments stay those that they were.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, RawFd};

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};

/// Lets `file` (or a socket) stay open over an `exec`; returns its number.
///
/// # Errors
/// The system's.
pub(super) fn keep_open(file: &impl AsFd) -> io::Result<RawFd> {
    fcntl_setfd(file, fcntl_getfd(file)?.difference(FdFlags::CLOEXEC))?;
    Ok(file.as_fd().as_raw_fd())
}

/// Takes over the descriptor `number` that the program before this one has kept open for it. Call once,
/// before anything else opens a file, with the number that was given on the command line.
///
/// # Errors
/// There is no such descriptor.
pub(super) fn take_over(number: RawFd) -> io::Result<File> {
    // Called by hand with an arbitrary number, this could take over a standard stream: those are refused.
    if number <= 2 {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    // SAFETY: the descriptor was opened by this very process before its `exec` and left open for this call
    // alone, which is made once; nothing else in this program knows its number, so this is its only owner.
    // One that is not open is found out by the next line, which fails.
    let file = unsafe { File::from_raw_fd(number) };
    match fcntl_getfd(&file).and_then(|flags| fcntl_setfd(&file, flags.union(FdFlags::CLOEXEC))) {
        Ok(()) => Ok(file),
        Err(error) => {
            // Not open: closing it would be the second error.
            std::mem::forget(file);
            Err(error.into())
        }
    }
}
