//! Log-ins that cannot work: each error says why and what to do, none is repeated, and the gateway stays.

#[cfg(target_os = "linux")]
mod linux;

use std::net::TcpListener;

use warehouse::{Endpoint, Fault, Strike, User};

use super::*;

const PASSWORD: &str = "SNOWFLAKE_PASSWORD";

/// Refused log-ins in a minute, of all clients together, that lock no user.
const REFUSALS_PER_MINUTE_MAX: usize = 6;

/// Clients that ask again make the gateway ask again, within its bound.
#[track_caller]
fn refused_within_the_bound(warehouse: &Warehouse) {
    let refused = log_ins(warehouse).len();
    assert!((1..=REFUSALS_PER_MINUTE_MAX).contains(&refused), "{refused}");
}

/// Five clients ask three times each, all at the same time; each call fails with all of `words`.
#[track_caller]
fn all_refused(home: &Home, variables: Variables<'_>, words: &[&str]) -> [Client; 5] {
    let mut clients = [(); 5].map(|()| client_with(home, variables));
    gateway_stays(home, || {
        for _ in 0..3 {
            let ids = clients.each_mut().map(send);
            for (client, id) in clients.iter_mut().zip(&ids) {
                says(&answer(client, id).expect_err("an error"), words);
            }
        }
    });
    clients
}

#[test]
fn a_wrong_password_is_sent_once_and_locks_no_user() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, "");
    let words = [
        "Snowflake refuses the log-in: Incorrect username or password was specified.",
        "not tried again for 10 min",
        "code 390100",
        "snowgate config show",
        "snowgate restart",
        "snowgate stop",
    ];
    let mut clients = all_refused(&home, &[(PASSWORD, "wrong")], &words);
    assert_eq!(log_ins(&warehouse), [("SNOWFLAKE".to_owned(), Some("390100".to_owned()))]);
    says(&problem(&home).expect("a problem"), &["Incorrect username", "snowgate restart"]);
    says(&home.run(&["status"]).stdout, &["Incorrect username"]);
    // A variable is the client's to change: the next gateway has it.
    home.stop();
    clients.iter_mut().for_each(Client::leave);
    works(&mut client_with(&home, &[(PASSWORD, user::PASSWORD)]));
    assert_eq!(log_ins(&warehouse).len(), 2);
}

#[test]
fn a_client_that_gives_up_while_a_password_is_shown_does_not_make_another_show_it() {
    let warehouse = Warehouse::start();
    let gate = warehouse::Gate::new();
    warehouse.fault(Endpoint::LogIn, Strike::First(1), Fault::HoldAnswer(gate.clone()));
    let home = home_of(&warehouse, "");
    let mut clients = [(); 5].map(|()| client_with(&home, &[(PASSWORD, "wrong")]));
    for client in &mut clients {
        let id = send(client);
        until_running(&home, 1);
        warehouse.until("the password is shown", |seen| seen.count(Endpoint::LogIn) == 1);
        client.notify("notifications/cancelled", &json!({"requestId": id}));
        until_running(&home, 0);
    }
    gate.open();
    for client in &mut clients {
        fails(client, &["Incorrect username or password"]);
    }
    assert_eq!(log_ins(&warehouse).len(), 1);
}

#[test]
fn a_password_that_was_changed_while_sessions_are_open_is_shown_once() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, "");
    let mut clients = [(); 5].map(|()| client_with(&home, &[(PASSWORD, user::PASSWORD)]));
    // Five connections.
    let ids = clients
        .each_mut()
        .map(|client| client.send_call("execute_query", &json!({"query": "SELECT held('all') AS X"})));
    warehouse.until("all run", |seen| seen.queries_of("SELECT held('all') AS X").len() == 5);
    warehouse.release("all");
    for (client, id) in clients.iter_mut().zip(&ids) {
        answer(client, id).expect("an answer");
    }
    assert_eq!(log_ins(&warehouse).len(), 5);
    warehouse.change_user(user::USER, |tester| *tester = User::new(user::USER).password("another"));
    warehouse.end_sessions();
    for _ in 0..3 {
        let ids = clients.each_mut().map(send);
        for (client, id) in clients.iter_mut().zip(&ids) {
            says(&answer(client, id).expect_err("an error"), &["390100"]);
        }
    }
    assert_eq!(log_ins(&warehouse).len(), 6);
}

