//! Logging in to Snowflake through shim and gateway, in front of a warehouse that is none: every way, who is
//! asked and how often, what is refused and how that is said, and that no secret comes out.

#[cfg(unix)]
mod browser;
mod command;
mod connections;
mod files;
mod keys;
mod methods;
mod oauth_client;
#[cfg(unix)]
mod oauth_page;
mod phone;
mod refusals;
mod secrets;
#[cfg(unix)]
mod setup;
mod shared;
mod typed;
mod workload;

use std::fs;
use std::path::PathBuf;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, eventually, set_mode, tool_text};
use warehouse::{Warehouse, secrets as user};

/// Variables that a test's own environment may have, and that must not reach the gateway.
const CLEARED: [&str; 10] = [
    "BROWSER",
    "DISPLAY",
    "WAYLAND_DISPLAY",
    "http_proxy",
    "HTTP_PROXY",
    "https_proxy",
    "HTTPS_PROXY",
    "all_proxy",
    "ALL_PROXY",
    "SSH_ASKPASS",
];

/// Variables for a shim or a command, which pass them on to the gateway.
type Variables<'a> = &'a [(&'a str, &'a str)];

/// A home whose `[snowflake]` says where `warehouse` is, who logs in, and `lines`.
fn home_of(warehouse: &Warehouse, lines: &str) -> Home {
    let home = Home::bare();
    // Everything that can be written down is.
    home.configure_account(warehouse, lines, "\n[logs]\nlog_sql = true\n[audit]\nstatement_text = true\n");
    home
}

/// A client with these variables that has said hello.
fn client_with(home: &Home, variables: Variables<'_>) -> Client {
    let mut client = launch(home, variables);
    client.initialize();
    client
}

/// A client with these variables that has said nothing yet.
fn launch(home: &Home, variables: Variables<'_>) -> Client {
    let cleared = CLEARED.iter().fold(home.launch(), |launch, name| launch.env(name, ""));
    variables.iter().fold(cleared, |launch, (name, value)| launch.env(name, value)).start()
}

/// A client that has said hello.
fn client(home: &Home) -> Client {
    client_with(home, &[])
}

/// Sends a statement and does not wait.
fn send(client: &mut Client) -> Value {
    client.send_call("execute_query", &json!({"query": "SELECT current_user() AS U"}))
}

/// Waits for the text of an answer, and says whether it is an error.
#[track_caller]
fn answer(client: &mut Client, id: &Value) -> Result<String, String> {
    let answer = client.answer(id);
    let text = tool_text(&answer).to_owned();
    if answer["result"]["isError"] == true { Err(text) } else { Ok(text) }
}

/// Runs a statement.
#[track_caller]
fn ask(client: &mut Client) -> Result<String, String> {
    let id = send(client);
    answer(client, &id)
}

/// Runs a statement, which must work as the usual user.
#[track_caller]
fn works(client: &mut Client) {
    let text = ask(client).unwrap_or_else(|error| panic!("{error}"));
    assert!(text.starts_with(&format!("U\n{}\n", user::USER)), "{text}");
}

/// Runs a statement, which must fail with all of `words`.
#[track_caller]
fn fails(client: &mut Client, words: &[&str]) -> String {
    let error = ask(client).expect_err("an error");
    says(&error, words);
    error
}

#[track_caller]
fn says(text: &str, words: &[&str]) {
    for word in words {
        assert!(text.contains(word), "no {word:?} in {text:?}");
    }
}

/// The log-ins so far: how, and the code of a refusal.
fn log_ins(warehouse: &Warehouse) -> Vec<(String, Option<String>)> {
    warehouse.seen(|seen| {
        let list = seen.log_ins.iter();
        list.map(|log_in| (log_in.authenticator.clone(), log_in.outcome.clone().err())).collect()
    })
}

/// Waits until `count` of the home's sessions have a request under way.
#[track_caller]
fn until_running(home: &Home, count: usize) {
    home.sessions_until("requests are under way", |sessions| {
        sessions.iter().filter(|session| session["state"] == "running").count() == count
    });
}

/// What `snowgate status --json` says is wrong with the backend.
#[track_caller]
fn problem(home: &Home) -> Option<String> {
    home.status().expect("a running gateway")["backend_problem"].as_str().map(str::to_owned)
}

/// Waits until `snowgate status --json` says that something is wrong with the backend.
#[track_caller]
fn until_problem(home: &Home) -> String {
    eventually("a problem in the status", || problem(home))
}

/// The gateway's process id, which must be the same after `body`.
#[track_caller]
fn gateway_stays(home: &Home, body: impl FnOnce()) {
    let before = home.gateway_pid();
    body();
    assert_eq!(home.gateway_pid(), before, "the gateway stays up");
}

/// Writes a file of the home that only its owner can read.
fn write_private(home: &Home, name: &str, text: &str) -> PathBuf {
    let file = home.path().join(name);
    fs::create_dir_all(file.parent().expect("a folder")).expect("making a folder");
    fs::write(&file, text).expect("writing a file");
    set_mode(&file, 0o600);
    file
}

/// A line of TOML: a key and a text.
fn line(key: &str, text: impl std::fmt::Display) -> String {
    format!("{key} = {:?}\n", text.to_string())
}
