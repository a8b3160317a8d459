//! What one client can do to the others: while each attack of the table goes on, twenty other clients ping
//! and look at their sessions. Printed for each: their worst wait, the median, and the gateway's peak memory.
//!
//! Everybody must be answered, and memory must stay below [`PEAK_MB_MAX`]. The waits are printed and not
//! tested, because a busy machine breaks any bound: `SNOWGATE_TEST_STALL_MS=50` tests them.
//! `SNOWGATE_TEST_STALL=words` runs the attacks whose names have one of these, separated by commas; an empty
//! one all of them, which is for release binaries: without optimization, 16 MB of JSON take seconds.

#![cfg(unix)]

mod attacks;
mod connections;
mod lines;
mod queues;
mod requests;
mod witnesses;

use std::env;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use snowgate_tests::{Home, peak_kb, reset_peak};

use attacks::{ATTACKS, Attack};
use witnesses::{Waits, Witnesses};

/// What the gateway may hold at its peak.
const PEAK_MB_MAX: u64 = 200;

/// What an attack did.
struct Outcome {
    name: &'static str,
    waits: Waits,
    peak_mb: u64,
    took: Duration,
}

impl Outcome {
    fn row(&self) -> String {
        let ms = |wait: Duration| wait.as_secs_f64() * 1e3;
        format!(
            "{:<62} {:>8.1} {:>8.1} {:>8} {:>8} {:>7.1}",
            self.name,
            ms(self.waits.worst()),
            ms(self.waits.median()),
            self.waits.len(),
            self.peak_mb,
            self.took.as_secs_f64()
        )
    }
}

fn headings() -> String {
    format!(
        "{:<62} {:>8} {:>8} {:>8} {:>8} {:>7}",
        "attack", "worst ms", "p50 ms", "waits", "peak MB", "took s"
    )
}

/// Writes the first of the attack's configs that the gateway knows.
fn configure(home: &Home, attack: &Attack) {
    let is_known = attack.config.iter().any(|config| {
        home.configure(config);
        home.run(&["config", "check"]).code == Some(0)
    });
    assert!(is_known, "the gateway knows no config of {}", attack.name);
}

/// A gateway of its own, twenty clients, and the attack.
fn run(attack: &Attack) -> Outcome {
    let home = Home::new();
    configure(&home, attack);
    let witnesses = Witnesses::start(&home);
    let gateway = home.gateway_pid();
    reset_peak(gateway);
    let begun = Instant::now();
    (attack.run)(&home, &witnesses);
    let took = begun.elapsed();
    // At least these, however short the attack was.
    witnesses.rounds(5);
    let peak_mb = peak_kb(gateway) / 1024;
    let waits = witnesses.stop();
    assert_eq!(home.gateway_pid(), gateway, "the gateway survives {}", attack.name);
    Outcome { name: attack.name, waits, peak_mb, took }
}

/// What runs if nothing is asked for.
const BY_DEFAULT: &str = "nothing,as many values,a method,an id,a response,refused in a loop";

#[test]
fn no_client_takes_the_gateway_from_the_others() {
    let wanted = env::var("SNOWGATE_TEST_STALL").unwrap_or_else(|_| BY_DEFAULT.to_owned());
    let wait_ms_max = env::var("SNOWGATE_TEST_STALL_MS").ok().map(|text| text.parse().expect("milliseconds"));
    println!("{}", headings());
    let mut over = String::new();
    let is_wanted = |attack: &&Attack| wanted.split(',').any(|words| attack.name.contains(words));
    for attack in ATTACKS.iter().filter(is_wanted) {
        let outcome = run(attack);
        let row = outcome.row();
        println!("{row}");
        let waits_too_long =
            wait_ms_max.is_some_and(|most| outcome.waits.worst() > Duration::from_millis(most));
        if outcome.peak_mb >= PEAK_MB_MAX || waits_too_long {
            writeln!(over, "{row}").expect("writing to a string");
        }
    }
    assert!(over.is_empty(), "over the bounds:\n{}\n{over}", headings());
}
