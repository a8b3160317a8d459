//! What is kept of answers about the catalog, and for how long it is true. Pure: the time comes with each call.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sql_gate::NameRules;
use tokio::time::Instant;

use crate::backend::Completion;
use crate::multiplexer::flights::Question;

/// Answers that are kept, at most; the oldest goes first.
const ENTRIES_MAX: usize = 1_000;

/// Bytes of all that is kept, at most; the oldest goes first.
const BYTES_MAX: usize = 16 * 1024 * 1024;

/// Bytes of one answer, at most; a larger one is not kept.
const ENTRY_BYTES_MAX: usize = 512 * 1024;

/// What an entry takes beside its texts.
const ENTRY_OVERHEAD: usize = 512;

/// What a cell takes beside its text.
const CELL_OVERHEAD: usize = 8;

/// Counts the moments at which the catalog may have changed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub(in crate::multiplexer) struct Generation(u64);

/// What two questions must have in common to have the same answer.
#[derive(Clone, PartialEq, Eq)]
pub(in crate::multiplexer) struct CacheKey {
    pub(in crate::multiplexer) connection: Arc<str>,
    /// The lists of the profile.
    pub(in crate::multiplexer) names: Arc<NameRules>,
    pub(in crate::multiplexer) question: Question,
}

/// The lists are compared only where the rest is the same.
impl std::hash::Hash for CacheKey {
    fn hash<H: std::hash::Hasher>(&self, state: &mut H) {
        (&self.connection, &self.question).hash(state);
    }
}

struct Entry {
    answer: Arc<Completion>,
    bytes: usize,
    until: Instant,
    /// Its place in the order in which entries were made.
    number: u64,
}

/// The answers, all of one generation.
#[derive(Default)]
pub(super) struct Cache {
    generation: Generation,
    /// Statements that run and may change the catalog.
    changes: usize,
    /// Until then one that ended may still do so.
    paused_until: Option<Instant>,
    entries: HashMap<CacheKey, Entry>,
    /// The oldest first; one that has been replaced since is passed over.
    order: VecDeque<(u64, CacheKey)>,
    numbers: u64,
    bytes: usize,
    dropped: u64,
}

/// Whether an answer is small enough to be kept.
pub(super) fn fits(key: &CacheKey, answer: &Completion) -> bool {
    size_of(key, answer) <= ENTRY_BYTES_MAX
}

fn size_of(key: &CacheKey, answer: &Completion) -> usize {
    let rows = &answer.rows;
    let cells = rows.row_count().saturating_mul(rows.columns().len());
    let text = usize::try_from(rows.bytes()).unwrap_or(usize::MAX);
    text.saturating_add(cells.saturating_mul(CELL_OVERHEAD))
        .saturating_add(2 * key.question.bytes() + ENTRY_OVERHEAD)
}

impl Cache {
    /// The generation of a question that is asked now; `None`: the catalog may be changing, so its answer is for it alone.
    pub(super) fn generation(&self, now: Instant) -> Option<Generation> {
        let is_paused = self.changes > 0 || self.paused_until.is_some_and(|until| now < until);
        (!is_paused).then_some(self.generation)
    }

    /// The answer to a question of `generation`, if it is kept.
    pub(super) fn find(
        &self,
        key: &CacheKey,
        generation: Generation,
        now: Instant,
    ) -> Option<Arc<Completion>> {
        let entry = self.entries.get(key)?;
        (generation == self.generation && now < entry.until).then(|| Arc::clone(&entry.answer))
    }

    /// Keeps an answer to what was asked in `generation`, if that still is.
    pub(super) fn keep(
        &mut self,
        key: CacheKey,
        generation: Generation,
        answer: Arc<Completion>,
        now: Instant,
        keep_for: Duration,
    ) {
        if self.generation(now) != Some(generation) {
            return;
        }
        let bytes = size_of(&key, &answer);
        self.remove(&key);
        self.numbers += 1;
        self.bytes += bytes;
        self.order.push_back((self.numbers, key.clone()));
        self.entries.insert(key, Entry { answer, bytes, until: now + keep_for, number: self.numbers });
        self.make_room(now);
    }

    /// A statement begins that may change rows or, if `is_catalog`, the catalog.
    pub(super) fn begin_change(&mut self, is_catalog: bool) {
        self.changes += usize::from(is_catalog);
        self.drop_all();
    }

    /// It has ended; until `pause_until` it may still take effect.
    pub(super) fn end_change(&mut self, is_catalog: bool, pause_until: Option<Instant>) {
        self.changes -= usize::from(is_catalog);
        self.paused_until = self.paused_until.max(pause_until);
        self.drop_all();
    }

    /// What was asked before is of no use from here on.
    pub(super) fn drop_all(&mut self) {
        self.generation.0 += 1;
        self.dropped += self.entries.len() as u64;
        self.entries.clear();
        self.order.clear();
        self.bytes = 0;
    }

    /// Entries and their bytes.
    pub(super) fn size(&self) -> (u64, u64) {
        (self.entries.len() as u64, self.bytes as u64)
    }

    /// Entries dropped so far because something may have changed.
    pub(super) fn dropped(&self) -> u64 {
        self.dropped
    }

    fn remove(&mut self, key: &CacheKey) {
        if let Some(entry) = self.entries.remove(key) {
            self.bytes -= entry.bytes;
        }
    }

    /// Removes what is too old and, while there is too much, the oldest.
    fn make_room(&mut self, now: Instant) {
        while let Some((number, key)) = self.order.front() {
            let entry = self.entries.get(key).filter(|entry| entry.number == *number);
            let is_over = self.entries.len() > ENTRIES_MAX
                || self.bytes > BYTES_MAX
                || self.order.len() > 2 * ENTRIES_MAX;
            if entry.is_some_and(|entry| now < entry.until && !is_over) {
                return;
            }
            let is_current = entry.is_some();
            let Some((_, key)) = self.order.pop_front() else { return };
            if is_current {
                self.remove(&key);
            }
        }
    }
}

#[cfg(test)]
mod tests;
