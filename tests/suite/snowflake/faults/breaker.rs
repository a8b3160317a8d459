//! The circuit breaker: what reaches a server that is away, who tries whether it is back, and who waits for that.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use warehouse::Gate;

use super::*;

const CLIENTS: usize = 50;

/// Short pauses, so that a test takes seconds.
const QUICK: &str = "[breaker]\nrecovery_ms = 200\nrecovery_max_ms = 1000\n";

fn quick() -> (Warehouse, Home) {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, QUICK);
    (warehouse, home)
}

/// The connection's circuit breaker, as a script sees it.
fn breaker(home: &Home) -> Value {
    let output = home.run(&["breaker", "--json"]);
    let view = output.json();
    let breakers = view["breakers"].as_array().unwrap_or_else(|| panic!("{output:?}"));
    let found = breakers.iter().find(|breaker| breaker["connection"] == "snowflake");
    found.unwrap_or_else(|| panic!("{output:?}")).clone()
}

/// Waits until the breaker is in `state`.
#[track_caller]
fn until_breaker(home: &Home, state: &str) {
    snowgate_tests::until(&format!("the breaker is {state}"), || breaker(home)["state"] == state);
}

/// Asks until the server's outage is known.
#[track_caller]
fn until_known(home: &Home, client: &mut Client) {
    let answer = ask(client, "SELECT 1 AS N");
    assert!(is_error(&answer), "{answer}");
    assert_ne!(breaker(home)["state"], "closed", "{answer}");
}

/// Requests that came so far.
fn requests(warehouse: &Warehouse) -> usize {
    warehouse.seen(|seen| seen.requests.len())
}

/// `count` clients that have been served.
fn clients(home: &Home, count: usize) -> Vec<Client> {
    let mut clients: Vec<Client> = (0..count).map(|_| client(home)).collect();
    clients.iter_mut().for_each(works_again);
    clients
}

/// All ask at once; returns the texts of those that were refused.
fn storm(clients: &mut [Client]) -> Vec<String> {
    let ids: Vec<Value> = clients.iter_mut().map(|client| send(client, "SELECT 1 AS N")).collect();
    let answers = clients.iter_mut().zip(&ids).map(|(client, id)| client.answer(id));
    answers.filter(is_error).map(|answer| tool_text(&answer).to_owned()).collect()
}

/// Fifty clients at a server that is away, then back: few requests reach it, every refusal is clear, and all are served
/// again without anything being done but asking again.
fn away_and_back(down: impl FnOnce(&Warehouse), up: impl FnOnce(&Warehouse)) {
    let (warehouse, home) = quick();
    let mut clients = clients(&home, CLIENTS);
    down(&warehouse);
    until_known(&home, &mut clients[0]);
    let before = requests(&warehouse);
    let refused = storm(&mut clients);
    let came = requests(&warehouse) - before;
    println!("{} of {CLIENTS} were refused; {came} requests came", refused.len());
    assert_eq!(refused.len(), CLIENTS);
    for text in &refused {
        assert!(text.contains("Backend unavailable: ") && text.contains("Next step: "), "{text}");
    }
    let told = refused.iter().filter(|text| text.contains("the circuit breaker of `snowflake` is open"));
    assert!(told.count() >= CLIENTS / 2, "{refused:#?}");
    // A probe is a heartbeat with its attempts, and there are few: pauses grow.
    assert!(came <= 10 * ATTEMPTS_MAX, "{came}");
    up(&warehouse);
    clients.iter_mut().for_each(works_again);
    let status = home.status().expect("a gateway");
    let shown = &status["connections"][0]["breaker"];
    assert_eq!(shown["state"], "closed", "{status}");
    assert!(shown["opened"].as_u64() >= Some(1) && shown["refused"].as_u64() >= Some(1), "{status}");
    home.log_until("the backend does not respond: circuit breaker open", 1);
    home.log_until("the backend responds again: circuit breaker closed", 1);
}

#[test]
fn a_server_that_refuses_connections() {
    away_and_back(Warehouse::go_down, Warehouse::come_up);
}

