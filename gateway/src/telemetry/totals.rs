//! Sums over all requests since the gateway started.

use std::sync::atomic::{AtomicU64, Ordering};

use serde::{Deserialize, Serialize};

use super::event::RequestEvent;
use super::outcome::Outcome;

/// See the module. Each only ever grows.
#[derive(Debug, Default)]
pub struct Totals {
    requests: AtomicU64,
    calls: AtomicU64,
    outcomes: [AtomicU64; Outcome::ALL.len()],
    rows: AtomicU64,
    changed: AtomicU64,
    bytes: AtomicU64,
}

/// Sums over all requests since the gateway started.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TotalsView {
    /// Requests that have ended.
    pub requests: u64,
    /// Tool calls among them.
    pub calls: u64,
    /// Requests that succeeded.
    pub ok: u64,
    /// Requests that failed.
    pub failed: u64,
    /// Requests that were refused.
    pub refused: u64,
    /// Requests that were cancelled.
    pub cancelled: u64,
    /// Requests of which it is not known what became of them.
    pub outcome_unknown: u64,
    /// Requests that an earlier gateway had run.
    pub answered_from_journal: u64,
    /// Requests that go on without this gateway.
    pub detached: u64,
    /// Rows of their results.
    pub rows: u64,
    /// Rows that they changed.
    pub changed: u64,
    /// Bytes of their results.
    pub bytes: u64,
}

impl Totals {
    pub(super) fn note(&self, event: &RequestEvent) {
        let add = |sum: &AtomicU64, more: u64| {
            sum.fetch_add(more, Ordering::Relaxed);
        };
        add(&self.requests, 1);
        add(&self.calls, u64::from(event.is_call()));
        add(&self.outcomes[event.outcome as usize], 1);
        add(&self.rows, event.rows.unwrap_or(0));
        add(&self.changed, event.changed.unwrap_or(0));
        add(&self.bytes, event.bytes.unwrap_or(0));
    }

    /// The present sums.
    pub fn view(&self) -> TotalsView {
        let read = |sum: &AtomicU64| sum.load(Ordering::Relaxed);
        let of = |outcome: Outcome| read(&self.outcomes[outcome as usize]);
        TotalsView {
            requests: read(&self.requests),
            calls: read(&self.calls),
            ok: of(Outcome::Ok),
            failed: of(Outcome::Failed),
            refused: of(Outcome::Refused),
            cancelled: of(Outcome::Cancelled),
            outcome_unknown: of(Outcome::Unknown),
            answered_from_journal: of(Outcome::AnsweredFromJournal),
            detached: of(Outcome::Detached),
            rows: read(&self.rows),
            changed: read(&self.changed),
            bytes: read(&self.bytes),
        }
    }
}
