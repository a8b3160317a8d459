//! What is known of a stream outside its thread.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use serde::{Deserialize, Serialize};

use super::StreamName;

/// Written by the stream's thread (`lost` by its queue, too), read by `status`: reading it asks no file system.
#[derive(Debug)]
pub struct StreamState {
    name: StreamName,
    /// The file that is written, and the bytes of all of the family.
    place: Mutex<(Option<PathBuf>, u64)>,
    dropped: AtomicU64,
    problem: Mutex<Option<String>>,
}

/// How a stream is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LogView {
    /// Its name.
    pub stream: String,
    /// The file that is written.
    pub file: Option<String>,
    /// Bytes of all its files.
    pub bytes: u64,
    /// Lines that were not written since the gateway started.
    pub dropped: u64,
    /// Why they are not written.
    pub problem: Option<String>,
}

impl StreamState {
    pub(super) fn new(name: StreamName) -> Self {
        Self { name, place: Mutex::default(), dropped: AtomicU64::new(0), problem: Mutex::default() }
    }

    pub(super) fn set_place(&self, file: PathBuf, bytes: u64) {
        *self.place.lock().unwrap_or_else(PoisonError::into_inner) = (Some(file), bytes);
    }

    pub(super) fn set_problem(&self, problem: Option<String>) {
        *self.problem.lock().unwrap_or_else(PoisonError::into_inner) = problem;
    }

    pub(super) fn count_dropped(&self, lines: u64) {
        self.dropped.fetch_add(lines, Ordering::Relaxed);
    }

    /// Lines that were not written.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Why its lines are not written to its files.
    pub fn problem(&self) -> Option<String> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The file that is written.
    pub fn file(&self) -> Option<PathBuf> {
        self.place.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    /// As it is now.
    pub fn view(&self) -> LogView {
        let (file, bytes) = self.place.lock().unwrap_or_else(PoisonError::into_inner).clone();
        LogView {
            stream: self.name.as_str().to_owned(),
            file: file.map(|file| file.display().to_string()),
            bytes,
            dropped: self.dropped(),
            problem: self.problem(),
        }
    }
}
