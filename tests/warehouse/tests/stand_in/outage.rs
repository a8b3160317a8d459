//! The whole server down and up again.

use std::io::ErrorKind;
use std::net::TcpStream;
use std::thread;

use serde_json::json;
use warehouse::{Endpoint, Fault, Gate, QueryState, Strike, Warehouse};

use crate::caller::Caller;

#[test]
fn it_goes_down_and_comes_up_on_its_port_and_queries_go_on_meanwhile() {
    let warehouse = Warehouse::builder().hold(std::time::Duration::ZERO).start();
    let caller = Caller::logged_in(&warehouse);
    let started = caller.submit("select held('x')");
    let gate = Gate::new();
    warehouse.fault(Endpoint::Heartbeat, Strike::First(1), Fault::Hold(gate.clone()));
    let cut = thread::spawn({
        let caller = caller.clone();
        move || caller.call("POST", "/session/heartbeat", &caller.token, &json!(null)).map(drop)
    });
    gate.until_arrived(1);
    warehouse.go_down();
    assert_eq!(cut.join().expect("an end").map_err(|error| error.kind()), Err(ErrorKind::ConnectionReset));
    for _ in 0..20 {
        let refused = TcpStream::connect(warehouse.address()).map(drop).map_err(|error| error.kind());
        assert_eq!(refused, Err(ErrorKind::ConnectionRefused));
    }
    warehouse.release("x");
    warehouse.until("the query is done", |seen| seen.queries[0].state == QueryState::Succeeded);
    warehouse.come_up();
    let path = started["data"]["getResultUrl"].as_str().expect("a path");
    assert_eq!(caller.get(path)["data"]["rowset"], json!([["x"]]));
    warehouse.come_up();
    warehouse.go_down();
    warehouse.go_down();
}

#[test]
fn hanging_up_resets_idle_connections() {
    let warehouse = Warehouse::start();
    let mut stream = TcpStream::connect(warehouse.address()).expect("a connection");
    warehouse.until("the connection", |seen| seen.connections == 1);
    warehouse.hang_up();
    let end = std::io::Read::read(&mut stream, &mut [0; 1]).map_err(|error| error.kind());
    assert_eq!(end, Err(ErrorKind::ConnectionReset));
    assert_eq!(Caller::logged_in(&warehouse).rows("select 1"), json!([["1"]]));
}

#[test]
fn nothing_is_left_when_it_is_dropped() {
    let warehouse = Warehouse::start();
    let address = warehouse.address();
    let caller = Caller::logged_in(&warehouse);
    let waiting = thread::spawn(move || {
        caller.call(
            "POST",
            "/queries/v1/query-request",
            &caller.token,
            &json!({"sqlText": "select held('x')"}),
        )
    });
    warehouse.until("the submission", |seen| seen.queries.len() == 1);
    drop(warehouse);
    assert!(waiting.join().expect("an end").is_err());
    assert_eq!(
        TcpStream::connect(address).map(drop).map_err(|error| error.kind()),
        Err(ErrorKind::ConnectionRefused)
    );
    // The port is free again.
    drop(Warehouse::builder().port(address.port()).start());
}
