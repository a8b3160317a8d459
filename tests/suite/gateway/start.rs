//! Starting a gateway: the first shim does it, and no number of shims at once makes two.

use std::fs;

use rustix::process::{Flock, FlockType, Pid, fcntl_getlk};
use serde_json::{Value, json};
use snowgate_tests::{Client, Home, error_text, until};

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
fn without_autostart_the_request_is_told_that_no_gateway_listens() {
    let home = Home::new();
    for launch in [home.launch().arg("--no-autostart"), home.launch().env("SNOWGATE_NO_AUTOSTART", "1")] {
        let mut client = launch.start();
        let answer = client.request("ping", &json!({}));
        let message = error_text(&answer, -32603);
        assert!(message.contains("no gateway is listening on"), "{message}");
        assert!(message.contains(&home.socket().display().to_string()), "{message}");
        client.stderr_says("no gateway is listening on");
        assert_eq!(home.gateways(), [], "the last one is gone: `Home::stop` waits for that");

        let mut starter = home.client();
        starter.initialize();
        client.initialize();
        drop((client, starter));
        home.stop();
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

#[test]
fn who_holds_the_gateways_lock_is_seen_without_taking_it() {
    let home = Home::new();
    let holder = || {
        let lock = fs::File::open(home.run_dir().join("gateway.lock")).expect("the lock");
        let found = fcntl_getlk(&lock, &Flock::from(FlockType::ReadLock)).expect("looking");
        found.map(|lock| u32::try_from(Pid::as_raw(lock.pid)).expect("a process id"))
    };
    home.client().initialize();
    let pid = home.gateway_pid();
    assert_eq!(holder(), Some(pid));
    assert_eq!(home.run(&["restart"]).code, Some(0));
    assert_eq!((holder(), home.gateway_pid()), (Some(pid), pid), "also after a restart");
    home.stop();
    assert_eq!(holder(), None);
}

#[test]
fn a_gateway_started_by_hand_serves_shims_that_may_not_start_one() {
    let home = Home::new();
    let mut gateway = home.gateway().arg("serve").spawn().expect("snowgate serve starts");
    until("the gateway answers", || home.status().is_some());
    let mut client = home.launch().arg("--no-autostart").start();
    client.initialize();
    assert_eq!(home.gateway_pid(), gateway.id());
    home.stop();
    assert!(gateway.wait().expect("waiting for the gateway").success());
    assert!(!home.socket().exists(), "a gateway that leaves takes its socket away");
    assert!(fs::exists(home.run_dir().join("gateway.lock")).expect("looking"), "locks stay");
}
