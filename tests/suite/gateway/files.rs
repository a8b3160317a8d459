//! A folder of SQLite files as people have them: a file that cannot be served harms only itself, and its owner is
//! told why.

#[cfg(unix)]
mod unix;

use std::fs;
use std::path::Path;

use rusqlite::Connection;
use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text};

fn opened(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

/// A home without databases.
fn empty() -> Home {
    let home = Home::new();
    fs::remove_dir_all(home.databases()).expect("removing the databases");
    fs::create_dir(home.databases()).expect("making the folder again");
    home
}

fn make(path: &Path, sql: &str) {
    Connection::open(path).expect("opening").execute_batch(sql).expect("writing");
}

fn failed(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], true, "{answer}");
    tool_text(answer)
}

fn worked(answer: &Value) -> &str {
    assert_eq!(answer["result"]["isError"], false, "{answer}");
    tool_text(answer)
}

fn context(client: &mut Client) -> Value {
    client.call("session_info", &json!({}))["result"]["structuredContent"]["context"]["database"].clone()
}

#[test]
fn a_file_that_the_config_names_and_cannot_be_opened_stops_nothing_else() {
    let home = Home::new();
    let (ledger, gone) = (home.path().join("ledger.db"), home.path().join("gone.db"));
    fs::write(&ledger, "certainly not SQLite. ".repeat(500)).expect("writing");
    home.configure(&format!(
        "[sqlite.databases]\nA_LEDGER = {ledger:?}\nA_GONE = {gone:?}\nA_FOLDER = {:?}\n",
        home.path()
    ));
    let mut client = opened(&home);
    assert_eq!(worked(&client.query("select 1 as one")), "one\n1\n(1 row)");
    let problems =
        home.status().expect("a gateway")["backend_problem"].as_str().expect("problems").to_owned();
    let listed = worked(&client.call("list_databases", &json!({}))).to_owned();
    for (name, why) in [
        ("A_LEDGER", "but a text file"),
        ("A_GONE", "the file does not exist"),
        ("A_FOLDER", "it is a folder"),
    ] {
        for text in [&problems, &listed] {
            assert!(text.contains(name) && text.contains(why), "{name}: {text}");
        }
        let answer = client.call("execute_query", &json!({"query": "select 1", "database": name}));
        assert!(failed(&answer).contains(why), "{answer}");
    }
    fs::remove_file(&ledger).expect("removing");
    make(&ledger, "CREATE TABLE t AS SELECT 3 AS x");
    assert_eq!(worked(&client.query("select x from a_ledger.t")), "x\n3\n(1 row)");
}

#[test]
fn a_folder_that_is_missing_or_empty_is_told_by_the_tools_and_a_database_is_found_when_it_comes() {
    let home = empty();
    let folder = home.path().join("mine");
    home.configure(&format!("folder = {folder:?}\n"));
    let mut client = opened(&home);
    let calls = [
        ("execute_query", json!({"query": "select 1"})),
        ("list_tables", json!({})),
        ("list_schemas", json!({})),
        ("describe_table", json!({"table": "t"})),
    ];
    for (tool, arguments) in &calls {
        let answer = client.call(tool, arguments);
        let text = failed(&answer);
        assert!(text.contains("does not exist") && text.contains("mkdir -p"), "{tool}: {text}");
    }
    let listed = client.call("list_databases", &json!({}));
    assert!(worked(&listed).contains("does not exist"), "{listed}");
    assert_eq!(context(&mut client), Value::Null);
    let status = home.status().expect("a gateway");
    assert!(status["backend_problem"].as_str().expect("a problem").contains("does not exist"), "{status}");
    fs::create_dir(&folder).expect("making the folder");
    for (tool, arguments) in &calls {
        let answer = client.call(tool, arguments);
        assert!(failed(&answer).contains("has no SQLite file"), "{tool}: {answer}");
    }
    fs::write(folder.join("ONE.db"), "").expect("writing a database");
    assert_eq!(worked(&client.query("select 1 as one")), "one\n1\n(1 row)");
    assert_eq!(context(&mut client), "ONE");
    home.kill_gateway();
    assert_eq!(worked(&client.query("select 2 as two")), "two\n2\n(1 row)");
}

#[test]
fn a_session_that_began_without_a_database_stays_in_the_first_one_that_it_finds() {
    let home = empty();
    let mut client = opened(&home);
    assert!(failed(&client.query("select * from t")).contains("has no SQLite file"));
    make(&home.databases().join("b.db"), "CREATE TABLE t AS SELECT 'b' AS x");
    make(&home.databases().join("z.db"), "CREATE TABLE t AS SELECT 'z' AS x");
    // What names its database, and what needs none, settles nothing.
    let named = client.call("execute_query", &json!({"query": "select * from t", "database": "z"}));
    assert_eq!(worked(&named), "x\nz\n(1 row)");
    worked(&client.call("list_databases", &json!({})));
    assert_eq!(worked(&client.query("select * from t")), "x\nb\n(1 row)");
    make(&home.databases().join("a.db"), "CREATE TABLE t AS SELECT 'a' AS x");
    let mut here = || {
        assert_eq!(worked(&client.query("select * from t")), "x\nb\n(1 row)");
        let info = client.call("session_info", &json!({}))["result"]["structuredContent"].clone();
        assert_eq!(info["context"], json!({"database": "b", "schema": "main"}), "{info}");
        assert_eq!(info["context_from"], "profile", "{info}");
    };
    here();
    home.kill_gateway();
    here();
    assert_eq!(home.run(&["restart"]).code, Some(0));
    here();
    let mut next = opened(&home);
    assert_eq!(worked(&next.query("select * from t")), "x\na\n(1 row)", "it was not set");
}