#[test]
fn an_expired_oauth_token() {
    let warehouse = Warehouse::start();
    warehouse.change_user(user::USER, |tester| tester.expire_oauth_token(user::OAUTH_TOKEN));
    let home = home_of(&warehouse, "authenticator = 'oauth'\n");
    let words = ["OAuth access token expired", "code 390318", "Next step: "];
    all_refused(&home, &[("SNOWFLAKE_TOKEN", user::OAUTH_TOKEN)], &words);
    refused_within_the_bound(&warehouse);
}

#[test]
fn a_revoked_access_token() {
    let warehouse = Warehouse::start();
    warehouse.change_user(user::USER, |tester| tester.revoke_access_token(user::ACCESS_TOKEN));
    let home = home_of(&warehouse, "authenticator = 'programmatic_access_token'\n");
    let words = ["Programmatic access token is invalid", "code 394400", "Next step: "];
    all_refused(&home, &[("SNOWFLAKE_TOKEN", user::ACCESS_TOKEN)], &words);
    refused_within_the_bound(&warehouse);
}

#[test]
fn a_locked_user() {
    let warehouse = Warehouse::start();
    warehouse.change_user(user::USER, |tester| tester.set_locked(true));
    let home = home_of(&warehouse, "");
    let words = ["temporarily locked", "code 390102", "Next step: "];
    let mut clients = all_refused(&home, &[(PASSWORD, user::PASSWORD)], &words);
    refused_within_the_bound(&warehouse);
    warehouse.change_user(user::USER, |tester| tester.set_locked(false));
    assert_eq!(home.run(&["restart"]).code, Some(0));
    works(&mut clients[0]);
}

/// A refused key, then the right one in the config and a restart.
#[track_caller]
fn mended_by_restart(warehouse: &Warehouse, home: &Home, client: &mut Client) {
    let lines = line("private_key_file", user::private_key().display());
    home.configure_account(warehouse, &lines, "");
    // The running gateway goes on with what it has read.
    ask(client).expect_err("an error");
    assert_eq!(home.run(&["restart"]).code, Some(0));
    works(client);
    assert_eq!(problem(home), None);
}

#[test]
fn a_key_file_that_may_not_be_read() {
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let key = fs::read_to_string(user::private_key()).expect("a key");
    let file = write_private(&home, "key.p8", &key);
    set_mode(&file, 0o000);
    if fs::read(&file).is_ok() {
        // The superuser may read everything.
        return;
    }
    let name = file.display().to_string();
    home.configure_account(&warehouse, &line("private_key_file", &name), "");
    let mut clients = all_refused(&home, &[], &["Permission denied", "`private_key_file`"]);
    // A file is read again each time: no restart is needed.
    set_mode(&file, 0o600);
    works(&mut clients[0]);
}

#[test]
fn a_wrong_passphrase_and_a_missing_one() {
    let warehouse = Warehouse::start();
    let file = user::encrypted_private_key().display().to_string();
    let lines = line("private_key_file", &file);
    let next = "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE";
    for (variables, why) in
        [(&[(next, "wrong")][..], "the passphrase is wrong"), (&[], "no passphrase was given")]
    {
        let home = home_of(&warehouse, &lines);
        all_refused(&home, variables, &[why, "Next step: ", next]);
        assert!(log_ins(&warehouse).is_empty());
    }
}

#[test]
fn a_key_of_another_user() {
    let warehouse = Warehouse::start();
    let file = user::other_private_key().display().to_string();
    let home = home_of(&warehouse, &line("private_key_file", &file));
    let words = [
        "JWT token is invalid",
        "code 390144",
        "RSA_PUBLIC_KEY_FP",
        "snowgate config show",
        "snowgate restart",
    ];
    let mut clients = all_refused(&home, &[], &words);
    refused_within_the_bound(&warehouse);
    mended_by_restart(&warehouse, &home, &mut clients[0]);
}

#[test]
fn a_role_that_does_not_exist() {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, "role = 'NOBODY'\n");
    let words = ["Role 'NOBODY'", "code 390189", "Next step: "];
    all_refused(&home, &[(PASSWORD, user::PASSWORD)], &words);
    refused_within_the_bound(&warehouse);
}

