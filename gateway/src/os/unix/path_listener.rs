//! Sockets that have a path, for programs of this user on this machine.

use std::io;
use std::os::unix::fs::{FileTypeExt as _, PermissionsExt};
use std::os::unix::net::{UnixListener as StdUnixListener, UnixStream as StdUnixStream};
use std::path::{Path, PathBuf};

use tokio::net::{UnixListener, UnixSocket, UnixStream};

use super::PassedSocket;
use crate::os::{FileId, FileStamp, PRIVATE, PathListenError};

/// Whether programs can listen at a path.
pub const HAS_PATH_LISTENERS: bool = true;

/// Connections that the system keeps until they are accepted.
const BACKLOG: u32 = 1_024;

/// A connection to a [`PathListener`].
pub type PathConnection = UnixStream;

/// A socket that listens at a path, for this user alone.
#[derive(Debug)]
pub struct PathListener {
    socket: UnixListener,
    path: PathBuf,
    /// Only our own file is ever removed.
    own: FileId,
}

impl PathListener {
    /// Listens at `path`: on the socket that the gateway before has passed on, where that is it.
    ///
    /// # Errors
    /// The system's; another's file or socket is there.
    pub fn open(path: &Path, inherited: Option<PassedSocket>) -> Result<Self, PathListenError> {
        let socket = match inherited.and_then(|socket| inherited_at(socket, path)) {
            Some(socket) => {
                socket.set_nonblocking(true)?;
                UnixListener::from_std(socket)?
            }
            None => {
                remove_stale(path)?;
                listen_private(path)?
            }
        };
        Ok(Self { socket, path: path.to_owned(), own: FileStamp::of_entry(path)?.id })
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The next connection.
    ///
    /// # Errors
    /// The system's; running out of descriptors is one that passes.
    pub async fn accept(&self) -> io::Result<PathConnection> {
        self.socket.accept().await.map(|(stream, _)| stream)
    }

    /// The socket, for the gateway that takes this one's place.
    ///
    /// # Errors
    /// The system's.
    pub fn pass_on(self) -> io::Result<PassedSocket> {
        self.socket.into_std().map(PassedSocket::from)
    }

    /// Listens no more, and removes the socket's file.
    ///
    /// # Errors
    /// The file cannot be removed.
    pub fn close(self) -> io::Result<()> {
        let Self { socket, path, own } = self;
        drop(socket);
        match FileStamp::of_entry(&path) {
            Ok(found) if found.id == own => std::fs::remove_file(&path),
            _ => Ok(()),
        }
    }
}

/// The socket, if it listens at `wanted`.
fn inherited_at(socket: PassedSocket, wanted: &Path) -> Option<StdUnixListener> {
    let socket = StdUnixListener::from(socket);
    let is_wanted = socket.local_addr().ok()?.as_pathname() == Some(wanted);
    let is_there = std::fs::symlink_metadata(wanted).is_ok_and(|file| file.file_type().is_socket());
    (is_wanted && is_there).then_some(socket)
}

/// Removes what a gateway left that was killed; fails where something else is in the socket's place.
fn remove_stale(path: &Path) -> Result<(), PathListenError> {
    let foreign = |what| Err(PathListenError::Foreign(what));
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error.into()),
        Ok(file) if !file.file_type().is_socket() => return foreign("there is a file that is no socket"),
        Ok(_) => {}
    }
    match StdUnixStream::connect(path) {
        Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => Ok(std::fs::remove_file(path)?),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Ok(_) => foreign("another program listens on it"),
        Err(_) => foreign("there is a socket that may be another program's"),
    }
}

/// Listens on a socket that this user alone may connect to, from the moment that it is there.
fn listen_private(path: &Path) -> io::Result<UnixListener> {
    let socket = UnixSocket::new_stream()?;
    // Linux takes the file's permissions from the socket; elsewhere they are set a moment later.
    let _ = rustix::fs::fchmod(&socket, rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR);
    socket.bind(path)?;
    std::fs::set_permissions(path, PermissionsExt::from_mode(PRIVATE))?;
    socket.listen(BACKLOG)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_is_private_a_stale_one_is_replaced_and_it_is_removed_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http.sock");
        drop(PathListener::open(&path, None).unwrap());
        assert!(path.exists(), "as a gateway leaves it that is killed");
        let listener = PathListener::open(&path, None).unwrap();
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        listener.close().unwrap();
        assert!(!path.exists());
    }

    #[tokio::test]
    async fn what_is_not_the_front_s_own_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http.sock");
        let other = StdUnixListener::bind(&path).unwrap();
        let error = PathListener::open(&path, None).unwrap_err();
        assert!(matches!(error, PathListenError::Foreign("another program listens on it")), "{error:?}");
        drop(other);
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "precious").unwrap();
        let error = PathListener::open(&path, None).unwrap_err();
        assert!(matches!(error, PathListenError::Foreign(what) if what.contains("no socket")), "{error:?}");
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
        // Replaced while it was in use.
        std::fs::remove_file(&path).unwrap();
        let listener = PathListener::open(&path, None).unwrap();
        std::fs::remove_file(&path).unwrap();
        std::fs::write(&path, "another's").unwrap();
        listener.close().unwrap();
        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_socket_that_is_passed_on_stays_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("http.sock");
        let first = PathListener::open(&path, None).unwrap();
        let own = FileStamp::of_entry(&path).unwrap().id;
        let second = PathListener::open(&path, Some(first.pass_on().unwrap())).unwrap();
        assert_eq!(FileStamp::of_entry(&path).unwrap().id, own);
        second.close().unwrap();
        assert!(!path.exists());
    }
}
