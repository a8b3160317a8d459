//! Tools over plain HTTP: the forms of a call, and what each failure's status is.

use serde_json::{Value, json};
use snowgate_tests::{Home, HttpConnection, HttpGateway, HttpResponse, TOOLS, eventually};

pub(crate) const CALL: &str = "/mcp/tools/call";

/// A gateway that may write, with these further settings.
pub(crate) fn writable(toml: &str) -> HttpGateway {
    HttpGateway::with(Home::new(), "auth = 'none'\n", &format!("read_only = false\n{toml}"))
}

/// What a client sends that wants nothing in particular.
pub(crate) const ANY: &[(&str, &str)] = &[("Accept", "*/*")];

/// A call of `tool` in the session of `client`.
pub(crate) fn call(
    connection: &mut HttpConnection,
    client: &str,
    tool: &str,
    arguments: &Value,
) -> HttpResponse {
    let body = json!({"name": tool, "arguments": arguments, "_client_id": client});
    connection.post(CALL, ANY, &body)
}

/// The text of a call's result.
#[track_caller]
pub(crate) fn text(response: &HttpResponse) -> String {
    assert_eq!(response.status, 200, "{}", response.text());
    response.json()["result"]["content"][0]["text"].as_str().expect("a text").to_owned()
}

#[track_caller]
fn query(connection: &mut HttpConnection, client: &str, sql: &str) -> String {
    text(&call(connection, client, "execute_query", &json!({"query": sql})))
}

#[test]
fn the_tools_are_listed_with_their_schemas() {
    let gateway = HttpGateway::new();
    let listed = gateway.get("/mcp/tools");
    assert_eq!((listed.status, listed.header("content-type")), (200, Some("application/json")));
    let tools = listed.json()["tools"].as_array().expect("a list").clone();
    assert_eq!(tools.len(), TOOLS);
    let execute = tools.iter().find(|tool| tool["name"] == "execute_query").expect("execute_query");
    assert_eq!(execute["inputSchema"]["required"], json!(["query"]));
}

#[test]
fn a_call_has_the_same_result_in_each_of_its_forms() {
    let gateway = HttpGateway::new();
    let mut connection = gateway.connect();
    let arguments = json!({"query": "select 41 + 1 as n"});
    let plain = connection.post(CALL, ANY, &json!({"name": "execute_query", "arguments": arguments}));
    let result = plain.json()["result"].clone();
    assert_eq!(result["content"][0]["text"], "n\n42\n(1 row)");
    assert_eq!(plain.json(), json!({"result": result}));
    for (envelope, id) in [
        (
            json!({"jsonrpc": "2.0", "id": 7, "method": "tools/call",
            "params": {"name": "execute_query", "arguments": arguments}}),
            json!(7),
        ),
        (json!({"jsonrpc": "2.0", "id": "a", "method": "execute_query", "params": arguments}), json!("a")),
        (json!({"method": "execute_query", "params": arguments}), json!(null)),
    ] {
        let answer = connection.post(CALL, ANY, &envelope).json();
        assert_eq!(answer, json!({"jsonrpc": "2.0", "id": id, "result": result}), "{envelope}");
    }
}

#[test]
fn each_client_id_has_a_session_with_a_context_of_its_own() {
    let gateway = writable("");
    let mut connection = gateway.connect();
    for (client, database) in [("a", "ONE"), ("b", "TWO")] {
        call(&mut connection, client, "set_context", &json!({"database": database}));
        query(&mut connection, client, "create table mine (owner text)");
        query(&mut connection, client, &format!("insert into mine values ('{client}')"));
    }
    for client in ["a", "b", "a"] {
        assert_eq!(
            query(&mut connection, client, "select owner from mine"),
            format!("owner\n{client}\n(1 row)")
        );
    }
    // By header, in an envelope's params, and among the arguments: the same session, and from other connections.
    let sql = json!({"query": "select owner from mine"});
    let header = [("Snowgate-Client-Id", "b"), ("Accept", "*/*")];
    let by_header = gateway.post(CALL, &header, &json!({"name": "execute_query", "arguments": sql}));
    assert_eq!(text(&by_header), "owner\nb\n(1 row)");
    for params in [
        json!({"name": "execute_query", "arguments": sql, "_client_id": "b"}),
        json!({"name": "execute_query", "arguments": {"query": sql["query"], "_client_id": "b"}}),
    ] {
        let answer = gateway.post(CALL, ANY, &json!({"id": 1, "method": "tools/call", "params": params}));
        assert_eq!(text(&answer), "owner\nb\n(1 row)");
    }
}

