//! macOS, and what other systems that are not Linux have in common with it.

use std::io;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::User;
use super::unix::raw;

/// Connects to the socket at `path`. This system refuses the connection where the queue is full.
///
/// # Errors
/// The system's.
pub fn connect(path: &Path, _timeout: Duration) -> io::Result<UnixStream> {
    UnixStream::connect(path)
}

/// The effective user of the process at the other end, if the system reports it.
pub fn peer_user(stream: &UnixStream) -> Option<User> {
    raw::peer_uid(stream).map(User)
}

/// The executable of process `pid`, if the system reports it.
pub fn executable_of(pid: u32) -> Option<PathBuf> {
    raw::executable_of(pid)
}

/// The run directory of this user.
pub fn run_dir() -> Option<PathBuf> {
    Some(std::env::home_dir()?.join("Library/Application Support/snowgate/run"))
}
