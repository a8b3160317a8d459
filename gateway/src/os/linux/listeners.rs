//! Whether a socket listens, and whose it is.

use std::os::fd::{AsFd, OwnedFd};

use rustix::io;
use rustix::net::sockopt::{socket_acceptconn, socket_peercred};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socket_with};

/// Whether `client` is connected to a socket of the process that listens on `listener`.
pub(in crate::os) fn is_same_owner(listener: &impl AsFd, client: &impl AsFd) -> bool {
    // A listening socket has the credentials of the process that called `listen`; who connects there gets the same.
    match (socket_peercred(listener), socket_peercred(client)) {
        (Ok(of_listener), Ok(of_client)) => of_listener == of_client,
        _ => true,
    }
}

/// Whether something can connect to `socket`, as far as the system tells.
pub(in crate::os) fn may_listen(socket: &impl AsFd) -> bool {
    socket_acceptconn(socket) != Ok(false)
}

/// A new Unix socket that does not block and that no other program gets.
///
/// # Errors
/// The system's.
pub(in crate::os) fn new_socket() -> io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
}
