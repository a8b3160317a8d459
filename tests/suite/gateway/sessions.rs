//! Sessions: each client's own context, what is known of it, and the limits that hold for it.

use std::fs;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, error_text, patience, tool_text, until};

fn ready(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

fn is_error(answer: &Value) -> bool {
    answer["result"]["isError"] == true
}

/// A home with the sample data and a copy of it as `COPY`; the sample is made once a test process.
fn sample_home() -> Home {
    static SAMPLE: OnceLock<Vec<u8>> = OnceLock::new();
    const FILE: &str = "SNOWFLAKE_SAMPLE_DATA.db";
    let sample = SAMPLE.get_or_init(|| {
        let home = Home::bare();
        drop(ready(&home));
        home.stop();
        fs::read(home.path().join("data/sample").join(FILE)).expect("the sample data")
    });
    let home = Home::bare();
    fs::create_dir_all(home.databases()).expect("making a folder");
    fs::write(home.databases().join(FILE), sample).expect("writing the sample data");
    fs::copy(home.databases().join(FILE), home.databases().join("COPY.db")).expect("copying it");
    home
}

#[test]
fn two_clients_in_two_databases_do_not_see_each_other() {
    let home = sample_home();
    let (mut one, mut two) = (ready(&home), ready(&home));
    assert!(!is_error(&one.call("set_context", &json!({"database": "SNOWFLAKE_SAMPLE_DATA"}))));
    let set = two.call("set_context", &json!({"database": "copy"}));
    assert_eq!(set["result"]["structuredContent"]["context"]["database"], "COPY", "{set}");
    let sql = "select file like '%COPY.db' as is_copy from pragma_database_list where seq = 0";
    for _ in 0..20 {
        // Both at once, over the same few connections.
        let asked = [&mut one, &mut two].map(|client| {
            let arguments = json!({"query": "select count(*) as n from nation"});
            let info = client.send_call("session_info", &json!({}));
            let count = client.send_call("execute_query", &arguments);
            let file = client.send_call("execute_query", &json!({"query": sql}));
            [info, count, file]
        });
        for ((client, [info, count, file]), database) in
            [&mut one, &mut two].into_iter().zip(&asked).zip(["SNOWFLAKE_SAMPLE_DATA", "COPY"])
        {
            let info = client.answer(info);
            assert_eq!(info["result"]["structuredContent"]["context"]["database"], database);
            assert_eq!(tool_text(&client.answer(count)), "n\n25\n(1 row)");
            let is_copy = u8::from(database == "COPY");
            assert_eq!(tool_text(&client.answer(file)), format!("is_copy\n{is_copy}\n(1 row)"));
        }
    }
    let contexts: Vec<Value> = home.sessions().iter().map(|s| s["context"]["database"].clone()).collect();
    assert_eq!(contexts, ["SNOWFLAKE_SAMPLE_DATA", "COPY"]);
}

#[test]
fn the_session_list_knows_who_each_client_is() {
    let home = Home::new();
    let folder = home.path().join("workspace");
    fs::create_dir(&folder).expect("making a folder");
    let mut client = home.launch().current_dir(&folder).start();
    client.initialize_as("Roo Code", "2025-06-18");
    client.query("values (1), (2), (3)");
    client.query("select * from nowhere");
    let session = home.session_of(client.pid());
    let own = std::env::current_exe().expect("the test's program");
    for (field, value) in [
        ("client", json!("Roo Code")),
        ("client_version", json!("1.2.3")),
        ("era", json!("handshake 2025-06-18")),
        ("profile", json!("default")),
        ("state", json!("idle")),
        ("pid", json!(client.pid())),
        ("cwd", json!(folder)),
        ("parent_exe", json!(own)),
        ("requests", json!(3)),
        ("running", json!(0)),
        ("rows", json!(3)),
        ("errors", json!(1)),
        ("context", json!({"database": "ONE", "schema": "main"})),
    ] {
        assert_eq!(session[field], value, "{field} of {session}");
    }
    assert!(session["bytes"].as_u64() > Some(200), "{session}");
    assert!(
        session["idle_ms"].as_u64().is_some_and(|ms| u128::from(ms) < patience().as_millis()),
        "{session}"
    );
    let text = home.run(&["sessions"]).stdout;
    assert!(text.contains("Roo Code 1.2.3") && text.contains("ONE"), "{text}");
    let secrets = home.run(&["sessions", "--json"]).stdout;
    assert!(!secrets.contains("secret"), "{secrets}");
}

#[test]
fn status_on_a_machine_without_a_gateway_exits_with_3() {
    let home = Home::new();
    for (arguments, word) in [
        (&["status"][..], "no gateway is running"),
        (&["status", "--json"][..], "\"running\": false"),
        (&["sessions"][..], "no gateway is running"),
        (&["stop"][..], "no gateway is running"),
    ] {
        let output = home.run(arguments);
        assert_eq!(output.code, Some(3), "{arguments:?}: {output:?}");
        assert!(output.stdout.contains(word), "{arguments:?}: {output:?}");
    }
    assert_eq!(home.gateways(), []);
}

#[test]
fn a_profile_sets_the_context_a_session_starts_with() {
    let home = Home::new();
    home.configure("[profiles.default]\ndatabase = \"ONE\"\n[profiles.analyst]\ndatabase = \"two\"\n");
    for launch in [home.launch().arg("--profile=analyst"), home.launch().env("SNOWGATE_PROFILE", "analyst")] {
        let mut client = launch.start();
        client.initialize();
        let info = client.call("session_info", &json!({}));
        let info = &info["result"]["structuredContent"];
        assert_eq!((&info["profile"], &info["context"]["database"]), (&json!("analyst"), &json!("TWO")));
    }
    let mut plain = ready(&home);
    let info = plain.call("session_info", &json!({}));
    assert_eq!(info["result"]["structuredContent"]["profile"], "default", "the starter's profile is its own");
}

#[test]
fn an_unknown_profile_is_refused_with_the_nearest() {
    let home = Home::new();
    home.configure("[profiles.analyst]\ndatabase = \"TWO\"\n");
    let mut client = home.launch().arg("--profile").arg("analist").start();
    let answer = client.request("tools/list", &json!({}));
    let message = error_text(&answer, -32603);
    assert!(message.contains("analist") && message.contains("did you mean `analyst`?"), "{message}");
    client.stderr_says("did you mean `analyst`?");
}

#[test]
fn a_profile_whose_database_is_missing_is_refused_by_name() {
    let home = Home::new();
    home.configure("[profiles.lost]\ndatabase = \"THREE\"\n");
    let mut client = home.launch().arg("--profile").arg("lost").start();
    let answer = client.request("tools/list", &json!({}));
    let message = error_text(&answer, -32603);
    assert!(message.contains("profile `lost`") && message.contains("THREE"), "{message}");
    // It is there from the next request on.
    home.add_database("THREE");
    assert!(client.request("tools/list", &json!({}))["result"].is_object());
}

#[test]
fn a_cancelled_query_is_stopped_and_not_answered() {
    let home = Home::new();
    let mut client = ready(&home);
    for _ in 0..3 {
        let id = client.send_endless_query();
        home.sessions_until("the query runs", |sessions| sessions[0]["running"] == 1);
        client.notify("notifications/cancelled", &json!({"requestId": id, "reason": "bored"}));
        assert_eq!(tool_text(&client.query("select 1 as one")), "one\n1\n(1 row)");
        until("its connection is free", || {
            home.status().is_some_and(|status| status["connections_open"] == status["connections_idle"])
        });
        assert!(client.unclaimed().is_empty(), "{:?}", client.unclaimed());
    }
    client.close_stdin();
    assert_eq!(client.rest(), Vec::<Value>::new(), "a cancelled request is not answered");
}

#[test]
fn cancelling_what_waits_or_is_done_or_never_was_changes_nothing() {
    let home = Home::new();
    home.configure("[gateway]\nsession_requests_max = 1\n");
    let mut client = ready(&home);
    let running = client.send_endless_query();
    let waiting = client.send_call("session_info", &json!({}));
    for id in [&waiting, &json!(99), &json!("never"), &running] {
        client.notify("notifications/cancelled", &json!({"requestId": id}));
    }
    let done = client.send("ping", &json!({}));
    client.answer(&done);
    client.notify("notifications/cancelled", &json!({"requestId": done}));
    assert_eq!(tool_text(&client.query("select 1 as one")), "one\n1\n(1 row)");
    client.close_stdin();
    assert_eq!(client.rest(), Vec::<Value>::new());
}

#[test]
fn a_statement_over_its_time_is_stopped_and_says_so() {
    let home = Home::new();
    home.configure("[limits]\nstatement_timeout_ms = 250\n");
    let mut client = ready(&home);
    let since = Instant::now();
    let id = client.send_endless_query();
    let answer = client.answer(&id);
    let took = since.elapsed();
    assert!(is_error(&answer), "{answer}");
    let text = tool_text(&answer);
    assert!(text.contains("stopped after 250 ms") && text.contains("statement_timeout_ms"), "{text}");
    assert!(took >= Duration::from_millis(250), "{took:?}");
    assert_eq!(tool_text(&client.query("select 1 as one")), "one\n1\n(1 row)");
}

#[test]
fn writing_is_refused_with_the_setting_that_forbids_it() {
    let home = Home::new();
    let mut client = ready(&home);
    for sql in ["create table t (i)", "delete from sqlite_schema", "drop table t", "vacuum"] {
        let answer = client.query(sql);
        assert!(is_error(&answer), "{sql}: {answer}");
    }
    let answer = client.query("create table t (i)");
    let text = tool_text(&answer);
    assert!(text.starts_with("Refused: ") && text.contains("read_only"), "{text}");
    assert!(text.contains("Next step: "), "{text}");
    let several = client.query("select 1; select 2");
    assert!(tool_text(&several).contains("one statement per call"), "{several}");
    assert_eq!(fs::metadata(home.databases().join("ONE.db")).expect("the database").len(), 0);
}

#[test]
fn writing_works_where_it_is_allowed_and_is_seen_by_others() {
    let home = Home::new();
    home.configure("read_only = false\n");
    let (mut one, mut two) = (ready(&home), ready(&home));
    assert!(!is_error(&one.query("create table t (i integer)")));
    assert_eq!(tool_text(&one.query("insert into t values (1), (2)")), "2 rows changed");
    assert_eq!(tool_text(&two.query("select sum(i) as s from t")), "s\n3\n(1 row)");
    let dry = json!({"query": "delete from t", "use_transaction": true, "auto_commit": false});
    assert!(!is_error(&one.call("execute_query", &dry)));
    assert_eq!(tool_text(&two.query("select sum(i) as s from t")), "s\n3\n(1 row)");
}

#[test]
fn requests_over_the_session_s_limit_wait_and_are_all_answered() {
    let home = Home::new();
    home.configure("[gateway]\nsession_requests_max = 2\n");
    let mut client = ready(&home);
    let endless = [client.send_endless_query(), client.send_endless_query()];
    let waiting: Vec<Value> = (0..50).map(|_| client.send("ping", &json!({}))).collect();
    let sessions = home.sessions_until("two run", |sessions| sessions[0]["running"] == 2);
    assert_eq!(sessions[0]["requests"], 3, "initialize and the two that run; the others wait");
    let mut other = ready(&home);
    assert!(other.request("ping", &json!({}))["result"].is_object(), "others have their own limit");
    assert_eq!(home.session_of(client.pid())["running"], 2);
    client.notify("notifications/cancelled", &json!({"requestId": endless[0]}));
    for id in &waiting {
        assert_eq!(client.answer(id)["result"], json!({}));
    }
}

#[test]
fn a_pool_that_is_used_up_refuses_by_name_and_recovers() {
    let home = Home::new();
    home.configure("[pool]\nconnections_max = 1\n[allocator]\nmax_wait_ms = 100\n");
    let mut holder = ready(&home);
    let held = holder.send_endless_query();
    home.sessions_until("the query runs", |sessions| sessions[0]["running"] == 1);
    until("it has the connection", || home.status().is_some_and(|status| status["connections_idle"] == 0));
    let mut other = ready(&home);
    let refused = other.query("select 1");
    assert!(tool_text(&refused).contains("all 1 connections were busy for 100 ms"), "{refused}");
    holder.notify("notifications/cancelled", &json!({"requestId": held}));
    until("the connection is free", || home.status().is_some_and(|status| status["connections_idle"] == 1));
    assert_eq!(tool_text(&other.query("select 1 as one")), "one\n1\n(1 row)");
}

#[test]
fn a_full_gateway_refuses_by_name_and_serves_again_when_there_is_room() {
    let home = Home::new();
    home.configure("[gateway]\nsessions_max = 1\n");
    let mut first = ready(&home);
    let mut second = home.client();
    let answer = second.request("ping", &json!({}));
    let message = error_text(&answer, -32603);
    assert!(message.contains("1 sessions are open") && message.contains("sessions_max"), "{message}");
    first.leave();
    until("there is room", || home.sessions().is_empty());
    assert!(second.request("ping", &json!({}))["result"].is_object());
}

#[test]
fn no_statement_gets_into_the_log() {
    let home = Home::new();
    let mut client = home.launch().env("SNOWGATE_LOG", "trace").start();
    client.initialize();
    client.query("select 'hush-hush-value' as x");
    client.query("select hush_hush_value from nowhere");
    client.leave();
    home.stop();
    assert!(home.log().contains("session opened"), "{}", home.log());
    assert!(!home.log().contains("hush"), "{}", home.log());
}

#[test]
fn an_event_of_a_request_names_its_session_and_the_number_of_the_request() {
    let home = Home::new();
    let mut client = home.launch().env("SNOWGATE_LOG", "info").start();
    client.initialize();
    let trace = "00-0af7651916cd43dd8448eb211c80319c-00f067aa0ba902b7-01";
    let params =
        json!({"name": "set_context", "arguments": {"database": "ONE"}, "_meta": {"traceparent": trace}});
    let answer = client.request("tools/call", &params);
    assert!(answer["result"].is_object(), "{answer}");
    let session = home.sessions()[0]["id"].clone();
    until("the event is in the log", || !home.log_lines("context changed").is_empty());
    let event = &home.log_lines("context changed")[0];
    let span = |name: &str| {
        let spans = event["spans"].as_array().unwrap();
        spans.iter().find(|span| span["name"] == name).cloned().unwrap_or_else(|| panic!("{name}: {event}"))
    };
    assert_eq!(span("process")["pid"], home.status().unwrap()["pid"]);
    assert_eq!(span("connection")["connection"], 1);
    assert_eq!(span("session")["session"], session);
    // The lines before it: initialize, initialized.
    assert_eq!(span("request")["request"], 3);
    assert_eq!(span("request")["traceparent"], trace);
    client.leave();
}

#[test]
fn stdout_carries_nothing_but_messages() {
    let home = Home::new();
    let mut client = home.launch().env("SNOWGATE_LOG", "trace").env("RUST_BACKTRACE", "1").start();
    client.line("rubbish");
    client.initialize();
    client.query("select * from nowhere");
    home.kill_gateway();
    client.query("select 1");
    home.configure("[nonsense]\n");
    home.stop();
    error_text(&client.request("ping", &json!({})), -32603);
    client.stderr_says("nonsense");
    client.close_stdin();
    // Every line was checked to be a message when it was read.
    let rest = client.rest();
    assert_eq!(rest.len(), 1, "the answer to the rubbish: {rest:?}");
}
