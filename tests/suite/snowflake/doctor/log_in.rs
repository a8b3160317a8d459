//! Credentials, the log-in, and what the session is.

#[cfg(unix)]
mod unix;

use std::path::PathBuf;

use warehouse::{Endpoint, Fault, Strike};

use super::*;

const PASSWORD: &str = "SNOWFLAKE_PASSWORD";

fn log_ins(warehouse: &Warehouse) -> usize {
    warehouse.seen(|seen| seen.count(Endpoint::LogIn))
}

fn write_private(home: &Home, name: &str, text: &str) -> PathBuf {
    let file = home.path().join(name);
    fs::write(&file, text).expect("writing a file");
    set_mode(&file, 0o600);
    file
}

#[test]
fn an_account_that_works_is_healthy_and_nothing_is_sent_unless_it_is_asked_for() {
    let warehouse = Warehouse::start();
    let lines = format!("{}role = 'ANALYST'\nwarehouse = 'COMPUTE_WH'\n", key_line());
    let home = home_of(&warehouse, &lines, "");
    is_healthy(&doctor(&mut command(&home), &[]));
    assert_eq!(log_ins(&warehouse), 0);
    let done = doctor(&mut command(&home), &["--login"]);
    is_healthy(&done);
    assert!(done.0.to_string().contains("logged in (role ANALYST"), "{:#}", done.0);
    warehouse.until("the session is closed", |seen| seen.count(Endpoint::Close) == 1);
    assert_eq!(log_ins(&warehouse), 1);
    // While a gateway runs, too.
    let mut client = home.client();
    client.initialize();
    client.query("SELECT 1 AS N");
    is_healthy(&doctor(&mut command(&home), &[]));
}

#[test]
fn a_token_file_that_is_missing_empty_or_has_an_expired_token() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    // {"exp": 1700000000}
    let expired = write_private(&home, "expired", "e30.eyJleHAiOiAxNzAwMDAwMDAwfQ.x\n");
    let empty = write_private(&home, "empty", "\n");
    for (file, words) in [
        (home.path().join("missing"), &["No such file", "token_file_path"][..]),
        (empty, &["it is empty"]),
        (expired, &["has expired", "2023-11-14"]),
    ] {
        let lines = format!("authenticator = 'oauth'\ntoken_file_path = {:?}\n", file.display().to_string());
        home.configure_account(&warehouse, &lines, "");
        names(&doctor(&mut command(&home), &[]), "token_file", words);
    }
}

#[test]
fn what_a_running_gateway_was_refused_is_told_and_not_tried_again() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, "", "");
    let mut client = home.launch().env(PASSWORD, "wrong-password").start();
    client.initialize();
    client.query("SELECT 1 AS N");
    let found = doctor(command(&home).env(PASSWORD, "wrong-password"), &["--login"]);
    names(&found, "log_in", &["Incorrect username or password", "not tried again"]);
    assert_eq!(log_ins(&warehouse), 1);
}

#[test]
fn a_refusal_is_told_by_its_code() {
    for (code, message, words) in [
        (
            "390422",
            "Incoming request with IP 127.0.0.1 is not allowed to access Snowflake.",
            &["network policy", "VPN"][..],
        ),
        ("390144", "JWT token is invalid.", &["RSA_PUBLIC_KEY_FP", "clock"]),
        ("390102", "User temporarily locked.", &["15 minutes"]),
    ] {
        let warehouse = Warehouse::start();
        warehouse.fault(Endpoint::LogIn, Strike::Always, Fault::refusal(code, message));
        let home = home_of(&warehouse, &key_line(), "");
        let found = doctor(&mut command(&home), &["--login"]);
        names(&found, "log_in", &[words, &[code, message]].concat());
    }
}

#[test]
fn a_role_a_warehouse_or_a_database_that_is_not_there() {
    let warehouse = Warehouse::start();
    for (line, words) in [
        ("role = 'NOBODY'\n", &["Role 'NOBODY'", "`role`"][..]),
        (
            "warehouse = 'MISSING_WH'\n",
            &["the warehouse MISSING_WH is not there", "GRANT USAGE ON WAREHOUSE"],
        ),
        ("database = 'MISSING_DB'\n", &["the database MISSING_DB is not there", "`database`"]),
    ] {
        let home = home_of(&warehouse, &(key_line() + line), "");
        names(&doctor(&mut command(&home), &["--login"]), "context", words);
    }
}

#[test]
fn a_session_that_is_not_what_a_profile_requires() {
    let warehouse = Warehouse::start();
    let toml = "[profiles.default]\nrequire_agent_session = true\nrequire_scope = \"SNOWFLAKE$DATA_READ\"\n";
    let home = home_of(&warehouse, &key_line(), toml);
    names(&doctor(&mut command(&home), &["--login"]), "agent_wall", &["agent session: no", "SERVICE_AGENT"]);
    warehouse.change_user(user::USER, |user| user.make_agent(Some("SNOWFLAKE$DATA_READ")));
    is_healthy(&doctor(&mut command(&home), &["--login"]));
}
