//! What a gateway passes on to the program that takes its place by `exec`: the lock, so that no other gateway begins in between,
//! and sockets, so that no connection is refused. The process, its environment and its arguments stay those that they were.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, RawFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

use rustix::io::{FdFlags, fcntl_getfd, fcntl_setfd};
use snowgate_link::endpoint::Endpoint;

use super::PassedSocket;
use crate::os::FileStamp;

/// How a program's command line names what is passed on: a descriptor.
pub type PassedNumber = RawFd;

/// Lets the program that takes this one's place take over the lock.
///
/// # Errors
/// The system's.
pub fn pass_lock_on(lock: &File) -> io::Result<PassedNumber> {
    keep_open(lock)
}

/// The same for a socket.
///
/// # Errors
/// The system's.
pub fn pass_socket_on(socket: &PassedSocket) -> io::Result<PassedNumber> {
    keep_open(socket)
}

/// Takes over the lock of `endpoint`. Call once, before anything else opens a file.
///
/// # Errors
/// There is none, or it is not the endpoint's any more.
pub async fn take_over_lock(endpoint: &Endpoint, number: PassedNumber) -> io::Result<File> {
    let held = take_over(number)?;
    match FileStamp::of_entry(&endpoint.gateway_lock)?.id.is_of(&held) {
        true => Ok(held),
        false => Err(io::ErrorKind::NotFound.into()),
    }
}

/// Takes over a socket. Call once for each, before anything else opens a file.
///
/// # Errors
/// There is none.
pub fn take_over_socket(number: PassedNumber) -> io::Result<PassedSocket> {
    take_over(number).map(PassedSocket::from)
}

/// Becomes the program of `command`; returns only if that fails.
///
/// # Errors
/// The system's.
pub fn hand_over_to(command: &mut Command) -> io::Result<()> {
    Err(command.exec())
}

/// Lets `file` (or a socket) stay open over an `exec`; returns its number.
fn keep_open(file: &impl AsFd) -> io::Result<RawFd> {
    fcntl_setfd(file, fcntl_getfd(file)?.difference(FdFlags::CLOEXEC))?;
    Ok(file.as_fd().as_raw_fd())
}

/// Takes over the descriptor `number` that the program before this one has kept open for it. Call once,
/// before anything else opens a file, with the number that was given on the command line.
fn take_over(number: RawFd) -> io::Result<File> {
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
