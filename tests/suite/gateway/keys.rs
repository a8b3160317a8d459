//! API keys of the HTTP front: made, listed, rotated and revoked by the command line, seen at once by the gateway, and in no
//! place where they could be read.

#[cfg(unix)]
mod unix;

use serde_json::{Value, json};
use snowgate_tests::http::{HttpConnection, HttpGateway, HttpResponse};
use snowgate_tests::{Home, eventually, until};

/// A gateway that asks for keys.
pub(super) fn gateway(toml: &str) -> HttpGateway {
    HttpGateway::with(Home::new(), "", toml)
}

/// Makes a key; returns it.
#[track_caller]
pub(super) fn create(home: &Home, arguments: &[&str]) -> String {
    let output = home.run(&[&["keys", "create"], arguments].concat());
    assert_eq!(output.code, Some(0), "{output:?}");
    output.stdout.trim().to_owned()
}

/// A client over HTTP with a session of its own.
pub(super) struct Client<'a> {
    gateway: &'a HttpGateway,
    key: String,
    session: String,
}

impl<'a> Client<'a> {
    #[track_caller]
    pub(super) fn named(gateway: &'a HttpGateway, key: &str, name: &str) -> Self {
        let opened = initialize(gateway, &[("X-API-Key", key)], name);
        assert_eq!(opened.status, 200, "{opened:?}");
        let session = opened.header("mcp-session-id").expect("a session").to_owned();
        let client = Self { gateway, key: key.to_owned(), session };
        let noted = client.post(&json!({"jsonrpc": "2.0", "method": "notifications/initialized"}));
        assert_eq!(noted.status, 202, "{noted:?}");
        client
    }

    fn headers(&self) -> [(&str, &str); 3] {
        [
            ("X-API-Key", self.key.as_str()),
            ("Mcp-Session-Id", self.session.as_str()),
            ("MCP-Protocol-Version", "2025-06-18"),
        ]
    }

    #[track_caller]
    pub(super) fn post(&self, message: &Value) -> HttpResponse {
        self.gateway.post("/mcp", &self.headers(), message)
    }

    #[track_caller]
    pub(super) fn request(&self, method: &str, params: &Value) -> Value {
        let response = self.post(&json!({"jsonrpc": "2.0", "id": 7, "method": method, "params": params}));
        assert_eq!(response.status, 200, "{response:?}");
        message_of(&response)
    }

    #[track_caller]
    pub(super) fn call(&self, tool: &str, arguments: &Value) -> Value {
        self.request("tools/call", &json!({"name": tool, "arguments": arguments}))
    }

    #[track_caller]
    pub(super) fn query(&self, sql: &str) -> Value {
        self.call("execute_query", &json!({"query": sql}))
    }
}

/// The one message of an answer: as JSON, or the last event of a stream.
#[track_caller]
fn message_of(response: &HttpResponse) -> Value {
    if response.header("content-type").is_some_and(|kind| kind.starts_with("text/event-stream")) {
        let text = response.text();
        let last =
            text.lines().filter_map(|line| line.strip_prefix("data:")).rfind(|data| data.trim().len() > 1);
        return serde_json::from_str(last.expect("an event")).expect("JSON");
    }
    response.json()
}

pub(super) fn initialize(gateway: &HttpGateway, headers: &[(&str, &str)], name: &str) -> HttpResponse {
    let params = json!({"protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": {"name": name, "version": "1"}});
    gateway.post(
        "/mcp",
        headers,
        &json!({"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": params}),
    )
}

fn listed(home: &Home) -> Vec<Value> {
    let output = home.run(&["keys", "list", "--json"]);
    assert_eq!(output.code, Some(0), "{output:?}");
    output.json().as_array().cloned().expect("a list")
}

fn status_with(gateway: &HttpGateway, headers: &[(&str, &str)]) -> u16 {
    initialize(gateway, headers, "editor").status
}

