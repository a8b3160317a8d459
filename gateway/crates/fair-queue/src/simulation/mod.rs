//! The queue in virtual time: random workloads, in which the invariants are checked after every event, the mutants that
//! these checks must catch, long-run shares against the max-min oracle, and the hog among others.
//!
//! `SNOWGATE_SIMULATIONS=10000 cargo test --release -p fair-queue simulation -- --nocapture` runs that many workloads and
//! prints what README.md quotes.

mod hog;
mod oracle;
mod run;
mod shares;
mod workload;

use std::time::Duration;

use self::run::{Outcome, run};
use self::workload::Workload;

/// A rule that is wrong on purpose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mutant {
    /// The virtual time is the least account of all flows that wait, also of those at their cap.
    CappedFlowsCount,
    /// Where no flow is eligible, debts stay.
    NoSettling,
    /// A flow that comes back has the account that it left with.
    NoLift,
}

/// Workloads, where the variable does not say how many.
const WORKLOADS: u64 = 400;

fn workloads() -> u64 {
    std::env::var("SNOWGATE_SIMULATIONS").ok().and_then(|count| count.parse().ok()).unwrap_or(WORKLOADS)
}

/// Numbers that look random (splitmix64, Steele, Lea and Flood 2014).
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// At least 0, less than 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
        let bits = (self.next() >> 11) as f64;
        bits / (1_u64 << 53) as f64
    }

    pub(crate) fn between(&mut self, from: usize, to: usize) -> usize {
        from + usize::try_from(self.next() % (to - from + 1) as u64).unwrap_or_default()
    }

    pub(crate) fn one_of<T: Copy>(&mut self, values: &[T]) -> T {
        values[self.between(0, values.len() - 1)]
    }

    pub(crate) fn is_one_in(&mut self, count: usize) -> bool {
        self.between(1, count) == 1
    }

    /// Exponentially distributed, in seconds.
    pub(crate) fn exponential(&mut self, mean: f64) -> Duration {
        Duration::from_secs_f64(-mean * (1.0 - self.fraction()).ln())
    }

    pub(crate) fn seconds(&mut self, from: f64, to: f64) -> Duration {
        Duration::from_secs_f64(from + (to - from) * self.fraction())
    }
}

#[test]
fn random_workloads_break_no_invariant() {
    let (mut worst, mut first, mut events) = (0.0_f64, 0.0_f64, 0);
    for seed in 0..workloads() {
        let workload = Workload::random(seed);
        let Outcome { broken, worst: lag, first_served, events: count, .. } = run(&workload, None);
        assert_eq!(broken, None, "workload {seed}: {workload:?}");
        (worst, first, events) = (worst.max(lag), first.max(first_served), events + count);
    }
    println!(
        "{} workloads, {events} events: no violation; worst lag {worst:.3} of its bound, worst first service {first:.3} of \
         its bound",
        workloads()
    );
    assert!(worst > 0.5 && first > 0.3, "the checks look at nothing: {worst} {first}");
}

#[test]
fn each_mutant_is_caught() {
    for mutant in [Mutant::CappedFlowsCount, Mutant::NoSettling, Mutant::NoLift] {
        let count = workloads().min(WORKLOADS);
        let caught: Vec<_> =
            (0..count).filter_map(|seed| run(&Workload::random(seed), Some(mutant)).broken).collect();
        println!(
            "{mutant:?}: caught in {} of {count} workloads, first by: {:?}",
            caught.len(),
            caught.first()
        );
        assert!(caught.len() > 3, "{mutant:?} is not caught");
    }
}
