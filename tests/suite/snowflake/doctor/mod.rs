//! `snowgate doctor` on accounts that cannot be used: the step on the way there that fails is named first.

mod log_in;
mod secrets;
mod way;

use std::fs;
use std::process::Command;

use serde_json::{Value, json};
use snowgate_tests::{Home, set_mode};
use warehouse::{Warehouse, secrets as user};

/// A command in `home` for which nothing else of this machine is a user's.
fn command(home: &Home) -> Command {
    let folder = home.path().join("user");
    fs::create_dir_all(&folder).expect("making a home folder");
    let mut command = home.gateway();
    command.env("HOME", folder).env("PATH", "/usr/bin:/bin").env_remove("XDG_CONFIG_HOME");
    for name in [
        "http_proxy",
        "HTTP_PROXY",
        "https_proxy",
        "HTTPS_PROXY",
        "all_proxy",
        "ALL_PROXY",
        "SSL_CERT_FILE",
        "SSL_CERT_DIR",
    ] {
        command.env_remove(name);
    }
    command
}

/// What `doctor --json` says, and its exit code.
#[track_caller]
fn doctor(command: &mut Command, arguments: &[&str]) -> (Value, Option<i32>) {
    let output = command.arg("doctor").args(arguments).arg("--json").output().expect("doctor starts");
    let said = String::from_utf8_lossy(&output.stdout);
    let found = serde_json::from_str(&said)
        .unwrap_or_else(|error| panic!("{error}: {said}{}", String::from_utf8_lossy(&output.stderr)));
    (found, output.status.code())
}

/// The first finding is `check` and has all of `words`; `severity` decides the exit code.
#[track_caller]
fn first_is((found, code): &(Value, Option<i32>), check: &str, severity: &str, words: &[&str]) {
    // Other tests' gateways are other gateways of this user.
    let findings = found["findings"].as_array().expect("findings");
    let first = findings.iter().find(|finding| finding["check"] != "other_gateway");
    let first = first.unwrap_or_else(|| panic!("nothing was found: {found:#}"));
    assert_eq!((&first["check"], &first["severity"]), (&json!(check), &json!(severity)), "{found:#}");
    assert_eq!(*code, Some(i32::from(severity == "critical")), "{found:#}");
    for part in ["what", "cause", "next_step"] {
        assert!(first[part].as_str().is_some_and(|text| !text.is_empty()), "no {part}: {first:#}");
    }
    let text = first.to_string();
    words.iter().for_each(|word| assert!(text.contains(word), "no {word:?} in {first:#}"));
}

#[track_caller]
fn names(found: &(Value, Option<i32>), check: &str, words: &[&str]) {
    first_is(found, check, "critical", words);
}

#[track_caller]
fn is_healthy((found, code): &(Value, Option<i32>)) {
    let findings = found["findings"].as_array().expect("findings");
    let bad = findings.iter().find(|finding| finding["severity"] != "note");
    assert!(bad.is_none() && *code == Some(0), "{found:#}");
}

/// A home whose account is at `warehouse`, with these further lines of `[snowflake]`, and `toml` behind them.
fn home_of(warehouse: &Warehouse, lines: &str, toml: &str) -> Home {
    let home = Home::bare();
    home.configure_account(warehouse, &with_key(&home, lines), toml);
    home
}

/// The line that names the usual user's private key; see [`with_key`].
fn key_line() -> String {
    "private_key_file = 'KEY'\n".to_owned()
}

/// The lines with the place of a copy of the key that only its user can read.
fn with_key(home: &Home, lines: &str) -> String {
    let file = home.path().join("rsa_key.p8");
    fs::copy(user::private_key(), &file).expect("copying the key");
    set_mode(&file, 0o600);
    lines.replace("'KEY'", &format!("{:?}", file.display().to_string()))
}