#[test]
fn a_transaction_of_a_client_spans_its_calls_and_no_others() {
    let gateway = writable("");
    let mut connection = gateway.connect();
    query(&mut connection, "a", "create table t (x)");
    query(&mut connection, "a", "begin");
    query(&mut connection, "a", "insert into t values (1)");
    assert_eq!(query(&mut connection, "b", "select count(*) as n from t"), "n\n0\n(1 row)");
    query(&mut gateway.connect(), "a", "commit");
    assert_eq!(query(&mut connection, "b", "select count(*) as n from t"), "n\n1\n(1 row)");
}

#[test]
fn what_nothing_tells_apart_keeps_no_state_and_is_told_what_to_send() {
    let gateway = writable("");
    let mut connection = gateway.connect();
    for (tool, arguments) in [
        ("set_context", json!({"database": "TWO"})),
        ("execute_query", json!({"query": "begin"})),
        ("execute_query", json!({"query": "create temp table x (y)"})),
    ] {
        let refused = connection.post(CALL, ANY, &json!({"name": tool, "arguments": arguments}));
        assert_eq!(refused.status, 403, "{tool}: {}", refused.text());
        assert!(refused.text().contains("_client_id"), "{}", refused.text());
    }
    let plain = json!({"name": "execute_query", "arguments": {"query": "select 1 as n"}});
    assert_eq!(connection.post(CALL, ANY, &plain).status, 200);
}

#[test]
fn each_failure_has_the_status_that_says_what_it_is() {
    let gateway = HttpGateway::new();
    let mut connection = gateway.connect();
    let sql = |query: &str| json!({"name": "execute_query", "arguments": {"query": query}});
    for (body, status, code) in [
        (json!({"name": "no_such_tool"}), 404, "unknown_tool"),
        (json!({"name": "execute_query"}), 400, "invalid_arguments"),
        (json!({"name": "execute_query", "arguments": {"query": 7}}), 400, "invalid_arguments"),
        (json!({"name": "execute_query", "arguments": []}), 400, "invalid_arguments"),
        (json!({"arguments": {}}), 400, "invalid_request"),
        (json!([sql("select 1")]), 400, "invalid_request"),
        (sql("select nothing from nowhere"), 422, "statement"),
        (sql("selct 1"), 422, "statement"),
        (sql("create table t (x)"), 403, "refused"),
        (
            json!({"name": "execute_query", "arguments": {"query": "select 1 from t", "database": "NONE"}}),
            422,
            "no_context",
        ),
    ] {
        let failed = connection.post(CALL, ANY, &body);
        assert_eq!((failed.status, &*failed.error_code()), (status, code), "{body}: {}", failed.text());
        assert_eq!(failed.header("content-type"), Some("application/json"));
    }
    for (headers, body, status) in [
        (&[("Content-Type", "application/json")][..], "{", 400),
        (&[("Content-Type", "application/json")], "\u{fffd}", 400),
        (&[("Content-Type", "application/x-www-form-urlencoded")], "name=execute_query", 415),
        (
            &[("Content-Type", "application/json"), ("Idempotency-Key", "a b")],
            "{\"name\":\"session_info\"}",
            400,
        ),
        (
            &[("Content-Type", "application/json"), ("Idempotency-Key", "")],
            "{\"name\":\"session_info\"}",
            400,
        ),
    ] {
        let failed = connection.request("POST", CALL, headers, body.as_bytes());
        assert_eq!(failed.status, status, "{body}: {}", failed.text());
    }
    let wrong = json!({"jsonrpc": "2.0", "id": 3, "method": "execute_query", "params": {"query": "selct 1"}});
    let failed = connection.post(CALL, ANY, &wrong);
    let error = failed.json();
    assert_eq!(
        (failed.status, &error["id"], &error["error"]["data"]["kind"]),
        (422, &json!(3), &json!("statement"))
    );
    assert_eq!(connection.request("GET", CALL, &[], b"").status, 405);
}

