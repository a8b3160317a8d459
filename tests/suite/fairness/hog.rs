//! One client with many scans queued beside one of small queries, one that looks at metadata, and six with
//! queries of a medium size, on four connections.

use std::fmt::Write as _;
use std::thread::sleep;
use std::time::{Duration, Instant, SystemTime};

use serde_json::{Value, json};
use snowgate_tests::Home;

use super::Plan;
use crate::figures::{extremes, jain};
use crate::load::{Load, Work, query};
use crate::records::{Records, Share, Window};
use crate::scans::Scan;
use crate::strategy::Strategy;

/// K.
const CONNECTIONS: usize = 4;

/// What a scan takes alone.
const SCAN: Duration = Duration::from_millis(500);

/// A medium query has that part of a scan's work.
const MEDIUM_PART: u64 = 10;

/// Clients of medium queries.
const MEDIUM: usize = 6;

/// Tables that are described in turn, so that no answer is a second old.
const TABLES: usize = 40;

/// Calls of the hog's that one session has in flight: below `session_requests_max`.
const IN_FLIGHT_MAX: usize = 30;

/// Between two calls of the one who looks at metadata.
const LOOKING: Duration = Duration::from_millis(25);

/// The place of the client of small queries among all.
const SMALL: usize = 1;

/// A client that hardly gets an answer is measured longer: until it has so many, or for that many times as long.
const ANSWERS_MIN: usize = 5;
const STRETCH_MAX: u32 = 6;

/// Answers of each client before anything counts.
const WARM_UP: usize = 1;

/// Between two looks at the flows in `status`.
const STATUS_EVERY: Duration = Duration::from_secs(1);

/// Prints what each client gets, with each strategy, beside a hog that keeps so many scans queued.
pub(crate) fn measure(plan: &Plan, queued: usize) {
    for strategy in plan.strategies() {
        println!("{}", run(plan, strategy, queued));
    }
}

fn run(plan: &Plan, strategy: Strategy, queued: usize) -> String {
    let home = Home::new();
    home.configure(&strategy.config(CONNECTIONS, None));
    write_tables(&home);
    let scan = Scan::calibrated(&home, if plan.is_full { SCAN } else { SCAN / 10 });
    let load = Load::start(&home, works(scan, queued));
    if plan.is_full {
        load.warm_up(WARM_UP);
    }
    let (since, before) = (SystemTime::now(), load.answered(SMALL));
    let mut lag = watch(&home, plan.length);
    let limit = Instant::now() + plan.length * STRETCH_MAX;
    while plan.is_full && load.answered(SMALL) < before + ANSWERS_MIN && Instant::now() < limit {
        lag = lag.into_iter().chain(watch(&home, STATUS_EVERY)).reduce(f64::max);
    }
    let window = Window::since(since);
    let failed = load.failed();
    load.stop();
    home.stop();
    assert_eq!(failed, 0, "no call fails");
    let records = Records::of(&home, window);
    let mut text = format!(
        "\n{}: a hog with {queued} scans queued, K={CONNECTIONS}, {:.0} s measured\n",
        strategy.name,
        window.length()
    );
    describe(&records, queued, lag, &mut text);
    text
}

fn write_tables(home: &Home) {
    let database = rusqlite::Connection::open(home.databases().join("ONE.db")).expect("the database");
    let tables = (0..TABLES).map(|at| format!("create table t{at}(a integer, b text);\n"));
    let sql: String = tables.collect();
    let rows = "insert into t0 with recursive n(i) as (select 1 union all select i + 1 from n limit 1000) \
                select i, 'x' from n;";
    database.execute_batch(&format!("begin;\n{sql}{rows}\ncommit;")).expect("the tables");
}

