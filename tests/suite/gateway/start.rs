//! Starting a gateway: the first shim does it, and no number of shims at once makes two.

#[cfg(unix)]
mod unix;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, until};

#[test]
fn the_first_shim_starts_a_gateway_and_the_second_shares_it() {
    let home = Home::new();
    let mut first = home.client();
    first.initialize();
    let pid = home.gateway_pid();
    let mut second = home.client();
    second.initialize();
    assert_eq!(home.gateway_pid(), pid);
    until("one gateway process", || home.gateways().len() == 1);
    let sessions: Vec<Value> = home.sessions().iter().map(|session| session["pid"].clone()).collect();
    assert_eq!(sessions, [json!(first.pid()), json!(second.pid())]);
    home.log_until("ready", 1);
}

#[test]
fn a_shim_that_was_not_asked_anything_starts_its_gateway_too() {
    let home = Home::new();
    let client = home.client();
    until("a session without a request", || home.status().is_some_and(|status| status["sessions"] == 1));
    assert_eq!(home.session_of(client.pid())["era"], "unknown");
}

#[test]
fn forty_shims_at_the_same_instant_get_one_gateway() {
    let home = Home::new();
    let mut clients: Vec<Client> = (0..40).map(|_| home.client()).collect();
    for client in &mut clients {
        let answer = client.initialize();
        assert_eq!(answer["result"]["serverInfo"]["name"], "snowgate", "{answer}");
    }
    home.log_until("ready", 1);
    assert_eq!(home.sessions().len(), 40);
    until("one gateway process", || home.gateways().len() == 1);
    for mut client in clients {
        client.close_stdin();
        assert_eq!(client.rest(), Vec::<Value>::new(), "each is answered once");
    }
}

#[test]
fn the_gateway_outlives_the_shim_that_started_it() {
    let home = Home::new();
    let mut first = home.client();
    first.initialize();
    let pid = home.gateway_pid();
    first.leave();
    let mut second = home.client();
    second.initialize();
    assert_eq!(home.gateway_pid(), pid);
}

#[test]
fn a_second_gateway_leaves_at_once_and_touches_nothing() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    let (pid, files) = (home.gateway_pid(), home.settled_files());
    let second = home.run(&["serve"]);
    assert_eq!(second.code, Some(0), "{second:?}");
    assert_eq!(home.log_lines("another gateway is already running").len(), 1);
    assert_eq!((home.gateway_pid(), home.files()), (pid, files));
    assert!(client.request("ping", &json!({}))["result"].is_object());
}
