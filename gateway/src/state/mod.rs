//! What outlives the gateway: sessions that may come back, and the journal of statements that are not reads.
//!
//! One SQLite file in write-ahead mode. A commit is an append that the system has when it returns, so it
//! survives a gateway that is killed. After a power failure the file is sound and may lack the last moments;
//! the shims that could replay something are gone then, too. A file that cannot be used is set aside, never
//! repaired or overwritten; a disk that is full stops what needs the file and nothing else.

mod file;
mod identity;
mod journal;
mod running_writes;
mod sessions;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use file::{OpenFile, Unopened};
pub use identity::{Identity, ShimProcess};
pub use journal::{Digest, Entry, RESULT_BYTES_MAX};
pub use running_writes::{RequestKey, RunningWrites};
use rusqlite::Connection;
pub use sessions::{Counts, Registered, SessionLookup, SessionRecord, SessionSnapshot};
use thiserror::Error;

/// The file's name in the state folder.
const FILE: &str = "state.db";

/// The pause between two attempts to open a file that cannot be opened.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// The state file cannot be used just now.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
#[error("cannot {what} {}: {cause}", file.display())]
pub struct StateError {
    what: &'static str,
    file: PathBuf,
    cause: String,
}

/// The state file of one home. Its methods block for as long as a few system calls take: call them from a
/// thread that may.
#[derive(Debug)]
pub struct StateStore {
    path: PathBuf,
    inner: Mutex<Inner>,
    /// What a person should know; apart, so that `status` never waits for the file.
    problem: Mutex<Problem>,
}

/// What went wrong.
#[derive(Debug, Default)]
struct Problem {
    /// What went wrong last, until something goes right again.
    now: Option<String>,
    /// What this process set aside last, and why.
    set_aside: Option<String>,
}

/// Guarded by [`StateStore::inner`].
#[derive(Debug, Default)]
struct Inner {
    open: Option<OpenFile>,
    /// When opening last failed.
    tried_at: Option<Instant>,
}

impl StateStore {
    /// The state file in `folder`; it is created if it is missing, and set aside if it is unusable. One
    /// that cannot be opened is tried again later: this never fails.
    pub fn open(folder: &Path) -> Self {
        let store = Self { path: folder.join(FILE), inner: Mutex::default(), problem: Mutex::default() };
        if let Err(error) = store.with("open", |_| Ok(())) {
            tracing::error!(%error, "no state is kept, and statements that write are refused, until it can be");
        }
        store
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What tells this journal from every other; `None` while there is none.
    pub fn id(&self) -> Option<String> {
        self.with("open", |_| Ok(())).ok()?;
        self.lock().open.as_ref().map(|open| open.id.clone())
    }

    /// What a person should know: what is wrong now, or what was set aside.
    pub fn problem(&self) -> Option<String> {
        let problem = self.problems();
        problem.now.clone().or_else(|| problem.set_aside.clone())
    }

    /// Runs `run` on the file, opening it first where that has not worked yet.
    fn with<T>(
        &self,
        what: &'static str,
        run: impl FnOnce(&mut Connection) -> rusqlite::Result<T>,
    ) -> Result<T, StateError> {
        let mut inner = self.lock();
        let failed = |cause| StateError { what, file: self.path.clone(), cause };
        self.open_again(&mut inner).map_err(failed)?;
        let Some(open) = &mut inner.open else {
            return Err(failed(self.problems().now.clone().unwrap_or_default()));
        };
        match run(&mut open.connection) {
            Ok(done) => {
                self.problems().now = None;
                Ok(done)
            }
            Err(error) => {
                if file::is_unusable(&error) {
                    // Opened anew, it is set aside.
                    inner.open = None;
                }
                self.problems().now = Some(format!("cannot {what} {}: {error}", self.path.display()));
                Err(failed(error.to_string()))
            }
        }
    }

    fn open_again(&self, inner: &mut Inner) -> Result<(), String> {
        if inner.open.is_some() || inner.tried_at.is_some_and(|at| at.elapsed() < REOPEN_PAUSE) {
            return Ok(());
        }
        let cause = match OpenFile::open(&self.path) {
            Ok(open) => return self.take(inner, open),
            Err(Unopened::Later(cause)) => cause,
            Err(Unopened::Unusable(why)) => match file::set_aside(&self.path) {
                Ok(aside) => {
                    let said = format!("{why}; it was set aside as {}", aside.display());
                    tracing::error!(file = %self.path.display(), "the state file is unusable: {said}");
                    self.problems().set_aside = Some(said);
                    match OpenFile::open(&self.path) {
                        Ok(open) => return self.take(inner, open),
                        Err(Unopened::Later(cause) | Unopened::Unusable(cause)) => cause,
                    }
                }
                Err(error) => format!("{why}, and it cannot be set aside: {error}"),
            },
        };
        inner.tried_at = Some(Instant::now());
        self.problems().now = Some(cause.clone());
        Err(cause)
    }

    fn take(&self, inner: &mut Inner, open: OpenFile) -> Result<(), String> {
        (inner.open, inner.tried_at) = (Some(open), None);
        self.problems().now = None;
        Ok(())
    }

    fn problems(&self) -> MutexGuard<'_, Problem> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Opens the file anew if it is no longer the one at its path.
    pub fn reopen_if_replaced(&self) {
        let mut inner = self.lock();
        if inner.open.as_ref().is_some_and(|open| !open.is_in_place(&self.path)) {
            tracing::error!(file = %self.path.display(), "the state file was removed or replaced; another is used from here on");
            inner.open = None;
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since 1970, as the file has them.
fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
