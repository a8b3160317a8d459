//! Connections that sessions share, and those that they have to themselves for their state.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text, until};

/// A gateway that may write, with a table `t` in the database `ONE`; `more` are lines of the config.
fn home(more: &str) -> Home {
    let home = Home::new();
    home.configure(&format!("read_only = false\n{more}"));
    assert_eq!(text(&mut ready(&home), "create table t (a)").lines().count(), 1);
    home
}

fn ready(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client.call("set_context", &json!({"database": "ONE"}));
    client
}

fn run(client: &mut Client, sql: &str) -> Value {
    client.call("execute_query", &json!({"query": sql}))
}

/// The result's text, which is an error's where there is one.
fn text(client: &mut Client, sql: &str) -> String {
    tool_text(&run(client, sql)).to_owned()
}

fn rows(client: &mut Client) -> String {
    text(client, "select count(*) as n from t").lines().nth(1).unwrap_or_default().to_owned()
}

/// Runs what must succeed.
fn must(client: &mut Client, sql: &str) {
    let answer = run(client, sql);
    assert_ne!(answer["result"]["isError"], true, "{sql}: {answer}");
}

#[test]
fn a_transaction_across_calls_is_its_session_s_alone_until_it_is_committed() {
    let home = home("");
    let (mut one, mut two) = (ready(&home), ready(&home));
    must(&mut one, "begin");
    must(&mut one, "insert into t values (1)");
    assert_eq!((rows(&mut one), rows(&mut two)), ("1".to_owned(), "0".to_owned()));
    assert_eq!(home.status().expect("a gateway")["connections_pinned"], 1);
    must(&mut one, "commit");
    assert_eq!(rows(&mut two), "1");
    assert_eq!(home.status().expect("a gateway")["connections_pinned"], 0);
    must(&mut one, "begin");
    must(&mut one, "delete from t");
    drop(one);
    until("what a client leaves open is rolled back", || {
        home.status().is_some_and(|status| status["connections_pinned"] == 0)
    });
    assert_eq!(rows(&mut two), "1");
}

#[test]
fn one_connection_is_left_where_sessions_want_all_of_them() {
    let home = home("[pool]\nconnections_max = 3\nwait_timeout_ms = 300\n");
    let mut clients: Vec<Client> = (0..3).map(|_| ready(&home)).collect();
    for client in &mut clients[..2] {
        must(client, "begin");
    }
    let error = text(&mut clients[2], "begin");
    assert!(error.contains("sessions hold 2 of them"), "{error}");
    assert_eq!(rows(&mut clients[2]), "0", "everybody else goes on");
    must(&mut clients[0], "rollback");
    must(&mut clients[2], "begin");
}

#[test]
fn a_pin_that_is_idle_is_lost_with_an_error_that_is_said_once() {
    let home = home("[profiles.default]\npin_idle_ms = 1000\n");
    let mut client = ready(&home);
    must(&mut client, "begin");
    must(&mut client, "insert into t values (1)");
    until("the pin ends", || home.status().is_some_and(|status| status["connections_pinned"] == 0));
    let error = text(&mut client, "insert into t values (2)");
    assert!(error.starts_with("State lost:"), "{error}");
    assert!(error.contains("(pin_idle_ms of profile `default`)"), "{error}");
    assert_eq!(rows(&mut client), "0", "the insert did not run outside of its transaction");
}

#[test]
fn statements_find_their_connection_again() {
    let home = home("");
    let (mut one, mut two) = (ready(&home), ready(&home));
    two.call("set_context", &json!({"database": "TWO"}));
    for _ in 0..50 {
        must(&mut one, "select 1 as x, a from t");
        must(&mut two, "select 2 as x from sqlite_master");
    }
    let status = home.status().expect("a gateway");
    let of = |name: &str| status["pool"][name].as_u64().expect("a number");
    assert!(of("reused") * 100 >= of("leases") * 95, "{status}");
    assert!(of("switched") * 5 <= of("leases"), "{status}");
    let shown = home.run(&["status"]).stdout;
    assert!(shown.contains("\nleases       "), "{shown}");
}

