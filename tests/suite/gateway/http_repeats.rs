//! Requests over HTTP that are sent again: each write once, over kills and restarts, and each answer to who asked.

use std::thread;

use serde_json::{Value, json};
use snowgate_tests::{Home, HttpConnection, HttpGateway, HttpResponse, until};

const MODERN: &str = "2025-11-25";

fn writable() -> HttpGateway {
    let gateway = HttpGateway::with(Home::new(), "auth = 'none'\n", "read_only = false\n");
    let session = Session::open(&gateway);
    session.execute(1, "create table t (name text, who text)");
    gateway
}

/// A session by its id, whichever gateway serves it.
struct Session<'a> {
    gateway: &'a HttpGateway,
    id: String,
}

impl<'a> Session<'a> {
    fn open(gateway: &'a HttpGateway) -> Self {
        let params = json!({"protocolVersion": MODERN, "capabilities": {},
            "clientInfo": {"name": "writer", "version": "1"}});
        let initialize = json!({"jsonrpc": "2.0", "id": 0, "method": "initialize", "params": params});
        let response = gateway.post("/mcp", &[], &initialize);
        let id = response.header("mcp-session-id").expect("a session id").to_owned();
        let session = Self { gateway, id };
        session.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        session
    }

    fn headers(&self) -> [(&str, &str); 3] {
        [
            ("Mcp-Session-Id", self.id.as_str()),
            ("MCP-Protocol-Version", MODERN),
            ("Accept", "application/json, text/event-stream"),
        ]
    }

    fn post(&self, message: &Value) -> HttpResponse {
        self.gateway.post("/mcp", &self.headers(), message)
    }

    /// The text of the result of `sql`, sent under the JSON-RPC id `id`.
    fn execute(&self, id: u64, sql: &str) -> String {
        let response = self.post(&call(id, sql));
        assert_eq!(response.status, 200, "{response:?}");
        let answer = message_in(&response);
        assert_eq!(answer["id"], id, "{answer}");
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        answer["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
    }

    /// Sends a request and does not read; the connection is cut when what is returned is dropped.
    fn send(&self, message: &Value) -> HttpConnection {
        let mut headers = self.headers().to_vec();
        headers.push(("Content-Type", "application/json"));
        let mut connection = self.gateway.connect();
        connection.send_request("POST", "/mcp", &headers, message.to_string().as_bytes());
        connection
    }

    fn rows(&self, name: &str) -> u64 {
        // An id that no other request has.
        let text = self.execute(900, &format!("select count(*) as n from t where name = '{name}'"));
        let digits = text.lines().find_map(|line| line.trim().parse().ok());
        digits.unwrap_or_else(|| panic!("a count: {text}"))
    }
}

fn call(id: u64, sql: &str) -> Value {
    let params = json!({"name": "execute_query", "arguments": {"query": sql}});
    json!({"jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params})
}

fn insert(name: &str) -> String {
    format!("insert into t values ('{name}', 'x')")
}

/// The JSON-RPC message of an answer, also where it came as a stream.
fn message_in(response: &HttpResponse) -> Value {
    if response.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
        let text = response.text();
        let mut data = text.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim);
        let last = data.rfind(|data| !data.is_empty()).expect("an event");
        return serde_json::from_str(last).expect("JSON");
    }
    response.json()
}

#[test]
fn a_session_goes_on_over_kills_and_restarts_and_ids_that_begin_again_meet_nothing() {
    let gateway = writable();
    let session = Session::open(&gateway);
    for round in 0..3 {
        // A client that begins to count again.
        session.execute(1, &insert(&format!("a{round}")));
        session.execute(2, &insert(&format!("b{round}")));
        if round == 1 {
            assert_eq!(gateway.home.run(&["restart"]).code, Some(0));
        } else {
            gateway.kill_and_start_again();
        }
    }
    for round in 0..3 {
        assert_eq!((session.rows(&format!("a{round}")), session.rows(&format!("b{round}"))), (1, 1));
    }
}

#[test]
fn a_write_whose_connection_was_cut_runs_once_when_it_is_sent_again() {
    let gateway = writable();
    let (session, other) = (Session::open(&gateway), Session::open(&gateway));
    for (round, kills) in [(0, false), (1, true), (2, false), (3, true)] {
        let name = format!("cut{round}");
        let request = call(10 + round, &insert(&name));
        let connection = session.send(&request);
        until("the write has run", || other.rows(&name) == 1);
        drop(connection);
        if kills {
            // The journal is another file than the database: a gateway that dies between the two knows of no outcome.
            until("the journal has its result", || gateway.home.writes_under_way() == 0);
            gateway.kill_and_start_again();
        }
        let answer = message_in(&session.post(&request));
        assert_eq!(answer["result"]["isError"], false, "{answer}");
        assert!(answer.to_string().contains("nothing ran again"), "{answer}");
        // Another session's id is another request.
        other.execute(10 + round, &insert(&format!("other{round}")));
        assert_eq!((session.rows(&name), session.rows(&format!("other{round}"))), (1, 1), "{name}");
    }
}

#[test]
fn a_write_that_is_sent_many_times_at_once_runs_once() {
    let gateway = writable();
    let session = Session::open(&gateway);
    let body = json!({"name": "execute_query", "arguments": {"query": insert("many")}});
    thread::scope(|scope| {
        let send = || gateway.post("/mcp/tools/call", &[("Idempotency-Key", "k-many")], &body);
        let sent: Vec<_> = (0..16).map(|_| scope.spawn(send)).collect();
        for answer in sent {
            let answer = answer.join().expect("an answer");
            assert_eq!(answer.status, 200, "{answer:?}");
        }
    });
    assert_eq!(session.rows("many"), 1);
    gateway.kill_and_start_again();
    let again = gateway.post("/mcp/tools/call", &[("Idempotency-Key", "k-many")], &body);
    assert_eq!((again.status, session.rows("many")), (200, 1), "{again:?}");
    let other = json!({"name": "execute_query", "arguments": {"query": insert("other")}});
    let refused = gateway.post("/mcp/tools/call", &[("Idempotency-Key", "k-many")], &other);
    assert_eq!((refused.status, session.rows("other")), (422, 0), "{refused:?}");
}
