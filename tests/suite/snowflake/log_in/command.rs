//! `snowgate login`: a refused log-in is tried again at once, a passcode reaches a gateway that runs, and the
//! exit code says how it went.

use warehouse::{Endpoint, Fault, Gate, SecondFactor, Strike, User};

use super::*;

const MFA: &str = "authenticator = 'username_password_mfa'\n";
const PASSWORD: (&str, &str) = ("SNOWFLAKE_PASSWORD", user::PASSWORD);

/// Exit codes of the command.
const OK: Option<i32> = Some(0);
const NO_GATEWAY: Option<i32> = Some(3);
const USAGE: Option<i32> = Some(64);
const NOT_YET: Option<i32> = Some(75);
const REFUSED: Option<i32> = Some(77);

fn with_app(code: &str) -> User {
    User::new(user::USER).password(user::PASSWORD).second_factor(SecondFactor::Passcode(code.to_owned()))
}

/// What the command prints for a script.
#[track_caller]
fn login_json(home: &Home, arguments: &[&str]) -> (Option<i32>, Value) {
    let output = home.run(&[&["login", "--json"], arguments].concat());
    let value = serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    (output.code, value)
}

#[test]
fn a_password_that_was_corrected_at_the_accounts_side_works_after_a_login() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, "");
    let mut client = client_with(&home, &[("SNOWFLAKE_PASSWORD", "another")]);
    for _ in 0..2 {
        fails(&mut client, &["code 390100", "not tried again for 10 min", "snowgate login"]);
    }
    assert_eq!(log_ins(&warehouse).len(), 1);
    // It is tried at once, and the outcome told.
    let output = home.run(&["login"]);
    assert_eq!((output.code, output.stdout.as_str()), (REFUSED, ""));
    says(
        &output.stderr,
        &["not logged in: ", "Incorrect username or password", "(code 390100", "next step: "],
    );
    assert_eq!(log_ins(&warehouse).len(), 2);
    fails(&mut client, &["code 390100"]);
    assert_eq!(log_ins(&warehouse).len(), 2, "it stands again");
    warehouse.change_user(user::USER, |tester| *tester = User::new(user::USER).password("another"));
    gateway_stays(&home, || {
        let output = home.run(&["login"]);
        assert_eq!(output.code, OK, "{output:?}");
        says(&output.stdout, &["logged in (account org-test, user "]);
        assert_eq!(problem(&home), None);
        works(&mut client);
    });
}

#[test]
fn a_fresh_passcode_reaches_a_gateway_that_runs() {
    let warehouse = Warehouse::builder().user(with_app("111111")).start();
    let home = home_of(&warehouse, MFA);
    let mut client = client_with(&home, &[PASSWORD, ("SNOWFLAKE_PASSCODE", "999999")]);
    fails(&mut client, &["Incorrect passcode", "code 394507", "snowgate login --passcode"]);
    let (code, value) = login_json(&home, &[]);
    assert_eq!((code, &value["error"]["kind"]), (REFUSED, &json!("refused")), "{value}");
    says(value["error"]["next_step"].as_str().expect("a next step"), &["snowgate login --passcode"]);
    gateway_stays(&home, || {
        // From stdin, where no list of processes shows it.
        let output = home.run_with_input(&["login", "--passcode"], " 111 111\n");
        assert_eq!(output.code, OK, "{output:?}");
        works(&mut client);
    });
    // The token that came with it logs further connections in, and the next gateway.
    home.kill_gateway();
    works(&mut client);
    assert!(!home.log().contains("111111"), "a passcode is not in the log");
}

#[test]
fn a_passcode_is_used_once_and_without_one_the_next_login_says_so() {
    let warehouse = Warehouse::builder().grants_no_tokens().user(with_app("111111")).start();
    let home = home_of(&warehouse, MFA);
    let mut client = client_with(&home, &[PASSWORD]);
    fails(&mut client, &["code 394508", "snowgate login --passcode"]);
    let (code, value) = login_json(&home, &["--passcode", "222222"]);
    assert_eq!(code, REFUSED, "{value}");
    says(value["error"]["message"].as_str().expect("a message"), &["394507"]);
    // The wrong one is not sent again.
    fails(&mut client, &["code 394508"]);
    let (code, value) = login_json(&home, &["--passcode", "111111"]);
    assert_eq!(
        (code, &value["logged_in"], &value["backend"]),
        (OK, &json!(true), &json!("snowflake")),
        "{value}"
    );
    for _ in 0..2 {
        works(&mut client);
    }
    // There is a session, and the account gives one only.
    assert_eq!(login_json(&home, &[]).0, OK);
    works(&mut client);
}

#[test]
fn a_login_waits_for_the_approval_on_a_phone() {
    let gate = Gate::new();
    let push = User::new(user::USER).password(user::PASSWORD).second_factor(SecondFactor::Push(gate.clone()));
    let warehouse = Warehouse::builder().user(push).start();
    let home = home_of(&warehouse, MFA);
    let mut client = client_with(&home, &[PASSWORD]);
    // A gateway is running, and has asked nobody yet.
    std::thread::scope(|scope| {
        let login = scope.spawn(|| home.run(&["login"]));
        gate.until_arrived(1);
        until_problem(&home);
        gate.open();
        let output = login.join().expect("no panic");
        assert_eq!(output.code, OK, "{output:?}");
    });
    works(&mut client);
    assert_eq!(gate.arrived(), 1);
}

#[test]
fn a_network_that_is_back_needs_no_wait_after_many_refusals() {
    let warehouse = Warehouse::start();
    let refusal =
        Fault::refusal("390422", "Incoming request with IP/Token is not allowed to access Snowflake.");
    warehouse.fault(Endpoint::LogIn, Strike::Always, refusal);
    let home = home_of(&warehouse, "");
    let mut client = client_with(&home, &[PASSWORD]);
    for _ in 0..7 {
        fails(&mut client, &["code 390422"]);
    }
    fails(&mut client, &["refused 6 times within a minute", "`snowgate login` at once"]);
    warehouse.clear_faults();
    assert_eq!(home.run(&["login"]).code, OK);
    works(&mut client);
}

#[test]
fn what_cannot_be_done_has_an_exit_code_of_its_own() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, "");
    let (code, value) = login_json(&home, &["--no-start"]);
    assert_eq!((code, &value["running"]), (NO_GATEWAY, &json!(false)));
    let _client = client_with(&home, &[PASSWORD]);
    for odd in ["", "12-34", "passwörd"] {
        assert_eq!(login_json(&home, &["--passcode", odd]).0, USAGE, "{odd:?}");
    }
    let (code, value) = login_json(&home, &["--passcode", "123456"]);
    assert_eq!(code, USAGE, "{value}");
    says(value["error"]["next_step"].as_str().expect("a next step"), &["username_password_mfa"]);
    assert!(log_ins(&warehouse).is_empty(), "nothing was sent");
    warehouse.go_down();
    let (code, value) = login_json(&home, &[]);
    assert_eq!((code, &value["error"]["kind"]), (NOT_YET, &json!("not_yet")), "{value}");
    // A backend of files has no log-in.
    let files = Home::new();
    let mut client = files.client();
    client.initialize();
    let (code, value) = login_json(&files, &[]);
    assert_eq!((code, &value["error"]["kind"]), (USAGE, &json!("usage")), "{value}");
    says(value["error"]["message"].as_str().expect("a message"), &["sqlite"]);
}
