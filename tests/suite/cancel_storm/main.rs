//! Requests that are cancelled at random moments: while they wait, get a connection, run, or are about to be
//! answered; by a cancel, by a client that leaves, by the death of a shim, and by `snowgate kill`. Afterwards nothing is
//! left of them.
//!
//! **No answer after a cancel:** behind each cancel the client sends a ping. The shim reads lines in order, so once
//! the ping is answered, the shim has read the cancel, and from then on no answer to the cancelled request may
//! come. One that comes earlier was on its way when the cancel was sent; these are counted as "crossed".
//!
//! `SNOWGATE_TEST_CANCELS` is the number of cancelled requests, a few hundred by default. The full run, on release
//! binaries, is `just cancel-storm`, or
//!
//! ```sh
//! SNOWGATE_TEST_BIN_DIR=$PWD/target/release SNOWGATE_TEST_CANCELS=10000 \
//!     cargo test -p snowgate-tests --test cancel_storm -- --nocapture
//! ```

mod book;
mod call;
mod latency;
mod life;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Instant;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, Random, descriptors, resident_kb, until};

use book::Book;
use life::{Life, Times};

const CANCELS: u64 = 400;

/// Cancels before descriptors and memory are counted.
const WARM_UP: u64 = 150;

/// Clients at once.
const CLIENTS: u64 = 12;

/// K.
const CONNECTIONS: u64 = 4;

/// Longer than anybody waits here.
const WAIT_MS: u64 = 600_000;

/// What the gateway may have more of afterwards: descriptors that SQLite or the state file have opened meanwhile,
/// and memory that the allocator keeps.
const DESCRIPTORS_GROWTH_MAX: usize = 4;
const GROWTH_KB_MAX: u64 = 24 * 1024;

fn config() -> String {
    format!(
        "read_only = false\n[pool]\nconnections_max = {CONNECTIONS}\nconnections_min = {CONNECTIONS}\n\
         wait_timeout_ms = {WAIT_MS}\n"
    )
}

/// A number of `snowgate status --json`.
fn status_number(home: &Home, name: &str) -> u64 {
    home.status().expect("a running gateway")[name].as_u64().expect("a number")
}

/// Cancels until so many requests are cancelled.
fn storm(home: &Home, seed: u64, cancels: u64) -> Book {
    let left = AtomicU64::new(cancels);
    let mut book = Book::default();
    thread::scope(|scope| {
        scope.spawn(|| kill_calls(home, &left, Random::branch(seed, CLIENTS)));
        let clients: Vec<_> = (0..CLIENTS)
            .map(|number| {
                let (left, mut random) = (&left, Random::branch(seed, number));
                scope.spawn(move || {
                    let (mut times, mut book) = (Times::new(), Book::default());
                    for life in 0.. {
                        let name = format!("storm-{number}-{life}");
                        if !Life::begin(home, &name, (&mut random, &mut times, &mut book)).live(left) {
                            return book;
                        }
                    }
                    unreachable!("it ends with the last cancel")
                })
            })
            .collect();
        clients.into_iter().for_each(|client| book.add(client.join().expect("a client's end")));
    });
    book
}

/// Stops all calls of some session with `snowgate kill`, again each time a few more have been cancelled. (A gateway of an
/// earlier build has no such command.)
fn kill_calls(home: &Home, left: &AtomicU64, mut random: Random) {
    let look = || left.load(Ordering::Relaxed);
    while look() > 0 {
        let before = look();
        let sessions = home.sessions();
        let id = random.pick(&sessions)["id"].as_str().expect("an id").to_owned();
        // It may have ended meanwhile.
        home.run(&["kill", &id]);
        until("more is cancelled", || look() < before || before == 0);
    }
}

/// What there is of the gateway once nothing runs.
struct Census {
    descriptors: usize,
    resident_kb: u64,
}

impl Census {
    /// Waits until nothing waits or runs and no session is left but that of `observer`.
    fn take(home: &Home, observer: &Client) -> Self {
        let number = |status: &Value, name: &str| status[name].as_u64().expect("a number");
        until("nothing waits, and every connection is idle", || {
            let status = home.status().expect("a running gateway");
            let [waiting, open, idle] = ["requests_waiting", "connections_open", "connections_idle"]
                .map(|name| number(&status, name));
            waiting == 0 && open == CONNECTIONS && idle == open
        });
        let sessions = home.sessions_until("sessions end with their shims", |sessions| {
            sessions.len() == 1 && sessions[0]["running"] == 0 && sessions[0]["leases"] == 0
        });
        assert_eq!(sessions[0]["pid"], observer.pid());
        until("no write is under way in the journal", || home.writes_under_way() == 0);
        let gateway = home.gateway_pid();
        // The fewest of several looks: a file that is looked at, or a command's connection, is open for a moment.
        let looks = (0..LOOKS).map(|_| {
            home.status();
            descriptors(gateway).expect("a running gateway")
        });
        Self { descriptors: looks.min().expect("a look"), resident_kb: resident_kb(gateway) }
    }
}

