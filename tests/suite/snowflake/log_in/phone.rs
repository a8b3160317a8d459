//! Passwords with an approval on a phone.

use warehouse::{Gate, SecondFactor, User};

use super::*;

const LINES: &str = "authenticator = 'username_password_mfa'\n";
const PASSWORD: (&str, &str) = ("SNOWFLAKE_PASSWORD", user::PASSWORD);
const APPROVE: &str = "waiting for you to approve the log-in on your phone";

fn with_phone(gate: &Gate) -> User {
    User::new(user::USER).password(user::PASSWORD).second_factor(SecondFactor::Push(gate.clone()))
}

#[test]
fn several_clients_wait_for_one_approval_and_the_next_gateway_needs_none() {
    let gate = Gate::new();
    let warehouse = Warehouse::builder().user(with_phone(&gate)).start();
    let home = home_of(&warehouse, LINES);
    let mut clients = [(); 5].map(|()| client_with(&home, &[PASSWORD]));
    let ids = clients.each_mut().map(send);
    until_running(&home, 5);
    gate.until_arrived(1);
    assert!(until_problem(&home).contains(APPROVE));
    says(&home.run(&["status"]).stdout, &[APPROVE]);
    gate.open();
    for (client, id) in clients.iter_mut().zip(&ids) {
        answer(client, id).unwrap_or_else(|error| panic!("{error}"));
    }
    assert_eq!((gate.arrived(), problem(&home)), (1, None));
    home.kill_gateway();
    works(&mut clients[0]);
    assert_eq!(gate.arrived(), 1);
    assert!(log_ins(&warehouse).iter().all(|(_, refused)| refused.is_none()));
}

#[test]
fn an_approval_that_takes_long_is_told_of_and_counts_when_it_comes() {
    let gate = Gate::new();
    let warehouse = Warehouse::builder().user(with_phone(&gate)).start();
    let home = home_of(&warehouse, LINES);
    let mut client = client_with(&home, &[PASSWORD]);
    fails(&mut client, &[APPROVE, "Next step: "]);
    gate.open();
    works(&mut client);
    assert_eq!(gate.arrived(), 1);
}

#[test]
fn a_denied_approval_is_an_error_and_the_next_call_asks_again() {
    let denied = User::new(user::USER).password(user::PASSWORD).second_factor(SecondFactor::DeniedPush);
    let warehouse = Warehouse::builder().user(denied).start();
    let home = home_of(&warehouse, LINES);
    let mut clients = [(); 5].map(|()| client_with(&home, &[PASSWORD]));
    for client in &mut clients {
        fails(client, &["MFA authentication was denied", "code 390120", "approve the log-in on your phone"]);
    }
    assert_eq!(log_ins(&warehouse).len(), clients.len());
    let gate = Gate::new();
    gate.open();
    warehouse.change_user(user::USER, |tester| *tester = with_phone(&gate));
    works(&mut clients[0]);
    assert_eq!(gate.arrived(), 1);
}

#[test]
fn a_password_that_is_wrong_beside_a_remembered_factor_is_shown_once_and_the_factor_is_kept() {
    let gate = Gate::new();
    gate.open();
    let warehouse = Warehouse::builder().user(with_phone(&gate)).start();
    let home = home_of(&warehouse, LINES);
    let mut client = client_with(&home, &[PASSWORD]);
    works(&mut client);
    let tokens = home.path().join("data/snowflake-tokens.json");
    let remembered = fs::read_to_string(&tokens).expect("a token file");
    home.stop();
    client.leave();
    let mut clients = [(); 5].map(|()| client_with(&home, &[("SNOWFLAKE_PASSWORD", "wrong")]));
    for client in &mut clients {
        fails(client, &["Incorrect username or password", "390100"]);
    }
    let refused = log_ins(&warehouse).iter().filter(|(_, refused)| refused.is_some()).count();
    assert_eq!((refused, gate.arrived()), (1, 1));
    assert_eq!(fs::read_to_string(&tokens).expect("a token file"), remembered);
}
