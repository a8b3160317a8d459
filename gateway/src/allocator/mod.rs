//! Who gets the next slot: the async shell around [`fair_queue`], which decides it.
//!
//! A request makes a [`Claim`] and has a [`Ticket`] from then until it is over: it waits, holds a slot, and gives it
//! back, or leaves the queue, when the ticket is dropped, at whatever point that is. `views` is what people see.
//!
//! **Lock order:** the state's lock, then that of a ticket's place; both are held for a few steps in memory, and never
//! across an await. **Wake-up rule:** what changes the state under the lock also grants what may be granted, and wakes those tickets
//! before the lock is released. A ticket that is woken holds its slot already; so none is lost between the two.

mod claim;
mod ticket;
mod views;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

pub use claim::{Claim, QueuePlace, WaitReport};
use fair_queue::{Charge, LaneRequest, Lanes, Limits, RunTimes};
pub use ticket::{Ticket, UnclaimedSlot};
use tokio::time::Instant;
pub use views::{AllocatorView, FlowStatus, WaitingRequest};

use crate::config::{AllocatorConfig, Strategy};

/// Requests that wait for one allocator, of all flows together.
const WAITING_MAX: usize = 16_384;

/// What is typical is worked out after each of the first requests, then after so many.
const TYPICAL_AT_ONCE: u64 = 16;
const TYPICAL_EVERY: u64 = 16;

/// The slots of a pool, and who waits for them.
pub struct Allocator {
    state: Mutex<State>,
    /// When time began.
    origin: Instant,
    config: AllocatorConfig,
}

struct State {
    lanes: Lanes<Arc<str>, Arc<str>>,
    /// The tickets of the requests that wait.
    waiting: HashMap<LaneRequest, Waiting>,
    /// When those that hold slots got them.
    running: HashMap<LaneRequest, Instant>,
    run_times: RunTimes,
    /// The longest that a slot was held.
    held_max: Duration,
    counters: Counters,
}

/// A request that waits, as far as its ticket is concerned.
struct Waiting {
    place: Arc<ticket::Place>,
    /// What `status` says of it.
    session: Arc<str>,
    request: u64,
    flow: Arc<str>,
    since: Instant,
}

/// What has happened so far.
#[derive(Clone, Copy, Debug, Default)]
struct Counters {
    granted: u64,
    waited: u64,
    refused: u64,
    timed_out: u64,
    demoted: u64,
    /// Run times that were noted.
    noted: u64,
}

/// Why a request does not wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// So many of its own flow wait already: `queue_max`.
    OwnQueue(usize),
    /// So many of all wait already.
    Queues(usize),
}

impl Allocator {
    /// `slots` that are free, some of them for short requests if `has_lane`.
    pub fn new(slots: usize, has_lane: bool, config: &AllocatorConfig) -> Arc<Self> {
        let lane_slots = if has_lane { config.lane_slots(slots) } else { 0 };
        let charge = match config.strategy {
            Strategy::RoundRobin => Charge::Turn,
            Strategy::WeightedFair | Strategy::FairShare | Strategy::PriorityBased => Charge::Time,
        };
        let limits = Limits { waiting_max: WAITING_MAX, flow_waiting_max: config.queue_max };
        Arc::new(Self {
            state: Mutex::new(State {
                lanes: Lanes::new(slots, lane_slots, charge, limits),
                waiting: HashMap::new(),
                running: HashMap::new(),
                run_times: RunTimes::default(),
                held_max: Duration::ZERO,
                counters: Counters::default(),
            }),
            origin: Instant::now(),
            config: config.clone(),
        })
    }

    /// Waits in the claim's flow from here on, or has a slot at once.
    ///
    /// # Errors
    /// Too many wait already.
    pub fn claim(self: &Arc<Self>, claim: &Claim) -> Result<Ticket, Refusal> {
        Ticket::new(self, claim)
    }

    /// A slot for what the gateway does of its own accord, if one is free that no request waits for.
    pub fn try_unclaimed(self: &Arc<Self>) -> Option<UnclaimedSlot> {
        UnclaimedSlot::new(self)
    }

    /// Removes the slot of `ticket` and all free ones, but never the last. Returns how many are left.
    pub fn retire(&self, ticket: Ticket) -> usize {
        let left = {
            let mut state = self.lock();
            let left = state.lanes.in_use().saturating_sub(1).clamp(1, state.lanes.slots());
            state.set_slots(self.now(), left);
            left
        };
        drop(ticket);
        left
    }

    /// Removes free slots until there are `slots`, or none is free.
    pub fn lower(&self, slots: usize) {
        let mut state = self.lock();
        let slots = slots.max(state.lanes.in_use());
        if slots < state.lanes.slots() {
            state.set_slots(self.now(), slots);
            state.grant(self.now(), None);
        }
    }

    /// Slots there are.
    pub fn slots(&self) -> usize {
        self.lock().lanes.slots()
    }

    /// Slots that are not for short requests alone.
    pub fn ordinary_slots(&self) -> usize {
        self.lock().lanes.lane(fair_queue::Lane::Ordinary).slots()
    }

    /// A request was too long for the lane, and claims a slot anew.
    pub fn note_demoted(&self) {
        self.lock().counters.demoted += 1;
    }

    /// Slots in use.
    pub fn in_use(&self) -> usize {
        self.lock().lanes.in_use()
    }

    /// Requests that wait.
    pub fn waiting(&self) -> usize {
        self.lock().lanes.waiting()
    }

    /// How long a request waits at most.
    pub fn max_wait(&self) -> Duration {
        self.config.max_wait
    }

    /// How long a request may hold a slot of the lane.
    pub fn lane_timeout(&self) -> Duration {
        self.config.lane_timeout
    }

    /// Slots that are free.
    #[cfg(test)]
    pub(crate) fn free(&self) -> usize {
        let state = self.lock();
        state.lanes.slots().saturating_sub(state.lanes.in_use())
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }
}

impl State {
    /// Grants what may be granted, and wakes those who get it. Returns whether `own` is one of them, which nothing waits
    /// for yet.
    fn grant(&mut self, now: Duration, own: Option<LaneRequest>) -> bool {
        let mut is_own_granted = false;
        while let Some(grant) = self.lanes.dispatch(now) {
            self.counters.granted += 1;
            self.running.insert(grant.request, Instant::now());
            is_own_granted |= own == Some(grant.request);
            if let Some(waiting) = self.waiting.remove(&grant.request) {
                waiting.place.grant();
            }
        }
        is_own_granted
    }

    /// There are `slots` from here on; who waits in a lane that is no more waits in the other.
    fn set_slots(&mut self, now: Duration, slots: usize) {
        for (was, is) in self.lanes.set_slots(now, slots) {
            if let Some(waiting) = self.waiting.remove(&was) {
                waiting.place.set(is);
                self.waiting.insert(is, waiting);
            }
        }
    }

    /// A request held its slot for `held`.
    fn note_run(&mut self, held: Duration, is_typical: bool) {
        self.held_max = self.held_max.max(held);
        if is_typical {
            self.run_times.note(held);
            // A few requests more or less make no difference to what is typical.
            self.counters.noted += 1;
            if self.counters.noted > TYPICAL_AT_ONCE && !self.counters.noted.is_multiple_of(TYPICAL_EVERY) {
                return;
            }
            let (median, mean) = (self.run_times.median(), self.run_times.mean());
            let ordinary = self.lanes.lane_mut(fair_queue::Lane::Ordinary);
            ordinary.set_quantum(median);
            ordinary.set_entry(mean);
        }
    }
}

#[cfg(test)]
mod tests;