#[test]
fn every_path_but_health_needs_a_key_in_a_header() {
    let gateway = gateway("");
    let key = create(&gateway.home, &["--name", "ci"]);
    for path in ["/mcp", "/mcp/tools", "/status", "/ready", "/admin/reload", "/openapi.json", "/nothing"] {
        let response = gateway.get(path);
        assert_eq!((response.status, response.error_code().as_str()), (401, "no_key"), "{path}");
        assert!(response.header("www-authenticate").is_some_and(|header| header.starts_with("Bearer")));
    }
    assert_ne!(gateway.get("/health").status, 401);
    let bearer = format!("Bearer {key}");
    assert_eq!(status_with(&gateway, &[("Authorization", &bearer)]), 200);
    assert_eq!(
        status_with(
            &gateway,
            &[("authorization", &bearer.to_lowercase().replace(&key.to_lowercase(), &key))]
        ),
        200
    );
    assert_eq!(status_with(&gateway, &[("X-API-Key", &key)]), 200);
    assert_eq!(status_with(&gateway, &[("X-API-Key", &key), ("Authorization", &bearer)]), 200);
    assert_eq!(status_with(&gateway, &[("X-API-Key", &key), ("Authorization", "Bearer sgk_other")]), 400);
    assert_eq!(status_with(&gateway, &[("Authorization", &format!("Basic {key}"))]), 401);
    let in_query = gateway.post(&format!("/mcp?api_key={key}"), &[], &json!({}));
    assert_eq!(in_query.status, 401);
    assert!(in_query.text().contains("addresses end up in logs") && !in_query.text().contains(&key));
}

#[test]
fn what_becomes_of_a_key_is_seen_at_once() {
    let gateway = gateway("");
    let home = &gateway.home;
    let old = create(home, &["--name", "ci", "--expires", "30d"]);
    let client = Client::named(&gateway, &old, "editor");
    assert_eq!(client.query("values (1)")["result"]["isError"], false);
    let rotated = home.run(&["keys", "rotate", "ci", "--overlap", "1h", "--json"]).json();
    let new = rotated["key"].as_str().expect("a key").to_owned();
    assert!(rotated["old_valid_until_ms"].as_u64().is_some());
    for key in [&old, &new] {
        assert_eq!(status_with(&gateway, &[("X-API-Key", key)]), 200);
    }
    assert_eq!(listed(home)[0]["secrets"].as_array().map(Vec::len), Some(2));
    let mut both = Client { key: new.clone(), ..client };
    assert_eq!(
        both.query("values (2)")["result"]["isError"],
        false,
        "its sessions are its own with either secret"
    );
    let last = home.run(&["keys", "rotate", "ci", "--overlap", "0"]);
    for key in [&old, &new] {
        assert_eq!(status_with(&gateway, &[("X-API-Key", key)]), 401);
    }
    both.key = last.stdout.trim().to_owned();
    assert_eq!(both.query("values (3)")["result"]["isError"], false);
    let revoked = home.run(&["keys", "revoke", "ci"]);
    assert_eq!(revoked.code, Some(0), "{revoked:?}");
    assert_eq!(both.post(&json!({})).status, 401);
    assert_eq!(listed(home), Vec::<Value>::new());
}

#[test]
fn a_revoked_key_ends_what_it_runs_and_its_streams() {
    let gateway = gateway("");
    let key = create(&gateway.home, &["--name", "ci"]);
    let other = create(&gateway.home, &["--name", "other"]);
    let (client, stays) =
        (Client::named(&gateway, &key, "editor"), Client::named(&gateway, &other, "editor"));
    let mut stream: HttpConnection = gateway.connect();
    let mut headers = client.headers().to_vec();
    headers.push(("Accept", "text/event-stream"));
    stream.send_request("GET", "/mcp", &headers, b"");
    assert_eq!(stream.head().status, 200);
    let mut running = gateway.connect();
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";
    let call = json!({"jsonrpc": "2.0", "id": 9, "method": "tools/call",
        "params": {"name": "execute_query", "arguments": {"query": endless}}});
    let mut headers = client.headers().to_vec();
    headers.extend([("Accept", "application/json, text/event-stream"), ("Content-Type", "application/json")]);
    running.send_request("POST", "/mcp", &headers, call.to_string().as_bytes());
    gateway.home.sessions_until("it runs", |sessions| sessions.iter().any(|session| session["running"] == 1));
    assert_eq!(gateway.home.run(&["keys", "revoke", "ci"]).code, Some(0));
    gateway.home.sessions_until("its session has ended", |sessions| {
        sessions.len() == 1 && sessions[0]["key"] == "other"
    });
    // It breaks off: nothing is read of a whole answer.
    stream.read_to_end();
    drop(running);
    until("nothing runs", || gateway.home.status().is_some_and(|status| status["allocator"]["running"] == 0));
    assert_eq!(stays.query("values (1)")["result"]["isError"], false);
}

