//! The Snowflake backend when things go wrong, and when results are large: through shim and gateway, in front
//! of a warehouse that is none.

mod breaker;
mod cancels;
mod cuts;
mod export;
mod large;
mod outage;
mod outcome_unknown;
mod protocol;
mod retries;
mod session_close;
mod sessions;
mod state_file;
mod transactions;
mod types;

use std::time::Duration;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, eventually, tool_text};
use warehouse::{Endpoint, Fault, QueryState, Seen, Strike, Warehouse, secrets};

/// Attempts at one exchange.
const ATTEMPTS_MAX: usize = 5;

/// The table that counts keys.
const LOG: &str = "STAGING.PUBLIC.LOG";

fn start() -> (Warehouse, Home) {
    started(Warehouse::start())
}

fn started(warehouse: Warehouse) -> (Warehouse, Home) {
    let home = Home::of_warehouse(&warehouse);
    (warehouse, home)
}

/// A stand-in that holds questions for results for no longer than this.
fn impatient(hold_ms: u64) -> Warehouse {
    Warehouse::builder().hold(Duration::from_millis(hold_ms)).start()
}

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

fn insert(value: &str) -> String {
    format!("INSERT INTO {LOG} VALUES ({value})")
}

/// Sends a statement; gives the request's id.
#[track_caller]
fn send(client: &mut Client, sql: &str) -> Value {
    client.send_call("execute_query", &json!({"query": sql}))
}

/// Sends a statement and waits for its answer, as long as retries may take.
#[track_caller]
fn ask(client: &mut Client, sql: &str) -> Value {
    let id = send(client, sql);
    client.answer(&id)
}

/// The text of a statement's result, without the query's name at its end.
#[track_caller]
fn query(client: &mut Client, sql: &str) -> String {
    let answer = ask(client, sql);
    assert!(!is_error(&answer), "{sql}: {answer}");
    result(&answer).to_owned()
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

/// Asks until there is a right answer: a server that was away a moment ago is not asked by everybody.
#[track_caller]
fn works_again(client: &mut Client) {
    eventually("the next query works", || {
        let answer = ask(client, "SELECT 7 AS N");
        (!is_error(&answer)).then(|| assert_eq!(result(&answer), "N\n7\n(1 row)"))
    });
}

/// Waits until the result of a query of this text was asked for more than `polls` times.
#[track_caller]
fn until_polled(warehouse: &Warehouse, sql: &str, polls: usize) {
    warehouse.until("its result is asked for", |seen| {
        seen.queries_of(sql).last().is_some_and(|query| query.polls > polls)
    });
}

/// How often queries of this text were submitted under a name of their own, and how often in all.
fn submissions(warehouse: &Warehouse, sql: &str) -> (usize, usize) {
    warehouse.seen(|seen| {
        let queries = seen.queries_of(sql);
        (queries.len(), queries.iter().map(|query| query.submissions).sum())
    })
}

/// Strikes `count` requests to `endpoint`, from the `nth` on.
fn strike_from(warehouse: &Warehouse, endpoint: Endpoint, nth: usize, count: usize, fault: &Fault) {
    // Of rules that are alike, the first one strikes the first, and what it strikes is not counted by the
    // next.
    for _ in 0..count {
        warehouse.fault(endpoint, Strike::Nth(nth), fault.clone());
    }
}

fn state_of(warehouse: &Warehouse, sql: &str) -> Option<QueryState> {
    warehouse.seen(|seen| seen.queries_of(sql).last().map(|query| query.state.clone()))
}
