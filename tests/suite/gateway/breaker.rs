//! The circuit breaker over SQLite files: a folder that is gone, files that are locked.

use rusqlite::Connection;
use serde_json::Value;
use snowgate_tests::{Client, Home, eventually, tool_text, until};

const QUICK: &str =
    "busy_timeout_ms = 10\nread_only = false\n[breaker]\nrecovery_ms = 200\nrecovery_max_ms = 1000\n";

/// A home with these databases, each with a table `t`, and a client of it.
fn home_with(databases: &[&str]) -> (Home, Client) {
    let home = Home::bare();
    home.configure(QUICK);
    for name in databases {
        home.add_database(name);
        file(&home, name).execute_batch("CREATE TABLE t (x)").expect("a table");
    }
    let client = launched(&home);
    (home, client)
}

fn launched(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

/// A database as another program has it.
fn file(home: &Home, name: &str) -> Connection {
    Connection::open(home.databases().join(format!("{name}.db"))).expect("a database")
}

fn is_error(answer: &Value) -> bool {
    answer["result"]["isError"] == true
}

/// The state of the breaker.
fn state(home: &Home) -> String {
    let status = home.status().expect("a gateway");
    status["connections"][0]["breaker"]["state"].as_str().unwrap_or_else(|| panic!("{status}")).to_owned()
}

/// Asks until the breaker refuses; returns what it says.
#[track_caller]
fn until_refused(client: &mut Client, sql: &str) -> String {
    eventually("the breaker refuses", || {
        let answer = client.query(sql);
        assert!(is_error(&answer), "{answer}");
        let text = tool_text(&answer).to_owned();
        text.contains("circuit breaker").then_some(text)
    })
}

/// Asks until it works.
#[track_caller]
fn until_works(client: &mut Client, sql: &str) {
    until("it works again", || !is_error(&client.query(sql)));
}

#[test]
fn a_folder_that_is_gone_is_found_out_and_served_again_once_it_is_back() {
    let (home, mut client) = home_with(&["shop"]);
    let mut other = launched(&home);
    until_works(&mut client, "select * from t");
    let away = home.path().join("away");
    std::fs::rename(home.databases(), &away).expect("moving the folder");
    for number in 1..=5 {
        let answer = client.query("select * from t");
        assert!(is_error(&answer), "{number}: {answer}");
        assert!(tool_text(&answer).contains("does not exist"), "{answer}");
    }
    let text = until_refused(&mut client, "select * from t");
    assert!(
        text.contains("does not exist") && text.contains("circuit breaker of `sqlite` is open"),
        "{text}"
    );
    assert!(text.contains("nothing of this request ran"), "{text}");
    assert_ne!(state(&home), "closed");
    assert!(home.run(&["status"]).stdout.contains("breaker "));
    std::fs::rename(&away, home.databases()).expect("moving the folder back");
    until_works(&mut other, "select * from t");
    until_works(&mut client, "insert into t values (1)");
    assert_eq!(state(&home), "closed");
}

#[test]
fn one_locked_file_of_several_closes_off_nothing() {
    let (home, mut client) = home_with(&["a", "b"]);
    let lock = file(&home, "a");
    lock.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    for _ in 0..8 {
        let answer = client.query("select * from a.t");
        assert!(is_error(&answer) && tool_text(&answer).starts_with("Busy"), "{answer}");
        assert!(!is_error(&client.query("select * from b.t")));
    }
    for _ in 0..8 {
        assert!(is_error(&client.query("select * from a.t")));
    }
    assert_eq!(state(&home), "closed");
    drop(lock);
    until_works(&mut client, "select * from a.t");
}

#[test]
fn the_only_file_locked_for_long_is_an_outage_until_it_is_not() {
    let (home, mut client) = home_with(&["a"]);
    let lock = file(&home, "a");
    lock.execute_batch("BEGIN EXCLUSIVE").expect("a lock");
    let text = until_refused(&mut client, "select * from t");
    assert!(text.contains("locked"), "{text}");
    drop(lock);
    until_works(&mut client, "select * from t");
    assert_eq!(state(&home), "closed");
}

#[test]
fn a_transaction_of_a_session_opens_no_breaker_and_its_commit_goes_through() {
    let (home, mut client) = home_with(&["a"]);
    let mut other = launched(&home);
    for sql in ["begin", "insert into t values (1)"] {
        let answer = client.query(sql);
        assert!(!is_error(&answer), "{answer}");
    }
    for _ in 0..8 {
        let answer = other.query("insert into t values (2)");
        assert!(is_error(&answer) && tool_text(&answer).starts_with("Busy"), "{answer}");
    }
    assert_eq!(state(&home), "closed");
    let committed = client.query("commit");
    assert!(!is_error(&committed), "{committed}");
    until_works(&mut other, "insert into t values (2)");
}

#[test]
fn a_statements_own_errors_open_nothing() {
    let (home, mut client) = home_with(&["a"]);
    for sql in ["select * from nothing", "selec 1", "select * from nowhere.t", "attach 'x' as y"] {
        for _ in 0..6 {
            assert!(is_error(&client.query(sql)), "{sql}");
        }
    }
    assert_eq!(state(&home), "closed");
    assert!(!is_error(&client.query("select * from t")));
}