#[test]
fn a_key_is_an_identity_of_its_own() {
    let gateway = gateway("[profiles.bi]\nmatch = [{ key = 'bi*' }]\n[profiles.asked]\n");
    let home = &gateway.home;
    let (one, two) =
        (create(home, &["--name", "bi-1"]), create(home, &["--name", "bi-2", "--role", "analyst"]));
    let three = create(home, &["--name", "c", "--profile", "asked"]);
    let clients = [&one, &two, &three].map(|key| Client::named(&gateway, key, "editor"));
    for client in &clients {
        assert_eq!(client.query("values (1)")["result"]["isError"], false);
    }
    let sessions = home.sessions();
    let of = |key: &str| sessions.iter().find(|session| session["key"] == key).expect("a session").clone();
    assert_eq!((of("bi-1")["profile"].as_str(), of("c")["profile"].as_str()), (Some("bi"), Some("asked")));
    assert_eq!((&of("bi-2")["roles"], &of("bi-2")["address"]), (&json!(["analyst"]), &json!("127.0.0.1")));
    let shown = home.run(&["quota", "--json"]).json().to_string();
    assert!(shown.contains("editor@bi-2") && shown.contains("@bi-2"), "{shown}");
}

#[test]
fn expiry_addresses_and_rates_hold() {
    let gateway = gateway("");
    let home = &gateway.home;
    let status = |key: &str| initialize(&gateway, &[("X-API-Key", key)], "editor");
    let far = create(home, &["--name", "far", "--allow-from", "10.0.0.0/8,2001:db8::/32"]);
    assert_eq!((status(&far).status, status(&far).error_code().as_str()), (403, "wrong_address"));
    let near = create(home, &["--name", "near", "--allow-from", "::ffff:127.0.0.1"]);
    assert_eq!(status(&near).status, 200);
    let slow = create(home, &["--name", "slow", "--rate", "2/min"]);
    assert_eq!([status(&slow).status, status(&slow).status], [200, 200]);
    let refused = status(&slow);
    assert_eq!((refused.status, refused.error_code().as_str()), (429, "key_rate"));
    assert!(
        refused
            .header("retry-after")
            .is_some_and(|after| after.parse::<u64>().is_ok_and(|after| after <= 61))
    );
    assert_eq!(status(&near).status, 200, "each key has its own");
    let short = create(home, &["--name", "short", "--expires", "1s"]);
    let expired = eventually("it has expired", || Some(status(&short)).filter(|answer| answer.status == 401));
    assert_eq!(expired.error_code(), "expired_key");
    assert_eq!(listed(home).iter().filter(|key| key["state"] == "expired").count(), 1);
    for (arguments, told) in [
        (&["--name", "far"][..], "already"),
        (&["--name", "a b"], "cannot be used"),
        (&["--name", "x", "--expires", "yesterday"], "no time"),
        (&["--name", "x", "--expires", "2020-01-01"], "expired already"),
        (&["--name", "x", "--allow-from", "example.org"], "no range"),
        (&["--name", "x", "--rate", "5/day"], "no rate"),
        (&["--name", "x", "--role", "analist"], "did you mean `analyst`"),
        (&["--name", "x", "--profile", "nothing"], "no profile `nothing`"),
    ] {
        let output = home.run(&[&["keys", "create"], arguments].concat());
        assert!(
            output.code != Some(0) && output.stdout.is_empty() && output.stderr.contains(told),
            "{output:?}"
        );
    }
}

