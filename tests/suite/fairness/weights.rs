//! Three clients with the same backlog and weights of 1, 2 and 4.

use std::thread::sleep;
use std::time::{Duration, SystemTime};

use snowgate_tests::Home;

use super::Plan;
use crate::load::{Load, Work, query};
use crate::records::{Records, Window};
use crate::scans::Scan;
use crate::strategy::Strategy;

const CONNECTIONS: usize = 4;

/// What a scan takes alone.
const SCAN: Duration = Duration::from_millis(50);

/// Calls of each client that are not answered.
const BACKLOG: usize = 16;

/// The clients, and their weights.
pub(crate) const CLIENTS: [(&str, u32); 3] = [("light", 1), ("middle", 2), ("heavy", 4)];

/// The profiles that give the clients their weights.
pub(crate) fn profiles() -> String {
    let profile = |(name, weight): (&str, u32)| {
        format!("[profiles.{name}]\nmatch = [{{ client = '{name}' }}]\nweight = {weight}\n")
    };
    CLIENTS.map(profile).concat()
}

/// Prints what each gets.
pub(crate) fn measure(plan: &Plan) {
    let strategy = Strategy::default();
    let home = Home::new();
    let profiles = if strategy.has_weights() { profiles() } else { String::new() };
    home.configure(&format!("{}{profiles}", strategy.config(CONNECTIONS, Some(0))));
    let scan = Scan::calibrated(&home, SCAN);
    let work = |(name, _)| Work::backlog(name, (1, BACKLOG), move |_| query(&scan.sql()));
    let load = Load::start(&home, CLIENTS.map(work).into());
    let since = SystemTime::now();
    sleep(plan.length);
    let window = Window::since(since);
    let failed = load.failed();
    load.stop();
    home.stop();
    assert_eq!(failed, 0, "no call fails");
    let records = Records::of(&home, window);
    println!("\n{}: equal backlogs, weights 1:2:4, {:.0} s measured", strategy.name, window.length());
    println!(
        "{:<8} {:>6} {:>7} {:>8} {:>8} {:>8}",
        "client", "weight", "calls", "slots %", "aim %", "of aim"
    );
    let (all, weights) = (records.all_slot_seconds(), CLIENTS.map(|(_, weight)| weight).iter().sum::<u32>());
    for (name, weight) in CLIENTS {
        let (share, aim) = (records.share(|client| client == name), f64::from(weight) / f64::from(weights));
        let part = share.slot_seconds / all;
        println!(
            "{name:<8} {weight:>6} {:>7} {:>8.1} {:>8.1} {:>8.3}",
            share.done,
            100.0 * part,
            100.0 * aim,
            part / aim
        );
    }
}
