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

fn run(client: &mut Client, sql: &str) -> Value {
    client.call("execute_query", &json!({"query": sql, "database": "ONE"}))
}

#[track_caller]
fn is_refused(client: &mut Client, sql: &str) {
    let answer = run(client, sql);
    assert!(
        answer["result"]["isError"] == true && tool_text(&answer).contains("no such table: orders (not in"),
        "{sql}: {answer}"
    );
}

#[test]
fn a_name_without_its_database_is_the_contexts_and_a_view_reads_its_own() {
    let home = Home::new();
    let mut client = ready(&home);
    for sql in ["insert into TWO.orders values (1), (2)", "insert into items values ('pen')"] {
        let made = run(&mut client, sql);
        assert_eq!(made["result"]["isError"], false, "{made}");
    }
    is_refused(&mut client, "delete from orders where id in (select id from TWO.orders)");
    is_refused(&mut client, "update Orders set id = id + 10 where id in (select id from two.orders)");
    is_refused(&mut client, "insert into [orders] select id + 10 from TWO.orders");
    is_refused(&mut client, "with c as (select id from orders) select c.id from c, TWO.orders as o");
    is_refused(&mut client, "select * from TWO.open, orders");
    let rows = |client: &mut Client, sql: &str, words: &str| {
        shows(client, "execute_query", &json!({"query": sql, "database": "ONE"}), words);
    };
    rows(&mut client, "select 'sum', sum(id), count(*) from TWO.orders", "sum|3|2");
    rows(&mut client, "select 'all', sum(id), count(*) from TWO.open", "all|3|2");
    rows(&mut client, "select * from TWO.open", "id\n1\n2");
    rows(&mut client, "select item, orders.id from items, TWO.orders as orders where orders.id = 2", "pen|2");
    shows(&mut client, "query_view", &json!({"database": "TWO", "view_name": "open"}), "id\n1\n2");
    let made = run(&mut client, "delete from TWO.orders where id in (select id from TWO.open where id > 1)");
    assert_eq!(made["result"]["isError"], false, "{made}");
    rows(&mut client, "select * from TWO.open", "id\n1\n");
}