/// Looks at how many statements run, and how many descriptors are open.
const LOOKS: usize = 20;

/// Connections that run something.
fn in_use(home: &Home) -> u64 {
    let status = home.status().expect("a running gateway");
    let number = |name: &str| status[name].as_u64().expect("a number");
    number("connections_open") - number("connections_idle")
}

/// Sends more statements without an end than can run; returns their ids.
fn send_endless(client: &mut Client) -> Vec<Value> {
    (0..CONNECTIONS + 2).map(|_| client.send_query(&call::endless())).collect()
}

fn cancel_all(home: &Home, client: &mut Client, ids: &[Value]) {
    for id in ids {
        client.notify("notifications/cancelled", &json!({"requestId": id}));
    }
    until("every slot is free", || in_use(home) == 0 && status_number(home, "requests_waiting") == 0);
}

/// How many statements run at once: all connections, but for those that are kept for short calls.
fn runs_at_once(home: &Home, client: &mut Client) -> u64 {
    let ids = send_endless(client);
    let sent = CONNECTIONS + 2;
    until("all run or wait", || {
        in_use(home) > 0 && in_use(home) + status_number(home, "requests_waiting") == sent
    });
    let most = (0..LOOKS).map(|_| in_use(home)).max().expect("a look");
    cancel_all(home, client, &ids);
    most
}

/// Waits until so many run at once.
fn until_running(home: &Home, client: &mut Client, count: u64) {
    let ids = send_endless(client);
    until("as many run at once as before", || in_use(home) == count);
    cancel_all(home, client, &ids);
}

/// How often each write is in the table.
fn rows(home: &Home) -> BTreeMap<String, u64> {
    let database = rusqlite::Connection::open(home.databases().join("ONE.db")).expect("the database");
    let mut statement = database.prepare("select key, count(*) from log group by key").expect("the table");
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?.unsigned_abs())));
    rows.expect("the rows").map(|row| row.expect("a row")).collect()
}

#[test]
fn nothing_is_left_of_cancelled_requests() {
    let cancels =
        std::env::var("SNOWGATE_TEST_CANCELS").map_or(CANCELS, |text| text.parse().expect("a number"));
    let random = Random::from_env("SNOWGATE_TEST_SEED");
    println!("SNOWGATE_TEST_SEED={}", random.seed);
    let home = Home::new();
    home.configure(&config());
    let mut observer = home.client();
    observer.initialize_as("observer", "2025-11-25");
    observer.query("create table log(key text)");
    let gateway = home.gateway_pid();
    let mut book = storm(&home, random.seed, WARM_UP);
    let at_once = runs_at_once(&home, &mut observer);
    let before = Census::take(&home, &observer);

    let since = Instant::now();
    book.add(storm(&home, random.seed.wrapping_add(1), cancels));
    let took = since.elapsed();
    let after = Census::take(&home, &observer);
    until_running(&home, &mut observer, at_once);
    assert_eq!(home.gateway_pid(), gateway, "one gateway served all");
    observer.leave();
    home.stop();
    println!("{book}\nin {took:.1?}; where the gateway was: {}", book::stages(&home));
    println!(
        "descriptors {} before, {} after; resident {} kB before, {} kB after",
        before.descriptors, after.descriptors, before.resident_kb, after.resident_kb
    );
    let mut violations = book.violations().to_vec();
    let replayed = home.log_lines("request").iter().filter(|line| line["replayed"] == true).count();
    if replayed > 0 {
        violations.push(format!("{replayed} requests came again, and no gateway was lost"));
    }
    violations.extend(book.wrong_rows(&rows(&home)));
    if after.descriptors > before.descriptors + DESCRIPTORS_GROWTH_MAX {
        violations.push(format!("{} descriptors, before {}", after.descriptors, before.descriptors));
    }
    if after.resident_kb > before.resident_kb + GROWTH_KB_MAX {
        violations.push(format!("{} kB resident, before {}", after.resident_kb, before.resident_kb));
    }
    assert!(violations.is_empty(), "{violations:#?}");
}
