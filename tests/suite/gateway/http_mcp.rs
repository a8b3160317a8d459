//! `/mcp` over HTTP as clients see it: sessions of the older era, streams and how they are resumed, the stateless era.

use serde_json::{Value, json};
use snowgate_tests::{Home, HttpConnection, HttpGateway, HttpResponse, TOOLS, until};

/// Runs for minutes unless it is stopped.
const SLOW: &str = "with recursive t(n) as (select 1 union all select n + 1 from t where n < 2000000000) select max(n) from t";

/// Takes about a second: longer than an answer may take to be JSON.
const A_WHILE: &str =
    "with recursive t(n) as (select 1 union all select n + 1 from t where n < 3000000) select max(n) from t";

const NEW: &str = "2026-07-28";

fn writable() -> HttpGateway {
    HttpGateway::with(Home::new(), "auth = 'none'\n", "read_only = false\n")
}

#[expect(clippy::needless_pass_by_value, reason = "made for it")]
fn request(id: u64, method: &str, params: Value) -> Value {
    json!({"jsonrpc": "2.0", "id": id, "method": method, "params": params})
}

fn query(id: u64, text: &str) -> Value {
    request(id, "tools/call", json!({"name": "execute_query", "arguments": {"query": text}}))
}

/// The same as a stateless request.
fn stateless(mut message: Value) -> Value {
    message["params"]["_meta"] = json!({
        "io.modelcontextprotocol/protocolVersion": NEW,
        "io.modelcontextprotocol/clientCapabilities": {},
        "io.modelcontextprotocol/clientInfo": {"name": "stateless-test", "version": "1"},
    });
    message
}

/// A session of the older era.
struct Session<'a> {
    gateway: &'a HttpGateway,
    id: String,
}

impl<'a> Session<'a> {
    #[track_caller]
    fn open(gateway: &'a HttpGateway) -> Self {
        Self::of(gateway, "session-test")
    }

    #[track_caller]
    fn of(gateway: &'a HttpGateway, name: &str) -> Self {
        let client = json!({"name": name, "version": "1"});
        let params = json!({"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": client});
        let answer = gateway.post("/mcp", &[], &request(0, "initialize", params));
        assert_eq!(
            (answer.status, answer.header("content-type")),
            (200, Some("application/json")),
            "{answer:?}"
        );
        assert_eq!(answer.json()["result"]["protocolVersion"], "2025-11-25");
        let id = answer.header("mcp-session-id").expect("a session id").to_owned();
        let session = Self { gateway, id };
        let initialized = json!({"jsonrpc": "2.0", "method": "notifications/initialized"});
        let taken = session.post(&initialized);
        assert_eq!((taken.status, taken.body.len()), (202, 0), "{taken:?}");
        session
    }

    fn headers(&self) -> [(&str, &str); 2] {
        [("Mcp-Session-Id", &self.id), ("MCP-Protocol-Version", "2025-11-25")]
    }

    #[track_caller]
    fn post(&self, message: &Value) -> HttpResponse {
        self.gateway.post("/mcp", &self.headers(), message)
    }

    /// Sends a request whose answer is a stream, and reads its head.
    #[track_caller]
    fn stream(&self, message: &Value) -> HttpConnection {
        let mut connection = self.gateway.connect();
        let more = [("Content-Type", "application/json"), ("Accept", "text/event-stream")];
        let headers = [&self.headers()[..], &more[..]].concat();
        connection.send_request("POST", "/mcp", &headers, message.to_string().as_bytes());
        assert_stream(&connection.head());
        connection
    }

    #[track_caller]
    fn get(&self, last: Option<&str>) -> HttpConnection {
        let mut connection = self.gateway.connect();
        let mut headers = self.headers().to_vec();
        headers.push(("Accept", "text/event-stream"));
        headers.extend(last.map(|last| ("Last-Event-ID", last)));
        connection.send_request("GET", "/mcp", &headers, b"");
        assert_stream(&connection.head());
        connection
    }
}