fn works(scan: Scan, queued: usize) -> Vec<Work> {
    // As many sessions of one name as it takes, all with the same.
    let sessions = queued.div_ceil(IN_FLIGHT_MAX);
    // Beside those that run.
    let in_flight = (queued + CONNECTIONS).div_ceil(sessions).min(IN_FLIGHT_MAX + 2);
    let medium = scan.divided(MEDIUM_PART);
    let mut works = vec![
        Work::backlog("hog", (sessions, in_flight), move |_| query(&scan.sql())),
        Work::one_by_one("small", |_| query("select count(*) from t0")),
        Work {
            pause: LOOKING,
            ..Work::one_by_one("metadata", |at| match at % 2 {
                0 => ("list_tables", json!({})),
                _ => ("describe_table", json!({"table": format!("t{}", at / 2 % TABLES)})),
            })
        },
    ];
    let name = |at: usize| format!("medium-{at}");
    works.extend((0..MEDIUM).map(|at| Work::one_by_one(&name(at), move |_| query(&medium.sql()))));
    works
}

/// Waits until the measured time is over; returns the greatest part of its bound that a flow's lag had, if the
/// gateway shows it.
fn watch(home: &Home, length: Duration) -> Option<f64> {
    let until = Instant::now() + length;
    let mut worst: Option<f64> = None;
    loop {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return worst;
        }
        sleep(left.min(STATUS_EVERY));
        let status = home.status().expect("a running gateway");
        let seen = lag_to_bound(&status);
        worst = worst.into_iter().chain(seen).reduce(f64::max);
    }
}

/// The greatest lag of a flow against its bound in `status`, wherever in it flows are.
fn lag_to_bound(status: &Value) -> Option<f64> {
    match status {
        Value::Object(members) => {
            let number = |name: &str| members.get(name).and_then(Value::as_f64);
            let own = number("lag").zip(number("bound")).map(|(lag, bound)| lag / bound);
            members.values().filter_map(lag_to_bound).chain(own).reduce(f64::max)
        }
        Value::Array(values) => values.iter().filter_map(lag_to_bound).reduce(f64::max),
        _ => None,
    }
}

fn describe(records: &Records, queued: usize, lag: Option<f64>, text: &mut String) {
    let slots = records.all_slot_seconds();
    writeln!(
        text,
        "{:<14} {:>7} {:>9} {:>9} {:>9} {:>8} {:>9} {:>9} {:>9} {:>8}",
        "client", "calls", "wait p50", "p99", "max ms", "run p50", "total p50", "p99", "max ms", "slots %"
    )
    .expect("writing to a string");
    let mut row = |name: &str, share: &Share| {
        writeln!(
            text,
            "{name:<14} {:>7} {:>9.1} {:>9.1} {:>9.1} {:>8.1} {:>9.1} {:>9.1} {:>9.1} {:>8.1}",
            share.done,
            share.wait.median(),
            share.wait.p99(),
            share.wait.max(),
            share.run.median(),
            share.total.median(),
            share.total.p99(),
            share.total.max(),
            100.0 * share.slot_seconds / slots
        )
        .expect("writing to a string");
    };
    let [hog, small, metadata] =
        ["hog", "small", "metadata"].map(|name| records.share(|client| client == name));
    let medium = records.share(|client| client.starts_with("medium-"));
    row("hog", &hog);
    row("small", &small);
    row("metadata", &metadata);
    row("six medium", &medium);
    let each: Vec<f64> = (0..MEDIUM).map(|at| records.slot_seconds(&format!("medium-{at}"))).collect();
    let (least, most) = extremes(&each);
    let (scan, wait) = (hog.run.median(), small.wait.p99());
    // Behind all that is queued, on connections that each take one scan after the other.
    #[expect(clippy::cast_precision_loss, reason = "a few requests")]
    let in_line = queued as f64 / CONNECTIONS as f64 * scan;
    writeln!(
        text,
        "small p99 {wait:.0} ms: {:.2} of a scan's run time of {scan:.0} ms (aim 1.2), 1/{:.1} of a place at the end of the \
         line (aim 1/8); metadata p99 {:.0} ms (aim 500)\nof six medium: {least:.2} to {most:.2} of a fair share, \
         Jain {:.4}; greatest lag/bound: {}",
        wait / scan,
        in_line / wait,
        metadata.total.p99(),
        jain(&each),
        lag.map_or("not shown".to_owned(), |lag| format!("{lag:.3}"))
    )
    .expect("writing to a string");
}
