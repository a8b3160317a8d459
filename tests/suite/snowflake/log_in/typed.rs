//! A password that the configuration does not have: it is typed, kept in memory, and gone with the gateway.

#[cfg(unix)]
mod unix;

use warehouse::User;

use super::*;

const PASSWORD: &str = "authenticator = 'snowflake'\n";

fn warehouse() -> Warehouse {
    Warehouse::builder().user(User::new(user::USER).password(user::PASSWORD)).start()
}

#[test]
fn a_password_is_typed_once_for_all_clients_and_is_gone_with_the_gateway() {
    let warehouse = warehouse();
    let home = home_of(&warehouse, PASSWORD);
    let checked = home.run(&["config", "check"]);
    assert_eq!(checked.code, Some(0), "{checked:?}");
    says(&checked.stderr, &["no password was found", "snowgate login"]);
    let mut client = client(&home);
    fails(&mut client, &["the password is not known", "snowgate login"]);
    says(&until_problem(&home), &["snowgate login"]);
    assert!(log_ins(&warehouse).is_empty(), "nothing was sent");
    let refused = home.run_with_input(&["login", "--password", "--json"], "wrong\n");
    assert_eq!(refused.code, Some(77), "{refused:?}");
    fails(&mut client, &["the password is not known"]);
    let done = home.run_with_input(&["login", "--password"], &format!("{}\n", user::PASSWORD));
    assert_eq!(done.code, Some(0), "{done:?}");
    works(&mut client);
    let mut second = self::client(&home);
    works(&mut second);
    home.kill_gateway();
    fails(&mut client, &["the password is not known"]);
    for file in home.files().iter().map(|file| home.path().join(file)).filter(|file| file.is_file()) {
        let text = fs::read(&file).unwrap_or_default();
        assert!(!String::from_utf8_lossy(&text).contains(user::PASSWORD), "{}", file.display());
    }
    assert!(!home.log().contains(user::PASSWORD));
}

#[test]
fn a_connection_is_logged_in_by_its_name() {
    let warehouse = warehouse();
    let home = Home::bare();
    let (user, port) = (user::USER, warehouse.address().port());
    home.configure(&format!(
        "[backend]\nkind = 'sqlite'\n[connections.work]\nkind = 'snowflake'\naccount = 'org-test'\nuser = '{user}'\n\
         host = '127.0.0.1'\nport = {port}\nprotocol = 'http'\n{PASSWORD}[profiles.work]\nconnection = 'work'\n"
    ));
    let done =
        home.run_with_input(&["login", "work", "--password", "--json"], &format!("{}\n", user::PASSWORD));
    assert_eq!(done.code, Some(0), "{done:?}");
    assert_eq!(done.json()["connection"], "work");
    assert_eq!(log_ins(&warehouse).len(), 1);
    let unknown = home.run(&["login", "home", "--json"]);
    assert_eq!(unknown.code, Some(64), "{unknown:?}");
    let error = &unknown.json()["error"];
    says(error["message"].as_str().expect("a message"), &["no connection is named \"home\""]);
    says(error["next_step"].as_str().expect("a next step"), &["sqlite", "work"]);
    let files = home.run(&["login", "sqlite"]);
    assert_eq!(files.code, Some(64), "{files:?}");
}

#[test]
fn a_password_that_the_configuration_has_is_not_replaced() {
    let warehouse = warehouse();
    let home = home_of(&warehouse, PASSWORD);
    let mut client = client_with(&home, &[("SNOWFLAKE_PASSWORD", user::PASSWORD)]);
    let done = home.run_with_input(&["login", "--password", "--json"], "another\n");
    assert_eq!(done.code, Some(64), "{done:?}");
    says(&done.stdout, &["has a password already"]);
    works(&mut client);
    let none = Home::new();
    let done = none.run(&["login", "--no-start"]);
    assert_eq!(done.code, Some(3), "{done:?}");
    assert!(none.processes().is_empty());
}
