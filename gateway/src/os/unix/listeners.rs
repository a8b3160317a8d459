//! Which socket answers at a path.

use std::io;
use std::os::fd::OwnedFd;
use std::path::Path;

use rustix::net::{SocketAddrUnix, connect};

use crate::os::kernel::{is_same_owner, new_socket};

/// Whether those who connect at `path` come to the listening `socket`: something listens there, and, where the system tells
/// (Linux), the process that did so first is the same. Does not block; what listens sees a connection that ends at once.
///
/// # Errors
/// The system's; not that nothing is there.
pub fn is_reached_at(socket: &OwnedFd, path: &Path) -> io::Result<bool> {
    let address = SocketAddrUnix::new(path)?;
    let client = new_socket()?;
    match connect(&client, &address) {
        Ok(()) => Ok(is_same_owner(socket, &client)),
        // So many wait there that there is no room for another.
        Err(rustix::io::Errno::AGAIN) => Ok(true),
        Err(_) => Ok(false),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixListener;

    use super::*;

    #[test]
    fn a_socket_is_reached_where_its_file_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("s");
        let socket = OwnedFd::from(UnixListener::bind(&path).unwrap());
        assert!(is_reached_at(&socket, &path).unwrap());
        std::fs::remove_file(&path).unwrap();
        assert!(!is_reached_at(&socket, &path).unwrap());
        std::fs::write(&path, "no socket").unwrap();
        assert!(!is_reached_at(&socket, &path).unwrap());
        std::fs::remove_file(&path).unwrap();
        // One that is left of a process that is gone.
        drop(UnixListener::bind(&path).unwrap());
        assert!(!is_reached_at(&socket, &path).unwrap());
    }
}
