//! The calls of a session that were answered before their statements had ended.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use tokio::sync::{self, watch};
use tokio_util::sync::CancellationToken;

use crate::backend::RowsRead;
use crate::results::{Handle, Kept};
use crate::state::now_ms;

/// Of one session, at once: further calls wait for their statements.
const LONG_CALLS_MAX: usize = 16;

/// How long a statement that is to be stopped is looked for.
const FOUND_TIMEOUT: Duration = Duration::from_secs(10);
/// How often it is looked whether it runs.
const LOOK_INTERVAL: Duration = Duration::from_millis(20);

/// See the module. A call is entered before it is written down, and leaves when its result is. One whose result cannot be written down
/// stays, with that result.
#[derive(Debug, Default)]
pub struct LongCalls {
    /// Signalled when one leaves.
    left: sync::Notify,
    calls: Mutex<BTreeMap<Handle, Arc<LongCall>>>,
    /// Held by what looks for a call that an earlier gateway or connection began, until it is entered: of several requests for it one
    /// sends it again.
    pub resuming: sync::Mutex<()>,
}

/// A call that was answered with its handle.
#[derive(Debug)]
pub struct LongCall {
    /// Its request's number.
    pub number: u64,
    /// When it came, in milliseconds since 1970.
    pub began_ms: i64,
    /// Stops its statement: see [`LongCall::stop`].
    pub stop: CancellationToken,
    /// Whether it has a connection.
    pub is_running: Arc<AtomicBool>,
    /// What has been read of its rows.
    pub read: Arc<RowsRead>,
    /// True once it has a result. Closed without, if it ended without one that is known.
    pub done: watch::Receiver<bool>,
    /// Its record, where that could not be written down.
    pub unsaved: OnceLock<Kept>,
}

impl LongCall {
    /// How far it is, for people and models.
    pub fn progress(&self) -> String {
        let phase =
            if self.is_running.load(Ordering::Relaxed) { "running" } else { "waiting for a connection" };
        let rows = match self.read.rows() {
            0 => String::new(),
            rows => format!(", {rows} rows read"),
        };
        format!("{phase}, {} s{rows}", (now_ms() - self.began_ms).max(0) / 1000)
    }

    /// Stops its statement. One that an earlier gateway began is found in the warehouse first, or it could not be stopped there.
    pub async fn stop(&self) {
        self.until_running().await;
        self.stop.cancel();
    }

    /// Waits until its statement runs, or it has ended, for [`FOUND_TIMEOUT`] at most.
    async fn until_running(&self) {
        let ends = tokio::time::Instant::now() + FOUND_TIMEOUT;
        while !self.is_running.load(Ordering::Relaxed) && tokio::time::Instant::now() < ends {
            if self.wait(LOOK_INTERVAL).await {
                return;
            }
        }
    }

    /// Waits until it has ended, for `time` at most. Returns whether it has.
    pub async fn wait(&self, time: Duration) -> bool {
        let mut done = self.done.clone();
        // An error: it has ended, and nothing is written down.
        tokio::time::timeout(time, done.wait_for(|done| *done)).await.is_ok()
    }
}

impl LongCalls {
    /// Enters a call; `false`: there are too many, or it is there.
    pub fn enter(&self, handle: Handle, call: Arc<LongCall>) -> bool {
        let mut calls = self.lock();
        if calls.len() >= LONG_CALLS_MAX || calls.contains_key(&handle) {
            return false;
        }
        calls.insert(handle, call);
        true
    }

    /// The call with this handle.
    pub fn find(&self, handle: &Handle) -> Option<Arc<LongCall>> {
        self.lock().get(handle).cloned()
    }

    /// It has ended.
    pub fn leave(&self, handle: &Handle) {
        self.lock().remove(handle);
        self.left.notify_waiters();
    }

    /// One has ended, and stays with its result.
    pub fn note_unsaved(&self) {
        self.left.notify_waiters();
    }

    /// Waits until one leaves, from now on.
    pub fn one_leaves(&self) -> sync::futures::Notified<'_> {
        self.left.notified()
    }

    /// Waits until no statement of them runs.
    pub async fn settled(&self) {
        loop {
            // Before the look: one that leaves in between is not missed.
            let left = self.left.notified();
            if self.running() == 0 {
                return;
            }
            left.await;
        }
    }

    /// How many statements of them run.
    pub fn running(&self) -> usize {
        self.lock().values().filter(|call| call.unsaved.get().is_none()).count()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lock().is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<Handle, Arc<LongCall>>> {
        self.calls.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
