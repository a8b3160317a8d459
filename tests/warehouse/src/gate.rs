//! A gate that a test opens: what waits for it, waits for nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::watch;

use crate::support::until;

/// Closed when made. Its clones are the same gate.
#[derive(Clone, Debug)]
pub struct Gate {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    open: watch::Sender<bool>,
    arrived: AtomicUsize,
}

impl Gate {
    /// A closed gate.
    pub fn new() -> Self {
        Self { inner: Arc::new(Inner { open: watch::Sender::new(false), arrived: AtomicUsize::new(0) }) }
    }

    /// Lets all pass, those that are still to come too.
    pub fn open(&self) {
        self.inner.open.send_replace(true);
    }

    /// How many have come to it so far.
    pub fn arrived(&self) -> usize {
        self.inner.arrived.load(Ordering::Acquire)
    }

    /// Waits until `count` have come to it.
    ///
    /// # Panics
    /// They do not come within [`patience`](crate::support::patience).
    #[track_caller]
    pub fn until_arrived(&self, count: usize) {
        until(&format!("{count} at the gate"), || self.arrived() >= count);
    }

    /// Waits here until it is open.
    pub(super) async fn pass(&self) {
        self.inner.arrived.fetch_add(1, Ordering::AcqRel);
        // The sender lives as long as this gate.
        let _ = self.inner.open.subscribe().wait_for(|&open| open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}
