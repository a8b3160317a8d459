//! The end of a client, of its shim and of a gateway: nothing is left, nothing is lost.

#[cfg(unix)]
mod unix;

use std::io::Write;
use std::process::Stdio;
use std::time::Instant;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, Signal, error_text, kill, tool_text, until};

/// A client that runs a statement without an end.
fn busy(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client.send_endless_query();
    home.sessions_until("the statement runs", |sessions| {
        sessions.iter().any(|session| session["pid"] == client.pid() && session["state"] == "running")
    });
    client
}

/// The session is gone, its statement stopped and its connection free again.
fn nothing_runs(home: &Home) {
    home.sessions_until("no session is left", <[Value]>::is_empty);
    until("no connection is in use", || {
        home.status().is_some_and(|status| status["connections_open"] == status["connections_idle"])
    });
}

/// Has the shim leave by `how`: it ends with success, in time, with no process but the gateway left.
fn leaves(how: impl FnOnce(&mut Client)) {
    let home = Home::new();
    let mut client = busy(&home);
    let since = Instant::now();
    how(&mut client);
    let status = client.wait();
    println!("the shim has ended after {:?}", since.elapsed());
    assert!(status.success(), "{status}; stderr: {}", client.stderr());
    nothing_runs(&home);
    until("only the gateway is left", || home.processes().len() == 1);
    // A client that leaves may have closed the other end already, and an SDK that reads on takes a late answer for
    // a fault.
    let rest = client.rest();
    assert!(rest.is_empty(), "{rest:?}");
}

#[test]
fn a_shim_whose_client_was_killed_leaves_although_it_cannot_complain() {
    let home = Home::new();
    let mut shim = home.shim();
    shim.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut shim = shim.spawn().unwrap();
    let query = "with recursive c(x) as (select 1 union all select x + 1 from c) select count(*) from c";
    let call = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/call",
        "params": {"name": "execute_query", "arguments": {"query": query}}});
    shim.stdin.as_mut().unwrap().write_all(format!("{call}\n").as_bytes()).unwrap();
    home.sessions_until("the statement runs", |sessions| {
        sessions.iter().any(|session| session["state"] == "running")
    });
    // All three pipes close at once, as they do when the client is killed.
    drop((shim.stdin.take(), shim.stdout.take(), shim.stderr.take()));
    until("the shim has ended", || shim.try_wait().unwrap().is_some());
    nothing_runs(&home);
}

#[test]
fn a_shim_whose_stdin_is_closed_leaves_and_stops_its_statement() {
    leaves(Client::close_stdin);
}

#[test]
fn an_idle_shim_leaves_without_a_gateway_too() {
    let home = Home::new();
    let mut client = home.launch().arg("--no-autostart").start();
    error_text(&client.request("ping", &json!({})), -32603);
    client.leave();
}

#[test]
fn a_killed_shim_s_statement_is_stopped() {
    let home = Home::new();
    let client = busy(&home);
    client.signal(Signal::KILL);
    nothing_runs(&home);
}

#[test]
fn a_shim_stuck_on_a_client_that_does_not_read_leaves_when_told() {
    let home = Home::new();
    home.configure("[limits]\nbytes_max = 1048576\n");
    let mut client = home.launch().deaf().start();
    let params = json!({"name": "execute_query", "arguments": {
        "query": "select hex(zeroblob(500000)) as zeros",
    }});
    for _ in 0..4 {
        client.send("tools/call", &params);
    }
    home.sessions_until("all four are answered", |sessions| {
        sessions.iter().any(|session| session["requests"] == 4 && session["running"] == 0)
    });
    client.close_stdin();
    assert!(client.wait().success());
    nothing_runs(&home);
}

#[test]
fn a_shim_whose_client_has_closed_its_ears_leaves_at_the_next_answer() {
    let home = Home::new();
    let mut client = home.launch().deaf().start();
    client.close_stdout();
    client.send("ping", &json!({}));
    assert!(client.wait().success());
    nothing_runs(&home);
}

#[test]
fn what_was_asked_just_before_the_end_is_still_answered() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    let ids: Vec<Value> = (0..5).map(|_| client.send("ping", &json!({}))).collect();
    client.close_stdin();
    let answered: Vec<Value> = client.rest().iter().map(|answer| answer["id"].clone()).collect();
    assert_eq!(answered.len(), ids.len(), "{answered:?}");
    assert!(ids.iter().all(|id| answered.contains(id)), "{answered:?}");
}

