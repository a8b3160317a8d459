//! Credentials, the log-in, and what the session is.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use warehouse::{Endpoint, Fault, Strike};

use super::*;

const PASSWORD: &str = "SNOWFLAKE_PASSWORD";

fn write_private(home: &Home, name: &str, text: &str) -> PathBuf {
    let file = home.path().join(name);
    fs::write(&file, text).expect("writing a file");
    set_mode(&file, 0o600);
    file
}

fn set_mode(file: &Path, mode: u32) {
    fs::set_permissions(file, fs::Permissions::from_mode(mode)).expect("changing a mode");
}

fn log_ins(warehouse: &Warehouse) -> usize {
    warehouse.seen(|seen| seen.count(Endpoint::LogIn))
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
fn a_private_key_that_cannot_be_used() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let no_key = write_private(&home, "no_key.p8", "hello");
    for (file, words) in [
        (home.path().join("missing.p8"), &["missing.p8", "No such file", "`private_key_file`"][..]),
        (no_key, &["no private key was found"]),
        (user::encrypted_private_key(), &["no passphrase was given", "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE"]),
    ] {
        home.configure_account(
            &warehouse,
            &format!("private_key_file = {:?}\n", file.display().to_string()),
            "",
        );
        names(&doctor(&mut command(&home), &["--login"]), "private_key", words);
    }
    assert_eq!(log_ins(&warehouse), 0);
    let key = fs::read_to_string(user::private_key()).expect("a key");
    let file = write_private(&home, "key.p8", &key);
    set_mode(&file, 0o644);
    home.configure_account(&warehouse, &format!("private_key_file = {:?}\n", file.display().to_string()), "");
    let found = doctor(&mut command(&home), &[]);
    assert!(
        found.0["findings"].to_string().contains("\"secret_open\"") && found.1 == Some(0),
        "{:#}",
        found.0
    );
    is_healthy(&doctor(&mut command(&home), &["--fix"]));
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
fn a_wrong_password_is_sent_once() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, "", "");
    let found =
        |arguments: &[&str], password: &str| doctor(command(&home).env(PASSWORD, password), arguments);
    is_healthy(&found(&[], "wrong-password"));
    let refused = found(&["--login"], "wrong-password");
    names(&refused, "log_in", &["Incorrect username or password", "390100", "snowgate config show"]);
    assert!(!refused.0.to_string().contains("wrong-password"));
    let again = found(&["--login"], "wrong-password");
    assert!(again.0.to_string().contains("--retry-password"), "{:#}", again.0);
    assert_eq!(log_ins(&warehouse), 1);
    // It is sent again once, also where a fix has it look again.
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(home.path().join("state"), open).expect("an open folder");
    let again = found(&["--login", "--retry-password", "--fix"], "wrong-password");
    assert_eq!(again.0["fixed"][0]["done"], true, "{:#}", again.0);
    assert_eq!(log_ins(&warehouse), 2);
    // It was corrected.
    is_healthy(&found(&["--login", "--retry-password"], user::PASSWORD));
    is_healthy(&found(&["--login"], user::PASSWORD));
    assert_eq!(log_ins(&warehouse), 4);
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

#[test]
fn a_configuration_without_an_account_and_a_connections_file_that_others_can_read() {
    let home = Home::bare();
    fs::write(home.config_file(), "[backend]\nkind = 'snowflake'\n").expect("writing");
    names(&doctor(&mut command(&home), &[]), "config_error", &["SNOWFLAKE_ACCOUNT"]);
    fs::create_dir_all(home.path().join("user/.snowflake")).expect("making a folder");
    let file = home.path().join("user/.snowflake/connections.toml");
    fs::write(&file, "[work]\naccount = 'org-test'\nuser = 'ADA'\npassword = 'x'\n").expect("writing");
    set_mode(&file, 0o644);
    names(
        &doctor(&mut command(&home), &[]),
        "config_error",
        &["connections.toml", "readable by other users", "chmod 0600"],
    );
}
