//! A workload, event by event.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};
use std::time::Duration;

use super::Mutant;
use super::workload::{Asked, Change, Workload};
use crate::check::{Seen, Violation};
use crate::{Lane, LaneRequest, Lanes, Limits, Terms};

/// What became of it.
#[derive(Default)]
pub(super) struct Outcome {
    /// The first check that failed.
    pub(super) broken: Option<String>,
    /// The greatest lag, in parts of its bound.
    pub(super) worst: f64,
    /// The longest wait of a flow that came without debt, in parts of its bound.
    pub(super) first_served: f64,
    pub(super) events: usize,
    /// By flow: the slot time that it had, in seconds.
    pub(super) served: Vec<f64>,
    /// By flow: how long its requests waited, in seconds.
    pub(super) waits: Vec<Vec<f64>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrive(usize),
    GiveUp(usize),
    Finish(usize),
    Change(usize),
}

/// Where a request is; each goes through this in order, and never back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Unasked,
    Waiting,
    Running,
    Over,
}

struct Run<'a> {
    workload: &'a Workload,
    lanes: Lanes<usize, usize>,
    terms: Vec<Terms>,
    events: BinaryHeap<Reverse<(Duration, usize, Event)>>,
    sequence: usize,
    stages: Vec<Stage>,
    /// Whether the request's flow came with it and without debt.
    is_first: Vec<bool>,
    by_id: HashMap<LaneRequest, usize>,
    ids: Vec<Option<LaneRequest>>,
    occupied: usize,
    seen: [Seen; 2],
    outcome: Outcome,
}

pub(super) fn run(workload: &Workload, mutant: Option<Mutant>) -> Outcome {
    let limits = Limits { waiting_max: usize::MAX, flow_waiting_max: workload.waiting_max };
    let slots = workload.slots + workload.lane_slots;
    let mut lanes = Lanes::new(slots, workload.lane_slots, workload.charge, limits);
    for lane in [Lane::Ordinary, Lane::Interactive] {
        lanes.lane_mut(lane).set_quantum(workload.quantum);
        lanes.lane_mut(lane).set_entry(workload.entry);
        lanes.lane_mut(lane).mutant = mutant;
    }
    let (count, flows) = (workload.requests.len(), workload.terms.len());
    let mut run = Run {
        workload,
        lanes,
        terms: workload.terms.clone(),
        events: BinaryHeap::new(),
        sequence: 0,
        stages: vec![Stage::Unasked; count],
        is_first: vec![false; count],
        by_id: HashMap::new(),
        ids: vec![None; count],
        occupied: 0,
        seen: [Seen::default(); 2],
        outcome: Outcome { served: vec![0.0; flows], waits: vec![Vec::new(); flows], ..Outcome::default() },
    };
    for (request, asked) in workload.requests.iter().enumerate() {
        run.plan(asked.at, Event::Arrive(request));
    }
    for (change, &(at, _)) in workload.changes.iter().enumerate() {
        run.plan(at, Event::Change(change));
    }
    run.play();
    run.outcome
}

