//! A context belongs to its connection: what SQLite left is not taken to Snowflake, what one account left not
//! to another, and what is gone there blocks nobody.

use serde_json::{Value, json};
use warehouse::secrets;

use super::*;

/// The config for SQLite, with databases `ONE` and `SALES`.
fn use_sqlite(home: &Home) {
    home.configure("");
    home.add_database("ONE");
    home.add_database("SALES");
}

fn use_account(home: &Home, warehouse: &Warehouse, account: &str) {
    let key = secrets::private_key();
    let lines = format!("private_key_file = {:?}\nread_only = false\n", key.display().to_string());
    home.configure_account(warehouse, &lines, "");
    let text = std::fs::read_to_string(home.config_file()).expect("the config file");
    std::fs::write(home.config_file(), text.replace("org-test", account)).expect("writing the config file");
}

/// A client leaves, and its gateway ends.
fn leaves(home: &Home, mut client: Client) {
    client.leave();
    home.stop();
}

/// What the gateway says beside the result.
fn note(answer: &Value) -> Option<&str> {
    answer["result"]["content"][1]["text"].as_str()
}

/// The context, and whether it was inherited.
fn context_of(client: &mut Client) -> (Value, bool) {
    let info = client.call("session_info", &json!({}));
    let info = &info["result"]["structuredContent"];
    (info["context"].clone(), info["context_from"] == "inherited")
}

/// Makes the state file look as an older build wrote it, with these contexts: each session has its own.
fn age_contexts(home: &Home, context: &Value) {
    let state = rusqlite::Connection::open(home.path().join("state/state.db")).expect("the state file");
    let sql = "UPDATE session SET context = json_patch(context, ?1)";
    let changed = state.execute(sql, [context.to_string()]);
    assert!(changed.expect("writing the state file") > 0);
    state.execute_batch("DROP TABLE remembered").expect("writing the state file");
}

#[test]
fn who_tried_sqlite_first_finds_snowflake_and_then_sqlite_as_it_was() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    use_sqlite(&home);
    let mut first = client(&home);
    set_context(&mut first, &json!({"database": "SALES"}));
    leaves(&home, first);
    use_account(&home, &warehouse, "org-test");
    let mut second = client(&home);
    for answer in [second.call("list_databases", &json!({})), second.query("select 1")] {
        assert!(!is_error(&answer) && note(&answer).is_none(), "{answer}");
    }
    assert_eq!(context_of(&mut second), (context("SALES", "PUBLIC"), false));
    set_context(&mut second, &json!({"database": "STAGING"}));
    leaves(&home, second);
    use_sqlite(&home);
    let mut third = client(&home);
    assert_eq!(context_of(&mut third), (json!({"database": "SALES", "schema": "main"}), true));
    leaves(&home, third);
    use_account(&home, &warehouse, "ORG_TEST");
    let mut fourth = client(&home);
    assert_eq!(context_of(&mut fourth), (context("STAGING", "PUBLIC"), true), "the same account");
    leaves(&home, fourth);
    use_account(&home, &warehouse, "org-other");
    let mut fifth = client(&home);
    query(&mut fifth, "SELECT 1 AS N");
    assert_eq!(context_of(&mut fifth), (context("SALES", "PUBLIC"), false), "another account");
}

