//! What random flows ask for.

use std::time::Duration;

use super::Random;
use crate::{Charge, Lane, Terms, Weight};

/// Requests arrive in this time, in seconds.
const HORIZON: f64 = 300.0;

/// One request.
#[derive(Clone, Copy, Debug)]
pub(super) struct Asked {
    pub(super) at: Duration,
    pub(super) flow: usize,
    pub(super) session: usize,
    pub(super) lane: Lane,
    pub(super) runs: Duration,
    /// After so long without a slot, it goes.
    pub(super) patience: Option<Duration>,
}

/// Something else that happens.
#[derive(Clone, Copy, Debug)]
pub(super) enum Change {
    Slots(usize),
    Terms(usize, Terms),
    Quantum(Duration),
    Occupy,
    Vacate,
}

#[derive(Clone)]
pub(super) struct Workload {
    pub(super) slots: usize,
    pub(super) lane_slots: usize,
    pub(super) charge: Charge,
    pub(super) held_max: Duration,
    pub(super) quantum: Duration,
    pub(super) entry: Duration,
    pub(super) waiting_max: usize,
    pub(super) terms: Vec<Terms>,
    pub(super) requests: Vec<Asked>,
    pub(super) changes: Vec<(Duration, Change)>,
}

impl std::fmt::Debug for Workload {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { slots, lane_slots, charge, held_max, quantum, terms, requests, changes, .. } = self;
        write!(
            formatter,
            "{slots}+{lane_slots} slots, {charge:?}, {held_max:?}, quantum {quantum:?}, {terms:?}, {} requests, {changes:?}",
            requests.len()
        )
    }
}

impl Workload {
    pub(super) fn random(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let (flows, slots) = (random.between(2, 12), random.between(1, 8));
        let lane_slots = if random.is_one_in(3) { random.between(1, 2) } else { 0 };
        let held_max = Duration::from_secs(random.one_of(&[5, 30, 60]));
        let cap = random.between(1, slots);
        let terms = (0..flows).map(|_| Terms {
            weight: Weight::from_thousandths(random.one_of(&[500, 1_000, 2_000, 4_000])),
            slots_max: cap,
        });
        let mut workload = Self {
            slots,
            lane_slots,
            terms: terms.collect(),
            charge: if random.is_one_in(8) { Charge::Turn } else { Charge::Time },
            held_max,
            quantum: Duration::from_millis(random.one_of(&[0, 100, 1_000, 5_000])),
            entry: Duration::ZERO,
            waiting_max: random.one_of(&[5, 50, 10_000]),
            requests: Vec::new(),
            changes: Vec::new(),
        };
        for flow in 0..flows {
            workload.fill(&mut random, flow);
        }
        if random.is_one_in(4) {
            workload.entry = workload.quantum.min(workload.held_max);
        }
        if random.is_one_in(3) {
            workload.change(&mut random);
        }
        workload
    }

    /// Whether what flows may take, or the slots, change on the way: then the bounds are others from moment to moment.
    pub(super) fn is_steady(&self) -> bool {
        self.changes.is_empty()
    }

    fn fill(&mut self, random: &mut Random, flow: usize) {
        let held_max = self.held_max.as_secs_f64();
        let (kind, sessions) = (random.between(0, 3), random.one_of(&[1, 1, 3, 10]));
        let is_impatient = random.is_one_in(4);
        let mut at = Duration::ZERO;
        loop {
            let (pause, count) = match kind {
                0 => (random.exponential(1.0), 1),
                1 => (random.seconds(20.0, 60.0), random.between(5, 40)),
                2 => (random.exponential(5.0), 1),
                _ if (at.as_secs() / 50) % 2 == 1 => (random.exponential(2.0), 1),
                _ => (Duration::from_secs(50), 1),
            };
            at += pause;
            if at.as_secs_f64() > HORIZON {
                return;
            }
            for _ in 0..count {
                let runs = match kind {
                    // Pareto: a few are endless.
                    0 => 2.0 / (1.0 - random.fraction()).powf(1.0 / 1.2),
                    1 => random.one_of(&[0.1, 1.0, held_max]),
                    2 => 0.05 + 0.45 * random.fraction(),
                    _ => random.exponential(10.0).as_secs_f64(),
                };
                self.requests.push(Asked {
                    at,
                    flow,
                    session: random.between(1, sessions),
                    lane: if kind == 2 && random.is_one_in(2) { Lane::Interactive } else { Lane::Ordinary },
                    runs: Duration::from_secs_f64(runs.min(held_max)),
                    patience: (is_impatient && random.is_one_in(2)).then(|| random.seconds(0.0, 60.0)),
                });
            }
        }
    }

    fn change(&mut self, random: &mut Random) {
        for _ in 0..random.between(1, 20) {
            let at = random.seconds(0.0, HORIZON);
            let change = match random.between(0, 4) {
                0 => Change::Slots(random.between(1, 8)),
                1 => Change::Terms(
                    random.between(0, self.terms.len() - 1),
                    Terms {
                        weight: Weight::from_thousandths(random.one_of(&[250, 1_000, 8_000])),
                        slots_max: random.between(1, 8),
                    },
                ),
                2 => Change::Quantum(Duration::from_millis(random.one_of(&[0, 10, 5_000]))),
                3 => Change::Occupy,
                _ => Change::Vacate,
            };
            self.changes.push((at, change));
        }
    }
}
