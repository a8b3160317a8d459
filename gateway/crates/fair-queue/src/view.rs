//! What can be told of a queue: to those who wait in it, and to people.

use std::hash::Hash;
use std::time::Duration;

use crate::account::{Account, Charge, TURN, slot_time};
use crate::flow::{Flow, Terms};
use crate::queue::{FairQueue, RequestId, Stage};

/// So many other flows are looked at for a place; beyond that, the rest is taken for average.
const FLOWS_COMPARED_MAX: usize = 256;

/// Where a request stands that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Requests of its own flow that start before it.
    pub ahead_in_flow: usize,
    /// Requests of all flows that are expected to start before it, if nothing comes or goes.
    pub ahead: usize,
    /// Requests that wait in all.
    pub waiting: usize,
}

/// A flow, as it is now.
#[derive(Clone, Debug, PartialEq)]
pub struct FlowView<F> {
    /// The flow.
    pub key: F,
    /// What it may take.
    pub terms: Terms,
    /// Slots that it holds.
    pub running: usize,
    /// Requests that wait.
    pub waiting: usize,
    /// Sessions that they are of.
    pub sessions: usize,
    /// Its account, in seconds of a slot divided by its weight; with [`Charge::Turn`], in turns.
    pub account: f64,
    /// How far it is ahead of a flow that is owed nothing and owes nothing, in the same unit; 0 where it is not.
    pub lag: f64,
    /// The bound of that while a flow is eligible, where no slot is held for longer than was said.
    pub bound: f64,
}

/// In seconds, or turns.
fn seconds(account: Account) -> f64 {
    #[expect(clippy::cast_precision_loss, reason = "for people")]
    let (account, turn) = (account as f64, TURN as f64);
    account / turn
}

impl<F: Clone + Eq + Hash, S: Clone + Eq + Hash> FairQueue<F, S> {
    /// Where `id` stands; `None`: it does not wait.
    pub fn place(&self, id: RequestId) -> Option<Place> {
        let (request, flow) = self.request(id)?;
        let Stage::Waiting { session } = &request.stage else { return None };
        let ahead_in_flow = flow.turns.ahead_of(session, id);
        let own_waiting = flow.turns.len();
        let compared: usize = self
            .waiting_flows(FLOWS_COMPARED_MAX)
            .filter(|other| other.key != flow.key)
            .map(|other| self.starts_before(other, flow, ahead_in_flow))
            .sum();
        let uncompared = self.ready_flows().saturating_sub(FLOWS_COMPARED_MAX);
        // Those that come later in the order get at most what this flow gets.
        let others = compared + uncompared.min(ahead_in_flow.saturating_mul(uncompared));
        let ahead = ahead_in_flow + others.min(self.waiting().saturating_sub(own_waiting));
        Some(Place { ahead_in_flow, ahead, waiting: self.waiting() })
    }

    /// How many requests of `other` start before the one of `flow` that has `ahead` of its own before it, if each
    /// takes the quantum.
    fn starts_before(&self, other: &Flow<F, S>, flow: &Flow<F, S>, ahead: usize) -> usize {
        let each = match self.charge() {
            Charge::Time => slot_time(1, self.quantum()).max(1),
            Charge::Turn => TURN,
        };
        let own = flow.rank(self.quantum()).0 + flow.terms.weight.divide(each.saturating_mul(ahead as u128));
        let (others, served, number) = other.rank(self.quantum());
        let step = other.terms.weight.divide(each).max(1);
        let starts = if others > own {
            0
        } else {
            let behind = own - others;
            behind / step
                + u128::from(!behind.is_multiple_of(step) || (served, number) < (flow.served, flow.number))
        };
        usize::try_from(starts).unwrap_or(usize::MAX).min(other.turns.len())
    }

    /// All flows that wait, run, or are in debt. `held_max`: the longest that a slot is held.
    pub fn views(&self, held_max: Duration) -> Vec<FlowView<F>> {
        let expected = seconds(self.expected_max());
        self.flows().map(|flow| self.view(flow, held_max, expected)).collect()
    }

    fn view(&self, flow: &Flow<F, S>, held_max: Duration, expected: f64) -> FlowView<F> {
        FlowView {
            key: flow.key.clone(),
            terms: flow.terms,
            running: flow.running,
            waiting: flow.turns.len(),
            sessions: flow.turns.sessions(),
            account: seconds(flow.account),
            lag: seconds(flow.account.saturating_sub(self.virtual_time)),
            bound: seconds(self.own_bound(flow, held_max)) + expected,
        }
    }

    /// What a flow holds at most beyond the virtual time when the last slot was granted to it.
    pub(crate) fn own_bound(&self, flow: &Flow<F, S>, held_max: Duration) -> Account {
        match self.charge() {
            Charge::Time => flow.terms.weight.divide(slot_time(self.slots_at_most(flow), held_max)),
            Charge::Turn => flow.terms.weight.divide(TURN),
        }
    }

    /// The greatest `(slots - 1) * quantum / weight` of a flow: so far apart are two flows that get a slot at the same
    /// moment.
    pub(crate) fn expected_max(&self) -> Account {
        let of_flow = |flow: &Flow<F, S>| {
            let others = self.slots_at_most(flow).saturating_sub(1);
            flow.terms.weight.divide(slot_time(others, self.quantum_peak))
        };
        self.flows().map(of_flow).max().unwrap_or_default()
    }

    /// Slots that the flow can hold at once.
    fn slots_at_most(&self, flow: &Flow<F, S>) -> usize {
        flow.cap().min(self.slots_peak)
    }
}
