//! A qualified name where a tool takes the name of a table or view alone.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text};

/// A client in `ONE`; `TWO` has the table `orders` and the view `open`, `ONE` has `a.b` and `items`.
fn ready(home: &Home) -> Client {
    home.configure("read_only = false\n");
    let mut client = home.client();
    client.initialize();
    for (database, sql) in [
        ("TWO", "create table orders (id integer primary key)"),
        ("TWO", "create view open as select id from orders"),
        ("ONE", "create table \"a.b\" (dotted)"),
        ("ONE", "create table items (item)"),
        ("ONE", "create view all_items as select item from items"),
    ] {
        let made = client.call("execute_query", &json!({"query": sql, "database": database}));
        assert_eq!(made["result"]["isError"], false, "{made}");
    }
    client
}

#[track_caller]
fn shows(client: &mut Client, tool: &str, arguments: &Value, words: &str) {
    let answer = client.call(tool, arguments);
    assert!(
        answer["result"]["isError"] == false && tool_text(&answer).contains(words),
        "{arguments}: {answer}"
    );
}

#[test]
fn a_qualified_name_is_taken_apart_where_there_is_no_such_table() {
    let home = Home::new();
    let mut client = ready(&home);
    for (table, column) in [
        ("TWO.orders", "id|"),
        ("two.main.orders", "id|"),
        ("\"TWO\".\"orders\"", "id|"),
        ("main.items", "item|"),
        ("\"items\"", "item|"),
        ("a.b", "dotted|"),
        ("ONE.\"a.b\"", "dotted|"),
        ("[ONE].main.`a.b`", "dotted|"),
        ("TWO.open", "id|"),
    ] {
        shows(&mut client, "describe_table", &json!({"table": table}), column);
    }
    shows(&mut client, "describe_table", &json!({"table": "main.orders", "database": "TWO"}), "id|");
    shows(&mut client, "describe_view", &json!({"database": "TWO", "view_name": "main.open"}), "select id");
    shows(
        &mut client,
        "query_view",
        &json!({"database": "ONE", "view_name": "ONE.all_items"}),
        "item\n(0 rows)",
    );
}

#[test]
fn where_there_is_none_the_answer_says_what_was_looked_for() {
    let home = Home::new();
    let mut client = ready(&home);
    for (arguments, words) in [
        (
            json!({"table": "TWO.nosuch"}),
            ["nosuch in schema TWO, and as nosuch in database TWO", "list_tables"],
        ),
        (json!({"table": "TWO.other.orders"}), ["orders in schema other in database TWO", "`schema`"]),
        (json!({"table": "TWO.orders", "database": "ONE", "schema": "main"}), ["contradicts", "`database`"]),
        (json!({"table": "nosuch"}), ["no such table or view: ONE.nosuch", "list_tables"]),
    ] {
        let answer = client.call("describe_table", &arguments);
        let text = tool_text(&answer);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        assert!(words.iter().all(|word| text.contains(word)), "{arguments}: {text}");
    }
}
