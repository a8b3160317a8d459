//! Flows that wait for one set of slots: what happens to them. `order` says who is next.

mod order;

use std::collections::{BTreeSet, HashMap};
use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use crate::account::{Account, Charge, TURN};
use crate::acquaintances::Acquaintances;
use crate::flow::{Flow, Rank, Terms};

/// Flows in debt that are remembered, at most: beyond that, the one with the least debt is forgotten.
const DEBTORS_MAX: usize = 4_096;

/// A request, from its arrival to its end. Never used twice.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId(pub(crate) u64);

/// What may wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Requests of all flows together.
    pub waiting_max: usize,
    /// Requests of one flow. Where several of its sessions wait, each has its part of that at least: none is kept out by
    /// the others.
    pub flow_waiting_max: usize,
}

/// A request that may start: it holds a slot until [`FairQueue::finish`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant<F> {
    /// The request.
    pub id: RequestId,
    /// Its flow.
    pub flow: F,
    /// How long it waited.
    pub waited: Duration,
}

/// Why a request is not queued.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum QueueFull {
    /// As many of its flow wait as may.
    #[error("{waiting} requests of this flow wait already")]
    Flow {
        /// How many.
        waiting: usize,
    },
    /// As many of all flows wait as may.
    #[error("{waiting} requests wait already")]
    All {
        /// How many.
        waiting: usize,
    },
}

/// Where a request is.
#[derive(Debug)]
pub(crate) enum Stage<S> {
    Waiting { session: S },
    Running,
}

#[derive(Debug)]
pub(crate) struct Request<S> {
    pub(crate) flow: usize,
    pub(crate) stage: Stage<S>,
    since: Duration,
}

/// Flows, and the slots that they wait for. `F`: what tells flows apart, `S`: their sessions. Times are counted from
/// whatever moment the caller likes; one that lies before an earlier one counts as that.
///
/// Each event takes time that grows with the logarithm of the flows, and with the slots.
pub struct FairQueue<F, S> {
    slots: usize,
    /// The most slots that there were.
    pub(crate) slots_peak: usize,
    /// Slots in use by no flow.
    occupied: usize,
    running: usize,
    waiting: usize,
    limits: Limits,
    charge: Charge,
    quantum: Duration,
    /// What a flow is charged that was never here before.
    entry: Duration,
    acquaintances: Acquaintances<F>,
    pub(crate) quantum_peak: Duration,
    now: Duration,
    /// The account of a flow that is owed nothing and owes nothing: the least of the eligible flows', and never less than
    /// before.
    pub(crate) virtual_time: Account,
    /// The greatest account that any flow had.
    highest: Account,
    flows: Vec<Option<Flow<F, S>>>,
    vacant: Vec<usize>,
    by_key: HashMap<F, usize>,
    /// Flows that wait and run nothing, by rank.
    ready: BTreeSet<(Rank, usize)>,
    /// Flows that hold slots: as many as there are slots, at most.
    busy: Vec<usize>,
    /// Flows that neither wait nor run, and are in debt.
    idle: BTreeSet<(Account, usize)>,
    requests: HashMap<RequestId, Request<S>>,
    ids: u64,
    grants: u64,
    /// Flows that came so far.
    numbers: u64,
    /// Whether nothing has happened since all was granted that may be. Only then is a flow eligible that really waits:
    /// a flow whose request starts as soon as it comes does not move the virtual time.
    is_dispatched: bool,
    #[cfg(test)]
    pub(crate) mutant: Option<crate::simulation::Mutant>,
}

impl<F, S> fmt::Debug for FairQueue<F, S> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("FairQueue")
            .field("slots", &self.slots)
            .field("running", &self.running)
            .field("waiting", &self.waiting)
            .finish_non_exhaustive()
    }
}

impl<F: Clone + Eq + Hash, S: Clone + Eq + Hash> FairQueue<F, S> {
    /// No flows yet.
    pub fn new(slots: usize, charge: Charge, limits: Limits) -> Self {
        Self {
            slots,
            slots_peak: slots,
            occupied: 0,
            running: 0,
            waiting: 0,
            limits,
            charge,
            quantum: Duration::ZERO,
            entry: Duration::ZERO,
            acquaintances: Acquaintances::default(),
            quantum_peak: Duration::ZERO,
            now: Duration::ZERO,
            virtual_time: 0,
            highest: 0,
            flows: Vec::new(),
            vacant: Vec::new(),
            by_key: HashMap::new(),
            ready: BTreeSet::new(),
            busy: Vec::new(),
            idle: BTreeSet::new(),
            requests: HashMap::new(),
            ids: 0,
            grants: 0,
            numbers: 0,
            is_dispatched: true,
            #[cfg(test)]
            mutant: None,
        }
    }

