//! What a session takes along from one gateway to the next, and what it must never take: a statement run in
//! the wrong place, an answer of another request, a write run twice.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, error_text, request_line, tool_text, until};

fn connected(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

fn context_of(client: &mut Client) -> Value {
    let info = client.call("session_info", &json!({}));
    info["result"]["structuredContent"]["context"].clone()
}

#[track_caller]
fn succeeds(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    tool_text(answer)
}

#[test]
fn a_context_that_was_set_in_parts_is_carried_over_whole() {
    let home = Home::new();
    let mut client = connected(&home);
    succeeds(&client.call("set_context", &json!({"database": "two"})));
    succeeds(&client.call("set_context", &json!({"warehouse": "w"})));
    succeeds(&client.call("set_context", &json!({"role": "r"})));
    let before = context_of(&mut client);
    assert_eq!(before, json!({"role": "r", "warehouse": "w", "database": "TWO", "schema": "main"}));
    home.kill_gateway();
    assert_eq!(context_of(&mut client), before);
}

#[test]
fn where_the_context_cannot_be_restored_nothing_runs_until_it_is_set_again() {
    let home = Home::new();
    home.configure("read_only = false\n");
    let mut client = connected(&home);
    succeeds(&client.call("set_context", &json!({"database": "TWO"})));
    std::fs::remove_file(home.databases().join("TWO.db")).unwrap();
    home.kill_gateway();
    let answer = client.query("create table oops (x)");
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    let text = tool_text(&answer);
    assert!(text.contains("could not be restored") && text.contains("TWO"), "{text}");
    assert!(text.contains("call set_context"), "{text}");
    let elsewhere = json!({"query": "create table oops (x)", "database": "ONE"});
    assert!(tool_text(&client.call("execute_query", &elsewhere)).contains("could not be restored"));
    // What needs no context is served.
    for answer in [
        client.call("list_databases", &json!({})),
        client.call("list_tables", &json!({"database": "ONE"})),
        client.query("select 1"),
    ] {
        succeeds(&answer);
    }
    let info = client.call("session_info", &json!({}));
    assert!(info["result"]["structuredContent"]["context_lost"].is_string(), "{info}");
    succeeds(&client.call("set_context", &json!({"database": "ONE"})));
    let tables = client.query("select count(*) as n from sqlite_schema");
    assert_eq!(succeeds(&tables), "n\n0\n(1 row)");
}

#[test]
fn a_profile_that_is_gone_is_named_also_to_a_session_that_comes_back() {
    let home = Home::new();
    home.configure("[profiles.work]\ndatabase = \"TWO\"\n");
    let mut client = home.launch().arg("--profile").arg("work").start();
    client.initialize();
    succeeds(&client.call("set_context", &json!({"warehouse": "w"})));
    home.configure("");
    home.kill_gateway();
    let answer = client.query("select 1");
    assert!(error_text(&answer, -32603).contains("work"), "{answer}");
    // A gateway reads its config once, when it starts.
    home.configure("[profiles.work]\n");
    home.stop();
    succeeds(&client.query("select 1"));
    assert_eq!(context_of(&mut client)["database"], "TWO");
}

#[test]
fn an_id_that_is_used_again_after_a_cancel_gets_its_own_answer() {
    let home = Home::new();
    let mut client = connected(&home);
    let endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";
    let call = |sql: &str| json!({"name": "execute_query", "arguments": {"query": sql}});
    for round in 0..30 {
        // All three at once, so that the last one comes while the first is being stopped.
        let cancel =
            json!({"jsonrpc": "2.0", "method": "notifications/cancelled", "params": {"requestId": "r"}});
        let lines = [
            request_line(&json!("r"), "tools/call", &call(endless)),
            format!("{cancel}\n"),
            request_line(&json!("r"), "tools/call", &call(&format!("select {round} as n"))),
        ];
        client.write(lines.concat().as_bytes());
        let answer = client.answer(&json!("r"));
        assert_eq!(succeeds(&answer), format!("n\n{round}\n(1 row)"));
    }
    assert!(client.unclaimed().is_empty(), "{:?}", client.unclaimed());
}

#[test]
fn writes_that_had_not_started_when_the_gateway_was_stopped_run_on_the_next() {
    let home = Home::new();
    home.configure(
        "read_only = false\n[gateway]\nsession_requests_max = 1\ndrain_timeout_ms = 50\n\
         [limits]\nstatement_timeout_ms = 2000\n",
    );
    let mut client = connected(&home);
    succeeds(&client.query("create table t (x)"));
    let endless = client.send_endless_query();
    let inserts: Vec<Value> = (0..5)
        .map(|x| client.send_call("execute_query", &json!({"query": format!("insert into t values ({x})")})))
        .collect();
    home.sessions_until("the first one runs", |sessions| sessions[0]["running"] == 1);
    home.stop();
    // The read runs again, and runs into its time-out; only then is it the others' turn.
    assert!(tool_text(&client.answer(&endless)).starts_with("Timed out"));
    for id in &inserts {
        assert_eq!(succeeds(&client.answer(id)), "1 row changed");
    }
    assert_eq!(succeeds(&client.query("select count(*) as n from t")), "n\n5\n(1 row)");
}

#[test]
fn a_statement_is_run_again_in_the_context_that_it_was_sent_in() {
    let home = Home::new();
    home.configure("read_only = false\n[limits]\nstatement_timeout_ms = 3000\n");
    let mut client = connected(&home);
    succeeds(&client.query("create table here (x)"));
    let read = client.send_call("execute_query", &json!({"query": "select count(*) as n from here"}));
    let endless = client.send_endless_query();
    let change = client.send_call("set_context", &json!({"database": "TWO"}));
    home.sessions_until("a statement runs", |sessions| sessions[0]["state"] == "running");
    home.kill_gateway();
    // Whatever had been answered before: nothing ran in TWO, where there is no such table.
    assert_eq!(succeeds(&client.answer(&read)), "n\n0\n(1 row)");
    assert!(tool_text(&client.answer(&endless)).starts_with("Timed out"));
    succeeds(&client.answer(&change));
    assert_eq!(context_of(&mut client)["database"], "TWO");
}

#[test]
fn a_read_runs_again_also_where_writing_is_allowed() {
    let home = Home::new();
    home.configure("read_only = false\n[limits]\nstatement_timeout_ms = 3000\n");
    let mut client = connected(&home);
    let sql =
        "-- a comment\nwith recursive n(i) as (select 1 union all select i + 1 from n) select max(i) from n";
    let id = client.send_call("execute_query", &json!({"query": sql}));
    home.sessions_until("the read runs", |sessions| sessions[0]["running"] == 1);
    home.kill_gateway();
    let answer = client.answer(&id);
    assert!(tool_text(&answer).starts_with("Timed out"), "{answer}");
}

#[test]
fn a_gateway_that_cannot_be_found_makes_room_for_another() {
    for gone in ["gateway.sock", "gateway.lock"] {
        let home = Home::new();
        let mut client = connected(&home);
        succeeds(&client.call("set_context", &json!({"database": "TWO"})));
        let first = home.gateway_pid();
        std::fs::remove_file(home.run_dir().join(gone)).unwrap();
        until("the gateway has left", || !home.is_running(first));
        assert_eq!(context_of(&mut client)["database"], "TWO");
        succeeds(&connected(&home).query("select 1"));
        until("one gateway is left", || home.gateways().len() == 1);
    }
}

#[test]
fn names_of_a_context_are_bounded_and_a_client_s_own_name_is_cut() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize_as(&"n\u{1b}[31m".repeat(1000), "2025-11-25");
    for name in ["x".repeat(256), "a\nb".to_owned(), String::new()] {
        let answer = client.call("set_context", &json!({"warehouse": name}));
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert!(tool_text(&answer).starts_with("Invalid arguments for set_context: "), "{answer}");
    }
    let session = home.session_of(client.pid());
    let shown = session["client"].as_str().unwrap();
    assert_eq!(shown.chars().count(), 100);
    assert!(!shown.contains('\u{1b}'));
}
