//! SQLite files of other programs: what stands in them works, and what SQLite does not know names the tool.

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text};

const APP: &str = "
    CREATE TABLE items(id INTEGER PRIMARY KEY, name TEXT, status TEXT CHECK (status IN (\"active\", \"sold\")));
    INSERT INTO items(name, status) VALUES ('pen', 'active'), ('ink', 'sold');
    CREATE VIEW active AS SELECT id, name FROM items WHERE status = \"active\";
    CREATE VIRTUAL TABLE notes USING fts5(t);
    INSERT INTO notes VALUES ('blue ink');
    CREATE VIEW blue AS SELECT snippet(notes, 0, '<', '>', '', 5) AS s FROM notes WHERE notes MATCH 'blue';
    CREATE VIEW columns AS SELECT name FROM pragma_table_info('items');
    CREATE TABLE keys(k TEXT PRIMARY KEY, v);
    CREATE TABLE gone(y);
    CREATE VIEW broken AS SELECT y FROM gone;
    DROP TABLE gone;";

fn client_of(home: &Home) -> Client {
    std::fs::create_dir_all(home.databases()).expect("the databases' folder");
    let connection = rusqlite::Connection::open(home.databases().join("app.db")).expect("a database");
    connection.execute_batch(APP).expect("its tables");
    drop(connection);
    let mut client = home.client();
    client.initialize();
    let context = client.call("set_context", &json!({"database": "app"}));
    assert_ne!(context["result"]["isError"], true, "{context}");
    client
}

#[track_caller]
fn error(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    tool_text(answer)
}

#[test]
fn views_of_other_programs_work_and_a_misspelled_name_is_an_error() {
    let home = Home::new();
    let mut client = client_of(&home);
    for (sql, rows) in [
        ("SELECT * FROM active", "id|name\n1|pen\n(1 row)"),
        ("SELECT \"name\" FROM \"active\"", "name\npen\n(1 row)"),
        ("SELECT * FROM blue", "s\n<blue> ink\n(1 row)"),
        ("SELECT count(*) AS n FROM columns", "n\n3\n(1 row)"),
        ("SELECT ceil(sqrt(2)) AS c, pow(2, 3) AS p", "c|p\n2.0|8.0\n(1 row)"),
    ] {
        assert_eq!(tool_text(&client.query(sql)), rows, "{sql}");
    }
    let answer = client.query("SELECT * FROM active WHERE \"statuz\" = 1");
    assert!(error(&answer).contains("no such column: \"statuz\""), "{answer}");
}

#[test]
fn a_broken_view_shows_its_definition_and_why() {
    let home = Home::new();
    let mut client = client_of(&home);
    let shown = client.call("describe_view", &json!({"database": "app", "view_name": "broken"}));
    assert_ne!(shown["result"]["isError"], true, "{shown}");
    let text = tool_text(&shown);
    for part in
        ["The view cannot be read", "no such table: app.gone", "CREATE VIEW broken AS SELECT y FROM gone"]
    {
        assert!(text.contains(part), "{part}: {text}");
    }
    let views = client.call("list_views", &json!({"database": "app"}));
    assert!(tool_text(&views).contains("broken") && tool_text(&views).contains("active"), "{views}");
    let none = client.call("describe_view", &json!({"database": "app", "view_name": "brokn"}));
    assert!(error(&none).contains("did you mean broken?"), "{none}");
}

#[test]
fn statements_of_other_databases_name_the_tool_to_use() {
    let home = Home::new();
    let mut client = client_of(&home);
    for (sql, tool) in [
        ("SHOW TABLES", "list_tables"),
        ("DESCRIBE items", "describe_table"),
        ("SELECT CURRENT_DATABASE()", "session_info"),
        ("SELECT * FROM information_schema.tables", "list_tables"),
    ] {
        let answer = client.query(sql);
        assert!(error(&answer).contains(&format!("Next step: {tool} ")), "{sql}: {answer}");
    }
    assert!(tool_text(&client.query("USE app")).contains("run in database app"));
    let table = client.call("describe_table", &json!({"table": "keys"}));
    assert!(tool_text(&table).contains("k|TEXT|YES"), "{table}");
}
