//! The stream `access`, a line for each request: who ran what, how long, and why it failed; never the statement. That is in `sql`.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, eventually, until};

fn writable() -> Home {
    let home = Home::new();
    home.configure("read_only = false\n");
    home
}

fn named(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize_as("editor", "2025-11-25");
    client
}

/// The line of the last request for which `is_it` holds.
#[track_caller]
fn line_of(home: &Home, what: &str, is_it: impl Fn(&Value) -> bool) -> Value {
    eventually(what, || home.log_lines("request").into_iter().rfind(|line| is_it(line)))
}

#[test]
fn each_call_has_a_line_that_says_who_and_what_and_how_it_ended() {
    let home = writable();
    let mut client = named(&home);
    let session = home.session_of(client.pid())["id"].clone();
    for (query, class, outcome, error) in [
        ("create table hush (hush)", "ddl", "ok", None),
        ("insert into hush values ('hush'), ('hush')", "write", "ok", None),
        ("with n as (select 'hush') insert into hush select * from n", "write", "ok", None),
        ("select * from hush", "read", "ok", None),
        ("select hush_hush from hush", "read", "failed", Some("statement")),
        ("attach 'hush' as hush", "admin", "refused", Some("refused")),
    ] {
        client.query(query);
        let number = home.session_of(client.pid())["requests"].as_u64().expect("a number");
        // The lines before it: initialize, initialized.
        let line = line_of(&home, query, |line| line["request"] == number + 1);
        for (field, value) in [
            ("target", json!("snowgate::requests")),
            ("level", json!("INFO")),
            ("client", json!("editor")),
            ("session", session.clone()),
            ("method", json!("tools/call")),
            ("tool", json!("execute_query")),
            ("class", json!(class)),
            ("outcome", json!(outcome)),
        ] {
            assert_eq!(line[field], value, "{field} of {line}");
        }
        assert_eq!(line.get("error").and_then(Value::as_str), error, "{line}");
        for field in ["wait_ms", "run_ms", "total_ms"] {
            assert!(line[field].as_f64().is_some_and(|ms| ms >= 0.0), "{field} of {line}");
        }
        assert!(line["bytes"].as_u64().is_some_and(|bytes| bytes > 0), "{line}");
    }
    let read = line_of(&home, "the read", |line| line["class"] == "read" && line["outcome"] == "ok");
    assert_eq!(read["rows"], 3, "{read}");
    let write = line_of(&home, "the insert", |line| line["changed"] == 2);
    assert_eq!(write["outcome"], "ok", "{write}");
    let failed = line_of(&home, "the failure", |line| line["outcome"] == "failed");
    assert_eq!(failed["code"], "SQLITE_ERROR (1)", "{failed}");
    assert!(!home.log().contains("hush"), "{}", home.log());
}

#[test]
fn what_never_reaches_a_tool_has_a_line_too() {
    let home = Home::new();
    let mut client = named(&home);
    client.call("hush_tool", &json!({}));
    client.call("execute_query", &json!({"hush": 1}));
    client.request("hush/method", &json!({}));
    client.request("tools/call", &json!({"name": 7}));
    client.request("ping", &json!({}));
    client.line("hush");
    client.next_message();
    for (method, tool, outcome, error) in [
        ("initialize", None, "ok", None),
        ("tools/call", None, "refused", Some("invalid_params")),
        ("tools/call", Some("execute_query"), "refused", Some("invalid_arguments")),
        ("unknown", None, "refused", Some("method_not_found")),
        ("unknown", None, "refused", Some("invalid_params")),
        ("ping", None, "ok", None),
        ("unknown", None, "refused", Some("parse_error")),
    ] {
        line_of(&home, &format!("{method} {outcome} {error:?}"), |line| {
            let field = |name: &str| line.get(name).and_then(Value::as_str);
            (field("method"), field("tool"), field("outcome"), field("error"))
                == (Some(method), tool, Some(outcome), error)
        });
    }
    assert_eq!(home.log_lines("request").len(), 7, "{:#?}", home.log_lines("request"));
    assert!(!home.log().contains("hush"), "{}", home.log());
}