    /// A request of `session` in `flow` waits for a slot. The flow has `terms` from here on.
    ///
    /// # Errors
    /// Too many wait.
    pub fn arrive(
        &mut self,
        now: Duration,
        flow: &F,
        terms: Terms,
        session: &S,
    ) -> Result<RequestId, QueueFull> {
        self.advance(now);
        if let Some(known) = self.flow(flow) {
            let (waiting, of_session) = (known.turns.len(), known.turns.len_of(session));
            let sessions = known.turns.sessions() + usize::from(of_session == 0);
            let part = (self.limits.flow_waiting_max / sessions).max(1);
            if waiting >= self.limits.flow_waiting_max && of_session >= part {
                return Err(QueueFull::Flow { waiting });
            }
        }
        if self.waiting >= self.limits.waiting_max {
            return Err(QueueFull::All { waiting: self.waiting });
        }
        Ok(self.enqueue(flow, terms, session, self.now))
    }

    /// A request waits, and has since `since`.
    fn enqueue(&mut self, flow: &F, terms: Terms, session: &S, since: Duration) -> RequestId {
        let at = self.find_or_add(flow, terms);
        self.ids += 1;
        let id = RequestId(self.ids);
        self.waiting += 1;
        let request = Request { flow: at, stage: Stage::Waiting { session: session.clone() }, since };
        self.requests.insert(id, request);
        self.change(at, |flow| {
            flow.terms = terms;
            flow.turns.push(session, id);
        });
        id
    }

    /// What waits here goes on waiting in `other`, whatever its bounds: returns how each is called here and there, in order
    /// of arrival.
    pub(crate) fn move_waiting(&mut self, now: Duration, other: &mut Self) -> Vec<(RequestId, RequestId)> {
        self.advance(now);
        other.advance(now);
        let is_waiting = |(id, request): (&RequestId, &Request<S>)| {
            matches!(request.stage, Stage::Waiting { .. }).then_some(*id)
        };
        let mut ids: Vec<_> = self.requests.iter().filter_map(is_waiting).collect();
        ids.sort_unstable();
        ids.into_iter().filter_map(|id| Some((id, self.move_one(id, other)?))).collect()
    }

    fn move_one(&mut self, id: RequestId, other: &mut Self) -> Option<RequestId> {
        let (request, flow) = self.request(id)?;
        let Stage::Waiting { session } = &request.stage else { return None };
        let (session, since, flow, terms) = (session.clone(), request.since, flow.key.clone(), flow.terms);
        self.cancel(self.now, id);
        Some(other.enqueue(&flow, terms, &session, since))
    }

    /// The request that starts next, if one may. To be asked until there is none, after whatever happened.
    pub fn dispatch(&mut self, now: Duration) -> Option<Grant<F>> {
        self.advance(now);
        let next = if self.free() > 0 { self.next_flow() } else { None };
        let Some(at) = next else {
            self.is_dispatched = true;
            self.settle();
            return None;
        };
        self.grants += 1;
        let (served, turn) = (self.grants, self.charge == Charge::Turn);
        let mut granted = None;
        self.change(at, |flow| {
            granted = flow.turns.pop();
            flow.running += usize::from(granted.is_some());
            flow.served = served;
            if turn {
                flow.account += flow.terms.weight.divide(TURN);
            }
        });
        let id = granted?;
        self.waiting -= 1;
        self.running += 1;
        let (key, account) = self.flows[at].as_ref().map(|flow| (flow.key.clone(), flow.account))?;
        self.highest = self.highest.max(account);
        let request = self.requests.get_mut(&id)?;
        let waited = self.now.saturating_sub(request.since);
        (request.stage, request.since) = (Stage::Running, self.now);
        Some(Grant { id, flow: key, waited })
    }

    /// A request that was granted is over, and gives its slot back. Returns how long it held it; `None`: it holds none.
    pub fn finish(&mut self, now: Duration, id: RequestId) -> Option<Duration> {
        self.advance(now);
        let request = self.requests.get(&id)?;
        let Stage::Running = request.stage else { return None };
        let (at, ran) = (request.flow, self.now.saturating_sub(request.since));
        self.requests.remove(&id);
        self.running -= 1;
        self.change(at, |flow| flow.running -= 1);
        Some(ran)
    }

