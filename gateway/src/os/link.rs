//! What shims connect to, and who they are: a socket in the file system, or a named pipe.

use std::io;
use std::path::PathBuf;

use snowgate_link::os::User;

/// The process at the other end of a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LinkPeer {
    /// Its user.
    pub user: User,
    /// Its number, if it has one here.
    pub pid: Option<u32>,
}

/// Why shims cannot be listened for.
#[derive(Debug)]
pub struct ListenError {
    /// What was tried.
    pub what: &'static str,
    /// On which path.
    pub path: PathBuf,
    /// The system's answer.
    pub source: io::Error,
}