#[test]
fn a_server_that_answers_503() {
    let fault = |warehouse: &Warehouse| warehouse.fault_anywhere(Strike::Always, Fault::status(503));
    away_and_back(fault, Warehouse::clear_faults);
}

#[test]
fn a_server_that_answers_500_to_everything() {
    let fault = |warehouse: &Warehouse| {
        warehouse.fault_anywhere(Strike::Always, Fault::status(500));
    };
    let (warehouse, home) = quick();
    let mut clients = clients(&home, 2);
    fault(&warehouse);
    // It may be the one request's fault, until that has happened a few times in a row.
    for asked in 1..=5 {
        assert_eq!(breaker(&home)["state"], "closed", "after {asked}");
        assert!(is_error(&ask(&mut clients[0], "SELECT 1 AS N")));
    }
    assert_ne!(breaker(&home)["state"], "closed");
    warehouse.clear_faults();
    clients.iter_mut().for_each(works_again);
}

#[test]
fn a_server_that_resets_connections() {
    let fault = |warehouse: &Warehouse| warehouse.fault_anywhere(Strike::Always, Fault::ResetUnread);
    away_and_back(fault, Warehouse::clear_faults);
}

#[test]
fn a_server_that_hangs_is_found_out_and_back_in_time_although_probes_hang_too() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, &format!("[limits]\nstatement_timeout_ms = 500\n{QUICK}"));
    let mut clients = clients(&home, 2);
    let gate = Gate::new();
    warehouse.fault_anywhere(Strike::Always, Fault::Hold(gate.clone()));
    assert!(is_error(&ask(&mut clients[0], "SELECT 1 AS N")));
    assert_ne!(breaker(&home)["state"], "closed");
    // A probe that hangs.
    warehouse_probed(&home, &mut clients[1]);
    warehouse.clear_faults();
    // What hangs still does: only what is sent from here on is answered.
    clients.iter_mut().for_each(works_again);
    gate.open();
}

/// Asks until a probe was sent and has come to nothing.
#[track_caller]
fn warehouse_probed(home: &Home, client: &mut Client) {
    eventually("a probe has failed", || {
        ask(client, "SELECT 1 AS N");
        (breaker(home)["probes"].as_u64() >= Some(1)).then_some(())
    });
}

#[test]
fn a_retry_storm_of_fifty_clients_is_one_probe() {
    let (warehouse, home) = quick();
    let mut clients = clients(&home, CLIENTS);
    warehouse.go_down();
    until_known(&home, &mut clients[0]);
    // It is back, but slow: the probe's answer is held.
    let gate = Gate::new();
    warehouse.fault(Endpoint::Heartbeat, Strike::Always, Fault::Hold(gate.clone()));
    let (heartbeats, submitted) =
        warehouse.seen(|seen| (seen.count(Endpoint::Heartbeat), seen.count(Endpoint::Submit)));
    warehouse.come_up();
    until_breaker(&home, "half_open");
    let (since, refused) = (Instant::now(), AtomicUsize::new(0));
    thread::scope(|scope| {
        for client in &mut clients {
            scope.spawn(|| {
                let answer = ask(client, "SELECT 1 AS N");
                refused.fetch_add(usize::from(is_error(&answer)), Ordering::AcqRel);
            });
        }
        // All but the one whose request tries.
        snowgate_tests::until("the others are refused", || refused.load(Ordering::Acquire) >= CLIENTS - 1);
        let (tried, sent) =
            warehouse.seen(|seen| (seen.count(Endpoint::Heartbeat), seen.count(Endpoint::Submit)));
        // A probe without an answer is given up after 5 s.
        let probes = 1 + usize::try_from(since.elapsed().as_secs() / 5).unwrap_or(usize::MAX);
        assert!(tried - heartbeats <= probes, "{} in {:?}", tried - heartbeats, since.elapsed());
        assert_eq!(sent, submitted);
        gate.open();
    });
    clients.iter_mut().for_each(works_again);
}

