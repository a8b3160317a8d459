//! The invariants of a queue, which hold after every event and once nothing more is granted.

use std::hash::Hash;
use std::time::Duration;

use crate::account::Account;
use crate::queue::FairQueue;

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A slot is free beside a flow that would take it.
    #[error("{free} slots are free beside a flow that waits")]
    IdleSlot {
        /// How many.
        free: usize,
    },
    /// The virtual time went back.
    #[error("the virtual time went back")]
    VirtualTime,
    /// An eligible flow is behind the virtual time.
    #[error("a flow that waits has credit for time in which it did not")]
    Credit,
    /// A flow got more than its bound.
    #[error("a flow is {:.3} times its bound ahead", *thousandths as f64 / 1e3)]
    Bound {
        /// Its lag, in thousandths of its bound.
        thousandths: u64,
    },
    /// What is counted does not fit what is there.
    #[error("the counts of waiting and running requests are wrong")]
    Counts,
}

/// Rounding: each event loses less than one unit of an account.
const ROUNDING: Account = 1_000_000;

/// What the last check saw.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seen {
    virtual_time: Account,
    /// The greatest lag so far, in parts of its bound.
    pub(crate) worst: f64,
}

impl<F: Clone + Eq + Hash, S: Clone + Eq + Hash> FairQueue<F, S> {
    /// Whether the invariants hold now, where no slot is held for longer than `held_max` and what the flows may take has
    /// not changed. To be asked after [`FairQueue::dispatch`] returned `None`.
    ///
    /// # Errors
    /// The first that does not.
    pub fn check(&self, held_max: Duration) -> Result<(), Violation> {
        self.check_after(&mut Seen { virtual_time: 0, worst: 0.0 }, held_max)
    }

    pub(crate) fn check_after(&self, seen: &mut Seen, held_max: Duration) -> Result<(), Violation> {
        let waiting: usize = self.flows().map(|flow| flow.turns.len()).sum();
        let running: usize = self.flows().map(|flow| flow.running).sum();
        if (waiting, running) != (self.waiting(), self.running()) {
            return Err(Violation::Counts);
        }
        if self.virtual_time < seen.virtual_time {
            return Err(Violation::VirtualTime);
        }
        seen.virtual_time = self.virtual_time;
        let mut eligible = self.flows().filter(|flow| flow.is_eligible()).peekable();
        if eligible.peek().is_none() {
            return Ok(());
        }
        if self.free() > 0 {
            return Err(Violation::IdleSlot { free: self.free() });
        }
        if eligible.any(|flow| flow.account < self.virtual_time) {
            return Err(Violation::Credit);
        }
        let expected = self.expected_max();
        for flow in self.flows() {
            let lag = flow.account.saturating_sub(self.virtual_time);
            let bound = self.own_bound(flow, held_max) + expected;
            #[expect(clippy::cast_precision_loss, reason = "a ratio")]
            let ratio = lag as f64 / bound.max(1) as f64;
            seen.worst = seen.worst.max(ratio);
            if lag > bound + ROUNDING {
                let thousandths = u64::try_from(lag.saturating_mul(1_000) / bound.max(1)).unwrap_or(u64::MAX);
                return Err(Violation::Bound { thousandths });
            }
        }
        Ok(())
    }
}
