//! Log files: what is written to them, by threads of their own so that no request waits for the disk.
//!
//! `stream` takes items of one kind from a bounded queue (`queue`) and has them written by its thread; `stream_file` writes lines
//! to a family of files, counts what is lost and says so; `files` rolls the family and bounds it, `tail` cuts what is half
//! written. `line` reads and writes lines, as JSON and as text. `main_stream` has the lines of the process: the streams `main` and `error`, and stderr.
//!
//! `follower` reads a family as it grows.
//!
//! Invariant: no append waits for the disk: what the queue has no room for is dropped and counted.

mod clock;
mod files;
mod follower;
mod line;
mod main_stream;
mod queue;
mod state;
mod stream;
mod stream_file;
mod tail;

pub use clock::{Timestamp, date};
pub use files::newest_log;
pub use follower::{Follower, Reader};
pub use line::{Line, escaped, escaped_lines, must_be_escaped};
pub use main_stream::{MainLines, MainStream, StderrUse};
pub use state::{LogView, StreamState};
pub use stream::{Consumer, Stream};
pub use stream_file::StreamFile;

/// The streams, but for the audit trail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamName {
    /// What the gateway says.
    Main,
    /// The warnings and errors of `main`.
    Error,
    /// A line a request.
    Access,
    /// The text of statements.
    Sql,
}

impl StreamName {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Main, Self::Error, Self::Access, Self::Sql];

    /// Its name for users.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Main => "main",
            Self::Error => "error",
            Self::Access => "access",
            Self::Sql => "sql",
        }
    }

    /// The name of its thread.
    pub(crate) fn thread(self) -> &'static str {
        match self {
            Self::Main | Self::Error => "snowgate-log",
            Self::Access => "snowgate-access",
            Self::Sql => "snowgate-sql",
        }
    }

    /// What becomes of its lines while its files cannot be opened.
    fn instead(self) -> &'static str {
        match self {
            Self::Main => "it goes to stderr",
            Self::Error | Self::Access | Self::Sql => "its lines are dropped",
        }
    }

    /// What the names of its files begin with.
    pub fn prefix(self) -> &'static str {
        match self {
            Self::Main => "gateway.",
            Self::Error => "error.",
            Self::Access => "access.",
            Self::Sql => "sql.",
        }
    }
}
