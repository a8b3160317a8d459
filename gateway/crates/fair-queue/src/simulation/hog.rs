//! One flow with 4,000 scans of 60 s, one of small queries, six medium, over four slots: each strategy, and a plain FIFO.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::time::Duration;

use super::Random;
use super::run::{Outcome, run};
use super::workload::{Asked, Workload};
use crate::{Charge, Lane, Terms, Weight};

const SLOTS: usize = 4;
const LENGTH: f64 = 3_600.0;
const SCAN: f64 = 60.0;
/// The flows: the small one, the hog, and six others.
const FLOWS: usize = 8;

fn requests(lane: Lane) -> Vec<Asked> {
    let mut random = Random::new(1);
    let mut requests = Vec::new();
    let mut ask = |at: Duration, flow, lane, runs: Duration| {
        let left = Duration::from_secs_f64(LENGTH).saturating_sub(at);
        requests.push(Asked { at, flow, session: 1, lane, runs, patience: Some(left) });
    };
    for scan in 0..4_000 {
        ask(Duration::from_millis(10 * scan), 1, Lane::Ordinary, Duration::from_secs_f64(SCAN));
    }
    for flow in (0..FLOWS).filter(|&flow| flow != 1) {
        let mut at = Duration::ZERO;
        loop {
            at += random.exponential(if flow == 0 { 5.0 } else { 1.0 / 0.15 });
            if at.as_secs_f64() >= LENGTH {
                break;
            }
            match flow {
                0 => ask(at, flow, lane, Duration::from_millis(200)),
                _ => ask(at, flow, Lane::Ordinary, random.seconds(2.0, 10.0)),
            }
        }
    }
    requests
}

fn workload(charge: Charge, cap: usize, weight: u32, lane_slots: usize) -> Workload {
    let mut terms = vec![Terms { weight: Weight::ONE, slots_max: cap }; FLOWS];
    terms[0].weight = Weight::from_thousandths(weight);
    Workload {
        slots: SLOTS - lane_slots,
        lane_slots,
        charge,
        held_max: Duration::from_secs_f64(SCAN),
        quantum: Duration::from_secs(5),
        entry: Duration::from_secs(2),
        waiting_max: usize::MAX,
        terms,
        requests: requests(if lane_slots > 0 { Lane::Interactive } else { Lane::Ordinary }),
        changes: Vec::new(),
    }
}

/// Waits of the small flow and slot time of all, in order of arrival.
fn first_come_first_served(workload: &Workload) -> Outcome {
    let mut asked: Vec<_> = workload.requests.iter().collect();
    asked.sort_by_key(|asked| asked.at);
    let mut outcome =
        Outcome { served: vec![0.0; FLOWS], waits: vec![Vec::new(); FLOWS], ..Outcome::default() };
    let mut free: BinaryHeap<Reverse<Duration>> = (0..SLOTS).map(|_| Reverse(Duration::ZERO)).collect();
    let mut queue: VecDeque<_> = asked.into();
    while let (Some(asked), Some(Reverse(slot))) = (queue.pop_front(), free.pop()) {
        let start = slot.max(asked.at);
        if start.as_secs_f64() > LENGTH {
            break;
        }
        outcome.waits[asked.flow].push((start - asked.at).as_secs_f64());
        outcome.served[asked.flow] += asked.runs.as_secs_f64();
        free.push(Reverse(start + asked.runs));
    }
    outcome
}

struct Row {
    served: usize,
    p50: f64,
    p99: f64,
    hog: f64,
}

fn row(name: &str, outcome: &Outcome) -> Row {
    assert_eq!(outcome.broken, None, "{name}");
    let mut waits = outcome.waits[0].clone();
    waits.sort_by(f64::total_cmp);
    let at = |part: usize| waits.get(waits.len() * part / 100).copied().unwrap_or(f64::INFINITY);
    let all: f64 = outcome.served.iter().sum();
    let medium = outcome.served[2..].iter().sum::<f64>() / all / 6.0;
    let row = Row { served: waits.len(), p50: at(50), p99: at(99), hog: outcome.served[1] / all };
    println!(
        "| {name} | {} | {:.1} / {:.1} s | {:.2} | {medium:.3} |",
        row.served, row.p50, row.p99, row.hog
    );
    row
}

#[test]
fn a_hog_takes_its_share_and_small_queries_hardly_wait() {
    println!(
        "| strategy | small served | small waits p50 / p99 | the hog's share | each medium one's |\n|-|-|-|-|-|"
    );
    let fifo =
        row("first come, first served", &first_come_first_served(&workload(Charge::Time, SLOTS, 1_000, 0)));
    let of = |charge, cap, weight, lane| run(&workload(charge, cap, weight, lane), None);
    let turns = row("round_robin", &of(Charge::Turn, SLOTS, 1_000, 0));
    let equal = row("fair_share", &of(Charge::Time, SLOTS, 1_000, 0));
    let weighted = row("weighted_fair, small has 2", &of(Charge::Time, SLOTS, 2_000, 0));
    let priority = row("priority_based, small has 5", &of(Charge::Time, SLOTS, 16_000, 0));
    let capped = row("fair_share, slots_max 2", &of(Charge::Time, 2, 1_000, 0));
    let lane = row("fair_share, small in a lane of 1", &of(Charge::Time, SLOTS, 1_000, 1));
    assert!(fifo.served < 10 && fifo.hog > 0.99);
    assert!(turns.hog > 0.4, "long ones win where turns count");
    for fair in [&equal, &weighted, &priority] {
        assert!(fair.p50 < 5.0 && fair.p99 < SCAN && fair.hog < 0.2, "{}", fair.p99);
    }
    assert!(capped.p99 < 12.0, "{}", capped.p99);
    assert!(lane.p99 < 1.0, "{}", lane.p99);
}
