//! What an allocator tells of itself, for `status`.

use std::sync::Arc;
use std::time::Duration;

use fair_queue::{FlowView, Lane, LaneRequest};
use serde::{Deserialize, Serialize};
use tokio::time::Instant;

use super::claim::QueuePlace;
use super::{Allocator, State};

/// Flows that are listed, at most: those that hold most slots, then those that wait longest.
const FLOWS_MAX: usize = 50;

/// Requests that are listed, at most: those that have waited longest.
const REQUESTS_MAX: usize = 20;

/// Who shares the slots of a connection, and how.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct AllocatorView {
    /// How slots are shared: `allocator.strategy`.
    pub strategy: String,
    /// What a flow is: `allocator.fair_by`.
    pub fair_by: String,
    /// Slots, and those of them that are for short requests.
    pub slots: usize,
    /// Slots for short requests.
    pub lane_slots: usize,
    /// Slots in use, and in the lane.
    pub running: usize,
    /// Slots of the lane in use.
    pub lane_running: usize,
    /// Requests that wait, in both.
    pub waiting: usize,
    /// Requests that wait for the lane.
    pub lane_waiting: usize,
    /// Slots granted so far.
    pub granted: u64,
    /// Requests that had to wait.
    pub waited: u64,
    /// Requests that were refused, because too many wait.
    pub refused: u64,
    /// Requests that got no slot within `allocator.max_wait_ms`.
    pub timed_out: u64,
    /// Requests that took longer than they may in the lane.
    pub demoted: u64,
    /// The median of run times, in milliseconds.
    pub run_ms_median: f64,
    /// The greatest lag of a flow now, in parts of its bound; over 1 is a fault, unless a session holds a connection for
    /// its state for longer than a statement may run.
    pub lag_to_bound: f64,
    /// Flows that wait, hold slots or are ahead of others.
    pub flows: Vec<FlowStatus>,
    /// How many more there are.
    pub flows_left_out: usize,
    /// Requests that wait.
    pub requests: Vec<WaitingRequest>,
    /// How many more there are.
    pub requests_left_out: usize,
}

/// A flow.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FlowStatus {
    /// Whose it is.
    pub flow: String,
    /// Its weight.
    pub weight: f64,
    /// Slots that it may hold at once; `None`: all.
    pub slots_max: Option<usize>,
    /// Slots that it holds.
    pub running: usize,
    /// Requests that wait.
    pub waiting: usize,
    /// What it was charged, in seconds of a slot divided by its weight; with `round_robin`, in requests.
    pub account: f64,
    /// How far it is ahead, in the same unit.
    pub lag: f64,
    /// The bound of that.
    pub bound: f64,
}

/// A request that waits.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WaitingRequest {
    /// The id of its session.
    pub session: String,
    /// Its number in the session.
    pub request: u64,
    /// Whose share it counts for.
    pub flow: String,
    /// Its place, from 1.
    pub position: usize,
    /// How long it has waited, in milliseconds.
    pub waited_ms: u64,
    /// How much longer it is likely to wait, in milliseconds.
    pub estimate_ms: Option<u64>,
}

fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl State {
    /// Where `request` stands, which has waited since `since`.
    pub(super) fn place_of(&self, request: LaneRequest, since: Instant) -> Option<QueuePlace> {
        let place = self.lanes.place(request)?;
        let slots = u32::try_from(self.lanes.lane(request.lane).slots().max(1)).unwrap_or(u32::MAX);
        let starts = u32::try_from(place.ahead + 1).unwrap_or(u32::MAX);
        Some(QueuePlace {
            position: place.ahead + 1,
            waiting: place.waiting,
            waited: since.elapsed(),
            estimate: self.typical_run(request.lane).map(|each| each.saturating_mul(starts) / slots),
        })
    }

    /// How long a request is likely to hold its slot: no less than one does now. `None`: nothing has run yet.
    fn typical_run(&self, lane: Lane) -> Option<Duration> {
        let of_lane = self.running.iter().filter(|(request, _)| request.lane == lane);
        let longest = of_lane.map(|(_, since)| since.elapsed()).max().unwrap_or_default();
        let before = if lane == Lane::Ordinary { self.run_times.mean() } else { Duration::ZERO };
        Some(longest.max(before)).filter(|time| !time.is_zero())
    }

    fn waiting_requests(&self) -> (Vec<WaitingRequest>, usize) {
        let mut waiting: Vec<_> = self.waiting.iter().collect();
        waiting.sort_unstable_by_key(|(_, waiting)| waiting.since);
        let left_out = waiting.len().saturating_sub(REQUESTS_MAX);
        let shown = waiting.into_iter().take(REQUESTS_MAX).filter_map(|(&request, waiting)| {
            let place = self.place_of(request, waiting.since)?;
            Some(WaitingRequest {
                session: waiting.session.to_string(),
                request: waiting.request,
                flow: waiting.flow.to_string(),
                position: place.position,
                waited_ms: milliseconds(place.waited),
                estimate_ms: place.estimate.map(milliseconds),
            })
        });
        (shown.collect(), left_out)
    }
}

fn status(view: &FlowView<Arc<str>>, slots: usize) -> FlowStatus {
    FlowStatus {
        flow: view.key.to_string(),
        weight: view.terms.weight.as_f64(),
        slots_max: Some(view.terms.slots_max).filter(|max| *max < slots),
        running: view.running,
        waiting: view.waiting,
        account: view.account,
        lag: view.lag,
        bound: view.bound,
    }
}

impl Allocator {
    /// How long a request that comes now is likely to wait behind `waiting` others; `None`: nothing has run yet.
    pub fn expected_wait(&self, waiting: usize) -> Option<Duration> {
        let state = self.lock();
        let slots = u32::try_from(state.lanes.slots().max(1)).unwrap_or(u32::MAX);
        let each = state.typical_run(Lane::Ordinary)?;
        Some(each.saturating_mul(u32::try_from(waiting).unwrap_or(u32::MAX)) / slots)
    }

    /// Who shares the slots now. `held_max`: the longest that a statement may run.
    pub fn view(&self, held_max: Duration) -> AllocatorView {
        let now = self.now();
        let mut state = self.lock();
        state.lanes.advance_to(now);
        let (ordinary, lane) = (state.lanes.lane(Lane::Ordinary), state.lanes.lane(Lane::Interactive));
        let slots = state.lanes.slots();
        let views = ordinary.views(held_max.max(state.held_max));
        let mut flows: Vec<_> = views.iter().map(|view| status(view, slots)).collect();
        for other in lane.views(self.config.lane_timeout) {
            if flows.iter().all(|flow| flow.flow != *other.key) && other.running + other.waiting > 0 {
                flows.push(status(&other, slots));
            }
        }
        let ratio = |flow: &FlowStatus| if flow.bound > 0.0 { flow.lag / flow.bound } else { 0.0 };
        let lag_to_bound = flows.iter().map(ratio).fold(0.0, f64::max);
        flows.sort_by(|one, other| {
            let rank = |flow: &FlowStatus| (flow.running, flow.waiting);
            rank(other).cmp(&rank(one)).then_with(|| one.flow.cmp(&other.flow))
        });
        let flows_left_out = flows.len().saturating_sub(FLOWS_MAX);
        flows.truncate(FLOWS_MAX);
        let (requests, requests_left_out) = state.waiting_requests();
        AllocatorView {
            strategy: self.config.strategy.name().to_owned(),
            fair_by: self.config.fair_by.name().to_owned(),
            slots,
            lane_slots: lane.slots(),
            running: state.lanes.in_use(),
            lane_running: lane.running(),
            waiting: state.lanes.waiting(),
            lane_waiting: lane.waiting(),
            granted: state.counters.granted,
            waited: state.counters.waited,
            refused: state.counters.refused,
            timed_out: state.counters.timed_out,
            demoted: state.counters.demoted,
            run_ms_median: state.run_times.median().as_secs_f64() * 1e3,
            lag_to_bound,
            flows,
            flows_left_out,
            requests,
            requests_left_out,
        }
    }
}
