//! Why a client environment cannot be had, in words that say what to install.

use std::fmt;
use std::io;

/// A client environment that cannot be prepared on this machine.
#[derive(Debug)]
pub enum Unavailable {
    /// A program is not installed.
    Missing {
        /// The program as it is called.
        program: String,
        /// What would do, and how to get it.
        needed: String,
    },
    /// A program is installed but too old.
    TooOld {
        /// The program as it is called.
        program: String,
        /// Its version.
        found: String,
        /// The version that would do.
        needed: String,
    },
    /// A package manager failed.
    Install {
        /// What was being installed.
        what: String,
        /// What the package manager said, and perhaps a hint.
        output: String,
    },
    /// The operating system refused something.
    Os {
        /// The operation and its object.
        doing: String,
        /// The refusal.
        source: io::Error,
    },
}

impl Unavailable {
    /// Wraps an [`io::Error`] met while `doing` something.
    pub(super) fn os(doing: impl Into<String>) -> impl FnOnce(io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Os { doing, source }
    }
}

impl fmt::Display for Unavailable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing { program, needed } => {
                write!(f, "the client tests need `{program}`, which was not found: {needed}")
            }
            Self::TooOld { program, found, needed } => {
                write!(f, "the client tests need {needed}, and `{program}` is {found}")
            }
            Self::Install { what, output } => write!(f, "{what} could not be installed: {output}"),
            Self::Os { doing, .. } => write!(f, "{doing} failed"),
        }
    }
}

impl std::error::Error for Unavailable {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Os { source, .. } => Some(source),
            _ => None,
        }
    }
}
