//! What a starting gateway reports to the process that started it.

use std::path::PathBuf;

use crate::flat::{FlatReader, FlatWriter};

/// What a starting gateway writes to its readiness pipe, as one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Readiness {
    /// Its process runs; another line follows.
    Started {
        /// The process.
        pid: u32,
    },
    /// It is listening.
    Ready,
    /// Another gateway holds the lock.
    Already,
    /// It cannot start.
    Error {
        /// Why.
        message: String,
        /// What to do about it.
        next_step: Option<String>,
        /// The log with more details.
        log: Option<PathBuf>,
    },
    /// It exited without a line: the intermediate reports that, and the end of its stderr may give the
    /// reason.
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
            Self::Started { pid } => line.text("state", Some("started")).number("pid", *pid),
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

    /// Reads a line; `None` if it is not a readiness line.
    pub fn from_line(line: &[u8]) -> Option<Self> {
        let read = FlatReader::new(line);
        let message = read.text("message").unwrap_or_default();
        let next_step = read.text("next_step");
        match read.text("state")?.as_str() {
            "started" => Some(Self::Started { pid: read.number("pid").unwrap_or_default() }),
            "ready" => Some(Self::Ready),
            "already" => Some(Self::Already),
            "error" => Some(Self::Error { message, next_step, log: read.text("log").map(PathBuf::from) }),
            "died" => Some(Self::Died { message, next_step: next_step.unwrap_or_default() }),
            _ => None,
        }
    }
}
