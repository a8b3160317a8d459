//! Log files: what is written to them, by a thread of its own so that no request waits for the disk.
//!
//! `files` rolls a family of files and bounds it, `log_file` goes to stderr where they cannot be written, `paced` writes in
//! batches.

mod files;
mod log_file;
mod paced;

pub use files::{FILE_BYTES_MAX, newest_log};
pub use log_file::{LogFile, LogProblem};
pub use paced::Paced;
