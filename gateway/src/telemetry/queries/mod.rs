//! Statistics of statements that are the same but for their literals, since this gateway started.
//!
//! Bounded: `queries.patterns_max` patterns of some 3 KiB each ([`store`] says which make room), and a few thousand patterns
//! of statements that came lately ([`recent`]), so that a statement that is sent again is not read again.

mod entry;
mod recent;
mod store;
mod view;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use sql_gate::Dialect;

use super::event::RequestEvent;
use crate::config::QueriesConfig;
use crate::state::Digest;
use entry::Entry;
use recent::RecentPatterns;
use store::Store;
pub use view::{QueriesView, QueryOrder, QueryView};

/// What is known of the statements that ran. Each lock is held for a look-up and some additions, and by a reader for as long
/// as it takes to copy what it shows.
#[derive(Debug)]
pub struct QueryLog {
    /// In milliseconds; a reload of the configuration writes it.
    slow_ms: AtomicU64,
    store: Mutex<Store>,
    recent: Mutex<RecentPatterns>,
}

impl QueryLog {
    /// Nothing known yet.
    pub fn new(config: &QueriesConfig) -> Self {
        Self {
            slow_ms: AtomicU64::new(ms(config.slow)),
            store: Mutex::new(Store::new(config.patterns_max)),
            recent: Mutex::default(),
        }
    }

    /// From here on, a statement that takes so long is slow.
    pub fn set_slow(&self, slow: Duration) {
        self.slow_ms.store(ms(slow), Ordering::Relaxed);
    }

    /// The pattern of `sql`, whose digest this is.
    pub fn pattern_of(&self, digest: Digest, dialect: Dialect, sql: &str) -> Arc<str> {
        let key = (digest, dialect);
        if let Some(known) = lock(&self.recent).find(&key) {
            return known;
        }
        let pattern: Arc<str> = sql_gate::pattern(sql, dialect).into();
        lock(&self.recent).put(key, Arc::clone(&pattern));
        pattern
    }

    /// A statement is one that got a connection and ran there, however it ended.
    pub(super) fn note(&self, event: &RequestEvent) {
        let pattern = event.statement.as_ref().and_then(|statement| statement.pattern.as_ref());
        if let (Some(pattern), Some(ran)) = (pattern, event.ran) {
            let is_slow = ms(ran) >= self.slow_ms.load(Ordering::Relaxed);
            lock(&self.store).note(pattern, ran, is_slow, event);
        }
    }

    /// What is known, with the `patterns_max` patterns that took most time.
    pub fn view(&self, patterns_max: usize) -> QueriesView {
        self.view_by(QueryOrder::Total, false, patterns_max)
    }

    /// What is known, with the first `patterns_max` patterns by `order`; `only_slow`: of those that were slow.
    pub fn view_by(&self, order: QueryOrder, only_slow: bool, patterns_max: usize) -> QueriesView {
        let store = lock(&self.store);
        let shown = store.entries().filter(|entry| !only_slow || entry.slow > 0);
        let mut rows: Vec<(f64, &Entry)> = shown.map(|entry| (order.weight(entry), entry)).collect();
        rows.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        rows.truncate(patterns_max);
        QueriesView {
            slow_ms: self.slow_ms.load(Ordering::Relaxed),
            statements: store.statements,
            slow: store.slow,
            patterns: store.len(),
            evicted: store.evicted,
            top: rows.into_iter().map(|(_, entry)| entry.view()).collect(),
        }
    }
}

impl Default for QueryLog {
    fn default() -> Self {
        Self::new(&QueriesConfig { slow: Duration::from_secs(5), patterns_max: 500 })
    }
}

fn ms(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
