//! The socket's path, and who holds a lock.

use std::fs;

use rustix::process::{Flock, FlockType, Pid, fcntl_getlk};
use snowgate_tests::error_text;

use super::*;

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