#[test]
fn a_folder_that_is_a_file_is_told_by_the_tools() {
    let home = empty();
    fs::remove_dir(home.databases()).expect("removing");
    fs::write(home.databases(), "a file").expect("writing");
    let mut client = opened(&home);
    let answer = client.query("select 1");
    assert!(failed(&answer).contains(&home.databases().display().to_string()), "{answer}");
    fs::remove_file(home.databases()).expect("removing");
    fs::create_dir(home.databases()).expect("making the folder");
    home.add_database("ONE");
    assert_eq!(worked(&client.query("select 1 as one")), "one\n1\n(1 row)");
}

#[test]
fn a_locked_file_makes_only_its_own_calls_busy() {
    let home = empty();
    for name in ["a", "b"] {
        make(&home.databases().join(format!("{name}.db")), "CREATE TABLE t AS SELECT 7 AS x");
    }
    // Whoever waits for the lock is told so only after the tests' patience.
    home.configure("busy_timeout_ms = 60000\n");
    let lock = Connection::open(home.databases().join("a.db")).expect("opening");
    lock.execute_batch("PRAGMA locking_mode = exclusive; BEGIN EXCLUSIVE").expect("locking");
    let mut client = opened(&home);
    assert_eq!(context(&mut client), "b");
    for current in ["b", "a"] {
        worked(&client.call("set_context", &json!({"database": current})));
        let tables = client.call("list_tables", &json!({"database": "b"}));
        assert!(worked(&tables).contains("b|main|t|"), "{tables}");
        let answer = client.call("execute_query", &json!({"query": "select x from t", "database": "b"}));
        assert_eq!(worked(&answer), "x\n7\n(1 row)");
        assert_eq!(worked(&client.query("select x from b.t")), "x\n7\n(1 row)");
        let listed = client.call("list_databases", &json!({}));
        assert!(worked(&listed).contains("locked by another program"), "{listed}");
    }
    let waiting = client.send_query("select x from a.t");
    drop(lock);
    assert_eq!(worked(&client.answer(&waiting)), "x\n7\n(1 row)");
}

#[test]
fn looking_at_a_file_changes_nothing_of_it() {
    let home = empty();
    home.configure("read_only = false\n");
    let file = home.databases().join("a.db");
    make(&file, "CREATE TABLE t AS SELECT 7 AS x");
    let before = fs::read(&file).expect("reading");
    let mut client = opened(&home);
    for call in ["list_databases", "list_tables", "session_info"] {
        worked(&client.call(call, &json!({})));
    }
    worked(&client.query("select * from t"));
    worked(&client.call("describe_table", &json!({"table": "t"})));
    home.stop();
    assert_eq!(fs::read(&file).expect("reading"), before);
    assert_eq!(fs::read_dir(home.databases()).expect("the folder").count(), 1);
}

#[test]
fn a_value_of_more_than_8_mib_is_marked_with_its_length() {
    let home = empty();
    make(
        &home.databases().join("a.db"),
        "CREATE TABLE files(id INTEGER PRIMARY KEY, name, data);
         INSERT INTO files VALUES (1, 'small', 'abc'), (2, 'large', zeroblob(30000000));
         CREATE VIEW v AS SELECT * FROM files",
    );
    let mut client = opened(&home);
    let mark = "... (30000000 bytes; a value over 8 MiB is not read)";
    let note = "(2 rows; 1 value was shortened to the length, as too long to be read)";
    let expected = format!("{note}\nid|name|data\n1|small|abc\n2|large|{mark}\n{note}");
    assert_eq!(worked(&client.query("select * from files")), expected);
    assert_eq!(worked(&client.query("select * from files order by id")), expected);
    assert_eq!(worked(&client.query("select * from files f order by f.name desc limit 5")), expected);
    let page = client.query("select * from files limit 1 offset 1");
    let page = worked(&page);
    assert!(page.contains(&format!("\n2|large|{mark}\n(1 row; 1 value was shortened")), "{page}");
    let sorted = client.query("select id, data from files order by 2 desc limit 1").to_string();
    assert!(sorted.contains("SQLITE_TOOBIG") && sorted.contains("octet_length(column)"), "{sorted}");
    let length = client.query("select octet_length(data) from files where id = 2");
    assert!(worked(&length).contains("30000000"), "{length}");
    let preview = client.call("query_view", &json!({"database": "a", "schema": "main", "view": "v"}));
    assert!(preview.to_string().contains(mark), "{preview}");
}
