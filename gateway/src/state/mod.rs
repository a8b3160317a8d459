//! What outlives the gateway: sessions that may come back, and the journal of statements that are not reads.
//!
//! One SQLite file in write-ahead mode. A commit is an append that the system has when it returns, so it
//! survives a gateway that is killed. After a power failure the file is sound and may lack the last moments;
//! the shims that could replay something are gone then, too. A file that cannot be used is set aside, never
//! repaired or overwritten; a disk that is full stops what needs the file and nothing else.
//!
//! The file has a thread of its own (`thread`); everyone else asks it (`jobs`) and waits without blocking.

mod audit;
mod begun;
mod error;
mod file;
mod forced;
mod front;
mod identity;
mod jobs;
mod journal;
mod kept_context;
mod remembered;
mod reserve;
mod results;
mod running_writes;
mod sessions;
mod space;
mod state_file;
mod summary;
mod sweep;
#[cfg(test)]
mod tests;
mod thread;
mod usage;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

pub use audit::{AuditDraft, PendingAudit, PendingKey};
pub use begun::{Begin, Begun};
pub use error::StateError;
#[cfg(test)]
pub(crate) use error::full_error;
use file::Access;
pub use front::{FrontQuery, FrontSession, KnownRequest, RepeatRow};
pub use identity::{Identity, ShimProcess, is_generic_name};
use jobs::{Ask, Asked, Job, Place};
pub use journal::{Digest, Entry, RESULT_BYTES_MAX};
pub use kept_context::KeptContext;
pub use remembered::{IdentityKey, Remember};
pub use results::{FAILED, RAN};
pub use running_writes::{RequestKey, RunningWrites};
pub use sessions::{Counts, IsConnected, Registered, SessionLookup, SessionRecord, SessionSnapshot};
use state_file::{Known, StateFile};
pub use summary::{StateSummary, Unreadable, summary};
use thread::Worker;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
pub use usage::UsageRecord;

/// The file's name in the state folder.
const FILE: &str = "state.db";

/// Requests that wait for the file, at most; more are refused. Thousands of shims come back at once when their
/// gateway was killed.
const REQUESTS_MAX: usize = 16_384;

/// How much longer than the time of a request its caller waits for the thread to say so: the thread may be
/// waiting for a disk.
const ANSWER_GRACE: Duration = Duration::from_millis(500);

/// The state file of one home. None of its methods blocks; each has an answer within two seconds and a half.
#[derive(Debug)]
pub struct StateStore {
    known: Arc<Known>,
    /// `None` where the thread could not be started.
    jobs: Option<Sender<Box<dyn Job>>>,
    /// Requests that wait.
    waiting: Arc<AtomicUsize>,
    thread: Option<JoinHandle<()>>,
}

impl StateStore {
    /// The state file in `folder`; it is created if it is missing, and set aside if it is unusable. One
    /// that cannot be opened is tried again later: this never fails.
    pub async fn open(folder: &Path) -> Self {
        let known = Known::of(folder.join(FILE));
        let (jobs, received) = channel();
        let worker = Worker::new(StateFile::new(Arc::clone(&known)), received);
        let thread = std::thread::Builder::new().name("state".to_owned()).spawn(move || worker.serve());
        let (jobs, thread) = match thread {
            Ok(thread) => (Some(jobs), Some(thread)),
            Err(error) => {
                tracing::error!(%error, "cannot start the state file's thread");
                (None, None)
            }
        };
        let store = Self { known, jobs, waiting: Arc::default(), thread };
        if let Err(error) = store.ask(Ask::OPEN, |_| Ok(())).await {
            tracing::error!(%error, "no state is kept, and statements that write are refused, until it can be");
        }
        store
    }

    /// The file.
    pub fn path(&self) -> &Path {
        &self.known.path
    }

    /// What tells this journal from every other, as far as that is known without asking; `None` while there
    /// is none.
    pub fn id(&self) -> Option<String> {
        self.known.id()
    }

    /// As [`StateStore::id`]; a file that is not open is opened, if that is possible now.
    pub async fn id_or_open(&self) -> Option<String> {
        if self.id().is_none() {
            self.ask(Ask::OPEN, |_| Ok(())).await.ok()?;
        }
        self.id()
    }

    /// What a person should know: what is wrong now, or what was set aside.
    pub fn problem(&self) -> Option<String> {
        self.known.problem()
    }

    /// Opens the file anew if it is no longer the one at its path.
    pub async fn reopen_if_replaced(&self) {
        self.known.look_at_place.store(true, Ordering::Relaxed);
        // What is wrong with the file is known to those who need it.
        let _ = self.ask(Ask::OPEN, |_| Ok(())).await;
    }

    /// Waits until everything that was asked before is done or refused; returns whether it is.
    pub async fn drain(&self) -> bool {
        // Changes are made in the order in which they were asked.
        self.ask(Ask::FOR_GOOD, |_| Ok(())).await.is_ok()
    }

    /// Has the thread do `run`, perhaps more than once: every time but the last without an effect.
    async fn ask<T: Send + 'static>(
        &self,
        ask: Ask,
        run: impl FnMut(&mut Access<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, StateError> {
        self.ask_then(ask, run, |done| done).await
    }

    /// As [`StateStore::ask`]; `tell` makes the answer of what was done and committed.
    async fn ask_then<U: 'static, T: Send + 'static>(
        &self,
        ask: Ask,
        run: impl FnMut(&mut Access<'_>) -> rusqlite::Result<U> + Send + 'static,
        tell: impl FnMut(U) -> T + Send + 'static,
    ) -> Result<T, StateError> {
        let failed = |cause: String| StateError::new(ask.what, &self.known.path, cause);
        let Some(jobs) = &self.jobs else { return Err(failed("its thread could not be started".into())) };
        let Some(place) = Place::take(&self.waiting, REQUESTS_MAX) else {
            return Err(failed(format!("{REQUESTS_MAX} requests wait for it already")).busy());
        };
        let (answer, answered) = oneshot::channel();
        let job = Asked { ask, at: Instant::now(), run, tell, answer: Some(answer), _place: Some(place) };
        if jobs.send(Box::new(job)).is_err() {
            return Err(failed("its thread has ended".into()));
        }
        #[cfg(test)]
        let _clock = tests::hold_clock();
        let answered = async { answered.await.unwrap_or_else(|_| Err(failed("an internal error".into()))) };
        // A thread without a runtime has no timer, and looks itself whether it has waited enough.
        if Handle::try_current().is_err() {
            return answered.await;
        }
        let timeout = ask.timeout + ANSWER_GRACE;
        tokio::time::timeout(timeout, answered).await.unwrap_or_else(|_| {
            Err(failed(format!("there was no answer for {timeout:?}: is its disk stuck?")).busy())
        })
    }
}

impl Drop for StateStore {
    /// What was asked is done; then the file is closed.
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic in there is in the log.
            let _ = thread.join();
        }
    }
}

/// Milliseconds since 1970, as the file has them.
pub(crate) fn now_ms() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}
