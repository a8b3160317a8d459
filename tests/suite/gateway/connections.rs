//! Connections of a name of one's own: each profile's sessions use theirs, and what was sent on one never runs on another.

use std::fs;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text, until};

fn launched(home: &Home, name: &str) -> Client {
    let mut client = home.client();
    client.initialize_as(name, "2025-11-25");
    client
}

#[track_caller]
fn succeeds(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    tool_text(answer)
}

fn count(client: &mut Client) -> String {
    succeeds(&client.query("select count(*) as n from t")).to_owned()
}

/// The configuration in which the clients `one` use the connection `of_one`, and `two` use `two`.
fn configure(home: &Home, of_one: &str) {
    let mut text = "read_only = false\n[pool]\nconnections_max = 1\nwait_timeout_ms = 60000\n[limits]\n\
                    statement_timeout_ms = 20000\n"
        .to_owned();
    for name in ["one", "two"] {
        let folder = home.path().join(name);
        fs::create_dir_all(&folder).expect("a folder");
        let file = folder.join("SHOP.db");
        if !file.exists() {
            fs::write(file, "").expect("an empty database");
        }
        text += &format!(
            "[connections.{name}]\nkind = 'sqlite'\nfolder = '{}'\nread_only = false\n",
            folder.display()
        );
    }
    text += &format!(
        "[profiles.one]\nmatch = [{{ client = 'one*' }}]\nconnection = '{of_one}'\n\
         [profiles.two]\nmatch = [{{ client = 'two' }}]\nconnection = 'two'\n"
    );
    home.configure(&text);
}

/// Both clients, each with an empty table `t` in its own folder.
fn both(home: &Home) -> (Client, Client) {
    configure(home, "one");
    let (mut one, mut two) = (launched(home, "one"), launched(home, "two"));
    succeeds(&one.query("create table t (x)"));
    succeeds(&two.query("create table t (x)"));
    (one, two)
}

#[test]
fn two_folders_are_served_side_by_side_also_after_the_gateway_was_killed() {
    let home = Home::new();
    let (mut one, mut two) = both(&home);
    assert_eq!(succeeds(&one.query("insert into t values (1), (2)")), "2 rows changed");
    for _ in 0..2 {
        assert_eq!(
            (count(&mut one), count(&mut two)),
            ("n\n2\n(1 row)".to_owned(), "n\n0\n(1 row)".to_owned())
        );
        home.kill_gateway();
    }
    assert_eq!((count(&mut one), count(&mut two)), ("n\n2\n(1 row)".to_owned(), "n\n0\n(1 row)".to_owned()));
    let status = home.run(&["status", "--json"]).json();
    let shown = status["connections"].as_array().expect("the connections");
    let names: Vec<_> = shown.iter().filter_map(|connection| connection["name"].as_str()).collect();
    assert_eq!(names, ["one", "sqlite", "two"], "{status}");
    assert!(home.run(&["status"]).stdout.contains("two (sqlite), "), "{status}");
    assert_eq!(home.session_of(one.pid())["connection"], "one");
    assert_eq!(home.session_of(two.pid())["connection"], "two");
}

#[test]
fn a_write_that_was_begun_on_another_connection_has_an_unknown_outcome_and_does_not_run_again() {
    let home = Home::new();
    let (mut one, mut two) = both(&home);
    let long = "insert into t with recursive n(i) as (select 1 union all select i + 1 from n limit 30000000) select i from n where i % 1000000 = 0";
    let insert = one.send_call("execute_query", &json!({ "query": long }));
    until("it runs", || home.writes_under_way() == 1);
    configure(&home, "two");
    home.kill_gateway();
    let answer = one.answer(&insert);
    let text = tool_text(&answer);
    assert!(answer["result"]["isError"] == true && text.contains("outcome unknown"), "{text}");
    assert!(text.contains("has another connection or profile now"), "{text}");
    assert_eq!(count(&mut two), "n\n0\n(1 row)");
}

#[test]
fn a_write_that_was_not_begun_does_not_run_on_another_connection() {
    let home = Home::new();
    let (mut one, mut two) = both(&home);
    let mut busy = launched(&home, "one-busy");
    busy.send_endless_query();
    home.sessions_until("the connection is taken", |sessions| {
        sessions.iter().any(|session| session["client"] == "one-busy" && session["running"] == 1)
    });
    let insert = one.send_call("execute_query", &json!({ "query": "insert into t values (1)" }));
    home.sessions_until("the write waits for it", |sessions| {
        sessions.iter().any(|session| session["client"] == "one" && session["running"] == 1)
    });
    configure(&home, "two");
    home.kill_gateway();
    let answer = one.answer(&insert);
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    drop(busy);
    assert_eq!(count(&mut two), "n\n0\n(1 row)");
}