#[test]
fn ten_thousand_wrong_keys_lock_only_those_who_send_them_and_fill_nothing() {
    let gateway = gateway("");
    let key = create(&gateway.home, &["--name", "ci"]);
    let (client, mut connection) = (Client::named(&gateway, &key, "editor"), gateway.connect());
    let mut statuses = std::collections::BTreeMap::<u16, usize>::new();
    let before = snowgate_tests::resident_kb(gateway.pid());
    for number in 0..10_000 {
        let wrong = format!("sgk_{number:049}");
        let response = connection.request("GET", "/mcp", &[("X-API-Key", &wrong)], b"");
        *statuses.entry(response.status).or_default() += 1;
    }
    assert_eq!(statuses, [(401, 5), (429, 9_995)].into_iter().collect());
    let grown = snowgate_tests::resident_kb(gateway.pid()).saturating_sub(before);
    assert!(grown < 16 * 1024, "{grown} KB");
    assert_eq!(client.query("values (1)")["result"]["isError"], false, "a good key of this machine passes");
    let status = gateway.home.status().expect("a status");
    assert_eq!(status["keys"]["locked_addresses"], 1);
    assert!(gateway.home.log().lines().count() < 1_000, "the log says it once, and counts");
}

#[test]
fn without_keys_a_key_is_not_asked_for() {
    let gateway = HttpGateway::new();
    assert_eq!(initialize(&gateway, &[], "editor").status, 200);
    let status = gateway.home.status().expect("a status");
    assert_eq!(status["keys"], Value::Null);
}

#[test]
fn a_revoked_key_ends_its_websocket() {
    let gateway = gateway("");
    let key = create(&gateway.home, &["--name", "ci"]);
    let mut socket = gateway.connect();
    let headers = [
        ("Connection", "Upgrade"),
        ("Upgrade", "websocket"),
        ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
        ("X-API-Key", key.as_str()),
    ];
    socket.send_request("GET", "/mcp", &headers, b"");
    assert_eq!(socket.head().status, 101);
    gateway.home.sessions_until("its session is open", |sessions| sessions.len() == 1);
    assert_eq!(gateway.home.run(&["keys", "revoke", "ci"]).code, Some(0));
    socket.read_to_end();
    gateway.home.sessions_until("its session has ended", <[Value]>::is_empty);
}

#[test]
fn behind_a_trusted_proxy_the_client_s_address_counts() {
    let gateway = HttpGateway::with(Home::new(), "trusted_proxies = ['127.0.0.1']\n", "");
    let key = create(&gateway.home, &["--name", "office", "--allow-from", "10.0.0.0/8"]);
    let from =
        |key: &str, address: &str| status_with(&gateway, &[("X-API-Key", key), ("X-Forwarded-For", address)]);
    assert_eq!((from(&key, "10.1.2.3"), from(&key, "9.9.9.9, 10.1.2.3")), (200, 200));
    assert_eq!((from(&key, "203.0.113.7"), from(&key, "10.1.2.3, 203.0.113.7")), (403, 403));
    let wrong = |address| from("sgk_wrong", address);
    assert_eq!([wrong("10.6.6.6"); 5], [401; 5]);
    for _ in 0..4 {
        wrong("10.6.6.6");
    }
    assert_eq!(from(&key, "10.6.6.6"), 429, "a locked address is refused, a good key too");
    assert_eq!(from(&key, "10.1.2.3"), 200);
    until("the address is shown", || {
        gateway.home.sessions().iter().any(|session| session["address"] == "10.1.2.3")
    });
}

#[test]
fn a_context_is_remembered_for_its_key_alone() {
    let gateway = gateway("");
    let home = &gateway.home;
    let (one, two) = (create(home, &["--name", "one"]), create(home, &["--name", "two"]));
    let database = |client: &Client<'_>| {
        let info = client.call("session_info", &json!({}))["result"]["structuredContent"].clone();
        info["context"]["database"].as_str().unwrap_or_default().to_owned()
    };
    let first = Client::named(&gateway, &one, "notebook");
    assert_eq!(first.call("set_context", &json!({"database": "TWO"}))["result"]["isError"], false);
    let other = Client::named(&gateway, &two, "notebook");
    assert_eq!((database(&first), database(&other)), ("TWO".to_owned(), "ONE".to_owned()));
    let mut shim = home.client();
    shim.initialize_as("notebook", "2025-11-25");
    let info = shim.call("session_info", &json!({}));
    assert_eq!(info["result"]["structuredContent"]["context"]["database"], "ONE");
    gateway.kill_and_start_again();
    let rotated = home.run(&["keys", "rotate", "one", "--overlap", "0"]).stdout.trim().to_owned();
    assert_eq!(database(&Client::named(&gateway, &rotated, "notebook")), "TWO");
    assert_eq!(database(&Client::named(&gateway, &two, "notebook")), "ONE");
}
