//! What is counted of a session.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use crate::state::Counts;

/// Counters of a session. Each only ever grows, except `running`.
#[derive(Debug, Default)]
pub struct Counters {
    /// Requests started; written by the front.
    pub requests: AtomicU64,
    /// Requests started and not answered yet; written by the front.
    pub running: AtomicUsize,
    /// Rows sent to the client; written by tools.
    pub rows: AtomicU64,
    /// Bytes of messages sent to the client; written by the front.
    pub bytes: AtomicU64,
    /// Requests answered with an error of either kind; written by the front.
    pub errors: AtomicU64,
    /// Statements and tools that the profile refused.
    pub denials: AtomicU64,
    /// Calls that a limit refused.
    pub limited: AtomicU64,
}

impl From<Counts> for Counters {
    fn from(counts: Counts) -> Self {
        Self {
            requests: counts.requests.into(),
            running: AtomicUsize::new(0),
            rows: counts.rows.into(),
            bytes: counts.bytes.into(),
            errors: counts.errors.into(),
            denials: AtomicU64::new(0),
            limited: AtomicU64::new(0),
        }
    }
}

impl Counters {
    /// The present values.
    pub fn counts(&self) -> Counts {
        let count = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            requests: count(&self.requests),
            rows: count(&self.rows),
            bytes: count(&self.bytes),
            errors: count(&self.errors),
        }
    }
}
