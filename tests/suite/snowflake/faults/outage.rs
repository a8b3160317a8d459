//! The server down, or hanging, while many ask.

use std::cell::Cell;
use std::collections::HashSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Instant;

use snowgate_tests::{eventually_within, patience};
use warehouse::Gate;

use super::*;

const CLIENTS: usize = 20;

/// Once an outage is known, most requests are refused within this. It takes no time at all, but for a machine
/// that is busy; a request that tried for itself would take the 6 s of its pauses.
const REFUSED_MAX: Duration = Duration::from_secs(4);

/// How long the outage lasts, where it is to be long.
const SECONDS: &str = "SNOWGATE_TEST_OUTAGE_SECONDS";

/// Where an outage is: what all clients have seen of it.
struct Watch {
    is_over: AtomicBool,
    /// When the first client was told of it.
    known: Mutex<Option<Instant>>,
    /// Clients that have seen an error.
    failed: Mutex<HashSet<usize>>,
    /// Clients that have had an answer since it was cleared.
    served: Mutex<HashSet<usize>>,
}

impl Watch {
    fn new() -> Self {
        let sets = || Mutex::new(HashSet::new());
        Self { is_over: AtomicBool::new(false), known: Mutex::new(None), failed: sets(), served: sets() }
    }

    fn until_all(&self, what: &str, set: &Mutex<HashSet<usize>>) -> Duration {
        snowgate_tests::until(what, || set.lock().expect("a set").len() == CLIENTS)
    }

    fn note(&self, number: usize, is_error: bool) {
        let set = if is_error { &self.failed } else { &self.served };
        set.lock().expect("a set").insert(number);
        if is_error {
            self.known.lock().expect("an instant").get_or_insert_with(Instant::now);
        }
    }
}

/// One answer.
struct Asked {
    took: Duration,
    /// Whether the outage was known when it was sent.
    is_late: bool,
    text: String,
    is_error: bool,
    /// The key, of a write.
    key: Option<String>,
}

/// Asks until it is over: reads, and every third time a write of its own.
fn asks(home: &Home, number: usize, watch: &Watch) -> Vec<Asked> {
    let mut client = client(home);
    let mut all = Vec::new();
    while !watch.is_over.load(Ordering::Acquire) {
        let round = all.len();
        let key = (round % 3 == 0).then(|| format!("{number}-{round}"));
        let sql = key.as_ref().map_or_else(|| "SELECT 1 AS N".to_owned(), |key| insert(&format!("'{key}'")));
        let is_late = watch.known.lock().expect("an instant").is_some();
        let since = Instant::now();
        let answer = ask(&mut client, &sql);
        let asked = Asked {
            took: since.elapsed(),
            is_late,
            text: tool_text(&answer).to_owned(),
            is_error: is_error(&answer),
            key,
        };
        watch.note(number, asked.is_error);
        if asked.is_error {
            // As fast as it is refused, a client need not ask.
            thread::yield_now();
        }
        all.push(asked);
    }
    assert!(client.unclaimed().is_empty(), "a request was answered twice: {:?}", client.unclaimed());
    all
}

fn middle(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times.get(times.len() / 2).copied().unwrap_or_default()
}

/// What is acknowledged was carried out once; nothing was twice.
fn check_writes(warehouse: &Warehouse, all: &[Asked]) {
    for asked in all {
        let Some(key) = &asked.key else { continue };
        let count = warehouse.count_key(LOG, key);
        let may_be = asked.text.contains("outcome unknown");
        match asked.is_error {
            false => assert_eq!(count, 1, "{key}: {}", asked.text),
            true if may_be => assert!(count <= 1, "{key}: {}", asked.text),
            true => assert_eq!(count, 0, "{key}: {}", asked.text),
        }
    }
}

/// Has all clients ask before, while and after `down` holds; gives their answers and how long recovery took.
fn outage(warehouse: &Warehouse, home: &Home, down: impl FnOnce(), up: impl FnOnce()) -> Vec<Asked> {
    let watch = Watch::new();
    let wanted = std::env::var(SECONDS)
        .ok()
        .and_then(|text| text.parse().ok())
        .map_or(Duration::ZERO, Duration::from_secs);
    let (mut all, mut recovered) = (Vec::new(), Duration::ZERO);
    thread::scope(|scope| {
        let asking: Vec<_> = (0..CLIENTS)
            .map(|number| {
                scope.spawn({
                    let watch = &watch;
                    move || asks(home, number, watch)
                })
            })
            .collect();
        let _over = Over(&watch.is_over);
        watch.until_all("everybody is served", &watch.served);
        watch.failed.lock().expect("a set").clear();
        *watch.known.lock().expect("an instant") = None;
        let since = Instant::now();
        down();
        watch.until_all("everybody has seen an error", &watch.failed);
        eventually_within(wanted + patience(), "the outage has lasted long enough", || {
            (since.elapsed() >= wanted).then_some(())
        });
        let lasted = since.elapsed();
        watch.served.lock().expect("a set").clear();
        up();
        recovered = watch.until_all("everybody is served again", &watch.served);
        watch.is_over.store(true, Ordering::Release);
        all = asking.into_iter().flat_map(|asking| asking.join().expect("a client's answers")).collect();
        println!("the outage lasted {lasted:?}; everybody was served again after {recovered:?}");
    });
    let errors: Vec<&Asked> = all.iter().filter(|asked| asked.is_error).collect();
    let is_refused = |asked: &&&Asked| asked.is_late && asked.text.contains("it is tried again");
    let refused: Vec<Duration> = errors.iter().filter(is_refused).map(|asked| asked.took).collect();
    println!(
        "{} answers, {} of them errors; the slowest error took {:?}; {} were refused at once, in {:?} (median), {:?} (slowest)",
        all.len(),
        errors.len(),
        errors.iter().map(|asked| asked.took).max().unwrap_or_default(),
        refused.len(),
        middle(refused.clone()),
        refused.iter().max().copied().unwrap_or_default(),
    );
    assert!(middle(refused) < REFUSED_MAX);
    check_writes(warehouse, &all);
    all
}

