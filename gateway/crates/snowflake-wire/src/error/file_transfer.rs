//! The statements that are never sent.

use std::fmt;

/// A statement that moves files between the client's machine and a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileTransfer {
    /// Uploads.
    Put,
    /// Downloads.
    Get,
}

impl fmt::Display for FileTransfer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Put => "PUT",
            Self::Get => "GET",
        })
    }
}
