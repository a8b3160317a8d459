//! Who is next, and what is kept of the flows for that: their accounts, the virtual time, and the sets by which the next
//! one is found.

use std::hash::Hash;
use std::time::Duration;

use super::{DEBTORS_MAX, FairQueue};
use crate::account::{Account, Charge, slot_time};
use crate::flow::{Flow, Terms};

impl<F: Clone + Eq + Hash, S: Clone + Eq + Hash> FairQueue<F, S> {
    /// Charges what has run since the last event, and lets the virtual time follow.
    pub(super) fn advance(&mut self, now: Duration) {
        let passed = now.saturating_sub(self.now);
        if !passed.is_zero() && self.charge == Charge::Time {
            for &at in &self.busy {
                let Some(flow) = &mut self.flows[at] else { continue };
                flow.account += flow.terms.weight.divide(slot_time(flow.running, passed));
                self.highest = self.highest.max(flow.account);
            }
        }
        self.now = self.now.max(now);
        if self.is_dispatched {
            self.settle();
        }
    }

    /// Brings the virtual time up to date, and forgets the flows that have nothing and owe nothing.
    pub(super) fn settle(&mut self) {
        self.virtual_time = self.virtual_time.max(self.least_account());
        while let Some(&(account, at)) = self.idle.first() {
            if account > self.virtual_time && self.idle.len() <= DEBTORS_MAX {
                break;
            }
            self.idle.pop_first();
            self.forget(at);
        }
    }

    /// The least account of the eligible flows; where none is, no flow waits for another: all debts are settled.
    pub(super) fn least_account(&self) -> Account {
        let busy = self.busy.iter().filter_map(|&at| self.flows[at].as_ref());
        let eligible = busy.filter(|flow| self.counts_for_virtual_time(flow)).map(|flow| flow.account);
        let ready = self.ready.first().map(|&((account, ..), _)| account);
        match eligible.chain(ready).min() {
            Some(least) => least,
            #[cfg(test)]
            None if self.mutant == Some(crate::simulation::Mutant::NoSettling) => 0,
            None => self.highest,
        }
    }

    pub(super) fn counts_for_virtual_time(&self, flow: &Flow<F, S>) -> bool {
        #[cfg(test)]
        if self.mutant == Some(crate::simulation::Mutant::CappedFlowsCount) {
            return flow.turns.len() > 0;
        }
        flow.is_eligible()
    }

    /// The eligible flow whose turn it is.
    pub(super) fn next_flow(&self) -> Option<usize> {
        let ready = self.ready.first().copied();
        let busy = self.busy.iter().filter_map(|&at| {
            let flow = self.flows[at].as_ref().filter(|flow| flow.is_eligible())?;
            Some((flow.rank(self.quantum()), at))
        });
        busy.chain(ready).min().map(|(_, at)| at)
    }

    /// Changes a flow, and keeps what is known of it by other means the same. On becoming eligible, it is lifted to the
    /// virtual time: idling earns no credit.
    pub(super) fn change(&mut self, at: usize, change: impl FnOnce(&mut Flow<F, S>)) {
        self.remove_from_sets(at);
        let Some(flow) = &mut self.flows[at] else { return };
        let was_eligible = flow.is_eligible();
        change(flow);
        #[cfg(test)]
        let lifts = self.mutant != Some(crate::simulation::Mutant::NoLift);
        #[cfg(not(test))]
        let lifts = true;
        if lifts && flow.is_eligible() && !was_eligible {
            flow.account = flow.account.max(self.virtual_time);
        }
        self.add_to_sets(at);
        self.is_dispatched = false;
    }

    pub(super) fn remove_from_sets(&mut self, at: usize) {
        let Some(flow) = &self.flows[at] else { return };
        if flow.running > 0 {
            self.busy.retain(|&busy| busy != at);
        } else if flow.turns.len() > 0 {
            self.ready.remove(&(flow.rank(Duration::ZERO), at));
        } else {
            self.idle.remove(&(flow.account, at));
        }
    }

    pub(super) fn add_to_sets(&mut self, at: usize) {
        let Some(flow) = &self.flows[at] else { return };
        if flow.running > 0 {
            self.busy.push(at);
        } else if flow.turns.len() > 0 {
            self.ready.insert((flow.rank(Duration::ZERO), at));
        } else {
            self.idle.insert((flow.account, at));
        }
    }

    pub(super) fn find_or_add(&mut self, key: &F, terms: Terms) -> usize {
        if let Some(&at) = self.by_key.get(key) {
            return at;
        }
        self.numbers += 1;
        let mut flow = Flow::new(key.clone(), terms, self.grants, self.numbers);
        if self.acquaintances.meet(key) && self.charge == Charge::Time {
            flow.account = self.virtual_time.saturating_add(terms.weight.divide(slot_time(1, self.entry)));
            self.highest = self.highest.max(flow.account);
        }
        let at = match self.vacant.pop() {
            Some(at) => {
                self.flows[at] = Some(flow);
                at
            }
            None => {
                self.flows.push(Some(flow));
                self.flows.len() - 1
            }
        };
        self.by_key.insert(key.clone(), at);
        at
    }

    pub(super) fn forget(&mut self, at: usize) {
        if let Some(flow) = self.flows[at].take() {
            self.by_key.remove(&flow.key);
            self.vacant.push(at);
        }
    }
}
