//! A program of the user's own that is asked about each statement.

use serde_json::Value;
use snowgate_tests::{Client, Home, tool_text, until};

/// Denies what writes, keeps silent by ending about a statement of the class `ddl`, and allows the rest. What it is told
/// stands in a file beside it.
const PROGRAM: &str = r#"
import json, os, sys
seen = open(os.path.join(os.path.dirname(__file__), "seen"), "a", buffering=1)
for line in sys.stdin:
    question = json.loads(line)
    seen.write(line)
    if question["class"] == "ddl":
        sys.exit(3)
    allow = question["class"] != "write"
    print(json.dumps({"id": question["id"], "allow": allow, "reason": "not on Sundays"}), flush=True)
"#;

fn home(more: &str) -> Home {
    let home = Home::new();
    let program = home.path().join("validator.py");
    std::fs::write(&program, PROGRAM).expect("writing the validator");
    let program = program.display().to_string();
    home.configure(&format!(
        "read_only = false\n[profiles.default]\nvalidator = ['python3', {program:?}]\n{more}"
    ));
    home
}

fn client(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

fn is_error(answer: &Value) -> bool {
    answer["result"]["isError"] == true
}

/// What the validator was told, question by question.
fn seen(home: &Home) -> Vec<Value> {
    let text = std::fs::read_to_string(home.path().join("seen")).unwrap_or_default();
    text.lines().map(|line| serde_json::from_str(line).expect("a question")).collect()
}

#[test]
fn its_word_decides_and_it_is_told_what_a_statement_touches_and_not_its_text() {
    let home = home("");
    let mut client = client(&home);
    let answer = client.query("select 'hush' as word from pragma_user_version");
    assert!(!is_error(&answer), "{answer}");
    let answer = client.query("insert into t values (1)");
    // There is no such table, which its compiling says first.
    assert!(is_error(&answer) && tool_text(&answer).contains("no such table"), "{answer}");
    let answer = client.query("update sqlite_sequence set seq = 1");
    assert!(is_error(&answer), "{answer}");
    let told = seen(&home);
    let first = &told[0];
    assert_eq!(
        (&first["class"], &first["verb"], &first["profile"]),
        (&"read".into(), &"SELECT".into(), &"default".into())
    );
    assert!(!first.to_string().contains("hush"), "{first}");
    let status = home.status().expect("a gateway");
    assert!(status["validators"][0]["pid"].is_u64(), "{status}");
    assert!(home.run(&["status"]).stdout.contains("validator.py: pid "));
}

#[test]
fn a_denial_names_the_profile_and_the_reason_and_is_counted() {
    let home = home("validator_text = true\n");
    home.add_database("T");
    let file = rusqlite::Connection::open(home.databases().join("T.db")).expect("a database");
    file.execute_batch("create table t (x)").expect("making a table");
    let mut client = client(&home);
    client.call("set_context", &serde_json::json!({"database": "T"}));
    let answer = client.query("insert into t values (1)");
    let text = tool_text(&answer);
    assert!(is_error(&answer) && text.contains("not on Sundays") && text.contains("`default`"), "{text}");
    assert_eq!(tool_text(&client.query("select count(*) as n from t")), "n\n0\n(1 row)");
    let told = seen(&home);
    let write = told.iter().find(|question| question["class"] == "write").expect("the write");
    assert_eq!(write["text"], "insert into t values (1)", "{write}");
    assert_eq!(
        write["objects"][0]["name"].as_array().and_then(|name| name.last()),
        Some(&"t".into()),
        "{write}"
    );
    assert_eq!(home.session_of(client.pid())["denials"], 1);
}

#[test]
fn where_it_ends_the_statement_is_refused_and_the_next_one_starts_it_again_also_on_the_next_gateway() {
    let home = home("");
    let mut client = client(&home);
    let answer = client.query("create table t (x)");
    assert!(is_error(&answer) && tool_text(&answer).contains("gave no answer"), "{answer}");
    until("it is started again", || !is_error(&client.query("select 1 as one")));
    let before = home.status().expect("a gateway")["validators"][0].clone();
    assert!(before["started"].as_u64() >= Some(2) && before["failed"].as_u64() >= Some(1), "{before}");
    home.kill_gateway();
    assert!(!is_error(&client.query("select 1 as one")));
    assert_eq!(home.status().expect("a gateway")["validators"][0]["started"], 1);
    home.stop();
    client.leave();
    until("no validator is left", || home.processes().is_empty());
}
