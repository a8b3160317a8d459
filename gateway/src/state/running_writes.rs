//! The statements of this gateway that are in the journal and have not ended.
//!
//! Two waits end here: a gateway that shuts down waits for all of them, because the result of a statement
//! must be in the journal before the next gateway is asked; and a replayed statement waits for its own first
//! run, which may still be going on for a connection that broke.
//!
//! Lock order: the one lock here is a leaf. Every removal wakes all waiters, which then look again.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;

/// A request, as the journal knows it.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct RequestKey {
    /// The session's id.
    pub session: String,
    /// The request's number in the session; the same with every gateway.
    pub number: u64,
}

/// The statements that are in the journal and have not ended.
#[derive(Debug, Default)]
pub struct RunningWrites {
    keys: Mutex<HashSet<RequestKey>>,
    ended: Notify,
}

impl RunningWrites {
    /// `key` is in the journal now.
    pub fn insert(&self, key: RequestKey) {
        self.lock().insert(key);
    }

    /// `key` has ended, and the journal knows how. Returns whether it was running.
    pub fn remove(&self, key: &RequestKey) -> bool {
        let was_running = self.lock().remove(key);
        if was_running {
            self.ended.notify_waiters();
        }
        was_running
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    /// Waits until none is left, at most `timeout`; returns how many are left.
    pub async fn wait_for_all(&self, timeout: Duration) -> usize {
        self.wait_until(timeout, HashSet::is_empty).await;
        self.len()
    }

    /// Waits until `key` has ended, at most `timeout`.
    pub async fn wait_for(&self, key: &RequestKey, timeout: Duration) {
        self.wait_until(timeout, |keys| !keys.contains(key)).await;
    }

    async fn wait_until(&self, timeout: Duration, holds: impl Fn(&HashSet<RequestKey>) -> bool) {
        let waiting = async {
            loop {
                // Before the look: a removal after it must wake this.
                let ended = self.ended.notified();
                if holds(&self.lock()) {
                    return;
                }
                ended.await;
            }
        };
        // The caller looks itself at what is left.
        let _ = tokio::time::timeout(timeout, waiting).await;
    }

    fn lock(&self) -> MutexGuard<'_, HashSet<RequestKey>> {
        self.keys.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::Instant;

    use super::*;

    const TIMEOUT: Duration = Duration::from_secs(10);

    fn key(number: u64) -> RequestKey {
        RequestKey { session: "s".to_owned(), number }
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_ends_with_the_last_statement() {
        let writes = RunningWrites::default();
        writes.insert(key(1));
        writes.insert(key(2));
        let begun = Instant::now();
        let remove_both = async {
            for number in [1, 2] {
                tokio::time::sleep(Duration::from_secs(1)).await;
                assert!(writes.remove(&key(number)));
            }
        };
        let (left, ()) = tokio::join!(writes.wait_for_all(TIMEOUT), remove_both);
        assert_eq!((left, begun.elapsed()), (0, Duration::from_secs(2)));
        assert!(!writes.remove(&key(1)), "it has ended already");
    }

    #[tokio::test(start_paused = true)]
    async fn waiting_is_bounded_and_says_how_many_are_left() {
        let writes = RunningWrites::default();
        writes.insert(key(1));
        let begun = Instant::now();
        assert_eq!(writes.wait_for_all(TIMEOUT).await, 1);
        writes.wait_for(&key(1), TIMEOUT).await;
        assert_eq!(begun.elapsed(), TIMEOUT * 2);
        writes.wait_for(&key(2), TIMEOUT).await;
        assert_eq!(begun.elapsed(), TIMEOUT * 2, "another statement is not waited for");
    }
}
