//! Where a gateway listens: a socket in the file system.

use std::path::{Path, PathBuf};

/// The longest socket path, in bytes: `sun_path` holds 104 on macOS and 108 on Linux with the NUL behind it, and the gateway
/// binds under a slightly longer temporary name first.
pub const SOCKET_PATH_BYTES_MAX: usize = 100;

/// What to do about a socket that cannot be used.
pub const OTHER_SOCKET: &str = "set SNOWGATE_SOCKET (or --socket) to another path";

/// The same, for one whose path is too long.
pub const SHORTER_SOCKET: &str = "set SNOWGATE_SOCKET (or --socket) to a shorter path";

/// The same, for one in a folder that cannot be trusted.
pub const OWN_SOCKET: &str =
    "set SNOWGATE_SOCKET (or --socket) to a path in a folder that only you can write to";

/// What to do where there is no home directory.
pub const NO_HOME_STEP: &str = "set HOME or SNOWGATE_SOCKET";

/// The socket of the run directory `dir`.
pub fn socket_in(dir: &Path, _is_home: bool) -> PathBuf {
    dir.join("gateway.sock")
}

/// A socket that the user has named, from the root (the gateway runs in `/`), and what the names of its locks begin with.
#[allow(clippy::unnecessary_wraps, reason = "not every name is one on every system")]
pub fn named_place(socket: &Path, _home: Option<&Path>) -> Option<(PathBuf, PathBuf)> {
    let socket = std::path::absolute(socket).unwrap_or_else(|_| socket.to_owned());
    Some((socket.clone(), socket))
}