#[test]
fn a_host_where_nothing_listens_is_named() {
    let free = TcpListener::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address");
    let warehouse = Warehouse::start();
    let home = Home::bare();
    let text = format!(
        "[backend]\nkind = 'snowflake'\n[snowflake]\naccount = 'org-test'\nuser = 'u'\nhost = '127.0.0.1'\n\
         port = {}\nprotocol = 'http'\n",
        free.port()
    );
    fs::write(home.config_file(), text).expect("writing the config file");
    let words = ["cannot log in", "127.0.0.1", "Next step: ", "`host`"];
    let mut clients = all_refused(&home, &[(PASSWORD, user::PASSWORD)], &words);
    assert!(problem(&home).is_some_and(|problem| problem.contains("cannot log in")));
    home.configure_account(&warehouse, "", "");
    assert_eq!(home.run(&["restart"]).code, Some(0));
    works(&mut clients[0]);
}

#[test]
fn an_unknown_account_is_named() {
    let warehouse = Warehouse::start();
    // What the service answers under the name of an account that does not exist.
    for status in [403, 404] {
        warehouse.fault(Endpoint::LogIn, Strike::First(15), Fault::status(status));
        let home = home_of(&warehouse, "");
        let words = [format!("HTTP {status}"), "Next step: check `account`".to_owned()];
        let words = words.each_ref().map(String::as_str);
        let mut clients = all_refused(&home, &[(PASSWORD, user::PASSWORD)], &words);
        warehouse.clear_faults();
        works(&mut clients[0]);
    }
}

/// With the VPN off, then on again.
#[test]
fn a_network_policy_is_no_reason_to_wait() {
    let warehouse = Warehouse::start();
    let message = "Incoming request with IP/Token 127.0.0.1 is not allowed to access Snowflake.";
    warehouse.fault(Endpoint::LogIn, Strike::First(2), Fault::refusal("390422", message));
    let home = home_of(&warehouse, "");
    let mut client = client_with(&home, &[(PASSWORD, user::PASSWORD)]);
    for refused in 1..=2 {
        let error =
            fails(&mut client, &[message, "code 390422", "Next step: ", "VPN", "the next call tries again"]);
        assert!(!error.contains("not tried again"), "{error}");
        assert_eq!(log_ins_asked(&warehouse), refused);
        says(&problem(&home).expect("a problem"), &[message, "VPN"]);
    }
    works(&mut client);
    assert_eq!((log_ins_asked(&warehouse), problem(&home)), (3, None));
}

#[test]
fn refusals_that_lock_no_user_are_bounded_for_all_clients_together() {
    let warehouse = Warehouse::start();
    warehouse.fault(
        Endpoint::LogIn,
        Strike::Always,
        Fault::refusal("390422", "not allowed to access Snowflake"),
    );
    let home = home_of(&warehouse, "");
    let mut clients = [(); 3].map(|()| client_with(&home, &[(PASSWORD, user::PASSWORD)]));
    for asked in 0..12 {
        let error = fails(&mut clients[asked % 3], &["code 390422"]);
        let bounded = "refused 6 times within a minute";
        assert_eq!(error.contains(bounded), asked >= REFUSALS_PER_MINUTE_MAX, "{asked}: {error}");
    }
    assert_eq!(log_ins_asked(&warehouse), REFUSALS_PER_MINUTE_MAX);
}

/// Each code that has an advice of its own, and one that is told apart by its text.
#[test]
fn a_refusal_says_what_to_do_about_it() {
    for (code, message, words) in [
        ("390101", "User access disabled.", &["enable the user"][..]),
        ("390106", "The password is out of date.", &["Snowsight", "new password"]),
        ("390432", "Network policy is required.", &["network policy"]),
        ("390126", "The approval timed out.", &["approve the log-in on your phone", "snowgate login"]),
        ("394508", "MFA with TOTP is required.", &["snowgate login --passcode"]),
        ("394400", "Programmatic access token is invalid.", &["ADD PROGRAMMATIC ACCESS TOKEN"]),
        ("390303", "Invalid OAuth access token.", &["new OAuth token"]),
        (
            "399999",
            "Multi-factor authentication is required for this account.",
            &["access token", "key pair", "username_password_mfa"],
        ),
    ] {
        let warehouse = Warehouse::start();
        warehouse.fault(Endpoint::LogIn, Strike::Always, Fault::refusal(code, message));
        let home = home_of(&warehouse, "");
        let mut client = client_with(&home, &[(PASSWORD, user::PASSWORD)]);
        let error = fails(&mut client, &[message, &format!("code {code}"), "Next step: "]);
        says(&error, words);
    }
}

/// Log-ins that were asked for, those that a fault answered included.
fn log_ins_asked(warehouse: &Warehouse) -> usize {
    warehouse.seen(|seen| seen.count(Endpoint::LogIn))
}
