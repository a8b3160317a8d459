//! What belongs to one session on Snowflake: its state on a connection, and the wall that its profile requires.

mod cost_guard;
mod metadata;
mod own_env;
mod pins;
mod wall;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text};
use warehouse::{Warehouse, secrets};

/// The table that counts keys.
const LOG: &str = "STAGING.PUBLIC.LOG";

/// A home whose config ends with `toml`.
fn home_with(warehouse: &Warehouse, toml: &str) -> Home {
    let home = Home::bare();
    let key = secrets::private_key().display().to_string();
    home.configure_account(warehouse, &format!("private_key_file = {key:?}\nread_only = false\n"), toml);
    home
}

/// A client that has said hello.
fn client(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

/// Sends a statement and waits for its answer.
#[track_caller]
fn ask(client: &mut Client, sql: &str) -> Value {
    let id = client.send_call("execute_query", &json!({"query": sql}));
    client.answer(&id)
}

/// The text of a statement's result, without the query's name at its end.
#[track_caller]
fn query(client: &mut Client, sql: &str) -> String {
    let answer = ask(client, sql);
    assert!(!is_error(&answer), "{sql}: {answer}");
    let text = tool_text(&answer);
    text.rsplit_once(" query id ").map_or(text, |(text, _)| text).to_owned()
}

/// The text of a statement's error.
#[track_caller]
fn error(client: &mut Client, sql: &str) -> String {
    let answer = ask(client, sql);
    assert!(is_error(&answer), "{sql}: {answer}");
    tool_text(&answer).to_owned()
}

/// Whether an answer is a tool's error.
fn is_error(answer: &Value) -> bool {
    answer["result"]["isError"] == true
}
