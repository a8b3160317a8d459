//! More and more clients, and very many sessions: does everybody get a fair share, and are the slots in use?

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::sleep;
use std::time::{Duration, SystemTime};

use snowgate_tests::Home;
use warehouse::{Endpoint, Fault, Strike, Warehouse, secrets};

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

/// Answers of each client before anything counts: who came first while the others were still on their way has had more,
/// and gets less until that is made up for.
const WARM_UP: usize = 10;

/// Applications of [`applications`], and sessions of each.
const APPLICATIONS: usize = 20;
const SESSIONS: usize = 10;

/// What a statement takes of a warehouse's time: no processor of this machine limits how many run.
const DISTANT: Duration = Duration::from_millis(100);

/// Numbers of clients.
const COUNTS: [usize; 9] = [1, 2, 3, 4, 6, 8, 12, 16, 20];

/// Prints the throughput of 1 to 20 clients, with one call at a time and with a backlog: statements that keep a
/// processor busy, and such that wait for a warehouse.
pub(crate) fn clients(plan: &Plan) {
    let strategy = Strategy::default();
    println!("\n{}: clients with scans of {SCAN:?}, K={CONNECTIONS}", strategy.name);
    rows(plan, |names, in_flight| {
        let home = Home::new();
        home.configure(&strategy.config(CONNECTIONS, Some(0)));
        let scan = Scan::calibrated(&home, SCAN);
        run(plan, &home, backlogs(names, in_flight, move || scan.sql()))
    });
    println!(
        "\n{}: clients whose statements take {DISTANT:?} in a warehouse, K={CONNECTIONS}",
        strategy.name
    );
    rows(plan, |names, in_flight| {
        let warehouse = Warehouse::start();
        warehouse.fault(Endpoint::Submit, Strike::Always, Fault::Delay(DISTANT));
        let home = Home::bare();
        let key = format!("private_key_file = {:?}\n", secrets::private_key().display().to_string());
        home.configure_account(&warehouse, &key, &strategy.config(CONNECTIONS, Some(0)));
        let number = AtomicU64::new(0);
        let sql = move || format!("SELECT {} AS N", number.fetch_add(1, Ordering::Relaxed));
        run(plan, &home, backlogs(names, in_flight, sql))
    });
}

/// A client of each name with so many calls in flight.
fn backlogs(
    names: &[String],
    in_flight: usize,
    sql: impl Fn() -> String + Send + Sync + 'static,
) -> Vec<Work> {
    let sql = Arc::new(sql);
    let work = |name: &String| {
        let sql = Arc::clone(&sql);
        Work::backlog(name, (1, in_flight), move |_| query(&sql()))
    };
    names.iter().map(work).collect()
}

/// A row for each number of clients and calls in flight.
fn rows(plan: &Plan, run: impl Fn(&[String], usize) -> Records) {
    println!(
        "{:<8} {:>9} {:>7} {:>10} {:>7} {:>7} {:>7}",
        "clients", "in flight", "calls", "calls a s", "least", "most", "Jain"
    );
    let counts: &[usize] = if plan.is_full { &COUNTS } else { &[3] };
    for in_flight in [1, 8] {
        for &count in counts {
            let names: Vec<String> = (1..=count).map(|at| format!("app-{at}")).collect();
            print_row(&count.to_string(), &in_flight.to_string(), &run(&names, in_flight), &names);
        }
    }
}

/// The same for two hundred sessions of twenty applications, which send unequal numbers of requests.
pub(crate) fn applications(plan: &Plan) {
    let strategy = Strategy::default();
    let count = if plan.is_full { APPLICATIONS } else { 3 };
    let names: Vec<String> = (1..=count).map(|at| format!("app-{at}")).collect();
    let home = Home::new();
    home.configure(&strategy.config(CONNECTIONS, Some(0)));
    let scan = Scan::calibrated(&home, SCAN);
    let work = |(at, name): (usize, &String)| {
        Work::backlog(name, (SESSIONS, 1 + at % 4), move |_| query(&scan.sql()))
    };
    let records = run(plan, &home, names.iter().enumerate().map(work).collect());
    println!(
        "\n{}: {} sessions of {count} applications, 1 to 4 calls in flight each, K={CONNECTIONS}",
        strategy.name,
        count * SESSIONS
    );
    print_row(&format!("{count}x{SESSIONS}"), "1-4", &records, &names);
}

fn run(plan: &Plan, home: &Home, works: Vec<Work>) -> Records {
    let load = Load::start(home, works);
    load.warm_up(if plan.is_full { WARM_UP } else { 1 });
    let since = SystemTime::now();
    sleep(plan.length / ROWS);
    let window = Window::since(since);
    let failed = load.failed();
    load.stop();
    home.stop();
    assert_eq!(failed, 0, "no call fails");
    Records::of(home, window)
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
