//! What the thread of the state file is asked.
//!
//! | the caller | [`Ask::OF_CALLER`] | [`Ask::FOR_GOOD`] |
//! |---|---|---|
//! | waits until its time is up | is refused; nothing is done, then or later | is refused; may be done later |
//! | is dropped before the thread begins | nothing is done | it is done all the same |
//! | is dropped while the thread is at it | rolled back | it is done all the same |

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::oneshot;

use super::StateError;
use super::file::{Access, Mode, OpenFile};

/// How long a request may wait for the file, counted from when it was asked.
pub(super) const ASK_TIMEOUT: Duration = Duration::from_secs(2);

/// What is asked, and for how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ask {
    /// For an error: cannot ... the file.
    pub(super) what: &'static str,
    pub(super) mode: Mode,
    pub(super) timeout: Duration,
    /// Whether it is done even if nobody waits for it any more.
    pub(super) outlives_caller: bool,
}

impl Ask {
    pub(super) const OPEN: Self = Self { what: "open", ..Self::READ };
    pub(super) const READ: Self =
        Self { what: "read", mode: Mode::Read, timeout: ASK_TIMEOUT, outlives_caller: false };
    /// A change that only its caller wants.
    pub(super) const OF_CALLER: Self =
        Self { what: "write to", mode: Mode::Write, timeout: ASK_TIMEOUT, outlives_caller: false };
    /// A change that is right whoever waits for it.
    pub(super) const FOR_GOOD: Self = Self { outlives_caller: true, ..Self::OF_CALLER };
    /// Something that cannot be done in a transaction.
    pub(super) const MAINTAIN: Self = Self { what: "maintain", mode: Mode::Bare, ..Self::FOR_GOOD };
}

/// Something to be done with the open file.
pub(super) trait Job: Send {
    fn ask(&self) -> &Ask;

    /// When it was asked.
    fn asked_at(&self) -> Instant;

    /// Whether nobody wants it any more.
    fn is_abandoned(&self) -> bool;

    /// Does it, and tells the caller. After an error nothing is done, and it can be tried again.
    fn attempt(&mut self, file: &mut OpenFile) -> rusqlite::Result<()>;

    /// Tells the caller that it is not done.
    fn refuse(&mut self, error: StateError);
}

/// One of the places of the requests that wait; free again when dropped.
#[derive(Debug)]
pub(super) struct Place(Arc<AtomicUsize>);

impl Place {
    /// Takes one of `limit` places, unless none is free.
    pub(super) fn take(taken: &Arc<AtomicUsize>, limit: usize) -> Option<Self> {
        let place = Self(Arc::clone(taken));
        (taken.fetch_add(1, Ordering::Relaxed) < limit).then_some(place)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The usual [`Job`]: `run` does it, `tell` makes the answer of what it returned, once that is committed.
pub(super) struct Asked<R, M, T> {
    pub(super) ask: Ask,
    pub(super) at: Instant,
    pub(super) run: R,
    pub(super) tell: M,
    /// `None` once it was answered.
    pub(super) answer: Option<oneshot::Sender<Result<T, StateError>>>,
    /// `None`: it is one of ours, which need no place.
    pub(super) _place: Option<Place>,
}

impl<U, T, R, M> Job for Asked<R, M, T>
where
    T: Send,
    R: FnMut(&mut Access<'_>) -> rusqlite::Result<U> + Send,
    M: FnMut(U) -> T + Send,
{
    fn ask(&self) -> &Ask {
        &self.ask
    }

    fn asked_at(&self) -> Instant {
        self.at
    }

    fn is_abandoned(&self) -> bool {
        !self.ask.outlives_caller && self.answer.as_ref().is_none_or(oneshot::Sender::is_closed)
    }

    fn attempt(&mut self, file: &mut OpenFile) -> rusqlite::Result<()> {
        let Self { ask, run, answer, .. } = self;
        let is_wanted = || ask.outlives_caller || answer.as_ref().is_some_and(|answer| !answer.is_closed());
        let done = file.attempt(ask.mode, run, is_wanted)?;
        if let (Some(done), Some(answer)) = (done, self.answer.take()) {
            // The caller may have gone; what it would have heard takes care of itself.
            let _ = answer.send(Ok((self.tell)(done)));
        }
        Ok(())
    }

    fn refuse(&mut self, error: StateError) {
        let Some(answer) = self.answer.take() else { return };
        if let Err(Err(error)) = answer.send(Err(error)) {
            tracing::warn!(%error, "a change that nobody waits for is not made");
        }
    }
}
