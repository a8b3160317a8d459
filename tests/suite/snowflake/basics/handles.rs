//! Result handles and long calls in front of a warehouse, which keeps the rows and goes on when a gateway is gone.

use serde_json::{Value, json};
use snowgate_tests::until;
use warehouse::{Endpoint, QueryState, secrets};

use super::*;

const ROWS: u64 = 50_000;

#[track_caller]
fn handle(answer: &Value) -> String {
    let handle = answer["result"]["_meta"]["snowgate/result"]["handle"].as_str();
    handle.unwrap_or_else(|| panic!("no handle: {answer}")).to_owned()
}

fn is_running(answer: &Value) -> bool {
    answer["result"]["_meta"]["snowgate/result"]["running"] == true
}

fn submissions(warehouse: &Warehouse, sql: &str) -> usize {
    warehouse.seen(|seen| seen.queries_of(sql).len())
}

/// The numbers of a page.
#[track_caller]
fn page(client: &mut Client, arguments: &Value) -> Vec<u64> {
    let answer = client.call("get_result", arguments);
    assert!(!is_error(&answer), "{answer}");
    let lines = tool_text(&answer).lines().filter(|line| !line.starts_with('(')).skip(1);
    lines.map(|line| line.split('|').next().unwrap_or_default().parse().expect("a number")).collect()
}

#[test]
fn pages_are_read_by_the_query_s_id_once_each_and_nothing_runs_again() {
    let (warehouse, home) = start();
    let (mut one, mut other) = (client(&home), client(&home));
    let sql = format!(
        "SELECT * FROM TABLE(GENERATOR(rowcount => {ROWS}, chunks => 10, inline => 500, text => 20))"
    );
    let answer = one.query(&sql);
    assert!(tool_text(&answer).starts_with(&format!("(100 of {ROWS} rows; more: get_result")), "{answer}");
    assert!(tool_text(&answer).contains("\nsummary of "), "{answer}");
    let handle = handle(&answer);
    let (mut seen, mut step) = (100, 0);
    while seen < ROWS {
        step += 1;
        match step {
            2 => _ = home.kill_gateway(),
            4 => assert_eq!(home.run(&["restart"]).code, Some(0)),
            6 => warehouse.expire_links(),
            _ => {}
        }
        let rows = page(&mut one, &json!({"handle": handle, "offset": seen, "limit": 9_000}));
        assert!(!rows.is_empty(), "behind {seen}");
        assert!(rows.iter().copied().eq(seen..seen + rows.len() as u64), "behind {seen}: {rows:?}");
        seen += rows.len() as u64;
    }
    assert_eq!(seen, ROWS);
    assert_eq!(submissions(&warehouse, &sql), 1);
    let refused = other.call("get_result", &json!({"handle": handle}));
    assert!(is_error(&refused) && tool_text(&refused).contains("has no result"), "{refused}");
    let chunks = warehouse.seen(|seen| seen.count(Endpoint::Chunk));
    let last = page(&mut one, &json!({"handle": handle, "offset": ROWS - 1}));
    assert_eq!(last, [ROWS - 1]);
    let asked = warehouse.seen(|seen| seen.count(Endpoint::Chunk)) - chunks;
    assert!(asked <= 2, "the chunks before a page are not downloaded: {asked}");
}

#[test]
fn a_long_query_goes_on_in_the_warehouse_and_its_rows_come_once() {
    let warehouse = Warehouse::builder().hold(std::time::Duration::from_millis(300)).start();
    let home = Home::bare();
    let key = secrets::private_key().display().to_string();
    home.configure_account(
        &warehouse,
        &format!("private_key_file = {key:?}\nread_only = false\n"),
        "[limits]\nanswer_within_ms = 1000\n",
    );
    let mut client = client(&home);
    let write = "INSERT INTO STAGING.PUBLIC.LOG VALUES (held('write'))".to_owned();
    for (name, sql) in [("read", "SELECT held('read') AS X".to_owned()), ("write", write)] {
        let answer = client.query(&sql);
        assert!(is_running(&answer), "{answer}");
        let handle = handle(&answer);
        home.kill_gateway();
        let answer = client.call("get_result", &json!({"handle": handle, "wait_ms": 10}));
        assert!(is_running(&answer), "{answer}");
        assert_eq!(home.run(&["restart"]).code, Some(0));
        warehouse.release(name);
        let mut answer = Value::Null;
        until("the query has ended", || {
            answer = client.call("get_result", &json!({"handle": handle}));
            !is_running(&answer)
        });
        assert!(!is_error(&answer), "{answer}");
        let expected = if name == "read" { "X\nread\n(1 row)" } else { "1 row changed" };
        assert!(tool_text(&answer).starts_with(expected), "{answer}");
        assert_eq!(submissions(&warehouse, &sql), 1, "{sql}");
    }
    assert_eq!(warehouse.count_key("STAGING.PUBLIC.LOG", "write"), 1);
}

#[test]
fn a_long_query_is_aborted_by_its_handle() {
    let warehouse = Warehouse::builder().hold(std::time::Duration::from_millis(300)).start();
    let home = Home::bare();
    let key = secrets::private_key().display().to_string();
    home.configure_account(
        &warehouse,
        &format!("private_key_file = {key:?}\n"),
        "[limits]\nanswer_within_ms = 1000\n",
    );
    let mut client = client(&home);
    let sql = "SELECT held('never') AS X";
    let handle = handle(&client.query(sql));
    home.kill_gateway();
    let answer = client.call("cancel_query", &json!({"handle": handle}));
    assert!(!is_error(&answer), "{answer}");
    warehouse.until("the abort", |seen| seen.queries_of(sql)[0].state == QueryState::Aborted);
    assert_eq!(submissions(&warehouse, sql), 1);
}