#[track_caller]
fn assert_stream(head: &HttpResponse) {
    let of = |name| head.header(name);
    assert_eq!((head.status, of("content-type")), (200, Some("text/event-stream")), "{head:?}");
    assert_eq!((of("x-accel-buffering"), of("cache-control")), (Some("no"), Some("no-cache, no-transform")));
}

/// The id of the event that a stream begins with, which has no message.
#[track_caller]
fn primed(connection: &mut HttpConnection) -> String {
    let event = String::from_utf8(connection.chunk().expect("a first event")).expect("text");
    let id = event.strip_prefix("id: ").and_then(|event| event.strip_suffix("\nretry: 1000\ndata:\n\n"));
    id.unwrap_or_else(|| panic!("{event:?}")).to_owned()
}

#[track_caller]
fn message(connection: &mut HttpConnection) -> Option<Value> {
    let event = connection.event(&mut String::new())?;
    Some(serde_json::from_str(&event).unwrap_or_else(|error| panic!("{error}: {event}")))
}

fn text(answer: &Value) -> String {
    answer["result"]["content"][0]["text"].as_str().unwrap_or_default().to_owned()
}

fn running(gateway: &HttpGateway) -> bool {
    gateway
        .home
        .sessions()
        .iter()
        .any(|session| session["running"].as_u64().is_some_and(|running| running > 0))
}

#[test]
fn a_session_keeps_what_it_sets_and_ends_with_delete() {
    let gateway = HttpGateway::new();
    let session = Session::open(&gateway);
    let other = Session::open(&gateway);
    assert_ne!(session.id, other.id);
    let answer = session.post(&request(1, "tools/list", json!({})));
    assert_eq!(answer.json()["result"]["tools"].as_array().map(Vec::len), Some(TOOLS));
    assert!(text(&session.post(&query(2, "select 41 + 1")).json()).contains("42"));
    let ended = gateway.connect().request("DELETE", "/mcp", &session.headers(), b"");
    assert_eq!(ended.status, 204);
    let gone = session.post(&query(3, "select 1"));
    assert_eq!((gone.status, &gone.json()["id"]), (404, &json!(3)), "{gone:?}");
    assert_eq!(gateway.connect().request("DELETE", "/mcp", &session.headers(), b"").status, 404);
    assert!(text(&other.post(&query(2, "select 7")).json()).contains('7'), "the other session goes on");
}

