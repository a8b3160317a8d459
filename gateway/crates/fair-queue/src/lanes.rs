//! Two queues over the slots of one resource: one for short requests that a person waits for, one for all others.
//! Neither takes the other's slots, so the bound of each holds.

use std::hash::Hash;
use std::time::Duration;

use crate::account::Charge;
use crate::flow::Terms;
use crate::queue::{FairQueue, Grant, Limits, QueueFull, RequestId};
use crate::view::Place;

/// Which of the two.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Lane {
    /// All others.
    Ordinary,
    /// Short ones. The caller bounds how long each may run, and moves it to the other lane when it takes longer
    /// ([`Lanes::demote`]): without that bound, the lane's is lost.
    Interactive,
}

/// A request, and the lane that it is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct LaneRequest {
    /// The lane.
    pub lane: Lane,
    /// Its id there.
    pub id: RequestId,
}

/// A request that may start.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LaneGrant<F> {
    /// The request.
    pub request: LaneRequest,
    /// Its flow.
    pub flow: F,
    /// How long it waited.
    pub waited: Duration,
}

/// See the module. Each lane has accounts of its own: what a flow runs in one costs it nothing in the other.
#[derive(Debug)]
pub struct Lanes<F, S> {
    ordinary: FairQueue<F, S>,
    interactive: FairQueue<F, S>,
    /// Slots of the interactive lane, while there are enough.
    interactive_slots: usize,
}

impl<F: Clone + Eq + Hash, S: Clone + Eq + Hash> Lanes<F, S> {
    /// `slots` in all, of which `interactive_slots` are for short requests; one always stays for the others.
    pub fn new(slots: usize, interactive_slots: usize, charge: Charge, limits: Limits) -> Self {
        let interactive = interactive_slots.min(slots.saturating_sub(1));
        Self {
            ordinary: FairQueue::new(slots - interactive, charge, limits),
            interactive: FairQueue::new(interactive, charge, limits),
            interactive_slots,
        }
    }

    /// As [`FairQueue::arrive`]. Where the interactive lane has no slots, or none free while an ordinary one is, every
    /// request is an ordinary one.
    ///
    /// # Errors
    /// Too many wait in that lane.
    pub fn arrive(
        &mut self,
        now: Duration,
        lane: Lane,
        flow: &F,
        terms: Terms,
        session: &S,
    ) -> Result<LaneRequest, QueueFull> {
        let is_full = self.interactive.free() == 0;
        let has_room = self.ordinary.free() > 0 && self.ordinary.waiting() == 0 && !self.is_over_committed();
        // What is free, and nothing waits for, serves short ones, too.
        let lane = if self.interactive.slots() == 0 || (is_full && has_room) { Lane::Ordinary } else { lane };
        let id = self.lane_mut(lane).arrive(now, flow, terms, session)?;
        Ok(LaneRequest { lane, id })
    }

    /// As [`FairQueue::dispatch`]. Just after [`Lanes::set_slots`], a lane may hold more than it has now: the other one
    /// waits until there are no more in use than there are.
    pub fn dispatch(&mut self, now: Duration) -> Option<LaneGrant<F>> {
        if self.in_use() >= self.slots() && self.is_over_committed() {
            return None;
        }
        [Lane::Interactive, Lane::Ordinary].into_iter().find_map(|lane| {
            let Grant { id, flow, waited } = self.lane_mut(lane).dispatch(now)?;
            Some(LaneGrant { request: LaneRequest { lane, id }, flow, waited })
        })
    }

    /// As [`FairQueue::finish`].
    pub fn finish(&mut self, now: Duration, request: LaneRequest) -> Option<Duration> {
        self.lane_mut(request.lane).finish(now, request.id)
    }

    /// As [`FairQueue::cancel`].
    pub fn cancel(&mut self, now: Duration, request: LaneRequest) -> bool {
        self.lane_mut(request.lane).cancel(now, request.id)
    }

    /// A request of the interactive lane takes longer than it may there: it gives its slot back, and waits among the
    /// ordinary ones of its flow.
    ///
    /// # Errors
    /// Too many wait there.
    pub fn demote(
        &mut self,
        now: Duration,
        request: LaneRequest,
        flow: &F,
        terms: Terms,
        session: &S,
    ) -> Result<LaneRequest, QueueFull> {
        self.finish(now, request);
        self.arrive(now, Lane::Ordinary, flow, terms, session)
    }