#[test]
fn a_request_that_waits_for_a_connection_survives_the_outage() {
    let warehouse = Warehouse::start();
    let home = home_with(&warehouse, &format!("[pool]\nconnections_max = 1\n{QUICK}"));
    let mut clients = clients(&home, 3);
    let held = "SELECT held('never') AS X";
    let running = send(&mut clients[0], held);
    warehouse.until("it runs", |seen| !seen.queries_of(held).is_empty());
    let waiting = send(&mut clients[1], &insert("'waited'"));
    snowgate_tests::until("it waits", || home.status().is_some_and(|status| status["requests_waiting"] == 1));
    warehouse.go_down();
    let failed = clients[0].answer(&running);
    assert!(is_error(&failed), "{failed}");
    // It has the only slot now, and holds it until the server is back.
    snowgate_tests::until("it waits for the server", || breaker(&home)["waiting"] == 1);
    let refused = ask(&mut clients[2], "SELECT 1 AS N");
    assert!(is_error(&refused), "{refused}");
    warehouse.come_up();
    let answer = clients[1].answer(&waiting);
    assert!(!is_error(&answer), "{answer}");
    assert_eq!(warehouse.count_key(LOG, "waited"), 1);
    works_again(&mut clients[2]);
}

#[test]
fn by_hand_it_is_opened_closed_and_given_back_and_stays_so_over_a_kill() {
    let (warehouse, home) = quick();
    let mut client = clients(&home, 1).remove(0);
    let opened = home.run(&["breaker", "open", "snowflake"]);
    assert_eq!(opened.code, Some(0), "{opened:?}");
    assert!(opened.stdout.contains("open (by hand)"), "{opened:?}");
    for is_next_gateway in [false, true] {
        if is_next_gateway {
            home.kill_gateway();
        }
        let refused = ask(&mut client, "SELECT 1 AS N");
        let text = tool_text(&refused);
        assert!(is_error(&refused) && text.contains("opened by hand"), "{text}");
        assert!(text.contains("`snowgate breaker reset snowflake`"), "{text}");
        assert!(home.run(&["status"]).stdout.contains("opened by hand"));
    }
    let closed = home.run(&["breaker", "close", "snowflake", "--json"]).json();
    assert_eq!(closed["breakers"][0]["state"], "forced_closed", "{closed}");
    assert_eq!(closed["warning"], Value::Null);
    works_again(&mut client);
    warehouse.go_down();
    // Each one tries for itself, however many fail.
    for _ in 0..2 {
        let failed = ask(&mut client, "SELECT 1 AS N");
        assert!(is_error(&failed) && !tool_text(&failed).contains("circuit breaker"), "{failed}");
    }
    warehouse.come_up();
    let reset = home.run(&["breaker", "reset", "snowflake", "--json"]).json();
    assert_eq!(
        (&reset["breakers"][0]["state"], &reset["breakers"][0]["failures"]),
        (&json!("closed"), &json!(0))
    );
    works_again(&mut client);
    home.kill_gateway();
    works_again(&mut client);
    assert_eq!(breaker(&home)["state"], "closed");
    let unknown = home.run(&["breaker", "open", "snowflak"]);
    assert_eq!(unknown.code, Some(64), "{unknown:?}");
    assert!(unknown.stderr.contains("use one of: snowflake, sqlite"), "{unknown:?}");
    let listed = home.run(&["breaker"]);
    assert!(listed.stdout.contains("CONNECTION") && listed.stdout.contains("sqlite"), "{listed:?}");
}

#[test]
fn a_write_that_may_have_run_finds_its_outcome_after_the_outage() {
    let (warehouse, home) = quick();
    let mut clients = clients(&home, 2);
    let sql = insert("held('key')");
    let id = send(&mut clients[0], &sql);
    until_polled(&warehouse, &sql, 0);
    // The next gateway is to fetch what became of it, from a server that is away.
    warehouse.go_down();
    home.kill_gateway();
    until_known(&home, &mut clients[1]);
    warehouse.release("key");
    warehouse.come_up();
    let answer = clients[0].answer(&id);
    assert!(!is_error(&answer), "{answer}");
    assert_eq!(warehouse.count_key(LOG, "key"), 1);
}