    /// A request that waits is not wanted any more. Returns whether it waited.
    pub fn cancel(&mut self, now: Duration, id: RequestId) -> bool {
        self.advance(now);
        let Some(Request { flow, stage: Stage::Waiting { session }, .. }) = self.requests.get(&id) else {
            return false;
        };
        let (at, session) = (*flow, session.clone());
        self.requests.remove(&id);
        self.waiting -= 1;
        self.change(at, |flow| flow.turns.remove(&session, id));
        true
    }

    /// From here on, there are `slots`. Where more are in use, those keep theirs.
    pub fn set_slots(&mut self, now: Duration, slots: usize) {
        self.advance(now);
        self.is_dispatched = false;
        self.slots = slots;
        self.slots_peak = self.slots_peak.max(slots);
    }

    /// Changes what `flow` may take, if it is known: it waits, runs, or is in debt.
    pub fn set_terms(&mut self, now: Duration, flow: &F, terms: Terms) {
        self.advance(now);
        if let Some(&at) = self.by_key.get(flow) {
            self.change(at, |flow| flow.terms = terms);
        }
    }

    /// What a request is expected to take, once more are running: the median of run times is good for that.
    pub fn set_quantum(&mut self, quantum: Duration) {
        self.quantum = quantum;
        self.quantum_peak = self.quantum_peak.max(quantum);
    }

    /// What a flow is charged, by its weight, when it comes for the first time, in addition to what rule 3 says: with the
    /// mean of run times, those who come under another name each time cannot keep out those who wait.
    pub fn set_entry(&mut self, entry: Duration) {
        self.entry = entry;
    }

    /// Brings what is counted up to `now`, as every event does.
    pub fn advance_to(&mut self, now: Duration) {
        self.advance(now);
    }

    /// Takes a free slot for no flow, where no flow would take it. Given back by [`FairQueue::vacate`].
    pub fn occupy(&mut self, now: Duration) -> bool {
        self.advance(now);
        let takes = self.free() > 0 && self.next_flow().is_none();
        self.occupied += usize::from(takes);
        takes
    }

    /// Gives back what [`FairQueue::occupy`] took.
    pub fn vacate(&mut self, now: Duration) {
        self.advance(now);
        self.is_dispatched = false;
        self.occupied = self.occupied.saturating_sub(1);
    }

    /// Slots there are.
    pub fn slots(&self) -> usize {
        self.slots
    }

    /// Slots that are free.
    pub fn free(&self) -> usize {
        self.slots.saturating_sub(self.in_use())
    }

    /// Slots that are in use, by flows or not.
    pub fn in_use(&self) -> usize {
        self.running + self.occupied
    }

    /// Requests that wait.
    pub fn waiting(&self) -> usize {
        self.waiting
    }

    /// Requests that hold slots.
    pub fn running(&self) -> usize {
        self.running
    }

    /// What flows pay for.
    pub(crate) fn charge(&self) -> Charge {
        self.charge
    }

    /// What a request is expected to take.
    pub fn quantum(&self) -> Duration {
        match self.charge {
            Charge::Time => self.quantum,
            // A start is paid when it happens.
            Charge::Turn => Duration::ZERO,
        }
    }

    pub(crate) fn flow(&self, key: &F) -> Option<&Flow<F, S>> {
        self.flows[*self.by_key.get(key)?].as_ref()
    }

    pub(crate) fn flows(&self) -> impl Iterator<Item = &Flow<F, S>> {
        self.flows.iter().flatten()
    }

    pub(crate) fn request(&self, id: RequestId) -> Option<(&Request<S>, &Flow<F, S>)> {
        let request = self.requests.get(&id)?;
        Some((request, self.flows[request.flow].as_ref()?))
    }

    /// The flows that wait, the next ones first: those that hold slots, then the others, `count` of these at most.
    pub(crate) fn waiting_flows(&self, count: usize) -> impl Iterator<Item = &Flow<F, S>> {
        let ready = self.ready.iter().take(count).map(|&(_, at)| at);
        let flows = self.busy.iter().copied().chain(ready).filter_map(|at| self.flows[at].as_ref());
        flows.filter(|flow| flow.turns.len() > 0)
    }

    pub(crate) fn ready_flows(&self) -> usize {
        self.ready.len()
    }
}

#[cfg(test)]
mod tests;
