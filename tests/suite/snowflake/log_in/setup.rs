//! `snowgate setup` with an account: the connection is tested by the gateway's own code, and secrets stay out of the config.

use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use snowgate_tests::Terminal;
use warehouse::{Endpoint, Fault, SecondFactor, Strike, User};

use super::browser::{Browser, log_in_at};
use super::*;

/// `snowgate` in `home`, told where the stand-in is.
fn command(home: &Home, warehouse: &Warehouse) -> Command {
    let mut command = home.gateway();
    for name in CLEARED {
        command.env_remove(name);
    }
    // No MCP client of the machine's user is offered anything.
    command.env("HOME", home.path()).env("PATH", "/nonexistent");
    command.env("SNOWFLAKE_HOST", "127.0.0.1").env("SNOWFLAKE_PORT", warehouse.address().port().to_string());
    command.env("SNOWFLAKE_PROTOCOL", "http");
    command
}

/// Runs it to its end.
fn run(command: &mut Command) -> (Option<i32>, String, String) {
    let output = command.output().expect("snowgate runs");
    let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
    (output.status.code(), text(output.stdout), text(output.stderr))
}

fn config(home: &Home) -> String {
    fs::read_to_string(home.config_file()).unwrap_or_default()
}

const ACCOUNT: [&str; 4] = ["--account", "https://org-test.snowflakecomputing.com/", "--user", user::USER];

#[test]
fn a_key_pair_is_tested_and_written() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let key = user::private_key().display().to_string();
    let (code, stdout, stderr) = run(command(&home, &warehouse).arg("setup").args(ACCOUNT).args([
        "--private-key-file",
        &key,
        "--yes",
    ]));
    assert_eq!(code, Some(0), "{stdout}{stderr}");
    says(&stderr, &["the connection works (account org-test, user "]);
    says(&stdout, &["written: ", "secrets: the key stays in its file", "next: "]);
    let text = config(&home);
    says(
        &text,
        &[
            "account = \"org-test\"",
            "private_key_file = ",
            "read_only = true",
            "statements = [\"read\", \"context\"]",
        ],
    );
    assert_eq!(fs::metadata(home.config_file()).expect("a config").permissions().mode() & 0o777, 0o600);
    warehouse.seen(|seen| assert!(seen.count(Endpoint::Submit) > 0, "a statement ran"));
    warehouse.until("the session of the test is closed", |seen| seen.count(Endpoint::Close) > 0);
}

#[test]
fn what_does_not_work_is_said_and_nothing_is_written() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let wrong_key = user::other_private_key().display().to_string();
    let setup =
        |more: &[&str]| run(command(&home, &warehouse).arg("setup").args(ACCOUNT).args(more).arg("--yes"));
    let (code, _, stderr) = setup(&["--private-key-file", &wrong_key]);
    assert_eq!(code, Some(77), "{stderr}");
    says(&stderr, &["the test of the connection failed: not logged in", "next step: ", "RSA_PUBLIC_KEY"]);
    let key = user::private_key().display().to_string();
    let (code, _, stderr) = setup(&["--private-key-file", &key, "--database", "NO_SUCH_DATABASE"]);
    assert_eq!(code, Some(77), "{stderr}");
    says(
        &stderr,
        &["the test of the connection failed: ", "NO_SUCH_DATABASE", "correct role, warehouse or database"],
    );
    let refusal =
        Fault::refusal("390422", "Incoming request with IP/Token is not allowed to access Snowflake.");
    warehouse.fault(Endpoint::LogIn, Strike::Always, refusal);
    let (code, _, stderr) = setup(&["--private-key-file", &key]);
    assert_eq!(code, Some(77), "{stderr}");
    says(&stderr, &["390422", "VPN"]);
    warehouse.go_down();
    let (code, _, stderr) = setup(&["--private-key-file", &key]);
    assert_eq!(code, Some(75), "{stderr}");
    assert!(!home.config_file().exists());
    let (code, _, stderr) = setup(&["--private-key-file", &key, "--no-test"]);
    assert_eq!(code, Some(0), "{stderr}");
    assert!(home.config_file().exists());
}

#[test]
fn a_browser_logs_in_once_for_the_test_and_the_gateway_after_it() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let browser = Browser::of(&home);
    std::thread::scope(|scope| {
        let setup = scope.spawn(|| {
            let mut command = command(&home, &warehouse);
            run(command.env("BROWSER", &browser.program).arg("setup").args(ACCOUNT).args([
                "--authenticator",
                "externalbrowser",
                "--yes",
            ]))
        });
        log_in_at(&browser.until_sent(1));
        let (code, stdout, stderr) = setup.join().expect("no panic");
        assert_eq!(code, Some(0), "{stdout}{stderr}");
    });
    let port = warehouse.address().port().to_string();
    let place = [("SNOWFLAKE_HOST", "127.0.0.1"), ("SNOWFLAKE_PORT", &port), ("SNOWFLAKE_PROTOCOL", "http")];
    let mut client = client_with(&home, &place);
    works(&mut client);
    assert_eq!(browser.addresses().len(), 1, "the log-in is remembered");
}

#[test]
fn a_password_is_typed_for_the_test_and_is_in_no_file() {
    let app = SecondFactor::Passcode("123456".to_owned());
    let warehouse =
        Warehouse::builder().user(User::new(user::USER).password(user::PASSWORD).second_factor(app)).start();
    let home = Home::bare();
    let mut setup = Terminal::run(command(&home, &warehouse).arg("setup"));
    setup.expect("Number [1]:");
    setup.type_line("");
    setup.expect("Account");
    setup.type_line("org.test");
    setup.expect("account: org-test");
    setup.expect("How do you log in?");
    setup.expect("Number [1]:");
    setup.type_line("username_password_mfa");
    setup.expect("User:");
    setup.type_line(user::USER);
    for question in ["Role", "Warehouse", "Database", "May clients change data?", "Name of the profile"] {
        setup.expect(question);
        setup.type_line("");
    }
    setup.expect("Password (kept in");
    setup.type_hidden(user::PASSWORD);
    setup.expect("Passcode:");
    setup.type_hidden("123456");
    setup.expect("the connection works");
    setup.expect("Write it? [Y/n]");
    setup.type_line("");
    setup.expect("snowgate login");
    let (code, shown) = setup.end();
    assert_eq!(code, Some(0), "{shown}");
    assert!(!shown.contains(user::PASSWORD) && !shown.contains("123456"), "{shown}");
    for file in home.files().iter().map(|file| home.path().join(file)).filter(|file| file.is_file()) {
        let text = fs::read(&file).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        assert!(!text.contains(user::PASSWORD), "{}", file.display());
    }
}
