//! Faults, one by one: what the client sees, and what was done.

use std::io::ErrorKind;
use std::thread;
use std::time::{Duration, Instant};

use serde_json::json;
use warehouse::support::patience;
use warehouse::{Endpoint, Fault, Gate, Strike, Warehouse};

use crate::caller::{Caller, request_id};

const INSERT: &str = "insert into staging.public.log values ('k')";

fn started() -> (Warehouse, Caller) {
    let warehouse = Warehouse::start();
    let caller = Caller::logged_in(&warehouse);
    (warehouse, caller)
}

/// Submits the insert; gives the status, or how the connection broke.
fn insert(caller: &Caller) -> Result<u16, ErrorKind> {
    let target = format!("/queries/v1/query-request?requestId={}", request_id());
    let answer = caller.call("POST", &target, &caller.token, &json!({"sqlText": INSERT}));
    answer.map(|answer| answer.status).map_err(|error| error.kind())
}

fn executed(warehouse: &Warehouse) -> usize {
    warehouse.count_key("STAGING.PUBLIC.LOG", "k")
}

#[test]
fn statuses_come_as_often_as_they_were_asked_for() {
    let (warehouse, caller) = started();
    warehouse.fault(Endpoint::Submit, Strike::First(2), Fault::busy(429, 7));
    warehouse.fault(Endpoint::Submit, Strike::Nth(1), Fault::status(503));
    let target = "/queries/v1/query-request?requestId=x";
    let answer = caller.call("POST", target, &caller.token, &json!({"sqlText": INSERT})).expect("an answer");
    assert_eq!((answer.status, answer.headers["retry-after"].as_str()), (429, "7"));
    assert_eq!([insert(&caller), insert(&caller), insert(&caller)], [Ok(429), Ok(503), Ok(200)]);
    assert_eq!(executed(&warehouse), 1);
    warehouse.seen(|seen| {
        let struck: Vec<_> = seen.requests_to(Endpoint::Submit).map(|request| request.struck).collect();
        assert_eq!(struck, [true, true, true, false]);
        assert_eq!(seen.queries.len(), 1);
    });
    warehouse.fault_anywhere(Strike::Always, Fault::status(504));
    assert_eq!(insert(&caller), Ok(504));
    warehouse.clear_faults();
    assert_eq!(insert(&caller), Ok(200));
}

#[test]
fn resets_before_and_after_the_request_is_carried_out() {
    let (warehouse, caller) = started();
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::ResetUnread);
    assert_eq!(insert(&caller), Err(ErrorKind::ConnectionReset));
    assert_eq!(executed(&warehouse), 0);
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::ResetAnswer);
    assert_eq!(insert(&caller), Err(ErrorKind::ConnectionReset));
    assert_eq!(executed(&warehouse), 1);
    warehouse.seen(|seen| assert_eq!(seen.count(Endpoint::Submit), 2));
}

#[test]
fn a_body_is_cut_off_in_the_middle() {
    let (warehouse, caller) = started();
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::CutBody { after: 100 });
    assert_eq!(insert(&caller), Err(ErrorKind::ConnectionReset));
    assert_eq!(executed(&warehouse), 1);
    assert_eq!(insert(&caller), Ok(200));
}

#[test]
fn the_beginning_of_a_cut_body_arrives() {
    use std::io::{Read, Write};
    let (warehouse, _caller) = started();
    warehouse.fault_anywhere(Strike::Always, Fault::CutBody { after: 7 });
    let mut stream = std::net::TcpStream::connect(warehouse.address()).expect("a connection");
    stream.set_read_timeout(Some(patience())).expect("a time-out");
    stream.write_all(b"GET /nowhere HTTP/1.1\r\nhost: x\r\n\r\n").expect("sent");
    let mut received = Vec::new();
    let end = stream.read_to_end(&mut received).expect_err("a reset");
    assert_eq!(end.kind(), ErrorKind::ConnectionReset);
    let text = String::from_utf8(received).expect("text");
    assert!(text.ends_with("\r\n\r\n<html><"), "{text}");
}

#[test]
fn a_slow_body_and_a_late_request_take_their_time() {
    let (warehouse, caller) = started();
    let pause = Duration::from_millis(20);
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::SlowBody { piece: 500, pause });
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::Delay(pause));
    for least in [pause * 3, pause] {
        let since = Instant::now();
        assert_eq!(insert(&caller), Ok(200));
        assert!(since.elapsed() >= least, "{:?}", since.elapsed());
    }
}

#[test]
fn gates_hold_a_request_or_its_answer() {
    let (warehouse, caller) = started();
    for (fault, done) in [(Fault::Hold as fn(Gate) -> Fault, 0), (Fault::HoldAnswer, 2)] {
        let gate = Gate::new();
        warehouse.fault(Endpoint::Submit, Strike::First(1), fault(gate.clone()));
        let waiting = thread::spawn({
            let caller = caller.clone();
            move || insert(&caller)
        });
        gate.until_arrived(1);
        assert_eq!(executed(&warehouse), done);
        gate.open();
        assert_eq!(waiting.join().expect("an answer"), Ok(200));
    }
}

#[test]
fn a_redirect_leads_to_the_answer_and_is_not_struck_again() {
    let (warehouse, caller) = started();
    for status in [307, 308] {
        warehouse.clear_faults();
        warehouse.fault(Endpoint::Submit, Strike::Always, Fault::Redirect(status));
        let target = format!("/queries/v1/query-request?requestId={}", request_id());
        let body = json!({"sqlText": "select 1"});
        let answer = caller.call("POST", &target, &caller.token, &body).expect("an answer");
        assert_eq!(answer.status, status);
        let moved = answer.headers["location"].clone();
        assert_eq!(caller.post(&moved, &body)["data"]["rowset"], json!([["1"]]));
    }
    warehouse.seen(|seen| assert_eq!(seen.queries.len(), 2));
}

#[test]
fn refusals_and_nonsense() {
    let (warehouse, caller) = started();
    warehouse.fault(Endpoint::LogIn, Strike::First(1), Fault::refusal("390102", "locked"));
    assert_eq!(caller.log_in(&json!({}))["code"], "390102");
    warehouse.fault(Endpoint::Heartbeat, Strike::First(1), Fault::NoJson);
    let answer = caller.call("POST", "/session/heartbeat", &caller.token, &json!(null)).expect("an answer");
    assert_eq!((answer.status, answer.body.starts_with(b"<html>")), (200, true));
    warehouse.fault(Endpoint::Submit, Strike::First(1), Fault::EndSession);
    assert_eq!(caller.submit("select 1")["code"], "390111");
    assert_eq!(caller.submit("select 1")["code"], "390111");
}
