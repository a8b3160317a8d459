//! Why nothing listens at a path.

use std::io;

/// Why a socket at a path cannot be used.
#[derive(Debug)]
pub enum PathListenError {
    /// The system's error.
    Io(io::Error),
    /// What is there is another's: this.
    Foreign(&'static str),
}

impl From<io::Error> for PathListenError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