#[test]
fn a_limit_says_when_to_come_again_and_leaves_other_clients_alone() {
    let gateway = writable("[limits]\nrequests_per_minute = 3\n");
    let mut connection = gateway.connect();
    let session_info = json!({});
    let statuses: Vec<u16> =
        (0..5).map(|_| call(&mut connection, "eager", "session_info", &session_info).status).collect();
    assert_eq!(statuses, [200, 200, 200, 429, 429]);
    let refused = call(&mut connection, "eager", "session_info", &session_info);
    assert_eq!(refused.error_code(), "limit_reached");
    let seconds: u64 = refused.header("retry-after").expect("when to come again").parse().expect("seconds");
    assert!((1..=70).contains(&seconds), "{seconds}");
    assert_eq!(call(&mut connection, "patient", "session_info", &session_info).status, 200);
}

#[test]
fn a_statement_that_runs_out_of_time_is_a_time_out() {
    let gateway = writable("[limits]\nstatement_timeout_ms = 200\n");
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";
    let late = call(&mut gateway.connect(), "a", "execute_query", &json!({"query": endless}));
    assert_eq!((late.status, &*late.error_code()), (504, "timed_out"), "{}", late.text());
}

#[test]
fn a_client_that_goes_away_stops_its_call() {
    let gateway = HttpGateway::new();
    let mut connection = gateway.connect();
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";
    let body = json!({"name": "execute_query", "arguments": {"query": endless}, "_client_id": "leaver"});
    connection.send_request(
        "POST",
        CALL,
        &[("Content-Type", "application/json")],
        body.to_string().as_bytes(),
    );
    gateway.home.sessions_until("the statement runs", |sessions| {
        sessions.iter().any(|session| session["client"] == "leaver" && session["running"] == 1)
    });
    drop(connection);
    gateway
        .home
        .sessions_until("it is stopped", |sessions| sessions.iter().all(|session| session["running"] == 0));
}

#[test]
fn a_write_that_is_sent_again_with_its_key_runs_once() {
    let gateway = writable("");
    let mut connection = gateway.connect();
    query(&mut connection, "a", "create table t (x)");
    let insert = json!({"name": "execute_query", "arguments": {"query": "insert into t values (1)"}, "_client_id": "a"});
    let key = [("Idempotency-Key", "order-1"), ("Accept", "*/*")];
    let first = connection.post(CALL, &key, &insert);
    assert_eq!(text(&first), "1 row changed");
    let second = gateway.post(CALL, &key, &insert);
    assert_eq!(text(&second), text(&first));
    gateway.kill_and_start_again();
    let third = eventually("an answer", || {
        Some(gateway.post(CALL, &key, &insert)).filter(|answer| answer.status == 200)
    });
    assert_eq!(text(&third), text(&first));
    let mut connection = gateway.connect();
    assert_eq!(query(&mut connection, "a", "select count(*) as n from t"), "n\n1\n(1 row)");
    let other = json!({"name": "execute_query", "arguments": {"query": "insert into t values (2)"}, "_client_id": "a"});
    let refused = connection.post(CALL, &key, &other);
    assert_eq!(refused.status, 422, "{}", refused.text());
    // Without the key, or with another one, it is another call.
    assert_eq!(text(&connection.post(CALL, ANY, &insert)), "1 row changed");
    assert_eq!(
        text(&connection.post(CALL, &[("Idempotency-Key", "order-2"), ("Accept", "*/*")], &insert)),
        "1 row changed"
    );
    assert_eq!(query(&mut connection, "a", "select count(*) as n from t"), "n\n3\n(1 row)");
}
