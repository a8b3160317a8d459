//! What a session holds on its connection, and what of that is lost.

use std::sync::atomic::Ordering;

use super::{Session, lock};
use crate::backend::Held;

impl Session {
    /// What its connection holds of its state now: carried to the next gateway, which cannot have it.
    pub fn note_held(&self, held: Option<&Held>) {
        let held = held.filter(|held| !held.is_empty()).map(ToString::to_string);
        let mut now = lock(&self.held);
        if *now != held {
            *now = held;
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

    /// Something was refused by its profile.
    pub fn note_denial(&self) {
        self.counters.denials.fetch_add(1, Ordering::Relaxed);
        self.is_state_stale.store(true, Ordering::Relaxed);
    }
}
