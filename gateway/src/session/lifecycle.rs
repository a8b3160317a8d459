//! Where a session is between its first call and its end, and what of that is written down.

use std::sync::atomic::Ordering;

use super::{ENDED, GOODBYE, REPLACED, Session, lock};
use crate::state::SessionSnapshot;

impl Session {
    /// Whether the session's calls may run.
    pub fn is_registered(&self) -> bool {
        self.is_registered.load(Ordering::Relaxed)
    }

    /// From here on the session's calls may run.
    pub fn set_registered(&self) {
        self.is_registered.store(true, Ordering::Relaxed);
    }

    /// Whether the state file has the session.
    pub fn is_persisted(&self) -> bool {
        self.is_persisted.load(Ordering::Relaxed)
    }

    /// The state file has the session, in the context that it is in.
    pub fn set_persisted(&self) {
        self.is_persisted.store(true, Ordering::Relaxed);
    }

    /// Whether the state file does not have the session as it is.
    pub(super) fn is_dirty(&self) -> bool {
        self.persisted_requests.load(Ordering::Relaxed) != self.counters.requests.load(Ordering::Relaxed)
    }

    /// The state file has the session as it is now.
    pub(super) fn mark_clean(&self) {
        let requests = self.counters.requests.load(Ordering::Relaxed);
        self.persisted_requests.store(requests, Ordering::Relaxed);
    }

    /// The state file could not be given what it must have: it is tried again.
    pub(super) fn mark_dirty(&self) {
        self.persisted_requests.store(u64::MAX, Ordering::Relaxed);
    }

    /// The client said goodbye: no shim comes back for the session.
    pub fn note_goodbye(&self) {
        self.ending.fetch_or(GOODBYE, Ordering::Relaxed);
    }

    /// A newer connection of the same shim has taken its place.
    pub(super) fn replace(&self) {
        self.ending.fetch_or(REPLACED, Ordering::Relaxed);
        self.gone.cancel();
    }

    /// Whether a newer connection of the same shim has taken its place.
    pub fn is_replaced(&self) -> bool {
        self.ending.load(Ordering::Relaxed) & REPLACED != 0
    }

    /// Its connection has ended.
    pub(super) fn note_end(&self) {
        self.ending.fetch_or(ENDED, Ordering::Relaxed);
    }

    /// Whether it has a connection, and the client has not said goodbye.
    pub fn is_connected(&self) -> bool {
        self.ending.load(Ordering::Relaxed) == 0
    }

    /// What of it is written down again and again.
    pub fn snapshot(&self) -> SessionSnapshot {
        // In this order: a context may be written down as older than it is, never as newer.
        let remember = *lock(&self.remember);
        let (context, counts) = (self.context().kept(), self.counters.counts());
        let returned = (self.is_resumed && self.is_connected()).then_some(self.shim);
        SessionSnapshot { context, counts, idle_ms: self.idle_ms(), returned, remember }
    }

    /// Whether no shim will come back for it: the client has said goodbye, or its shim is gone.
    pub fn is_over(&self) -> bool {
        let said_goodbye = self.ending.load(Ordering::Relaxed) & GOODBYE != 0;
        said_goodbye || self.shim.is_some_and(|shim| !shim.is_alive())
    }
}
