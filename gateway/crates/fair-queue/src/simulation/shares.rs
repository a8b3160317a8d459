//! Long-run shares against the oracle.

use std::time::Duration;

use super::Random;
use super::oracle::{Demand, max_min};
use super::run::run;
use super::workload::{Asked, Workload};
use crate::{Charge, Lane, Terms, Weight};

/// What is simulated, in seconds: all flows that want more than their share have a backlog until then.
const LENGTH: f64 = 4_000.0;

/// A flow's weight, its cap, and the slots that it asks for on average (`None`: it always has a backlog).
type Asking = (f64, usize, Option<f64>);

/// Each flow asks for `wanted` slots on average, or always has a backlog (`None`).
fn steady(slots: usize, flows: &[Asking], seed: u64) -> Workload {
    let mut random = Random::new(seed);
    let mut requests = Vec::new();
    for (flow, &(_, _, wanted)) in flows.iter().enumerate() {
        // Twice as much as there is for all: a backlog until the end.
        let wanted = wanted.unwrap_or(2.0 * slots as f64);
        let (mut at, mean) = (Duration::ZERO, random.one_of(&[0.5, 2.0, 8.0]));
        while at.as_secs_f64() < LENGTH {
            requests.push(Asked {
                at,
                flow,
                session: random.between(1, 3),
                lane: Lane::Ordinary,
                runs: random.seconds(mean * 0.5, mean * 1.5),
                patience: None,
            });
            at += random.exponential(mean / wanted);
        }
    }
    let terms = flows.iter().map(|&(weight, slots_max, _)| {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a small number")]
        let thousandths = (weight * 1e3) as u32;
        Terms { weight: Weight::from_thousandths(thousandths), slots_max }
    });
    Workload {
        slots,
        lane_slots: 0,
        charge: Charge::Time,
        held_max: Duration::from_secs(60),
        quantum: Duration::from_secs(2),
        entry: Duration::from_secs(2),
        waiting_max: usize::MAX,
        terms: terms.collect(),
        requests,
        changes: Vec::new(),
    }
}

/// Slot time that each flow had up to the time at which requests stop coming, in slots.
fn measured(workload: &Workload) -> Vec<f64> {
    let mut cut = workload.clone();
    // What is still waiting then is never served: it goes.
    for asked in &mut cut.requests {
        let left = Duration::from_secs_f64(LENGTH).saturating_sub(asked.at);
        asked.patience = Some(left);
    }
    let outcome = run(&cut, None);
    assert_eq!(outcome.broken, None);
    outcome.served.iter().map(|served| served / LENGTH).collect()
}

#[test]
fn long_run_shares_are_those_of_the_max_min_oracle() {
    let cases: &[(usize, &[Asking])] = &[
        (4, &[(1.0, 9, None), (1.0, 9, None), (1.0, 9, None)]),
        (4, &[(1.0, 9, None), (2.0, 9, None), (4.0, 9, None)]),
        (4, &[(1.0, 1, None), (1.0, 9, None)]),
        (8, &[(1.0, 9, Some(0.5)), (1.0, 2, None), (2.0, 9, None), (1.0, 9, None)]),
        (3, &[(0.5, 9, Some(0.2)), (1.0, 9, Some(0.3)), (4.0, 9, None), (1.0, 9, None)]),
        (1, &[(1.0, 9, None), (3.0, 9, None)]),
        (6, &[(1.0, 9, Some(1.0)), (1.0, 9, Some(1.0))]),
    ];
    for (seed, &(slots, flows)) in cases.iter().enumerate() {
        let demand = |&(weight, cap, wanted): &Asking| Demand {
            weight,
            demand: wanted.unwrap_or(slots as f64).min(cap as f64),
        };
        let fair = max_min(slots as f64, &flows.iter().map(demand).collect::<Vec<_>>());
        let had = measured(&steady(slots, flows, seed as u64));
        println!("{slots} slots, {flows:?}: fair {fair:.2?}, had {had:.2?}");
        for (fair, had) in fair.iter().zip(&had) {
            // What flows ask for is random, and varies by a few hundredths.
            assert!((fair - had).abs() <= 0.04 * fair + 0.05, "{flows:?}: fair {fair}, had {had}");
        }
    }
}
