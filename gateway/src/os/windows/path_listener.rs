//! Sockets that have a path: programs here cannot rely on them (Windows 10 has them, tokio does not), so there are none. The
//! configuration refuses a path, which is why none of this is ever reached.

use std::io;
use std::path::Path;

use super::PassedSocket;
use crate::os::PathListenError;

/// Whether programs can listen at a path.
pub const HAS_PATH_LISTENERS: bool = false;

/// A connection to a [`PathListener`]: there is none.
pub type PathConnection = tokio::net::TcpStream;

/// A socket that listens at a path: there is none.
#[derive(Debug)]
pub enum PathListener {}

impl PathListener {
    /// Listens at `path`.
    ///
    /// # Errors
    /// Always.
    pub fn open(_path: &Path, _inherited: Option<PassedSocket>) -> Result<Self, PathListenError> {
        Err(PathListenError::Io(io::ErrorKind::Unsupported.into()))
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        match *self {}
    }

    /// The next connection.
    ///
    /// # Errors
    /// There is none to have one.
    #[allow(clippy::unused_async, reason = "as elsewhere")]
    pub async fn accept(&self) -> io::Result<PathConnection> {
        match *self {}
    }

    /// The socket, for the gateway that takes this one's place.
    ///
    /// # Errors
    /// There is none to have one.
    pub fn pass_on(self) -> io::Result<PassedSocket> {
        match self {}
    }

    /// Listens no more.
    ///
    /// # Errors
    /// There is none to have one.
    pub fn close(self) -> io::Result<()> {
        match self {}
    }
}
