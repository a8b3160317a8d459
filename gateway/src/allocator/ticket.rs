//! A request in the allocator's hands: from its arrival to its end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use fair_queue::{Lane, LaneRequest, QueueFull};
use tokio::sync::Notify;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use super::claim::{Claim, QueuePlace};
use super::{Allocator, Refusal, Waiting};

/// How often a request that waits is told where it stands.
const TOLD_EVERY: Duration = Duration::from_secs(2);

/// It is told for the first time after this: most waits are over by then.
const TOLD_AFTER: Duration = Duration::from_millis(200);

/// A request that waits for a slot, and then holds it, until this is dropped.
pub struct Ticket {
    allocator: Arc<Allocator>,
    place: Arc<Place>,
    claim: Claim,
    since: Instant,
    /// How long it holds the slot says nothing about requests: a session has it to itself.
    is_held_for_long: bool,
}

/// Where the request is in the queue. Written under the lock of the allocator's state.
pub(super) struct Place {
    request: Mutex<LaneRequest>,
    is_granted: AtomicBool,
    wake: Notify,
}

impl Place {
    fn new(request: LaneRequest) -> Arc<Self> {
        Arc::new(Self {
            request: Mutex::new(request),
            is_granted: AtomicBool::new(false),
            wake: Notify::new(),
        })
    }

    fn get(&self) -> LaneRequest {
        *self.request.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set(&self, request: LaneRequest) {
        *self.request.lock().unwrap_or_else(PoisonError::into_inner) = request;
    }

    pub(super) fn grant(&self) {
        self.is_granted.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    fn is_granted(&self) -> bool {
        self.is_granted.load(Ordering::Acquire)
    }
}

impl Ticket {
    pub(super) fn new(allocator: &Arc<Allocator>, claim: &Claim) -> Result<Self, Refusal> {
        let place = allocator.enqueue(claim, claim.lane)?;
        Ok(Self {
            allocator: Arc::clone(allocator),
            place,
            claim: claim.clone(),
            since: Instant::now(),
            is_held_for_long: false,
        })
    }

    /// Whether it holds a slot.
    pub fn is_granted(&self) -> bool {
        self.place.is_granted()
    }

    /// Whether it holds one of the lane for short requests.
    pub fn is_in_lane(&self) -> bool {
        self.place.get().lane == Lane::Interactive
    }

    /// Waits for the slot until `deadline`, and says where the request stands meanwhile. Returns whether it has it. Can
    /// be dropped at any point and called again.
    pub async fn granted(&self, deadline: Instant) -> bool {
        let mut told = interval_at(Instant::now() + TOLD_AFTER, TOLD_EVERY);
        told.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let is_granted = loop {
            if self.is_granted() {
                break true;
            }
            tokio::select! {
                biased;
                () = self.place.wake.notified() => {}
                () = tokio::time::sleep_until(deadline) => break self.is_granted(),
                _ = told.tick(), if self.claim.told.is_some() => self.tell(),
            }
        };
        if let Some(told) = &self.claim.told {
            told.send_if_modified(|place| place.take().is_some());
        }
        if !is_granted {
            self.allocator.lock().counters.timed_out += 1;
        }
        is_granted
    }

    fn tell(&self) {
        let Some(told) = &self.claim.told else { return };
        if let Some(place) = self.queue_place() {
            told.send_replace(Some(place));
        }
    }

    /// Where it stands; `None`: it does not wait.
    pub fn queue_place(&self) -> Option<QueuePlace> {
        let now = self.allocator.now();
        let mut state = self.allocator.lock();
        state.lanes.advance_to(now);
        state.place_of(self.place.get(), self.since)
    }

    /// Slots that its flow holds at once, at most.
    pub fn slots_max(&self) -> usize {
        self.claim.terms.slots_max
    }

    /// It takes longer than it may in the lane: the slot is given back, and it waits like any other request.
    ///
    /// # Errors
    /// Too many wait there; then the ticket is void.
    pub fn demote(&mut self) -> Result<(), Refusal> {
        self.allocator.leave(&self.place, false);
        // Void until it is queued again.
        let queued = self.allocator.enqueue(&self.claim, Lane::Ordinary);
        self.allocator.lock().counters.demoted += 1;
        self.place = queued?;
        Ok(())
    }

    /// It keeps the slot for as long as its session has a connection to itself.
    pub fn set_held_for_long(&mut self) {
        self.is_held_for_long = true;
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.allocator.leave(&self.place, !self.is_held_for_long);
    }
}

impl Allocator {
    fn enqueue(&self, claim: &Claim, lane: Lane) -> Result<Arc<Place>, Refusal> {
        let now = self.now();
        let mut state = self.lock();
        let arrived = state.lanes.arrive(now, lane, &claim.flow, claim.terms, &claim.session);
        let request = arrived.map_err(|full| {
            state.counters.refused += 1;
            match full {
                QueueFull::Flow { waiting } => Refusal::OwnQueue(waiting),
                QueueFull::All { waiting } => Refusal::Queues(waiting),
            }
        })?;
        let place = Place::new(request);
        if state.grant(now, Some(request)) {
            place.grant();
            return Ok(place);
        }
        let waiting = Waiting {
            place: Arc::clone(&place),
            session: Arc::clone(&claim.session),
            request: claim.request,
            flow: Arc::clone(&claim.flow),
            since: Instant::now(),
        };
        state.waiting.insert(request, waiting);
        state.counters.waited += 1;
        Ok(place)
    }

    /// The request is over, or not wanted any more.
    fn leave(&self, place: &Place, is_typical: bool) {
        let now = self.now();
        let mut state = self.lock();
        // Under the lock: it may have been moved to the other lane before.
        let request = place.get();
        state.running.remove(&request);
        state.waiting.remove(&request);
        if !state.lanes.cancel(now, request)
            && let Some(held) = state.lanes.finish(now, request)
        {
            state.note_run(held, is_typical && request.lane == Lane::Ordinary);
        }
        state.grant(now, None);
    }
}

/// A slot that no flow holds, until this is dropped.
pub struct UnclaimedSlot(Arc<Allocator>);

impl UnclaimedSlot {
    pub(super) fn new(allocator: &Arc<Allocator>) -> Option<Self> {
        let now = allocator.now();
        let is_taken = allocator.lock().lanes.occupy(now);
        is_taken.then(|| Self(Arc::clone(allocator)))
    }
}

impl Drop for UnclaimedSlot {
    fn drop(&mut self) {
        let now = self.0.now();
        let mut state = self.0.lock();
        state.lanes.lane_mut(Lane::Ordinary).vacate(now);
        state.grant(now, None);
    }
}
