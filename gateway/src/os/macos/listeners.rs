//! Whether a socket listens, and whose it is.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io;
use rustix::net::{AddressFamily, SocketType, socket};

/// Whether `client` is connected to a socket of the process that listens on `listener`: the system does not tell.
pub(in crate::os) fn is_same_owner(_listener: &impl AsFd, _client: &impl AsFd) -> bool {
    true
}

/// Whether something can connect to `socket`: the system does not tell (it has SO_ACCEPTCONN in name only).
pub(in crate::os) fn may_listen(_socket: &impl AsFd) -> bool {
    true
}

/// A new Unix socket that does not block and that no other program gets, but for one that is started between the two calls.
///
/// # Errors
/// The system's.
pub(in crate::os) fn new_socket() -> io::Result<OwnedFd> {
    let socket = socket(AddressFamily::UNIX, SocketType::STREAM, None)?;
    io::fcntl_setfd(&socket, io::FdFlags::CLOEXEC)?;
    io::ioctl_fionbio(&socket, true)?;
    Ok(socket)
}
