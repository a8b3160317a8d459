//! One flow: who shares its account, its weight and its cap.

use std::hash::Hash;
use std::time::Duration;

use crate::account::{Account, Weight, slot_time};
use crate::turns::Turns;

/// What a flow may take.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Terms {
    /// Its part of the slots, in relation to the others'.
    pub weight: Weight,
    /// Slots that it holds at once, at most; at least 1.
    pub slots_max: usize,
}

impl Default for Terms {
    fn default() -> Self {
        Self { weight: Weight::ONE, slots_max: usize::MAX }
    }
}

/// A flow that has something waiting, holds a slot, or is in debt.
#[derive(Debug)]
pub(crate) struct Flow<F, S> {
    pub(crate) key: F,
    pub(crate) terms: Terms,
    pub(crate) turns: Turns<S>,
    /// Slots that it holds.
    pub(crate) running: usize,
    pub(crate) account: Account,
    /// The number of the grant that it got last; where it got none, of the last one when it came.
    pub(crate) served: u64,
    /// Flows are numbered as they come: between equals, the one that came first is first.
    pub(crate) number: u64,
}

/// Where a flow stands among those that wait; the least is next.
pub(crate) type Rank = (Account, u64, u64);

impl<F, S: Clone + Eq + Hash> Flow<F, S> {
    pub(crate) fn new(key: F, terms: Terms, served: u64, number: u64) -> Self {
        Self { key, terms, turns: Turns::new(), running: 0, account: 0, served, number }
    }

    /// Whether it takes a slot that comes free.
    pub(crate) fn is_eligible(&self) -> bool {
        self.turns.len() > 0 && self.running < self.cap()
    }

    pub(crate) fn cap(&self) -> usize {
        self.terms.slots_max.max(1)
    }

    /// Where it stands among the others: its account, and what the requests that it runs will have cost if each takes
    /// `quantum`. That keeps one flow from taking all slots that are free at the same moment.
    pub(crate) fn rank(&self, quantum: Duration) -> Rank {
        let expected = self.terms.weight.divide(slot_time(self.running, quantum));
        (self.account.saturating_add(expected), self.served, self.number)
    }
}
