//! Interrupts a connection's thread from any other thread.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rusqlite::InterruptHandle;

use crate::backend::Cancel;

/// Shared by a connection's handle, its thread, and SQLite's progress and busy handlers.
#[derive(Default)]
pub(super) struct Interrupt {
    state: Mutex<State>,
    /// Signalled by a cancel and by `wake`: wakes a thread that waits for a lock.
    cancel: Condvar,
    /// Written under `state`'s lock, read without it by the progress handler. Cleared by the next request.
    cancelled: AtomicBool,
    /// Until when rows past the caps are counted; set by the connection's thread for the length of the count.
    count_until: Mutex<Option<Instant>>,
}

#[derive(Default)]
struct State {
    /// Set when a request is accepted, cleared by the thread before it answers: a later cancel has no effect.
    running: bool,
    /// SQLite's own handle for the file that is open.
    handle: Option<InterruptHandle>,
}

impl Interrupt {
    /// A request was accepted: from here on it can be cancelled.
    pub(super) fn begin(&self) {
        self.cancelled.store(false, Ordering::Release);
        self.state().running = true;
    }

    /// The request has ended: it can no longer be cancelled.
    pub(super) fn end(&self) {
        self.state().running = false;
    }

    /// Sets the handle of the file that is now open.
    pub(super) fn set_handle(&self, handle: InterruptHandle) {
        self.state().handle = Some(handle);
    }

    /// Whether the running request was cancelled.
    pub(super) fn is_cancelled(&self) -> bool {
        self.cancelled.load(Ordering::Acquire)
    }

    /// Waits for `time`, or less if a cancel comes; returns whether the request is cancelled.
    pub(super) fn wait(&self, time: Duration) -> bool {
        self.wait_unless(time, || false)
    }

    /// As [`Self::wait`], or less if `is_over` when [`Self::wake`] is called.
    pub(super) fn wait_unless(&self, time: Duration, is_over: impl Fn() -> bool) -> bool {
        let waits = |_: &mut State| !self.is_cancelled() && !is_over();
        let waited = self.cancel.wait_timeout_while(self.state(), time, waits);
        drop(waited.unwrap_or_else(PoisonError::into_inner));
        self.is_cancelled()
    }

    /// Has a thread that waits look again.
    pub(super) fn wake(&self) {
        // With the lock: a thread that has looked and does not wait yet would miss it.
        let _state = self.state();
        self.cancel.notify_all();
    }

    /// Sets or clears the time limit for counting rows that are not returned.
    pub(super) fn count_until(&self, until: Option<Instant>) {
        *self.count_until.lock().unwrap_or_else(PoisonError::into_inner) = until;
    }

    /// Whether rows are only counted now.
    pub(super) fn is_counting(&self) -> bool {
        self.counting_ends().is_some()
    }

    /// Whether the time for counting is over.
    pub(super) fn count_is_over(&self) -> bool {
        self.counting_ends().is_some_and(|until| Instant::now() >= until)
    }

    fn counting_ends(&self) -> Option<Instant> {
        *self.count_until.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Checked by SQLite's progress handler every thousand steps.
    pub(super) fn must_stop(&self) -> bool {
        self.is_cancelled() || self.count_is_over()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cancel for Interrupt {
    fn cancel(&self) {
        let state = self.state();
        if !state.running {
            return;
        }
        self.cancelled.store(true, Ordering::Release);
        self.cancel.notify_all();
        if let Some(handle) = &state.handle {
            handle.interrupt();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cancel_counts_only_while_a_request_runs() {
        let interrupt = Interrupt::default();
        interrupt.cancel();
        assert!(!interrupt.is_cancelled(), "nothing ran");
        interrupt.begin();
        interrupt.cancel();
        assert!(interrupt.must_stop());
        interrupt.end();
        interrupt.begin();
        assert!(!interrupt.must_stop(), "the next request starts afresh");
    }

    #[test]
    fn a_cancel_ends_a_wait() {
        let interrupt = Interrupt::default();
        interrupt.begin();
        let hour = Duration::from_secs(3600);
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| interrupt.wait(hour));
            interrupt.cancel();
            assert!(waiter.join().unwrap());
        });
    }

    #[test]
    fn counting_is_bounded_only_when_told() {
        let interrupt = Interrupt::default();
        assert!(!interrupt.must_stop());
        interrupt.count_until(Some(Instant::now()));
        assert!(interrupt.must_stop());
        interrupt.count_until(None);
        assert!(!interrupt.must_stop());
    }
}
