//! Linux.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::net::sockopt::{Timeout, set_socket_timeout, socket_peercred};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, socket_with};

use super::{EntryKind, User, look};

/// Connects to the socket at `path`; while its queue of connections is full (its process may be frozen), it
/// waits for a place, without polling.
///
/// # Errors
/// The system's; `WouldBlock` if there was no place for as long as `timeout`.
pub fn connect(path: &Path, timeout: Duration) -> io::Result<UnixStream> {
    let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // Bounds `connect` too. Zero would mean for ever.
    set_socket_timeout(&socket, Timeout::Send, Some(timeout.max(Duration::from_millis(1))))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    set_socket_timeout(&socket, Timeout::Send, None)?;
    Ok(UnixStream::from(socket))
}

/// The effective user of the process at the other end, if the system reports it.
pub fn peer_user(stream: &UnixStream) -> Option<User> {
    socket_peercred(stream).ok().map(|peer| User(peer.uid.as_raw()))
}

/// The executable of process `pid`, if the system reports it.
pub fn executable_of(pid: u32) -> Option<PathBuf> {
    std::fs::read_link(format!("/proc/{pid}/exe")).ok()
}

/// The run directory of this user.
#[allow(clippy::unnecessary_wraps, reason = "other systems may not know one")]
pub fn run_dir() -> Option<PathBuf> {
    let user = super::user();
    let runtime = PathBuf::from(format!("/run/user/{}", user.0));
    let ours = matches!(look(&runtime), Ok(Some(entry)) if entry.kind == EntryKind::Directory && entry.owner == user);
    Some(if ours { runtime.join("snowgate") } else { PathBuf::from(format!("/tmp/snowgate-{}", user.0)) })
}
