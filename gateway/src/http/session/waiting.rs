//! The bodies of a session's requests that wait to be sent: what one client may hold of the memory for all.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Bytes of one session's requests that wait, at most: a quarter of the memory for the bodies of all.
const WAITING_BYTES_MAX: usize = 16 * 1024 * 1024;

/// The bytes of a request that waits; given back when dropped.
#[derive(Debug)]
pub(super) struct WaitingBytes {
    all: Arc<AtomicUsize>,
    bytes: usize,
}

impl WaitingBytes {
    /// A request of `bytes` waits besides those in `all`; `None`: there is no room for it. One alone always has room.
    pub(super) fn take(all: &Arc<AtomicUsize>, bytes: usize) -> Option<Self> {
        let waiting = Self { all: Arc::clone(all), bytes };
        let before = all.fetch_add(bytes, Ordering::Relaxed);
        (before == 0 || before + bytes <= WAITING_BYTES_MAX).then_some(waiting)
    }
}

impl Drop for WaitingBytes {
    fn drop(&mut self) {
        self.all.fetch_sub(self.bytes, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_holds_so_much_and_a_refused_request_nothing() {
        let all = Arc::default();
        let first = WaitingBytes::take(&all, WAITING_BYTES_MAX);
        assert!(first.is_some() && WaitingBytes::take(&all, 1).is_none());
        drop(first);
        assert_eq!(all.load(Ordering::Relaxed), 0);
        assert!(WaitingBytes::take(&all, 2 * WAITING_BYTES_MAX).is_some(), "one alone");
    }
}
