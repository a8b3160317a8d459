//! `kill -9` of a gateway with very many shims, again and again: all come back, and no client is told an error.
//!
//! `SNOWGATE_TEST_SHIMS` is the number of shims, `SNOWGATE_TEST_STORM_KILLS` that of kills; a few by default.
//! The full run, on release binaries, prints a line for each kill:
//!
//! ```sh
//! cargo build --release && SNOWGATE_TEST_BIN_DIR=$PWD/target/release SNOWGATE_TEST_SHIMS=10000 \
//!     SNOWGATE_TEST_STORM_KILLS=10 cargo test -p snowgate-tests --test storm -- --nocapture
//! ```
//!
//! It needs a descriptor for each shim, three threads, and 1 MB of memory: the test says which limit is too
//! low, and how to raise it.

// Ten thousand processes are watched by epoll.
#![cfg(target_os = "linux")]

mod fleet;
mod limits;

use std::time::Duration;

use fleet::Fleet;
use snowgate_tests::{Home, kill};

const SHIMS: usize = 1_000;
const KILLS: usize = 3;

/// How long a shim may take to come back: longer than it waits for a gateway before it tells its client so.
const RETURN_LIMIT: Duration = Duration::from_secs(90);

fn number(variable: &str, default: usize) -> usize {
    std::env::var(variable).map_or(default, |text| text.parse().expect("a number"))
}

/// The load of the last minute.
fn load() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").expect("the load");
    text.split(' ').next().expect("a number").to_owned()
}

#[test]
fn all_shims_come_back_after_every_kill_and_no_client_is_told_an_error() {
    let (shims, kills) = (number("SNOWGATE_TEST_SHIMS", SHIMS), number("SNOWGATE_TEST_STORM_KILLS", KILLS));
    limits::raise(shims);
    let home = Home::new();
    home.configure(&format!("[gateway]\nsessions_max = {shims}\n"));
    let mut fleet = Fleet::start(&home, shims);
    println!("{shims} shims started in {:.1?}; load {}", fleet.started_in, load());
    let mut told = Vec::new();
    for round in 1..=kills {
        kill(home.gateway_pid());
        let outcome = fleet.ping_all(RETURN_LIMIT);
        let (slowest, median) = (outcome.slowest(), outcome.median());
        println!(
            "kill {round}: slowest return {slowest:.2?}, median {median:.2?}, errors told {}, not back {}, load {}",
            outcome.errors.len(),
            shims - outcome.returns.len() - outcome.errors.len(),
            load()
        );
        assert_eq!(outcome.returns.len() + outcome.errors.len(), shims, "all are answered");
        told.extend(outcome.errors);
    }
    fleet.end();
    let said = fleet.stderr();
    told.truncate(10);
    assert!(told.is_empty(), "clients were told: {told:#?}");
    assert_eq!(said, "", "shims complained");
}