    /// From here on, there are `slots` in all. Where that leaves none for the interactive lane, what waits there waits
    /// among the ordinary requests: returns what each was called, and is called now.
    pub fn set_slots(&mut self, now: Duration, slots: usize) -> Vec<(LaneRequest, LaneRequest)> {
        let interactive = self.interactive_slots.min(slots.saturating_sub(1));
        self.interactive.set_slots(now, interactive);
        self.ordinary.set_slots(now, slots - interactive);
        if interactive > 0 {
            return Vec::new();
        }
        let moved = self.interactive.move_waiting(now, &mut self.ordinary).into_iter();
        let named = |(was, is)| {
            (LaneRequest { lane: Lane::Interactive, id: was }, LaneRequest { lane: Lane::Ordinary, id: is })
        };
        moved.map(named).collect()
    }

    /// Whether a lane holds more slots than it has.
    pub fn is_over_committed(&self) -> bool {
        [&self.ordinary, &self.interactive].into_iter().any(|lane| lane.in_use() > lane.slots())
    }

    /// Slots in use, by flows or not.
    pub fn in_use(&self) -> usize {
        self.ordinary.in_use() + self.interactive.in_use()
    }

    /// Slots in all.
    pub fn slots(&self) -> usize {
        self.ordinary.slots() + self.interactive.slots()
    }

    /// Requests that wait, in both.
    pub fn waiting(&self) -> usize {
        self.ordinary.waiting() + self.interactive.waiting()
    }

    /// As [`FairQueue::occupy`], of the ordinary slots.
    pub fn occupy(&mut self, now: Duration) -> bool {
        !self.is_over_committed() && self.ordinary.occupy(now)
    }

    /// As [`FairQueue::advance_to`].
    pub fn advance_to(&mut self, now: Duration) {
        self.ordinary.advance_to(now);
        self.interactive.advance_to(now);
    }

    /// As [`FairQueue::place`].
    pub fn place(&self, request: LaneRequest) -> Option<Place> {
        self.lane(request.lane).place(request.id)
    }

    /// One of the two.
    pub fn lane(&self, lane: Lane) -> &FairQueue<F, S> {
        match lane {
            Lane::Ordinary => &self.ordinary,
            Lane::Interactive => &self.interactive,
        }
    }

    /// As [`Lanes::lane`].
    pub fn lane_mut(&mut self, lane: Lane) -> &mut FairQueue<F, S> {
        match lane {
            Lane::Ordinary => &mut self.ordinary,
            Lane::Interactive => &mut self.interactive,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMITS: Limits = Limits { waiting_max: 100, flow_waiting_max: 100 };
    const NOW: Duration = Duration::ZERO;

    fn granted(lanes: &mut Lanes<&'static str, u8>) -> Vec<LaneRequest> {
        std::iter::from_fn(|| lanes.dispatch(NOW)).map(|grant| grant.request).collect()
    }

    #[test]
    fn a_hog_of_the_ordinary_lane_leaves_the_interactive_one_alone() {
        let mut lanes = Lanes::new(4, 1, Charge::Time, LIMITS);
        for _ in 0..10 {
            lanes.arrive(NOW, Lane::Ordinary, &"hog", Terms::default(), &0).unwrap();
        }
        assert_eq!(granted(&mut lanes).len(), 3);
        let short = lanes.arrive(NOW, Lane::Interactive, &"hog", Terms::default(), &0).unwrap();
        assert_eq!(granted(&mut lanes), [short]);
        let slow = lanes.demote(NOW, short, &"hog", Terms::default(), &0).unwrap();
        assert_eq!((slow.lane, lanes.place(slow).unwrap().ahead), (Lane::Ordinary, 7));
        assert_eq!((lanes.waiting(), granted(&mut lanes).len()), (8, 0));
    }

    #[test]
    fn one_slot_is_for_all_and_the_lane_comes_and_goes_with_the_slots() {
        let mut lanes = Lanes::new(1, 1, Charge::Time, LIMITS);
        let first = lanes.arrive(NOW, Lane::Interactive, &"a", Terms::default(), &0).unwrap();
        assert_eq!(first.lane, Lane::Ordinary);
        lanes.set_slots(NOW, 3);
        let second = lanes.arrive(NOW, Lane::Interactive, &"a", Terms::default(), &0).unwrap();
        assert_eq!((second.lane, granted(&mut lanes).len()), (Lane::Interactive, 2));
        lanes.arrive(NOW, Lane::Ordinary, &"a", Terms::default(), &0).unwrap();
        assert_eq!(granted(&mut lanes).len(), 1);
        let third = lanes.arrive(NOW, Lane::Interactive, &"a", Terms::default(), &0).unwrap();
        let moved = lanes.set_slots(NOW, 1);
        assert_eq!((moved.len(), moved[0].0, moved[0].1.lane), (1, third, Lane::Ordinary));
        assert_eq!((lanes.slots(), lanes.waiting()), (1, 1));
        assert!(lanes.finish(NOW, second).is_some() && lanes.finish(NOW, second).is_none());
    }
}
