//! The connection to the gateway, and who is at its other end.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// Connects to the socket at `path`; while its queue of connections is full (its process may be frozen), it
/// waits for a place, without polling.
///
/// # Errors
/// The system's; `WouldBlock` if there was no place for as long as `timeout`.
#[cfg(target_os = "linux")]
pub fn connect(path: &Path, timeout: Duration) -> io::Result<UnixStream> {
    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, connect, socket_with};
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // Bounds `connect` too. Zero would mean for ever.
    set_socket_timeout(&socket, Timeout::Send, Some(timeout.max(Duration::from_millis(1))))?;
    connect(&socket, &SocketAddrUnix::new(path)?)?;
    set_socket_timeout(&socket, Timeout::Send, None)?;
    Ok(UnixStream::from(socket))
}

/// Connects to the socket at `path`. This system refuses the connection where the queue is full.
///
/// # Errors
/// The system's.
#[cfg(not(target_os = "linux"))]
pub fn connect(path: &Path, _timeout: Duration) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

/// The effective user of the process at the other end, if the system reports it.
#[cfg(target_os = "linux")]
pub fn peer_uid(stream: &UnixStream) -> Option<u32> {
    rustix::net::sockopt::socket_peercred(stream).ok().map(|peer| peer.uid.as_raw())
}

/// The effective user of the process at the other end, if the system reports it.
#[cfg(not(target_os = "linux"))]
pub fn peer_uid(stream: &UnixStream) -> Option<u32> {
    super::raw::peer_uid(stream)
}
