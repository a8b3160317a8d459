//! The file at its place: opened, opened again, and what others are told of it.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::ErrorCode;

use super::StateError;
use super::file::{self, FIRST_OPENING_TIMEOUT, OPENING_TIMEOUT, OpenFile, Unopened};
use super::jobs::Job;
use super::reserve::Reserve;

/// The pause between two attempts to open a file that cannot be opened.
const REOPEN_PAUSE: Duration = Duration::from_secs(1);

/// What anyone may know of the file without waiting for it. Written by its thread alone.
#[derive(Debug)]
pub(super) struct Known {
    pub(super) path: PathBuf,
    /// What tells the journal from every other; `None` while the file is not open.
    id: Mutex<Option<String>>,
    problem: Mutex<Problem>,
    /// Set by whoever wants the thread to look whether the file is still at its place.
    pub(super) look_at_place: AtomicBool,
}

/// What went wrong.
#[derive(Debug, Default)]
struct Problem {
    /// What went wrong last, until something goes right again.
    now: Option<String>,
    /// What this process set aside last, and why.
    set_aside: Option<String>,
}

impl Known {
    pub(super) fn of(path: PathBuf) -> Arc<Self> {
        let look_at_place = AtomicBool::new(false);
        Arc::new(Self { path, id: Mutex::default(), problem: Mutex::default(), look_at_place })
    }

    pub(super) fn id(&self) -> Option<String> {
        self.id.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn set_id(&self, id: Option<String>) {
        *self.id.lock().unwrap_or_else(PoisonError::into_inner) = id;
    }

    /// What a person should know: what is wrong now, or what was set aside.
    pub(super) fn problem(&self) -> Option<String> {
        let problem = self.problems();
        problem.now.clone().or_else(|| problem.set_aside.clone())
    }

    fn problems(&self) -> MutexGuard<'_, Problem> {
        self.problem.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Why a job was not done.
pub(super) enum Failure {
    /// It may be done a moment later.
    Busy(String),
    /// It is refused.
    Final(StateError),
}

/// The state file, for its thread.
pub(super) struct StateFile {
    known: Arc<Known>,
    open: Option<OpenFile>,
    /// When opening last failed.
    tried_at: Option<Instant>,
    reserve: Reserve,
}

impl StateFile {
    pub(super) fn new(known: Arc<Known>) -> Self {
        Self { known, open: None, tried_at: None, reserve: Reserve::default() }
    }

    /// Does `job` with the file, which is opened first where that has not worked yet.
    pub(super) fn attempt(&mut self, job: &mut dyn Job) -> Result<(), Failure> {
        if self.known.look_at_place.swap(false, Ordering::Relaxed) {
            self.close_if_replaced();
        }
        let what = job.ask().what;
        self.open_again().map_err(|cause| Failure::Final(self.error(what, cause)))?;
        let Some(open) = &mut self.open else {
            let cause = self.known.problems().now.clone().unwrap_or_default();
            return Err(Failure::Final(self.error(what, cause)));
        };
        let mut done = job.attempt(open);
        if is_out_of_memory(&done) && self.reserve.give_up() {
            done = job.attempt(open);
        }
        match done {
            Ok(()) => {
                self.reserve.fill();
                if job.ask().mode != file::Mode::Read {
                    self.known.problems().now = None;
                }
                Ok(())
            }
            Err(error) if may_pass(&error) => Err(Failure::Busy(error.to_string())),
            Err(error) => {
                if file::is_unusable(&error) {
                    // Opened anew, it is set aside.
                    self.close();
                }
                let error = self.error(what, error.to_string());
                self.known.problems().now = Some(error.to_string());
                Err(Failure::Final(error))
            }
        }
    }

    fn error(&self, what: &'static str, cause: impl Into<String>) -> StateError {
        StateError::new(what, &self.known.path, cause)
    }

    /// The error of a job that has `waited` for nothing, for `cause` if that is known.
    pub(super) fn busy_error(&self, what: &'static str, waited: Duration, cause: &str) -> StateError {
        let waited = format!("{:.1} s", waited.as_secs_f64());
        let cause = match cause {
            "" => format!("it had too much to do for {waited}"),
            cause => format!("it could not be had for {waited}: {cause}"),
        };
        let error = self.error(what, cause).busy();
        self.known.problems().now = Some(error.to_string());
        error
    }

    /// Closes the file; the next job opens it.
    pub(super) fn close(&mut self) {
        self.open = None;
        self.known.set_id(None);
    }

    fn close_if_replaced(&mut self) {
        let path = &self.known.path;
        if self.open.as_ref().is_some_and(|open| !open.is_in_place(path)) {
            tracing::error!(file = %path.display(), "the state file was removed or replaced; another is used from here on");
            self.close();
        }
    }

    fn open_again(&mut self) -> Result<(), String> {
        if self.open.is_some() || self.tried_at.is_some_and(|at| at.elapsed() < REOPEN_PAUSE) {
            return Ok(());
        }
        match self.open_anew() {
            Ok(open) => {
                self.known.set_id(Some(open.id.clone()));
                (self.open, self.tried_at) = (Some(open), None);
                self.known.problems().now = None;
                Ok(())
            }
            Err(cause) => {
                self.tried_at = Some(Instant::now());
                self.known.problems().now = Some(cause.clone());
                Err(cause)
            }
        }
    }

    fn open_anew(&self) -> Result<OpenFile, String> {
        let path: &Path = &self.known.path;
        let wait = if self.tried_at.is_none() { FIRST_OPENING_TIMEOUT } else { OPENING_TIMEOUT };
        let why = match OpenFile::open(path, wait) {
            Ok(open) => return Ok(open),
            Err(Unopened::Later(cause)) => return Err(cause),
            Err(Unopened::Unusable(why)) => why,
        };
        let aside =
            file::set_aside(path).map_err(|error| format!("{why}, and it cannot be set aside: {error}"))?;
        let said = format!("{why}; it was set aside as {}", aside.display());
        tracing::error!(file = %path.display(), "the state file is unusable: {said}");
        self.known.problems().set_aside = Some(said);
        OpenFile::open(path, OPENING_TIMEOUT).map_err(|error| match error {
            Unopened::Later(cause) | Unopened::Unusable(cause) => cause,
        })
    }
}

fn is_out_of_memory<T>(done: &rusqlite::Result<T>) -> bool {
    done.as_ref().is_err_and(|error| error.sqlite_error_code() == Some(ErrorCode::OutOfMemory))
}

/// Whether what failed may succeed a moment later: another program holds the file, or other statements all
/// memory.
fn may_pass(error: &rusqlite::Error) -> bool {
    use ErrorCode::{DatabaseBusy, DatabaseLocked, OutOfMemory};
    matches!(error.sqlite_error_code(), Some(DatabaseBusy | DatabaseLocked | OutOfMemory))
}