#[test]
fn what_is_no_message_for_mcp_is_refused_by_name() {
    let gateway = HttpGateway::new();
    let session = Session::open(&gateway);
    let with = |headers: &[(&str, &str)], body: &str| {
        gateway.connect().request("POST", "/mcp", headers, body.as_bytes())
    };
    let (json, both) =
        (("Content-Type", "application/json"), ("Accept", "application/json, text/event-stream"));
    let id = ("Mcp-Session-Id", session.id.as_str());
    let ping = r#"{"jsonrpc":"2.0","id":1,"method":"ping"}"#;
    // Headers, body, HTTP status, JSON-RPC code.
    type Case<'a> = (&'a [(&'a str, &'a str)], &'a str, u16, i64);
    let cases: &[Case<'_>] = &[
        (&[json, both], ping, 400, -32600),
        (&[json, both, ("Mcp-Session-Id", "no-such.session")], ping, 404, -32600),
        (&[json, both, ("Mcp-Session-Id", "nonsense")], ping, 404, -32600),
        (&[json, both, id, id], ping, 400, -32020),
        (&[json, both, id, ("MCP-Protocol-Version", "1999-01-01")], ping, 400, -32022),
        (&[json, ("Accept", "text/html"), id], ping, 406, -32600),
        (&[("Content-Type", "text/plain"), both, id], ping, 415, -32600),
        (&[both, id], ping, 415, -32600),
        (&[json, both, id], "nonsense", 400, -32700),
        (&[json, both, id], "", 400, -32700),
        (&[json, both, id], "[]", 400, -32600),
        (&[json, both, id], r#"[{"jsonrpc":"2.0","id":1,"method":"ping"}]"#, 400, -32600),
    ];
    for (headers, body, status, code) in cases {
        let answer = with(headers, body);
        assert_eq!(
            (answer.status, answer.json()["error"]["code"].as_i64()),
            (*status, Some(*code)),
            "{headers:?} {body}"
        );
    }
    assert_eq!(with(&[json, both, id], ping).status, 200);
    assert_eq!(with(&[json, id], ping).status, 200, "without `Accept` everything is taken");
    let mut other_method = gateway.connect();
    let refused = other_method.request("PUT", "/mcp", &[json], b"{}");
    assert_eq!((refused.status, refused.header("allow")), (405, Some("GET, POST, DELETE")));
    let stateless = gateway.connect().request("GET", "/mcp", &[("MCP-Protocol-Version", NEW), both], b"");
    assert_eq!((stateless.status, stateless.header("allow")), (405, Some("POST")));
    assert_eq!(gateway.connect().request("GET", "/mcp", &[both], b"").status, 400);
    assert_eq!(
        gateway.connect().request("GET", "/mcp", &[id, ("Accept", "application/json")], b"").status,
        406
    );
}

#[test]
fn a_request_whose_connection_was_cut_goes_on_and_its_answer_is_there_for_a_client_that_comes_back() {
    let gateway = writable();
    let session = Session::open(&gateway);
    session.post(&query(1, "create table kept (n integer)"));
    let insert = format!("insert into kept {A_WHILE}");
    let mut cut = session.stream(&query(2, &insert));
    let id = primed(&mut cut);
    drop(cut);
    let mut resumed = session.get(Some(&id));
    let answer = message(&mut resumed).expect("the answer");
    assert_eq!(answer["id"], 2, "{answer}");
    assert_eq!(resumed.event(&mut String::new()), None, "the stream ends with it");
    assert!(text(&session.post(&query(3, "select count(*) from kept")).json()).contains("\n1\n"));
    // It is kept, for a client that was cut off once more.
    assert_eq!(message(&mut session.get(Some(&id))).expect("the answer again")["id"], 2);
    let other = Session::open(&gateway);
    assert_eq!(other.get(Some(&id)).event(&mut String::new()), None, "of its own session only");
}

#[test]
fn an_event_that_is_not_known_is_the_end_of_its_stream_also_with_the_next_gateway() {
    let gateway = HttpGateway::new();
    let session = Session::open(&gateway);
    let mut stream = session.stream(&query(1, "select 1"));
    let id = primed(&mut stream);
    assert_eq!(message(&mut stream).expect("the answer")["id"], 1);
    assert_eq!(stream.event(&mut String::new()), None);
    for unknown in ["0", "nonsense", "00000000-r1-0"] {
        assert_eq!(session.get(Some(unknown)).event(&mut String::new()), None, "{unknown}");
    }
    gateway.kill_and_start_again();
    assert_eq!(session.get(Some(&id)).event(&mut String::new()), None);
    assert!(text(&session.post(&query(2, "select 41 + 1")).json()).contains("42"), "the session goes on");
}

#[test]
fn a_stream_of_messages_without_a_request_can_be_opened_more_than_once_and_resumed() {
    let gateway = HttpGateway::new();
    let session = Session::open(&gateway);
    let mut first = session.get(None);
    let id = primed(&mut first);
    let mut second = session.get(None);
    assert_ne!(primed(&mut second), id);
    drop(first);
    let _resumed = session.get(Some(&id));
    gateway.connect().request("DELETE", "/mcp", &session.headers(), b"");
    assert_eq!(second.event(&mut String::new()), None, "the session's end is the stream's");
}

#[test]
fn a_cancelled_request_of_a_session_ends_without_an_answer() {
    let gateway = HttpGateway::new();
    let session = Session::open(&gateway);
    let mut slow = session.stream(&query(1, SLOW));
    primed(&mut slow);
    until("the query runs", || running(&gateway));
    let cancel = json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": 1}});
    assert_eq!(session.post(&cancel).status, 202);
    assert_eq!(slow.event(&mut String::new()), None);
    until("the query is stopped", || !running(&gateway));
}

#[test]
fn a_stateless_request_needs_no_session_and_headers_that_fit() {
    let gateway = HttpGateway::new();
    let post = |headers: &[(&str, &str)], message: &Value| gateway.post("/mcp", headers, message);
    let version = ("MCP-Protocol-Version", NEW);
    let found = post(
        &[version, ("Mcp-Method", "server/discover")],
        &stateless(request(1, "server/discover", json!({}))),
    );
    assert_eq!(found.status, 200, "{found:?}");
    assert!(
        found.json()["result"]["supportedVersions"]
            .as_array()
            .is_some_and(|known| known.contains(&json!(NEW)))
    );
    assert_eq!(found.header("mcp-session-id"), None);
    let call = [version, ("Mcp-Method", "tools/call"), ("Mcp-Name", "execute_query")];
    let answer = post(&call, &stateless(query(2, "select 41 + 1")));
    assert_eq!(
        (answer.status, &answer.json()["result"]["resultType"]),
        (200, &json!("complete")),
        "{answer:?}"
    );
    let wrong = post(
        &[version, ("Mcp-Method", "tools/call"), ("Mcp-Name", "set_context")],
        &stateless(query(3, "select 1")),
    );
    assert_eq!((wrong.status, &wrong.json()["error"]["code"]), (400, &json!(-32020)));
    let unknown = post(&[version, ("Mcp-Method", "no/such")], &stateless(request(4, "no/such", json!({}))));
    assert_eq!((unknown.status, &unknown.json()["error"]["code"]), (404, &json!(-32601)), "{unknown:?}");
    let opened = post(&[version], &stateless(request(5, "initialize", json!({}))));
    assert_eq!((opened.status, &opened.json()["error"]["code"]), (404, &json!(-32601)), "{opened:?}");
    let later = post(&[("MCP-Protocol-Version", "2031-01-01")], &request(6, "tools/list", json!({})));
    assert_eq!((later.status, &later.json()["error"]["data"]["requested"]), (400, &json!("2031-01-01")));
    let bare = post(&[version, ("Mcp-Method", "tools/list")], &request(7, "tools/list", json!({})));
    assert_eq!((bare.status, &bare.json()["error"]["code"]), (400, &json!(-32602)));
}

#[test]
fn a_stateless_client_that_leaves_takes_its_query_along() {
    let gateway = HttpGateway::new();
    let mut leaves = gateway.connect();
    let headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("MCP-Protocol-Version", NEW),
        ("Mcp-Method", "tools/call"),
        ("Mcp-Name", "execute_query"),
    ];
    leaves.send_request("POST", "/mcp", &headers, stateless(query(1, SLOW)).to_string().as_bytes());
    until("the query runs", || running(&gateway));
    drop(leaves);
    until("the query is stopped", || !running(&gateway));
}

#[test]
fn a_subscription_is_a_stream_that_ends_with_its_result_when_the_gateway_stops() {
    let gateway = HttpGateway::new();
    let mut listens = gateway.connect();
    let headers = [
        ("Content-Type", "application/json"),
        ("Accept", "application/json, text/event-stream"),
        ("MCP-Protocol-Version", NEW),
        ("Mcp-Method", "subscriptions/listen"),
    ];
    let listen =
        stateless(request(9, "subscriptions/listen", json!({"notifications": {"toolsListChanged": true}})));
    listens.send_request("POST", "/mcp", &headers, listen.to_string().as_bytes());
    assert_stream(&listens.head());
    let acknowledged = message(&mut listens).expect("an acknowledgement");
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged");
    gateway.home.stop();
    let result = message(&mut listens).expect("a result");
    assert_eq!((&result["id"], &result["result"]["resultType"]), (&json!(9), &json!("complete")), "{result}");
    assert_eq!(listens.event(&mut String::new()), None);
}
