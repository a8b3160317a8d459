//! What a session holds on its connection, and what of that is lost.

use std::sync::atomic::Ordering;

use super::{Session, lock};
use crate::backend::Held;

impl Session {
    /// What its connection holds of its state now: carried to the next gateway, which cannot have it.
    pub fn note_held(&self, held: Option<&Held>) {
        self.holds_transaction.store(held.is_some_and(|held| held.transaction), Ordering::Relaxed);
        let held = held.filter(|held| !held.is_empty()).map(ToString::to_string);
        let mut now = lock(&self.held);
        if *now != held {
            *now = held;
            self.is_state_stale.store(true, Ordering::Relaxed);
        }
    }

    /// Whether it had a transaction open when it was looked at last; `now`: what its connection holds. If that has no
    /// transaction, it was lost in between: returns whether this call is the first to notice.
    pub fn notice_lost_transaction(&self, now: Option<&Held>) -> bool {
        let is_lost =
            self.holds_transaction.load(Ordering::Relaxed) && !now.is_some_and(|held| held.transaction);
        is_lost && !self.has_lost_transaction.swap(true, Ordering::Relaxed)
    }

    /// Its client believes that it has a transaction, and it has none.
    pub fn lose_transaction(&self) {
        self.has_lost_transaction.store(true, Ordering::Relaxed);
        self.is_state_stale.store(true, Ordering::Relaxed);
    }

    /// Whether a transaction was lost that its client has not ended yet: what it meant for that must not run outside.
    pub fn has_lost_transaction(&self) -> bool {
        self.has_lost_transaction.load(Ordering::Relaxed)
    }

    /// The client has ended the transaction that was lost, or begins another.
    pub fn forget_lost_transaction(&self) {
        if self.has_lost_transaction.swap(false, Ordering::Relaxed) {
            self.is_state_stale.store(true, Ordering::Relaxed);
        }
    }

    /// State of the session that is lost with an earlier gateway, and that its client has not been told of.
    pub fn lost_state(&self) -> Option<String> {
        lock(&self.lost_state).clone()
    }

    /// Whether a request is to be told of what was lost with an earlier gateway: each one that was sent to that, and
    /// else the first one.
    pub fn tell_lost_state(&self, replayed: bool) -> bool {
        let mut lost = lock(&self.lost_state);
        if lost.is_none() {
            return false;
        }
        let was_told = self.has_told_loss.swap(true, Ordering::Relaxed);
        if !replayed {
            *lost = None;
            self.is_state_stale.store(true, Ordering::Relaxed);
        }
        replayed || !was_told
    }

    /// A call was refused by a limit.
    pub fn note_limited(&self) {
        self.counters.limited.fetch_add(1, Ordering::Relaxed);
        self.is_state_stale.store(true, Ordering::Relaxed);
    }

    /// Something was refused by its profile.
    pub fn note_denial(&self) {
        self.counters.denials.fetch_add(1, Ordering::Relaxed);
        self.is_state_stale.store(true, Ordering::Relaxed);
    }
}
