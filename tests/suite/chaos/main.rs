//! Clients at work while gateways and shims are killed, stopped and frozen, and socket and disk taken away:
//! every request is answered once and rightly, every session stays where it was, and no write is lost or
//! there twice. Once with SQLite behind the gateways, once with fakesnow.
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
    run_chaos(Backend::Sqlite);
}

#[test]
fn in_front_of_fakesnow_it_is_the_same() {
    run_chaos(Backend::Fakesnow);
}

fn run_chaos(backend: Backend) {
    // A run that failed tells nothing about the other.
    let _one = ONE.lock().unwrap_or_else(PoisonError::into_inner);
    let plan = Plan::from_env(backend);
    println!("SNOWGATE_TEST_SEED={}", plan.seed);
    let report = run(&plan);
    println!("{report}");
    if let Some(file) = std::env::var_os("SNOWGATE_TEST_LOG") {
        std::fs::write(file, report.log()).expect("writing the gateways' log");
    }
    assert!(report.violations().is_empty(), "violations, with the faults before each:\n{}", report.listed());
}