#[test]
fn a_context_that_an_older_build_left_is_tried_and_replaced_if_it_is_none_of_this_account_s() {
    let warehouse = Warehouse::start();
    let home = Home::of_warehouse(&warehouse);
    let mut first = client(&home);
    set_context(&mut first, &json!({"database": "STAGING"}));
    leaves(&home, first);
    age_contexts(&home, &json!({"database": "SNOWFLAKE_SAMPLE_DATA", "schema": "main"}));
    let mut second = client(&home);
    let answer = second.query("SELECT current_database() AS D");
    assert!(!is_error(&answer) && tool_text(&answer).contains("SALES"), "{answer}");
    let said = note(&answer).expect("a note");
    for part in [
        "database SNOWFLAKE_SAMPLE_DATA, schema MAIN",
        "cannot be used: ",
        "database SALES, schema PUBLIC",
        "set_context",
    ] {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(note(&second.query("SELECT 1 AS N")).is_none(), "it is said once");
    assert_eq!(context_of(&mut second), (context("SALES", "PUBLIC"), false));
    home.log_until("cannot use this client's previous context", 1);
    let line = &home.log_lines("cannot use this client's previous context")[0];
    assert!(line["gone"].as_str().is_some_and(|gone| gone.contains("SNOWFLAKE_SAMPLE_DATA")), "{line}");
    // The shim has the new one: nothing is lost with the next gateway.
    home.kill_gateway();
    assert!(query(&mut second, "SELECT current_database() AS D").contains("SALES"));
    leaves(&home, second);
    age_contexts(&home, &json!({"database": "STAGING", "schema": "PUBLIC"}));
    let mut third = client(&home);
    let answer = third.query("SELECT current_database() AS D");
    assert!(tool_text(&answer).contains("STAGING"), "{answer}");
    assert!(note(&answer).is_some_and(|note| note.contains("database STAGING")), "{answer}");
}

#[test]
fn a_database_that_was_dropped_since_blocks_no_first_call_of_any_tool() {
    let (with, without) = (Warehouse::builder().database("EXTRA").start(), Warehouse::start());
    let home = Home::of_warehouse(&with);
    for (tool, arguments) in [
        ("list_databases", json!({})),
        ("list_tables", json!({})),
        ("describe_table", json!({"table": "ORDERS"})),
        ("execute_query", json!({"query": "select 1"})),
        ("set_context", json!({"warehouse": "COMPUTE_WH"})),
    ] {
        use_account(&home, &with, "org-test");
        let mut first = client(&home);
        set_context(&mut first, &json!({"database": "EXTRA"}));
        leaves(&home, first);
        use_account(&home, &without, "org-test");
        let mut second = client(&home);
        let answer = second.call(tool, &arguments);
        assert!(!is_error(&answer), "{tool}: {answer}");
        if tool != "set_context" {
            assert!(note(&answer).is_some_and(|note| note.contains("database EXTRA")), "{tool}: {answer}");
        }
        assert!(query(&mut second, "SELECT current_database() AS D").contains("SALES"), "{tool}");
        leaves(&home, second);
    }
}

#[test]
fn a_session_that_had_set_its_context_is_stopped_where_it_cannot_be_restored_and_no_more_than_that() {
    let (with, without) = (Warehouse::builder().database("EXTRA").start(), Warehouse::start());
    let home = Home::of_warehouse(&with);
    let mut client = client(&home);
    set_context(&mut client, &json!({"database": "EXTRA"}));
    // The database is gone; then there is no Snowflake at all.
    for word in ["database EXTRA", "a snowflake connection"] {
        if word == "database EXTRA" {
            use_account(&home, &without, "org-test");
        } else {
            use_sqlite(&home);
        }
        home.stop();
        for sql in ["INSERT INTO LOG VALUES ('k')", "SELECT current_database() AS D", "create table t (x)"] {
            let answer = client.query(sql);
            assert!(is_error(&answer) && tool_text(&answer).contains(word), "{sql}: {answer}");
        }
        for answer in [
            client.call("list_databases", &json!({})),
            client.call("list_tables", &json!({"database": "SALES"})),
            client.call("session_info", &json!({})),
            client.query("select 1"),
        ] {
            assert!(!is_error(&answer) && note(&answer).is_none(), "{answer}");
        }
    }
    // It finds its way back, or takes another.
    use_account(&home, &with, "org-test");
    home.stop();
    assert!(query(&mut client, "SELECT current_database() AS D").contains("EXTRA"));
    use_sqlite(&home);
    home.stop();
    assert_eq!(set_context(&mut client, &json!({"database": "ONE"}))["database"], "ONE");
    assert!(!is_error(&client.query("select count(*) from sqlite_schema")));
}

#[test]
fn a_session_that_had_set_nothing_goes_on_with_the_other_backend_and_is_told() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    use_sqlite(&home);
    let mut client = client(&home);
    assert!(!is_error(&client.query("select 1")));
    use_account(&home, &warehouse, "org-test");
    home.stop();
    let answer = client.query("SELECT current_database() AS D");
    assert!(!is_error(&answer) && tool_text(&answer).contains("SALES"), "{answer}");
    assert!(note(&answer).is_some_and(|note| note.contains("database ONE")), "{answer}");
    assert!(note(&client.query("select 1")).is_none());
}

#[test]
fn the_session_list_shows_the_database_that_the_account_chose_and_the_ids_of_the_log() {
    let (_warehouse, home) = start();
    let mut client = client(&home);
    query(&mut client, "SELECT 1 AS N");
    let session = home.session_of(client.pid());
    assert_eq!(session["context"], context("SALES", "PUBLIC"));
    let text = home.run(&["sessions"]).stdout;
    let row = text.lines().nth(1).expect("a session");
    assert!(row.contains("SALES") && row.contains(session["id"].as_str().unwrap()), "{text}");
    let line = &home.log_lines("session opened")[0];
    let spans = line["spans"].as_array().unwrap();
    assert!(spans.iter().any(|span| span["session"] == session["id"]), "{line}");
}