/// What was meant for a transaction never runs outside it, however many statements are on their way when it is lost.
#[test]
fn what_was_meant_for_a_lost_transaction_never_runs_outside() {
    for isolation in ["moderate", "strict"] {
        let home = Home::new();
        home.configure(&format!(
            "read_only = false\n[profiles.default]\nisolation = '{isolation}'\npin_idle_ms = 100\n"
        ));
        let mut client = home.client();
        client.initialize();
        client.query("create table t (x)");
        for loss in ["idle", "kill"] {
            client.query("begin");
            client.query("insert into t values (0)");
            if loss == "idle" {
                until("the pin has ended", || home.session_of(client.pid())["pin"].is_null());
            } else {
                home.kill_gateway();
            }
            let statements =
                ["insert into t values (1)", "insert into t values (2)", "insert into t values (3)"];
            let ids = statements.map(|sql| client.send_query(sql));
            for id in ids {
                let answer = client.answer(&id);
                assert_eq!(answer["result"]["isError"], true, "{isolation}, {loss}: {answer}");
            }
            let late = client.query("delete from t");
            assert!(tool_text(&late).contains("ROLLBACK"), "{isolation}, {loss}: {late}");
            // Reads go on, and ROLLBACK ends it.
            until("a read runs", || {
                client.query("select count(*) as n from t")["result"]["isError"] == false
            });
            assert_eq!(client.query("rollback")["result"]["isError"], false, "{isolation}, {loss}");
            assert_eq!(tool_text(&client.query("select count(*) as n from t")), "n\n0\n(1 row)");
            assert_eq!(client.query("insert into t values (4)")["result"]["isError"], false);
            assert_eq!(client.query("delete from t")["result"]["isError"], false);
        }
    }
}

#[test]
fn a_transaction_that_a_reload_takes_from_its_session_is_rolled_back_and_leaves_no_lock() {
    let of_other = "[profiles.w]\nrows_max = 5\n";
    let home = home(&format!("[profiles.p]\nmatch = {{ client = '*' }}\n{of_other}"));
    for (narrow, is_gone) in
        [("[profiles.p]\nmatch = { client = '*' }\nstatements = ['read']\n", false), ("", true)]
    {
        home.configure(&format!("read_only = false\n[profiles.p]\nmatch = {{ client = '*' }}\n{of_other}"));
        assert_eq!(home.run(&["reload"]).code, Some(0));
        let mut holder = ready(&home);
        must(&mut holder, "begin");
        must(&mut holder, "insert into t values (1)");
        home.configure(&format!("read_only = false\n{narrow}{of_other}"));
        assert_eq!(home.run(&["reload"]).code, Some(0));
        let mut other = home.launch().arg("--profile").arg("w").start();
        other.initialize();
        other.call("set_context", &json!({"database": "ONE"}));
        must(&mut other, "delete from t");
        if is_gone {
            assert!(text(&mut holder, "rollback").contains("not in the configuration"));
            continue;
        }
        let told = text(&mut holder, "select count(*) as n from t");
        assert!(told.contains("a reload of the config"), "{told}");
        assert_eq!(rows(&mut holder), "0");
        let refused = run(&mut holder, "commit");
        assert_eq!(refused["result"]["isError"], true, "{refused}");
        must(&mut other, "insert into t values (2)");
        assert!(text(&mut holder, "insert into t values (3)").contains("statements"));
    }
}

#[test]
fn after_a_reload_that_narrows_its_profile_rollback_is_answered() {
    let home = home("[profiles.p]\nmatch = { client = '*' }\n");
    let mut holder = ready(&home);
    must(&mut holder, "begin");
    home.configure("read_only = false\n[profiles.p]\nmatch = { client = '*' }\nstatements = ['read']\n");
    assert_eq!(home.run(&["reload"]).code, Some(0));
    assert!(text(&mut holder, "rollback").contains("nothing of it is left"));
    let told = text(&mut holder, "select 1 as n");
    assert!(told.contains("a reload of the config"), "why is told once: {told}");
    assert_eq!(text(&mut holder, "select 1 as n"), "n\n1\n(1 row)");
}
