//! Plain HTTP clients under load while their gateway is killed and restarted: what is sent again with its key is written once,
//! and what was acknowledged is there.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread;

use serde_json::{Value, json};
use snowgate_tests::{HttpConnection, HttpGateway, until};

use crate::rest::{ANY, CALL, writable};

const CLIENTS: usize = 6;
/// Rows that must be acknowledged between two ends of the gateway.
const ROWS_BETWEEN: usize = 12;

/// A write, and what its client was told of it in the end.
struct Write {
    value: String,
    is_acknowledged: bool,
}

/// Sends the call until a gateway answers it; gives status and body.
fn send(
    gateway: &HttpGateway,
    connection: &mut Option<HttpConnection>,
    key: &str,
    body: &Value,
) -> (u16, Value) {
    loop {
        let open = connection.get_or_insert_with(|| gateway.connect());
        let (text, host) = (body.to_string(), gateway.address());
        let request = format!(
            "POST {CALL} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nIdempotency-Key: {key}\r\n\
             Content-Length: {}\r\n\r\n{text}",
            text.len()
        );
        if open.try_send(request.as_bytes()).is_ok()
            && let Some(mut response) = open.try_head()
        {
            open.read_body(&mut response);
            if response.status != 503 {
                return (response.status, response.json());
            }
        }
        *connection = None;
    }
}

fn write(
    gateway: &HttpGateway,
    client: usize,
    acknowledged: &AtomicUsize,
    is_over: &AtomicBool,
) -> Vec<Write> {
    let (mut connection, mut writes) = (None, Vec::new());
    while !is_over.load(Ordering::Relaxed) {
        let value = format!("c{client}-{}", writes.len());
        let sql = format!("insert into t values ('{value}')");
        let body =
            json!({"name": "execute_query", "arguments": {"query": sql}, "_client_id": format!("c{client}")});
        let (status, answer) = send(gateway, &mut connection, &value, &body);
        let is_acknowledged = status == 200;
        assert!(is_acknowledged || answer["error"]["code"] == "outcome_unknown", "{status}: {answer}");
        acknowledged.fetch_add(usize::from(is_acknowledged), Ordering::Relaxed);
        writes.push(Write { value, is_acknowledged });
    }
    writes
}

#[test]
fn nothing_is_written_twice_and_nothing_that_was_acknowledged_is_lost() {
    let gateway = writable("");
    let sql = |query: &str| json!({"name": "execute_query", "arguments": {"query": query}});
    assert_eq!(gateway.post(CALL, ANY, &sql("create table t (v text)")).status, 200);
    let (acknowledged, is_over) = (AtomicUsize::new(0), AtomicBool::new(false));
    let writes: Vec<Write> = thread::scope(|scope| {
        let clients: Vec<_> = (0..CLIENTS)
            .map(|client| {
                let (gateway, acknowledged, is_over) = (&gateway, &acknowledged, &is_over);
                scope.spawn(move || write(gateway, client, acknowledged, is_over))
            })
            .collect();
        for end in 1..=4 {
            let due = end * ROWS_BETWEEN;
            until("rows are acknowledged", || acknowledged.load(Ordering::Relaxed) >= due);
            if end % 2 == 1 {
                gateway.kill_and_start_again();
            } else {
                let restarted = gateway.home.run(&["restart"]);
                assert_eq!(restarted.code, Some(0), "{}", restarted.stderr);
            }
        }
        let due = acknowledged.load(Ordering::Relaxed) + ROWS_BETWEEN;
        until("rows are acknowledged", || acknowledged.load(Ordering::Relaxed) >= due);
        is_over.store(true, Ordering::Relaxed);
        clients.into_iter().flat_map(|client| client.join().expect("a client's end")).collect()
    });
    let body = json!({"name": "execute_query", "arguments":
        {"query": "select v, count(*) from t group by v", "limit": 10_000}});
    let rows = gateway.post(CALL, &[("Accept", "application/json")], &body).json()["result"]["rows"].clone();
    let times = |value: &str| {
        let row = rows.as_array().expect("rows").iter().find(|row| row[0] == value);
        row.map_or(0, |row| row[1].as_u64().expect("a count"))
    };
    for write in &writes {
        let times = times(&write.value);
        assert!(times <= 1, "{} was written {times} times", write.value);
        assert!(times == 1 || !write.is_acknowledged, "{} was acknowledged, and is not there", write.value);
    }
}
