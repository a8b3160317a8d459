//! The front's plain HTTP with programs that are not ours: httpx and websockets as many clients at once, a validator of
//! OpenAPI, and schemathesis, which makes up requests from the description.

use std::process::Command;
use std::time::Duration;

use rusqlite::Connection;
use snowgate_tests::clients::{available, folder, rest_python, run};
use snowgate_tests::{Home, HttpGateway, patience};

/// schemathesis sends some hundreds of requests.
const SCHEMATHESIS_LIMIT: Duration = Duration::from_secs(240);

/// A gateway that may write, in front of three databases that each say who they are.
fn gateway(toml: &str) -> HttpGateway {
    let home = Home::new();
    for name in ["ALPHA", "BETA", "GAMMA"] {
        home.add_database(name);
        let file = Connection::open(home.databases().join(format!("{name}.db"))).expect("a database");
        file.execute_batch(&format!(
            "pragma journal_mode = wal; create table me (tag text); insert into me values ('{name}');
             create table own (v integer);"
        ))
        .expect("making the tables");
    }
    HttpGateway::with(home, "auth = 'none'\n", &format!("read_only = false\n{toml}"))
}

#[track_caller]
fn many(scenario: &str, toml: &str) {
    let python = available(rest_python());
    let gateway = gateway(toml);
    let mut script = Command::new(python);
    script.arg("-B").arg(folder().join("rest/multi.py")).arg(gateway.url("")).arg(scenario);
    let finished = run(&mut script, patience() * 2).expect("Python starts");
    assert!(finished.success(), "{}", finished.output);
}

#[test]
fn five_clients_at_once_over_rest() {
    many("five", "");
}

#[test]
fn three_clients_in_three_databases_each_see_their_own() {
    many("databases", "");
}

#[test]
fn the_limits_of_one_client_leave_the_others_alone() {
    many("limits", "[limits]\nrequests_per_minute = 20\n");
}

#[test]
fn fifty_sessions_at_once() {
    many("fifty", "");
}

#[test]
fn websocket_clients_at_once() {
    many("sockets", "");
}

#[test]
fn the_description_is_valid_and_its_examples_work() {
    let python = available(rest_python());
    let gateway = gateway("");
    let mut check = Command::new(python);
    check.arg("-B").arg(folder().join("rest/openapi.py")).arg(gateway.url(""));
    let finished = run(&mut check, patience()).expect("Python starts");
    assert!(finished.success(), "{}", finished.output);
}

/// `SNOWGATE_TEST_EXAMPLES=200` makes up more requests than the suite has time for.
#[test]
fn requests_that_are_made_up_find_no_fault_of_the_gateway() {
    let python = available(rest_python());
    let gateway = gateway("");
    let examples = std::env::var("SNOWGATE_TEST_EXAMPLES").unwrap_or_else(|_| "15".to_owned());
    let mut schemathesis = Command::new(python);
    schemathesis
        .args(["-m", "schemathesis.cli", "run", &gateway.url("/openapi.json")])
        // A stream does not end, and a gateway that was told to shut down does.
        .args(["--exclude-path", "/mcp", "--exclude-path", "/admin/drain"])
        .args(["--checks", "not_a_server_error,status_code_conformance,content_type_conformance"])
        .args(["--checks", "response_schema_conformance"])
        .args(["--phases", "examples,coverage,fuzzing", "--max-examples", &examples])
        .args(["--request-timeout", "30", "--suppress-health-check", "all", "--no-color"])
        .current_dir(gateway.home.path());
    let finished = run(&mut schemathesis, SCHEMATHESIS_LIMIT).expect("schemathesis starts");
    assert!(finished.success(), "{}", finished.output);
}
