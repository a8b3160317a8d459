//! The configuration as clients meet it: a client's environment that would open the gateway for all, the
//! system's file, errors that come from the environment, homes that cannot be used.

#[cfg(unix)]
mod unix;

use std::fs;

use serde_json::json;
use snowgate_tests::{Client, Home, error_text, tool_text};

/// What a gateway with a wrong configuration exits with.
const WRONG_CONFIG: i32 = 78;

#[track_caller]
fn is_read_only(client: &mut Client) {
    let answer = client.query("create table t(x)");
    assert!(tool_text(&answer).starts_with("Refused: "), "{answer}");
    let info = client.call("session_info", &json!({}));
    assert_eq!(info["result"]["structuredContent"]["read_only"], true, "{info}");
}

#[test]
fn the_environment_of_the_first_client_cannot_make_the_file_s_database_writable_or_raise_its_limits() {
    let home = Home::new();
    home.configure("read_only = true\n[limits]\nrows_max = 3\n");
    let mut first = home
        .launch()
        .env("SNOWGATE_SQLITE_READ_ONLY", "false")
        .env("SNOWGATE_LIMITS_ROWS_MAX", "1000")
        .start();
    first.initialize();
    is_read_only(&mut first);
    let info = first.call("session_info", &json!({}));
    assert_eq!(info["result"]["structuredContent"]["limits"]["rows_max"], 3, "{info}");
    let mut second = home.client();
    second.initialize();
    is_read_only(&mut second);
    let log = home.log();
    assert!(log.contains("SNOWGATE_SQLITE_READ_ONLY") && log.contains("was not taken"), "{log}");
}

#[test]
fn the_environment_of_the_first_client_can_make_it_read_only() {
    let home = Home::new();
    home.configure("read_only = false\n");
    let mut first = home.launch().env("SNOWGATE_SQLITE_READ_ONLY", "true").start();
    first.initialize();
    is_read_only(&mut first);
}

#[test]
fn the_default_protects_against_the_environment_too() {
    let home = Home::new();
    let mut first = home.launch().env("SNOWGATE_SQLITE_READ_ONLY", "0").start();
    first.initialize();
    is_read_only(&mut first);
}

#[test]
fn an_error_that_comes_from_a_client_s_environment_says_so_and_how_to_check_it() {
    let home = Home::bare();
    let variables = [("SNOWFLAKE_ACCOUNT", "org-acct"), ("SNOWFLAKE_PASSWORD", "sg-hidden")];
    let mut client =
        variables.iter().fold(home.launch(), |launch, (name, value)| launch.env(name, value)).start();
    let answer = client.request("tools/list", &json!({}));
    let text = error_text(&answer, -32603);
    for words in [
        "snowflake.user: is not set",
        "these variables come from the client that started the gateway: SNOWFLAKE_ACCOUNT, SNOWFLAKE_PASSWORD",
        "SNOWFLAKE_ACCOUNT=... SNOWFLAKE_PASSWORD=... snowgate config check",
    ] {
        assert!(text.contains(words), "no {words:?} in {text}");
    }
    assert!(!text.contains("sg-hidden"), "{text}");
    assert_eq!(home.run(&["config", "check"]).code, Some(0), "a terminal does not have them");
    let checked = home.gateway().envs(variables).args(["config", "check"]).output().expect("a command");
    assert_eq!(checked.status.code(), Some(WRONG_CONFIG), "{checked:?}");
}

#[test]
fn config_check_names_the_backend_and_warns_of_what_is_missing_or_not_used() {
    let home = Home::bare();
    let text =
        "[backend]\nkind = 'sqlite'\n[sqlite]\nfolder = '$HOME/dbs'\n[snowflake]\naccount = 'org-acct'\n";
    fs::write(home.config_file(), text).expect("writing");
    let checked = home.run(&["config", "check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    assert!(checked.stdout.contains("\nbackend: sqlite (line 2 of the config file)\n"), "{checked:?}");
    assert!(checked.stderr.contains("write `folder = \"~/dbs\"`"), "{checked:?}");
    assert!(checked.stderr.contains("the section [snowflake] is not used"), "{checked:?}");
    fs::write(home.config_file(), "[snowflake]\naccount = 'org-acct'\n").expect("writing");
    let checked = home.run(&["config", "check"]);
    assert_eq!(checked.code, Some(WRONG_CONFIG), "not SQLite, silently: {checked:?}");
    assert!(checked.stderr.contains("snowflake.authenticator: is not set"), "{checked:?}");
}

#[test]
fn a_relative_home_is_refused_by_shim_and_gateway() {
    let home = Home::bare();
    let mut client = home.launch().env("SNOWGATE_HOME", "here").start();
    let answer = client.request("tools/list", &json!({}));
    let text = error_text(&answer, -32603);
    assert!(
        text.contains("SNOWGATE_HOME") && text.contains("here") && text.contains("the whole path"),
        "{text}"
    );
    for arguments in [&["serve"][..], &["status"], &["config", "check"]] {
        let output = home.gateway().env("SNOWGATE_HOME", "here").args(arguments).output().expect("a command");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(!output.status.success() && said.contains("SNOWGATE_HOME"), "{arguments:?}: {said}");
    }
}

#[test]
fn a_home_that_cannot_be_written_is_named_by_its_variable() {
    // Root may write everywhere but below a file.
    let home = Home::bare();
    let file = home.path().join("file");
    fs::write(&file, "").expect("writing");
    let mut client = home.launch().env("SNOWGATE_HOME", &file).start();
    let answer = client.request("tools/list", &json!({}));
    assert!(error_text(&answer, -32603).contains("SNOWGATE_HOME"), "{answer}");
    let served = |name: &str, value: &std::ffi::OsStr| {
        let mut command = home.gateway();
        for other in ["SNOWGATE_HOME", "XDG_DATA_HOME", "XDG_STATE_HOME", "XDG_CONFIG_HOME"] {
            command.env_remove(other);
        }
        command.env(name, value).env("SNOWGATE_SOCKET", home.path().join("socket"));
        let output = command.arg("serve").output().expect("a command");
        assert!(!output.status.success(), "{output:?}");
        String::from_utf8_lossy(&output.stderr).into_owned()
    };
    for (name, value, words) in [
        ("SNOWGATE_HOME", file.as_os_str(), "set SNOWGATE_HOME to a folder that you can write to"),
        ("HOME", file.as_os_str(), "set HOME to a folder that you can write to"),
        ("HOME", "relative".as_ref(), "HOME: expected an absolute path"),
    ] {
        let said = served(name, value);
        assert!(said.contains(words), "{name}={}: {said}", value.display());
    }
}
