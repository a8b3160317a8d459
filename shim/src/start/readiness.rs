//! What a starting gateway says to whoever started it.

use std::path::PathBuf;

use crate::flat::{FlatReader, FlatWriter};

/// What a starting gateway says on its readiness pipe, as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// It listens.
    Ready,
    /// Another gateway has the lock.
    Already,
    /// It cannot start.
    Error {
        /// Why.
        message: String,
        /// What to do about it.
        next_step: Option<String>,
        /// Where it says more.
        log: Option<PathBuf>,
    },
    /// It ended without a word: the intermediate says so, and the end of its stderr may say why.
    Died {
        /// How.
        message: String,
        /// What to do about it.
        next_step: String,
    },
}

impl Readiness {
    /// The line, newline included.
    pub fn to_line(&self) -> Vec<u8> {
        let line = FlatWriter::new();
        match self {
            Self::Ready => line.text("state", Some("ready")),
            Self::Already => line.text("state", Some("already")),
            Self::Error { message, next_step, log } => line
                .text("state", Some("error"))
                .text("message", Some(message))
                .text("next_step", next_step.as_deref())
                .text("log", log.as_ref().and_then(|log| log.to_str())),
            Self::Died { message, next_step } => line
                .text("state", Some("died"))
                .text("message", Some(message))
                .text("next_step", Some(next_step)),
        }
        .into_line()
    }

    /// Reads a line; `None` where it is none.
    pub fn from_line(line: &[u8]) -> Option<Self> {
        let read = FlatReader::new(line);
        let message = read.text("message").unwrap_or_default();
        let next_step = read.text("next_step");
        match read.text("state")?.as_str() {
            "ready" => Some(Self::Ready),
            "already" => Some(Self::Already),
            "error" => Some(Self::Error { message, next_step, log: read.text("log").map(PathBuf::from) }),
            "died" => Some(Self::Died { message, next_step: next_step.unwrap_or_default() }),
            _ => None,
        }
    }
}
