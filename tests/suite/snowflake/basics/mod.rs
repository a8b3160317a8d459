//! The Snowflake backend through shim and gateway, in front of a warehouse that is none.

mod contexts;
mod handles;
mod knowing;
mod proxy;
mod queries;
mod saved_questions;
mod tools;
mod words;

use std::time::Duration;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, tool_text};
use warehouse::Warehouse;

/// A client that has said hello.
fn client(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize();
    client
}

/// The text of a statement's result, without the query's name at its end.
#[track_caller]
fn query(client: &mut Client, sql: &str) -> String {
    result(&client.query(sql)).to_owned()
}

/// The text of a result, without the query's name at its end.
#[track_caller]
fn result(answer: &Value) -> &str {
    let text = tool_text(answer);
    text.rsplit_once(" query id ").map_or(text, |(text, _)| text)
}

/// Whether an answer is a tool's error.
fn is_error(answer: &Value) -> bool {
    answer["result"]["isError"] == true
}

/// Changes the context; gives what it came to.
#[track_caller]
fn set_context(client: &mut Client, context: &Value) -> Value {
    let answer = client.call("set_context", context);
    assert!(!is_error(&answer), "{answer}");
    answer["result"]["structuredContent"]["context"].clone()
}

fn context(database: &str, schema: &str) -> Value {
    json!({"role": "ANALYST", "warehouse": "COMPUTE_WH", "database": database, "schema": schema})
}

fn start() -> (Warehouse, Home) {
    let warehouse = Warehouse::start();
    let home = Home::of_warehouse(&warehouse);
    (warehouse, home)
}
