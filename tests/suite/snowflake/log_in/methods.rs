//! Every way that asks nobody.

use warehouse::{SecondFactor, User};

use super::*;

/// A log-in with these lines of the config and these variables works, and is this one on the wire.
#[track_caller]
fn logs_in(lines: &str, variables: Variables<'_>, way: &str) {
    let warehouse = Warehouse::start();
    let home = home_of(&warehouse, lines);
    let mut client = client_with(&home, variables);
    works(&mut client);
    works(&mut client);
    assert_eq!(log_ins(&warehouse), [(way.to_owned(), None)]);
    warehouse.seen(|seen| assert_eq!(seen.log_ins[0].application.as_deref(), Some("Snowgate")));
}

const JWT: &str = "SNOWFLAKE_JWT";
const PASSPHRASE: &str = "SNOWFLAKE_PRIVATE_KEY_PASSPHRASE";

#[test]
fn a_key_from_a_file() {
    let lines = line("private_key_file", user::private_key().display());
    logs_in(&lines, &[], JWT);
    logs_in("", &[("SNOWFLAKE_PRIVATE_KEY_PATH", &user::private_key().display().to_string())], JWT);
}

#[test]
fn an_encrypted_key_from_a_file() {
    let lines = line("private_key_file", user::encrypted_private_key().display());
    logs_in(&lines, &[(PASSPHRASE, user::PASSPHRASE)], JWT);
    logs_in(&lines, &[("SNOWFLAKE_PRIVATE_KEY_FILE_PWD", user::PASSPHRASE)], JWT);
}

#[test]
fn a_key_in_a_variable() {
    let read = |file| fs::read_to_string(file).expect("a key");
    logs_in("", &[("SNOWFLAKE_PRIVATE_KEY", &read(user::private_key()))], JWT);
    let encrypted = read(user::encrypted_private_key());
    logs_in("", &[("SNOWFLAKE_PRIVATE_KEY", &encrypted), (PASSPHRASE, user::PASSPHRASE)], JWT);
}

#[test]
fn an_oauth_token() {
    logs_in("authenticator = 'oauth'\n", &[("SNOWFLAKE_TOKEN", user::OAUTH_TOKEN)], "OAUTH");
    let variables = [("SNOWFLAKE_AUTHENTICATOR", "OAUTH"), ("SNOWFLAKE_TOKEN", user::OAUTH_TOKEN)];
    logs_in("", &variables, "OAUTH");
}

#[test]
fn a_programmatic_access_token() {
    let way = "PROGRAMMATIC_ACCESS_TOKEN";
    let token = ("SNOWFLAKE_TOKEN", user::ACCESS_TOKEN);
    logs_in("authenticator = 'programmatic_access_token'\n", &[token], way);
    logs_in("", &[("SNOWFLAKE_AUTH_TYPE", "pat"), token], way);
}

#[test]
fn a_password() {
    logs_in("", &[("SNOWFLAKE_PASSWORD", user::PASSWORD)], "SNOWFLAKE");
}

#[test]
fn a_password_with_a_passcode() {
    let factor = SecondFactor::Passcode("123456".into());
    let tester = || User::new(user::USER).password(user::PASSWORD).second_factor(factor.clone());
    let variables = [("SNOWFLAKE_PASSWORD", user::PASSWORD), ("SNOWFLAKE_PASSCODE", "123456")];
    let warehouse = Warehouse::builder().user(tester()).start();
    let home = home_of(&warehouse, "");
    let mut clients = [(); 3].map(|()| client_with(&home, &variables));
    let ids = clients.each_mut().map(send);
    for (client, id) in clients.iter_mut().zip(&ids) {
        assert!(answer(client, id).is_ok());
    }
    let passcodes = |warehouse: &Warehouse| {
        warehouse.seen(|seen| {
            let bodies = seen.requests.iter().map(|request| &request.body["data"]["PASSCODE"]);
            bodies.filter(|passcode| passcode.is_string()).count()
        })
    };
    // It is good for one log-in: the token that came with it makes the others, of the next gateway too.
    assert_eq!(passcodes(&warehouse), 1);
    home.kill_gateway();
    works(&mut clients[0]);
    assert_eq!(passcodes(&warehouse), 1);
    assert!(log_ins(&warehouse).iter().all(|(_, refused)| refused.is_none()));
}

#[test]
fn a_passcode_where_nothing_is_remembered_is_shown_once_and_one_connection_serves_all() {
    let factor = SecondFactor::Passcode("123456".into());
    let tester = User::new(user::USER).password(user::PASSWORD).second_factor(factor);
    let warehouse = Warehouse::builder().user(tester).grants_no_tokens().start();
    let home = home_of(&warehouse, "");
    let variables = [("SNOWFLAKE_PASSWORD", user::PASSWORD), ("SNOWFLAKE_PASSCODE", "123456")];
    let mut clients = [(); 5].map(|()| client_with(&home, &variables));
    for _ in 0..3 {
        let ids = clients.each_mut().map(send);
        for (client, id) in clients.iter_mut().zip(&ids) {
            answer(client, id).unwrap_or_else(|error| panic!("{error}"));
        }
    }
    assert_eq!(log_ins(&warehouse), [("SNOWFLAKE".to_owned(), None)]);
}

const FIRST: &str = "sg-test-first-token";
const SECOND: &str = "sg-test-second-token";

/// A user with two tokens of each kind.
fn two_tokens() -> User {
    let user = User::new(user::USER).oauth_token(FIRST).oauth_token(SECOND);
    user.access_token(FIRST).access_token(SECOND)
}

/// The lines of a token that stands in a file.
fn token_file(home: &Home, way: &str) -> (PathBuf, String) {
    let file = write_private(home, "token", &format!("{FIRST}\n"));
    let lines = line("authenticator", way) + &line("token_file_path", file.display());
    (file, lines)
}

#[test]
fn a_renewed_token_file_counts_at_the_next_log_in() {
    let warehouse = Warehouse::builder().user(two_tokens()).start();
    for (way, expire) in [
        ("oauth", (|user| user.expire_oauth_token(FIRST)) as fn(&mut User)),
        ("programmatic_access_token", |user| user.revoke_access_token(FIRST)),
    ] {
        let home = Home::bare();
        let (file, lines) = token_file(&home, way);
        home.configure_account(&warehouse, &lines, "");
        let mut client = client(&home);
        works(&mut client);
        warehouse.change_user(user::USER, expire);
        fs::write(&file, SECOND).expect("renewing the token");
        warehouse.end_sessions();
        works(&mut client);
        assert!(log_ins(&warehouse).iter().all(|(_, refused)| refused.is_none()));
    }
}

#[test]
fn a_token_file_that_is_renewed_after_a_refusal_counts_at_once() {
    let warehouse = Warehouse::builder().user(two_tokens()).start();
    let home = Home::bare();
    let (file, lines) = token_file(&home, "oauth");
    home.configure_account(&warehouse, &lines, "");
    warehouse.change_user(user::USER, |user| user.expire_oauth_token(FIRST));
    let mut client = client(&home);
    for _ in 0..3 {
        fails(&mut client, &["OAuth access token expired"]);
    }
    // An expired token locks no user, so each call has shown it again.
    assert_eq!(log_ins(&warehouse).len(), 3);
    gateway_stays(&home, || {
        fs::write(&file, SECOND).expect("renewing the token");
        works(&mut client);
    });
    assert_eq!(problem(&home), None);
}