/// Ends the clients also where the test fails.
struct Over<'a>(&'a AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Release);
    }
}

#[test]
fn while_the_server_is_down_errors_are_fast_and_clear_and_then_all_goes_on() {
    let warehouse = Warehouse::start();
    // Those that wait for a connection already wait on, within this.
    let home = home_with(&warehouse, "[allocator]\nmax_wait_ms = 15000\n");
    let all = outage(&warehouse, &home, || warehouse.go_down(), || warehouse.come_up());
    for asked in all.iter().filter(|asked| asked.is_error) {
        assert!(asked.text.contains("no working connection to 127.0.0.1"), "{}", asked.text);
        assert!(asked.text.contains("Next step: "), "{}", asked.text);
        assert!(asked.took < patience() / 2, "{:?}: {}", asked.took, asked.text);
    }
    warehouse
        .seen(|seen| println!("{} log-ins, {} connections in all", seen.log_ins.len(), seen.connections));
    assert!(warehouse.seen(|seen| seen.log_ins.len()) <= 2 * CLIENTS);
}

/// Answers 503 to whoever comes to `endpoint`, or to any, while all sessions are gone.
fn overload(endpoint: Option<Endpoint>) {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[allocator]\nmax_wait_ms = 15000\n");
    let counted =
        || warehouse.seen(|seen| (seen.requests.len(), seen.count(Endpoint::LogIn), seen.connections));
    let (before, after) = (Cell::new((0, 0, 0)), Cell::new((0, 0, 0)));
    let since = Cell::new(Instant::now());
    let begin = || {
        match endpoint {
            Some(endpoint) => warehouse.fault(endpoint, Strike::Always, Fault::status(503)),
            None => warehouse.fault_anywhere(Strike::Always, Fault::status(503)),
        }
        warehouse.end_sessions();
        before.set(counted());
        since.set(Instant::now());
    };
    let end = || {
        after.set(counted());
        warehouse.clear_faults();
    };
    outage(&warehouse, &home, begin, end);
    let seconds = usize::try_from(since.get().elapsed().as_secs()).unwrap_or(usize::MAX) + 1;
    let (before, after) = (before.get(), after.get());
    let (requests, log_ins, connections) = (after.0 - before.0, after.1 - before.1, after.2 - before.2);
    println!(
        "in {seconds} s: {requests} requests, {log_ins} attempts to log in, {connections} new connections"
    );
    // Ten connections fail at first, each with its retries, its aborts and its goodbye; then one at a time
    // tries.
    assert!(requests <= 10 * 4 * ATTEMPTS_MAX + 10 * seconds, "{requests}");
    assert!(log_ins <= 10 * ATTEMPTS_MAX + 5 * seconds, "{log_ins}");
    assert!(connections <= 60 + 5 * seconds, "{connections}");
}

#[test]
fn a_server_that_is_overloaded_is_not_stormed() {
    overload(None);
}

#[test]
fn a_server_that_takes_no_log_ins_is_not_stormed_with_them() {
    overload(Some(Endpoint::LogIn));
}

#[test]
fn a_server_that_hangs_holds_no_request_for_longer_than_a_statement_may_take() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, "[allocator]\nlane_slots = 0\n[limits]\nstatement_timeout_ms = 5000\n");
    // Two more than there are connections: what waits is tried one at a time, each for as long as a statement may take.
    let mut clients: Vec<Client> = (0..12).map(|_| client(&home)).collect();
    connect(&warehouse, &mut clients);
    let gate = Gate::new();
    warehouse.fault_anywhere(Strike::Always, Fault::Hold(gate.clone()));
    let since = Instant::now();
    let ids: Vec<Value> = clients
        .iter_mut()
        .enumerate()
        .map(|(number, client)| {
            let write = number % 2 == 0;
            send(client, &if write { insert(&format!("'{number}'")) } else { "SELECT 1 AS N".to_owned() })
        })
        .collect();
    let mut said = HashSet::new();
    for (client, id) in clients.iter_mut().zip(&ids) {
        let answer = client.answer_within(2 * patience(), id);
        assert!(is_error(&answer), "{answer}");
        said.insert(tool_text(&answer).lines().next().unwrap_or_default().to_owned());
    }
    println!("{} answers after {:?}: {said:?}", ids.len(), since.elapsed());
    warehouse.clear_faults();
    gate.open();
    clients.iter_mut().for_each(works_again);
    for number in 0..CLIENTS {
        assert!(warehouse.count_key(LOG, &number.to_string()) <= 1);
    }
}

/// Has the gateway open all its connections.
fn connect(warehouse: &Warehouse, clients: &mut [Client]) {
    const CONNECTIONS: usize = 10;
    let sql = "SELECT held('connected') AS X";
    let clients = &mut clients[..CONNECTIONS];
    let ids: Vec<Value> = clients.iter_mut().map(|client| send(client, sql)).collect();
    warehouse.until("all run", |seen| seen.queries_of(sql).len() == CONNECTIONS);
    warehouse.release("connected");
    for (client, id) in clients.iter_mut().zip(&ids) {
        assert_eq!(result(&client.answer(id)), "X\nconnected\n(1 row)");
    }
}
