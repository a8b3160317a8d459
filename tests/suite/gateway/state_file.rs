//! The state file, held by another program, and how large it becomes.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text, until};

fn writable() -> Home {
    let home = Home::new();
    home.configure("read_only = false\n");
    home
}

fn named(home: &Home, name: &str) -> Client {
    let mut client = home.client();
    client.initialize_as(name, "2025-11-25");
    client
}

fn insert(client: &mut Client) -> Value {
    client.send_call("execute_query", &json!({"query": "insert into t values (1)"}))
}

#[track_caller]
fn succeeds(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    tool_text(answer)
}

fn state_file(home: &Home) -> rusqlite::Connection {
    rusqlite::Connection::open(home.path().join("state/state.db")).expect("the state file")
}

#[test]
fn while_another_program_holds_the_state_file_writes_are_refused_and_nobody_else_is_held_up() {
    let home = writable();
    let mut writers: Vec<Client> = (0..6).map(|number| named(&home, &format!("writer {number}"))).collect();
    let mut reader = named(&home, "reader");
    succeeds(&writers[0].query("create table t (x)"));
    for client in writers.iter_mut().chain([&mut reader]) {
        succeeds(&client.query("select count(*) from t"));
    }
    let other = state_file(&home);
    other.execute_batch("BEGIN IMMEDIATE").expect("holding the state file");
    let mut writes: Vec<Value> = writers.iter_mut().map(insert).collect();
    // While they wait.
    assert_eq!(reader.request("ping", &json!({}))["result"], json!({}));
    assert!(reader.request("tools/list", &json!({}))["result"]["tools"].is_array());
    succeeds(&reader.query("select count(*) from t"));
    let mut newcomer = named(&home, "newcomer");
    assert!(newcomer.request("tools/list", &json!({}))["result"]["tools"].is_array());
    succeeds(&newcomer.query("select count(*) from t"));
    // They come one after the other now, and each is told what is wrong.
    for _ in 0..2 {
        for (client, write) in writers.iter_mut().zip(&mut writes) {
            let answer = client.answer(write);
            let text = tool_text(&answer);
            assert_eq!(answer["result"]["isError"], true, "{answer}");
            assert!(text.contains("the write journal is unavailable") && text.contains("state.db"), "{text}");
            assert!(text.contains("nothing was run") && text.contains("end the program"), "{text}");
            *write = insert(client);
        }
    }
    let status = home.status().expect("a running gateway");
    assert!(status["state_problem"].as_str().is_some_and(|why| why.contains("locked")), "{status}");
    drop(other);
    for (client, write) in writers.iter_mut().zip(&writes) {
        // The last round may have been refused, or not.
        client.answer(write);
        succeeds(&client.query("delete from t"));
    }
    for client in &mut writers {
        assert_eq!(succeeds(&client.query("insert into t values (2)")), "1 row changed");
    }
    assert_eq!(succeeds(&reader.query("select count(*) as n from t where x = 2")), "n\n6\n(1 row)");
    assert_eq!(succeeds(&reader.query("select count(*) as n from t")), "n\n6\n(1 row)", "nothing ran later");
    assert_eq!(home.writes_under_way(), 0);
    assert_eq!(home.status().expect("a running gateway")["state_problem"], Value::Null);
}

#[test]
fn a_session_that_comes_back_while_the_state_file_is_held_keeps_its_journal() {
    let home = writable();
    let mut client = named(&home, "client");
    succeeds(&client.query("create table t (x)"));
    let other = state_file(&home);
    other.execute_batch("BEGIN IMMEDIATE").expect("holding the state file");
    home.kill_gateway();
    succeeds(&client.query("select count(*) from t"));
    assert_eq!(home.log_lines("cannot look up a session that comes back"), Vec::<Value>::new());
    drop(other);
    until("it may write again", || client.query("insert into t values (1)")["result"]["isError"] == false);
    home.kill_gateway();
    assert_eq!(succeeds(&client.query("insert into t values (2)")), "1 row changed");
    assert_eq!(succeeds(&client.query("select count(*) as n from t")), "n\n2\n(1 row)");
}

#[test]
fn the_state_file_gives_back_what_the_results_of_writes_took() {
    const WRITES: usize = 100;
    let home = writable();
    let mut maker = named(&home, "maker");
    succeeds(&maker.query("create table t (x)"));
    let mut clients: Vec<Client> = (0..4).map(|number| named(&home, &format!("client {number}"))).collect();
    let write = json!({"query": "insert into t values (hex(zeroblob(7000))) returning x"});
    let sql = "SELECT coalesce(sum(octet_length(result)), 0) FROM journal";
    let held = || state_file(&home).query_row(sql, [], |row| row.get::<_, i64>(0)).expect("a journal");
    for client in &mut clients {
        for _ in 0..WRITES {
            succeeds(&client.call("execute_query", &write));
        }
    }
    // Each keeps the newest that fit into its share.
    let kept = held();
    assert!((2 << 20..=(4 << 20)).contains(&kept), "{kept} bytes");
    for client in &mut clients {
        client.leave();
    }
    let length = || std::fs::metadata(home.path().join("state/state.db")).map_or(0, |file| file.len());
    until("their journal is removed", || held() < 4096);
    until("the file is small again", || length() < 2 << 20);
    let pages: i64 =
        state_file(&home).query_row("PRAGMA page_count", [], |row| row.get(0)).expect("the state file");
    assert!(pages < 512, "{pages} pages");
    succeeds(&maker.query("insert into t values ('still')"));
}