/// The statement of a stopped gateway is interrupted and answered once: by the next gateway, which runs it
/// again.
fn interrupted_by(end: impl FnOnce(&Home, u32)) {
    let home = Home::new();
    home.configure("[gateway]\ndrain_timeout_ms = 50\n[limits]\nstatement_timeout_ms = 3000\n");
    let mut client = busy(&home);
    let id = json!(2);
    let first = home.gateway_pid();
    end(&home, first);
    until("the first gateway is gone", || !home.is_running(first));
    let answer = client.answer(&id);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert!(tool_text(&answer).starts_with("Timed out"), "{answer}");
    assert_ne!(home.gateway_pid(), first);
    client.close_stdin();
    assert_eq!(client.rest().len(), 0, "the statement is answered once");
}

#[test]
fn a_stop_while_a_statement_runs_is_bounded_by_the_drain_time_out() {
    // That another gateway answers is the proof: without the bound, the first one would have.
    interrupted_by(|home, _| home.stop());
}

#[test]
fn a_killed_gateway_s_statement_is_run_again_by_the_next() {
    interrupted_by(|_, pid| kill(pid));
}

/// Ends the gateway by `end`; the next request of the same shim must work in the context that it had set.
fn comes_back(end: impl Fn(&Home)) {
    let home = Home::new();
    let mut client = home.client();
    client.initialize_as("steady", "2025-06-18");
    client.call("set_context", &json!({"database": "ONE"}));
    client.call("set_context", &json!({"database": "two"}));
    for _ in 0..3 {
        let before = home.gateway_pid();
        end(&home);
        assert_eq!(home.status(), None, "no gateway is started before it is needed");
        let info = client.call("session_info", &json!({}));
        let info = &info["result"]["structuredContent"];
        assert_eq!(info["context"]["database"], "TWO", "{info}");
        assert_eq!(info["client"], "steady", "{info}");
        assert_ne!(home.gateway_pid(), before);
        assert_eq!(home.session_of(client.pid())["era"], "handshake 2025-06-18");
    }
    client.close_stdin();
    assert_eq!(client.rest(), Vec::<Value>::new(), "what is replayed is not answered again");
}

#[test]
fn after_a_stop_the_next_request_works_in_the_context_that_was_set() {
    comes_back(Home::stop);
}

#[test]
fn after_a_kill_the_next_request_works_in_the_context_that_was_set() {
    comes_back(|home| {
        home.kill_gateway();
    });
}

#[test]
fn a_failed_change_of_context_does_not_come_back() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    client.call("set_context", &json!({"database": "TWO"}));
    let failed = client.call("set_context", &json!({"database": "THREE"}));
    assert_eq!(failed["result"]["isError"], true, "{failed}");
    home.kill_gateway();
    let info = client.call("session_info", &json!({}));
    assert_eq!(info["result"]["structuredContent"]["context"]["database"], "TWO", "{info}");
}

#[test]
fn many_requests_under_way_survive_a_kill_and_are_each_answered_once() {
    let home = Home::new();
    home.configure("[gateway]\nsession_requests_max = 4\n");
    let mut client = home.client();
    client.initialize();
    let slow = "with recursive n(i) as (select 1 union all select i + 1 from n limit 20000) select max(i) as n from n";
    let ids: Vec<Value> =
        (0..60).map(|_| client.send_call("execute_query", &json!({"query": slow}))).collect();
    client.answer(&ids[0]);
    home.kill_gateway();
    for id in &ids[1..] {
        assert_eq!(tool_text(&client.answer(id)), "n\n20000\n(1 row)");
    }
    client.close_stdin();
    assert_eq!(client.rest(), Vec::<Value>::new(), "each is answered once");
}

#[test]
fn a_cancelled_request_does_not_come_back_with_the_next_gateway() {
    let home = Home::new();
    let mut client = busy(&home);
    client.notify("notifications/cancelled", &json!({"requestId": 2}));
    client.request("ping", &json!({}));
    home.kill_gateway();
    client.request("ping", &json!({}));
    let session = home.session_of(client.pid());
    assert_eq!((&session["running"], &session["errors"]), (&json!(0), &json!(0)), "{session}");
    client.close_stdin();
    assert_eq!(client.rest(), Vec::<Value>::new());
}

#[test]
fn a_write_that_was_under_way_is_not_run_twice() {
    let home = Home::new();
    home.configure("read_only = false\n[limits]\nstatement_timeout_ms = 20000\n");
    let mut client = home.client();
    client.initialize();
    assert_eq!(client.query("create table t (i integer)")["result"]["isError"], false);
    let id = client.send_call(
        "execute_query",
        &json!({"query": "insert into t with recursive n(i) as (select 1 union all select i + 1 from n) select i from n"}),
    );
    // Taken up is not enough: a write that has not reached the backend runs again.
    until("the insert runs", || home.writes_under_way() == 1);
    home.kill_gateway();
    let answer = client.answer(&id);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    assert!(tool_text(&answer).contains("outcome unknown"), "{answer}");
    assert_eq!(tool_text(&client.query("select count(*) as n from t")), "n\n0\n(1 row)");
}
