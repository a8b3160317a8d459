//! Clients at work while gateways and shims are killed, stopped and frozen, and socket and disk taken away:
//! every request is answered once and rightly, every session stays where it was, and no write is lost or
//! there twice. Once with SQLite behind the gateways, once with all limits and the lane on, once with fakesnow.
//!
//! Short runs by default; the full one, of 50 clients and 1,000 killed gateways on release binaries, is
//! `cargo build --release` and then, with `SNOWGATE_TEST_BIN_DIR=$PWD/target/release`,
//! `SNOWGATE_TEST_CLIENTS=50 SNOWGATE_TEST_KILLS=1000 cargo test -p snowgate-tests --test chaos --
//! --nocapture`. In front of fakesnow the counts are `SNOWGATE_TEST_FAKESNOW_CLIENTS` and
//! `SNOWGATE_TEST_FAKESNOW_KILLS`. `SNOWGATE_TEST_PAUSE_MS` is the longest pause between faults.
//! `SNOWGATE_TEST_SEED` repeats a run's scripts and faults, as far as the machine's timing allows; the seed
//! is in the output. `SNOWGATE_TEST_LOG` names a file for the gateways' log.

use std::sync::{Mutex, PoisonError};

use snowgate_tests::chaos::{Backend, Plan, run};

/// One run at a time: the shim's own bound, 20 s until a gateway answers, is part of what is checked, and two runs at
/// once on busy cores go past it.
static ONE: Mutex<()> = Mutex::new(());

#[test]
fn every_request_is_answered_once_whatever_goes_wrong() {
    run_chaos(&Plan::from_env(Backend::Sqlite));
}

/// Gateways that are killed in the short run with limits on.
const GUARDED_KILLS: u64 = 15;

#[test]
fn with_limits_that_are_not_hit_and_a_lane_it_is_the_same() {
    run_chaos(&Plan::from_env(Backend::Sqlite).guarded(GUARDED_KILLS));
}

#[test]
fn in_front_of_fakesnow_it_is_the_same() {
    run_chaos(&Plan::from_env(Backend::Fakesnow));
}

fn run_chaos(plan: &Plan) {
    // A run that failed tells nothing about the other.
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    println!("SNOWGATE_TEST_SEED={}", plan.seed);
    let report = run(plan);
    println!("{report}");
    if let Some(file) = std::env::var_os("SNOWGATE_TEST_LOG") {
        std::fs::write(file, report.log()).expect("writing the gateways' log");
    }
    assert!(report.violations().is_empty(), "violations, with the faults before each:\n{}", report.listed());
}