#[test]
fn cancelled_requests_and_those_that_wait_too_long_say_so() {
    let home = Home::new();
    home.configure(
        "[pool]\nconnections_max = 1\n[allocator]\nmax_wait_ms = 100\n[gateway]\nsession_requests_max = 1\n",
    );
    let (mut holder, mut other) = (named(&home), named(&home));
    let running = holder.send_endless_query();
    until("it has the connection", || home.status().is_some_and(|status| status["connections_idle"] == 0));
    let waiting = holder.send_call("session_info", &json!({}));
    other.query("select x");
    let busy = line_of(&home, "the one that waited", |line| line["error"] == "busy");
    assert!(busy["wait_ms"].as_f64().is_some_and(|ms| ms >= 100.0), "{busy}");
    assert!(
        busy["reason"].as_str().is_some_and(|reason| reason.contains("1 connections were busy")),
        "{busy}"
    );
    assert!(busy.get("run_ms").is_none(), "{busy}");
    for id in [waiting, running] {
        holder.notify("notifications/cancelled", &json!({"requestId": id}));
    }
    let is_cancelled = |line: &Value| line["outcome"] == "cancelled";
    line_of(&home, "the running one", |line| is_cancelled(line) && line["class"] == "read");
    line_of(&home, "the waiting one", |line| is_cancelled(line) && line.get("class").is_none());
}

#[test]
fn what_the_journal_answers_says_so() {
    let home = writable();
    let mut client = named(&home);
    client.query("create table t (x)");
    let slow = "insert into t with recursive n(i) as (select 1 union all select i + 1 from n where i < 20000000) \
                select max(i) from n";
    let id = client.send_call("execute_query", &json!({"query": slow}));
    until("it is in the journal", || home.writes_under_way() == 1);
    home.kill_gateway();
    client.answer(&id);
    let line = line_of(&home, "the replayed write", |line| {
        line["replayed"] == true && line["tool"] == "execute_query"
    });
    assert_eq!((&line["outcome"], &line["class"]), (&json!("outcome_unknown"), &json!("write")), "{line}");
}

#[test]
fn the_lines_can_be_left_out() {
    let home = Home::new();
    home.configure("[logs]\naccess = false\n");
    let mut client = home.launch().start();
    client.initialize();
    client.query("select 1");
    client.leave();
    home.stop();
    assert!(
        home.log().contains("session closed") && home.stream_files("access").is_empty(),
        "{}",
        home.log()
    );
}

#[test]
fn statements_are_in_a_stream_of_their_own_where_that_is_on_and_nowhere_else() {
    let home = Home::new();
    home.configure("read_only = false\n[logs]\nlog_sql = true\n");
    let mut client = named(&home);
    for query in ["create table hush (hush)", "select 'hush' from hush_hush", "attach 'hush' as hush"] {
        client.query(query);
    }
    client.call("list_tables", &json!({}));
    client.leave();
    home.stop();
    let lines: Vec<Value> =
        home.stream("sql").lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let said: Vec<_> = lines.iter().map(|line| (&line["statement"], &line["outcome"])).collect();
    let (ok, failed, refused) = (json!("ok"), json!("failed"), json!("refused"));
    assert_eq!(said[0], (&json!("create table hush (hush)"), &ok));
    assert_eq!(said[1], (&json!("select 'hush' from hush_hush"), &failed));
    assert_eq!((said[2].1, said.len()), (&refused, 3));
    assert_eq!(lines[0]["client"], "editor");
    assert!(lines[0]["digest"].as_str().is_some_and(|digest| digest.len() == 64), "{}", lines[0]);
    assert!(!home.log().contains("hush") && !home.stream("error").contains("hush"), "{}", home.log());
}
