//! Who waits for whom: clients of all kinds at work on one gateway, and what each of them gets.
//!
//! What is tested are counts and order, which no busy machine changes ([`order`]). What is measured is printed:
//! a run of a moment for each scenario by default, with the gateway's default strategy. The long run, on release
//! binaries and with every strategy that they have, is `just fairness`, or
//!
//! ```sh
//! SNOWGATE_TEST_BIN_DIR=$PWD/target/release SNOWGATE_TEST_FAIRNESS_SECONDS=60 \
//!     cargo test -p snowgate-tests --test fairness measured -- --nocapture
//! ```
//!
//! `SNOWGATE_TEST_FAIRNESS=hog,weights` runs the scenarios whose names have one of these words. With binaries
//! from before the allocator, requests wait in one line in order of arrival, and this is what is measured.

mod crowd;
mod figures;
mod hog;
mod load;
mod order;
mod records;
mod scans;
mod strategy;
mod weights;

use std::env;
use std::fs;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use strategy::Strategy;

/// How long a scenario is measured, in seconds; not set: a moment.
const SECONDS: &str = "SNOWGATE_TEST_FAIRNESS_SECONDS";

/// The scenarios to measure.
const WANTED: &str = "SNOWGATE_TEST_FAIRNESS";

/// A short run, for CI: that everything works is all it shows.
const SHORT: Duration = Duration::from_millis(1_500);

/// One at a time: each wants all processors.
static ONE: Mutex<()> = Mutex::new(());

/// Waits until no other test of this program runs, whatever has become of it.
fn alone() -> MutexGuard<'static, ()> {
    ONE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// How a scenario is run.
pub(crate) struct Plan {
    /// How long it is measured.
    pub(crate) length: Duration,
    /// Whether the figures mean something: the runs are long, and every strategy has one.
    pub(crate) is_full: bool,
}

impl Plan {
    fn from_env() -> Self {
        let seconds = env::var(SECONDS).ok().map(|text| text.parse().expect("a number of seconds"));
        Self { length: seconds.map_or(SHORT, Duration::from_secs), is_full: seconds.is_some() }
    }

    /// What is compared: all strategies, or the default one.
    pub(crate) fn strategies(&self) -> Vec<Strategy> {
        let mut strategies = Strategy::all();
        if !self.is_full {
            strategies.truncate(1);
        }
        strategies
    }
}

type Scenario = (&'static str, fn(&Plan));

const SCENARIOS: &[Scenario] = &[
    ("hog 30", |plan| hog::measure(plan, 30)),
    ("hog 100", |plan| hog::measure(plan, 100)),
    ("weights", weights::measure),
    ("crowd: 1 to 20 clients", crowd::clients),
    ("crowd: 200 sessions of 20 applications", crowd::applications),
];

#[test]
fn measured() {
    let _alone = alone();
    let (plan, wanted) = (Plan::from_env(), env::var(WANTED).unwrap_or_default());
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    println!("load of this machine before: {}", load.trim());
    for (name, scenario) in SCENARIOS {
        if wanted.split(',').any(|words| name.contains(words)) {
            scenario(&plan);
        }
    }
}
