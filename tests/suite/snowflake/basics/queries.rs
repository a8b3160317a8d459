//! Queries that take long, are cancelled, change something, or outlive their gateway.

#[cfg(unix)]
mod unix;

use serde_json::json;
use snowgate_tests::eventually;
use warehouse::QueryState;

use super::*;

const LOG: &str = "STAGING.PUBLIC.LOG";

fn insert(value: &str) -> String {
    format!("INSERT INTO {LOG} VALUES ({value})")
}

/// The query of this text, once the server has it.
fn query_id(warehouse: &Warehouse, sql: &str) -> String {
    eventually("the query is submitted", || {
        warehouse.seen(|seen| seen.queries_of(sql).first().map(|query| query.query_id.clone()))
    })
}

#[test]
fn a_query_that_needs_three_polls_gives_its_rows() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let sql = "SELECT polls(3) AS N";
    assert_eq!(query(&mut client, sql), "N\n3\n(1 row)");
    let polls = warehouse.seen(|seen| seen.queries_of(sql)[0].polls);
    assert!(polls >= 3, "{polls}");
}

#[test]
fn a_cancel_reaches_the_server() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    for sql in ["SELECT held('read') AS X".to_owned(), insert("held('write')")] {
        let id = client.send_call("execute_query", &json!({"query": sql}));
        let query_id = query_id(&warehouse, &sql);
        client.notify("notifications/cancelled", &json!({"requestId": id}));
        warehouse.until("the abort", |seen| {
            seen.aborts.iter().any(|abort| abort.query_id.as_deref() == Some(&query_id) && abort.effective)
        });
        warehouse.until("the end", |seen| seen.queries_of(&sql)[0].state == QueryState::Aborted);
    }
    assert!(query(&mut client, "SELECT 1 AS N").contains('1'));
    assert!(warehouse.rows(LOG).is_empty());
}

#[test]
fn a_query_that_takes_too_long_is_stopped() {
    let warehouse = Warehouse::start();
    let home = Home::of_warehouse(&warehouse);
    let text =
        std::fs::read_to_string(home.config_file()).unwrap() + "[limits]\nstatement_timeout_ms = 1000\n";
    std::fs::write(home.config_file(), text).unwrap();
    let mut client = client(&home);
    let sql = "SELECT held('never') AS X";
    let answer = client.query(sql);
    assert!(tool_text(&answer).starts_with("Timed out: "), "{answer}");
    // By us or by the server's own clock, which was given the same time.
    warehouse.until("the end", |seen| seen.queries_of(sql)[0].state != QueryState::Running);
}

#[test]
fn a_client_that_dies_leaves_no_query_behind() {
    let (warehouse, home) = start();
    let client_ = &mut client(&home);
    let sql = "SELECT held('dead') AS X";
    client_.send_call("execute_query", &json!({"query": sql}));
    query_id(&warehouse, sql);
    client_.signal(snowgate_tests::Signal::KILL);
    warehouse.until("the end", |seen| seen.queries_of(sql)[0].state == QueryState::Aborted);
}

#[test]
fn changes_are_counted_committed_and_tried_without_effect() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    assert_eq!(query(&mut client, &insert("'one'")), "1 row changed");
    let call = |sql: String, more: Value| {
        let mut arguments = json!({"query": sql});
        arguments.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        arguments
    };
    let answer = client.call("execute_query", &call(insert("'two'"), json!({"use_transaction": true})));
    assert_eq!(result(&answer), "1 row changed");
    let dry = client.call("execute_query", &call(insert("'three'"), json!({"auto_commit": false})));
    assert!(tool_text(&dry).starts_with("1 row changed"), "{dry}");
    let refused = client.call("execute_query", &call("DROP TABLE T".into(), json!({"auto_commit": false})));
    assert!(tool_text(&refused).starts_with("Refused: "), "{refused}");
    for (key, times) in [("one", 1), ("two", 1), ("three", 0)] {
        assert_eq!(warehouse.count_key(LOG, key), times, "{key}");
    }
}

#[test]
fn a_query_whose_gateway_is_killed_is_fetched_by_the_next() {
    let (warehouse, home) = start();
    let mut client = client(&home);
    let sql = insert("held('key')");
    let id = client.send_call("execute_query", &json!({"query": sql}));
    query_id(&warehouse, &sql);
    warehouse.until("its result is asked for", |seen| seen.queries_of(&sql)[0].polls > 0);
    home.kill_gateway();
    warehouse
        .until("the next gateway asks", |seen| seen.queries_of(&sql)[0].polls > 1 && seen.sessions() > 1);
    warehouse.release("key");
    assert_eq!(result(&client.answer(&id)), "1 row changed");
    assert_eq!(warehouse.count_key(LOG, "key"), 1);
    let (queries, submissions) =
        warehouse.seen(|seen| (seen.queries_of(&sql).len(), seen.queries_of(&sql)[0].submissions));
    assert_eq!((queries, submissions), (1, 1));
}

#[test]
fn a_long_read_whose_gateway_is_killed_is_fetched_by_the_next() {
    let warehouse = Warehouse::builder().hold(Duration::from_millis(300)).start();
    let home = Home::of_warehouse(&warehouse);
    let mut client = client(&home);
    let sql = "SELECT held('rows') AS X";
    let id = client.send_call("execute_query", &json!({"query": sql}));
    warehouse.until("its result is asked for", |seen| {
        seen.queries_of(sql).first().is_some_and(|query| query.polls > 0)
    });
    home.kill_gateway();
    warehouse.release("rows");
    assert_eq!(result(&client.answer(&id)), "X\nrows\n(1 row)");
    let queries = warehouse.seen(|seen| seen.queries_of(sql).len());
    assert_eq!(queries, 1);
}

#[test]
fn a_restart_leaves_the_query_to_the_next_gateway() {
    let warehouse = Warehouse::start();
    let home = Home::of_warehouse(&warehouse);
    let text = std::fs::read_to_string(home.config_file()).unwrap() + "[gateway]\ndrain_timeout_ms = 100\n";
    std::fs::write(home.config_file(), text).unwrap();
    let mut client = client(&home);
    let sql = insert("held('left')");
    let id = client.send_call("execute_query", &json!({"query": sql}));
    warehouse.until("its result is asked for", |seen| {
        seen.queries_of(&sql).first().is_some_and(|query| query.polls > 0)
    });
    assert_eq!(home.run(&["restart"]).code, Some(0));
    warehouse.release("left");
    assert_eq!(result(&client.answer(&id)), "1 row changed");
    assert_eq!(warehouse.count_key(LOG, "left"), 1);
    assert_eq!(warehouse.seen(|seen| seen.queries_of(&sql)[0].submissions), 1);
    assert_eq!(warehouse.seen(|seen| seen.aborts.len()), 0);
}
