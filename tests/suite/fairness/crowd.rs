//! More and more clients, and very many sessions: does everybody get a fair share, and are the slots in use?

use std::thread::sleep;
use std::time::{Duration, SystemTime};

use snowgate_tests::Home;

use super::Plan;
use crate::figures::{extremes, jain};
use crate::load::{Load, Work, query};
use crate::records::{Records, Window};
use crate::scans::Scan;
use crate::strategy::Strategy;

const CONNECTIONS: usize = 4;

/// What a scan takes alone.
const SCAN: Duration = Duration::from_millis(20);

/// There are many rows: each is measured for that part of the time.
const ROWS: u32 = 6;

/// Applications of [`applications`], and sessions of each.
const APPLICATIONS: usize = 20;
const SESSIONS: usize = 10;

/// Prints the throughput of 1 to 20 clients, with one call at a time and with a backlog.
pub(crate) fn clients(plan: &Plan) {
    let strategy = Strategy::default();
    println!("\n{}: clients with scans of {SCAN:?}, K={CONNECTIONS}", strategy.name);
    println!(
        "{:<8} {:>9} {:>7} {:>10} {:>7} {:>7} {:>7}",
        "clients", "in flight", "calls", "calls a s", "least", "most", "Jain"
    );
    let counts: &[usize] = if plan.is_full { &[1, 2, 3, 4, 6, 8, 12, 16, 20] } else { &[3] };
    for in_flight in [1, 8] {
        for &count in counts {
            let names: Vec<String> = (1..=count).map(|at| format!("app-{at}")).collect();
            let work =
                |name: &String, scan: Scan| Work::backlog(name, (1, in_flight), move |_| query(&scan.sql()));
            let records = run(plan, strategy, |scan| names.iter().map(|name| work(name, scan)).collect());
            print_row(&count.to_string(), &in_flight.to_string(), &records, &names);
        }
    }
}

/// The same for two hundred sessions of twenty applications, which send unequal numbers of requests.
pub(crate) fn applications(plan: &Plan) {
    let strategy = Strategy::default();
    let count = if plan.is_full { APPLICATIONS } else { 3 };
    let names: Vec<String> = (1..=count).map(|at| format!("app-{at}")).collect();
    let records = run(plan, strategy, |scan| {
        let work = |(at, name): (usize, &String)| {
            Work::backlog(name, (SESSIONS, 1 + at % 4), move |_| query(&scan.sql()))
        };
        names.iter().enumerate().map(work).collect()
    });
    println!(
        "\n{}: {} sessions of {count} applications, 1 to 4 calls in flight each, K={CONNECTIONS}",
        strategy.name,
        count * SESSIONS
    );
    print_row(&format!("{count}x{SESSIONS}"), "1-4", &records, &names);
}

fn run(plan: &Plan, strategy: Strategy, works: impl FnOnce(Scan) -> Vec<Work>) -> Records {
    let home = Home::new();
    home.configure(&strategy.config(CONNECTIONS, Some(0)));
    let scan = Scan::calibrated(&home, SCAN);
    let load = Load::start(&home, works(scan));
    load.warm_up(1);
    let since = SystemTime::now();
    sleep(plan.length / ROWS);
    let window = Window::since(since);
    let failed = load.failed();
    load.stop();
    home.stop();
    assert_eq!(failed, 0, "no call fails");
    Records::of(&home, window)
}

fn print_row(clients: &str, in_flight: &str, records: &Records, names: &[String]) {
    let each: Vec<f64> = names.iter().map(|name| records.slot_seconds(name)).collect();
    let (least, most) = extremes(&each);
    let done = records.share(|client| client.starts_with("app-")).done;
    #[expect(clippy::cast_precision_loss, reason = "a few thousand")]
    let per_second = done as f64 / records.window.length();
    println!(
        "{clients:<8} {in_flight:>9} {done:>7} {per_second:>10.1} {least:>7.3} {most:>7.3} {:>7.4}",
        jain(&each)
    );
}
