//! The patterns, and which of them make room.
//!
//! A segmented LRU. A pattern is *new* until it runs a second time, or is slow; then it is *known*. Known ones take three
//! quarters of the room at most: the one that ran longest ago becomes a new one again. Where there is no room for another,
//! the new one that ran longest ago goes. So statements that run once each push out one another, and never one that runs
//! often or was slow.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::Arc;
use std::time::Duration;

use super::entry::{Entry, folded};
use crate::telemetry::RequestEvent;

/// No slot.
const NONE: usize = usize::MAX;

/// See the module.
#[derive(Debug)]
pub(super) struct Store {
    patterns_max: usize,
    hasher: RandomState,
    /// By the hash of the folded pattern.
    index: HashMap<u64, usize>,
    slots: Vec<Slot>,
    new: List,
    known: List,
    /// Statements noted, and slow ones among them, also of patterns that have gone.
    pub(super) statements: u64,
    pub(super) slow: u64,
    pub(super) evicted: u64,
}

#[derive(Debug)]
struct Slot {
    entry: Entry,
    key: u64,
    is_known: bool,
    older: usize,
    newer: usize,
}

/// Slots by when they ran.
#[derive(Debug)]
struct List {
    oldest: usize,
    newest: usize,
    len: usize,
}

impl List {
    const EMPTY: Self = Self { oldest: NONE, newest: NONE, len: 0 };
}

impl Store {
    pub(super) fn new(patterns_max: usize) -> Self {
        Self {
            patterns_max: patterns_max.max(1),
            hasher: RandomState::new(),
            index: HashMap::new(),
            slots: Vec::new(),
            new: List::EMPTY,
            known: List::EMPTY,
            statements: 0,
            slow: 0,
            evicted: 0,
        }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    pub(super) fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.slots.iter().map(|slot| &slot.entry)
    }

    /// A statement of `pattern` ran for so long.
    pub(super) fn note(&mut self, pattern: &Arc<str>, ran: Duration, is_slow: bool, event: &RequestEvent) {
        self.statements += 1;
        self.slow += u64::from(is_slow);
        let key = self.key(pattern);
        let (at, is_again) = match self.index.get(&key) {
            Some(&at) => {
                self.unlink(at);
                (at, true)
            }
            None => (self.place(key, pattern), false),
        };
        self.slots[at].entry.note(ran, is_slow, event);
        self.slots[at].is_known |= is_again || is_slow;
        self.link(at);
        if self.known.len > self.patterns_max - self.patterns_max.div_ceil(4) {
            let oldest = self.known.oldest;
            self.unlink(oldest);
            self.slots[oldest].is_known = false;
            self.link(oldest);
        }
    }

    /// A slot for another pattern, in no list.
    fn place(&mut self, key: u64, pattern: &Arc<str>) -> usize {
        let is_known = false;
        let slot = Slot { entry: Entry::new(pattern), key, is_known, older: NONE, newer: NONE };
        let at = if self.slots.len() < self.patterns_max {
            self.slots.push(slot);
            self.slots.len() - 1
        } else {
            // There always is a new one: known ones never take all the room.
            let oldest = self.new.oldest;
            self.unlink(oldest);
            self.index.remove(&self.slots[oldest].key);
            self.evicted += 1;
            self.slots[oldest] = slot;
            oldest
        };
        self.index.insert(key, at);
        at
    }

    fn list(&mut self, at: usize) -> &mut List {
        if self.slots[at].is_known { &mut self.known } else { &mut self.new }
    }

    /// Makes slot `at` the newest of its list.
    fn link(&mut self, at: usize) {
        let list = self.list(at);
        let before = std::mem::replace(&mut list.newest, at);
        list.len += 1;
        if before == NONE {
            list.oldest = at;
        } else {
            self.slots[before].newer = at;
        }
        (self.slots[at].older, self.slots[at].newer) = (before, NONE);
    }

    fn unlink(&mut self, at: usize) {
        let Slot { older, newer, .. } = self.slots[at];
        let list = self.list(at);
        list.len -= 1;
        if older == NONE {
            list.oldest = newer;
        }
        if newer == NONE {
            list.newest = older;
        }
        if older != NONE {
            self.slots[older].newer = newer;
        }
        if newer != NONE {
            self.slots[newer].older = older;
        }
    }

    fn key(&self, pattern: &str) -> u64 {
        let mut hasher = self.hasher.build_hasher();
        for c in folded(pattern) {
            hasher.write_u32(c.into());
        }
        hasher.finish()
    }
}
