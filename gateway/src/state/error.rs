//! Why the state file could not be used.

use std::path::{Path, PathBuf};

use thiserror::Error;

/// The state file cannot be used just now.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("cannot {what} {}: {cause}", file.display())]
pub struct StateError {
    what: &'static str,
    file: PathBuf,
    cause: String,
    is_busy: bool,
}

impl StateError {
    pub(super) fn new(what: &'static str, file: &Path, cause: impl Into<String>) -> Self {
        Self { what, file: file.to_owned(), cause: cause.into(), is_busy: false }
    }

    /// The same, because someone else has the file, or too much is asked of it.
    pub(super) fn busy(self) -> Self {
        Self { is_busy: true, ..self }
    }

    /// Whether nothing is wrong with the file: another program holds it, or it has too much to do.
    pub fn is_busy(&self) -> bool {
        self.is_busy
    }
}

/// The error of a file whose disk is full, as an example.
#[cfg(test)]
pub(crate) fn full_error() -> StateError {
    StateError::new("write to", Path::new("state.db"), "database or disk is full")
}