impl Run<'_> {
    fn plan(&mut self, at: Duration, event: Event) {
        self.sequence += 1;
        self.events.push(Reverse((at, self.sequence, event)));
    }

    fn play(&mut self) {
        let mut last = Duration::ZERO;
        while let Some(Reverse((now, _, event))) = self.events.pop() {
            last = now;
            let happened = self
                .happen(now, event)
                .and_then(|()| self.grant(now))
                .and_then(|()| self.check().map_err(|broken| broken.to_string()));
            if let Err(broken) = happened {
                self.outcome.broken = Some(format!("{broken} at {now:?}, after {event:?}"));
                return;
            }
            self.outcome.events += 1;
        }
        self.lanes.set_slots(last, self.workload.slots + self.workload.lane_slots);
        if self.stages.iter().any(|stage| *stage != Stage::Over) && self.workload.is_steady() {
            self.outcome.broken = Some("a request was neither granted nor refused nor cancelled".to_owned());
        }
    }

    fn happen(&mut self, now: Duration, event: Event) -> Result<(), String> {
        match event {
            Event::Arrive(request) => self.arrive(now, request),
            Event::GiveUp(request) => {
                let (Some(id), Stage::Waiting) = (self.ids[request], self.stages[request]) else {
                    return Ok(());
                };
                if !self.lanes.cancel(now, id) || self.lanes.cancel(now, id) {
                    return Err("a request that waits cannot be cancelled once".to_owned());
                }
                self.by_id.remove(&id);
                self.stages[request] = Stage::Over;
                Ok(())
            }
            Event::Finish(request) => {
                let asked = self.workload.requests[request];
                let Some(id) = self.ids[request] else { return Err("a finish without an id".to_owned()) };
                let ran = self.lanes.finish(now, id);
                if ran != Some(asked.runs) || self.lanes.finish(now, id).is_some() {
                    return Err(format!("a request that ran for {:?} ended after {ran:?}", asked.runs));
                }
                self.by_id.remove(&id);
                self.stages[request] = Stage::Over;
                self.outcome.served[asked.flow] += asked.runs.as_secs_f64();
                Ok(())
            }
            Event::Change(change) => {
                self.change(now, self.workload.changes[change].1);
                Ok(())
            }
        }
    }

    fn arrive(&mut self, now: Duration, request: usize) -> Result<(), String> {
        let Asked { flow, session, lane, patience, .. } = self.workload.requests[request];
        let served_in = if self.workload.lane_slots > 0 { lane } else { Lane::Ordinary };
        self.is_first[request] = self.lanes.lane(served_in).flow(&flow).is_none();
        let Ok(id) = self.lanes.arrive(now, lane, &flow, self.terms[flow], &session) else {
            self.stages[request] = Stage::Over;
            return Ok(());
        };
        if self.by_id.insert(id, request).is_some() || self.lanes.finish(now, id).is_some() {
            return Err("an id is used twice".to_owned());
        }
        (self.ids[request], self.stages[request]) = (Some(id), Stage::Waiting);
        if let Some(patience) = patience {
            self.plan(now + patience, Event::GiveUp(request));
        }
        Ok(())
    }

    fn change(&mut self, now: Duration, change: Change) {
        match change {
            Change::Slots(slots) => {
                for (was, is) in self.lanes.set_slots(now, slots) {
                    if let Some(request) = self.by_id.remove(&was) {
                        self.by_id.insert(is, request);
                        self.ids[request] = Some(is);
                    }
                }
            }
            Change::Terms(flow, terms) => {
                self.terms[flow] = terms;
                for lane in [Lane::Ordinary, Lane::Interactive] {
                    self.lanes.lane_mut(lane).set_terms(now, &flow, terms);
                }
            }
            Change::Quantum(quantum) => self.lanes.lane_mut(Lane::Ordinary).set_quantum(quantum),
            Change::Occupy => self.occupied += usize::from(self.lanes.occupy(now)),
            Change::Vacate if self.occupied > 0 => {
                self.occupied -= 1;
                self.lanes.lane_mut(Lane::Ordinary).vacate(now);
            }
            Change::Vacate => {}
        }
    }

    fn grant(&mut self, now: Duration) -> Result<(), String> {
        while let Some(grant) = self.lanes.dispatch(now) {
            let Some(&request) = self.by_id.get(&grant.request) else {
                return Err("something was granted that does not wait".to_owned());
            };
            let asked = self.workload.requests[request];
            if self.stages[request] != Stage::Waiting || grant.flow != asked.flow {
                return Err("a request was granted twice, or for another flow".to_owned());
            }
            self.stages[request] = Stage::Running;
            let waited = (now - asked.at).as_secs_f64();
            if grant.waited.as_secs_f64() - waited > 1e-6 {
                return Err(format!("{waited} s of waiting were told as {:?}", grant.waited));
            }
            self.outcome.waits[asked.flow].push(waited);
            self.plan(now + asked.runs, Event::Finish(request));
            if self.is_first[request] {
                self.check_first(waited)?;
            }
        }
        Ok(())
    }

    /// A flow that comes without debt is served within `ceil(flows / slots)` times what a slot is held for at most.
    fn check_first(&mut self, waited: f64) -> Result<(), String> {
        let (workload, ordinary) = (self.workload, self.lanes.lane(Lane::Ordinary));
        // Of all that is queued in one burst only the first one's wait has this bound; and turns are no time.
        let is_plain = workload.is_steady() && workload.entry.is_zero();
        if !is_plain || workload.lane_slots > 0 || workload.charge == crate::Charge::Turn {
            return Ok(());
        }
        let rounds = u32::try_from(workload.terms.len().div_ceil(ordinary.slots())).unwrap_or(u32::MAX);
        let bound = (workload.held_max * rounds).as_secs_f64();
        self.outcome.first_served = self.outcome.first_served.max(waited / bound);
        if waited > bound + 1e-6 {
            Err(format!("a flow's first request waited {waited} s of {bound}"))
        } else {
            Ok(())
        }
    }

    fn check(&mut self) -> Result<(), Violation> {
        let held_max = self.workload.held_max;
        for (seen, lane) in self.seen.iter_mut().zip([Lane::Ordinary, Lane::Interactive]) {
            match self.lanes.lane(lane).check_after(seen, held_max) {
                Err(Violation::Bound { .. }) if !self.workload.is_steady() => {}
                Err(Violation::IdleSlot { .. }) if self.lanes.is_over_committed() => {}
                checked => checked?,
            }
            if self.workload.is_steady() {
                self.outcome.worst = self.outcome.worst.max(seen.worst);
            }
        }
        Ok(())
    }
}
