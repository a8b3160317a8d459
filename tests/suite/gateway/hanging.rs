//! Processes that hang in the gateway's place: they are waited for once and with a bound, and named.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, connect, listen, socket};
use serde_json::json;
use snowgate_tests::{
    Client, Home, Launch, Process, binaries, error_text, kill, patience, until, write_script,
};

/// How long the shim looks for a gateway before it gives up.
const START_TIMEOUT: Duration = Duration::from_secs(20);

/// The answer to a request that is not waited for.
const AT_ONCE: Duration = Duration::from_secs(10);

/// A shim whose gateway is a script that sleeps until it finds the file.
fn slow_gateway(home: &Home) -> (Launch, PathBuf) {
    let (program, go) = (home.path().join("snowgate"), home.path().join("go"));
    let script = format!(
        "#!/bin/sh\n[ -f {go} ] || exec sleep 600\nexec {gateway} \"$@\"\n",
        go = go.display(),
        gateway = binaries().gateway.display(),
    );
    write_script(&script, &program);
    (home.launch().env("SNOWGATE_GATEWAY", &program), go)
}

fn sleepers(home: &Home) -> Vec<Process> {
    let mut found = home.processes();
    found.retain(|process| process.command.starts_with("sleep"));
    found
}

/// The first request waits and is told; the next are told at once. Returns the process that hangs.
fn is_told_once_after_a_wait(home: &Home, client: &mut Client) -> u32 {
    let id = client.send("ping", &json!({}));
    let answer = client.answer_within(START_TIMEOUT + patience(), &id);
    let message = error_text(&answer, -32603).to_owned();
    let [sleeper] = &sleepers(home)[..] else { panic!("not one that hangs: {:?}", home.processes()) };
    let log = home.run_dir().join("gateway.stderr");
    for word in ["has not become ready", &format!("process {}", sleeper.pid), &log.display().to_string()] {
        assert!(message.contains(word), "no {word:?} in {message:?}");
    }
    for _ in 0..3 {
        let since = Instant::now();
        let answer = client.request("ping", &json!({}));
        let again = error_text(&answer, -32603);
        // The cool-down may be over: then it is waited for once more, which is no failure of this test.
        if since.elapsed() < AT_ONCE {
            assert_eq!(again, message);
        }
    }
    assert_eq!(sleepers(home).len(), 1, "they do not add up");
    sleeper.pid
}

#[test]
fn a_gateway_that_hangs_at_its_start_is_waited_for_once_and_replaced_when_it_is_gone() {
    let home = Home::new();
    let (launch, go) = slow_gateway(&home);
    let mut client = launch.start();
    let pid = is_told_once_after_a_wait(&home, &mut client);
    fs::write(go, "").expect("writing");
    kill(pid);
    until("another gateway is started", || client.request("ping", &json!({}))["result"].is_object());
}

#[test]
fn a_gateway_that_hangs_for_longer_than_the_cool_down_is_replaced() {
    let home = Home::new();
    let (launch, go) = slow_gateway(&home);
    let mut client = launch.start();
    is_told_once_after_a_wait(&home, &mut client);
    fs::write(go, "").expect("writing");
    until("another gateway is started", || client.request("ping", &json!({}))["result"].is_object());
    assert_eq!(sleepers(&home), [], "the one that hung was ended");
}

#[test]
fn a_listener_that_takes_no_connections_is_given_up_at_the_deadline() {
    let home = Home::new();
    fs::create_dir(home.run_dir()).expect("making the run directory");
    fs::set_permissions(home.run_dir(), PermissionsExt::from_mode(0o700)).expect("closing it");
    let address = SocketAddrUnix::new(home.socket()).expect("a short path");
    let new = || socket(AddressFamily::UNIX, SocketType::STREAM, None).expect("a socket");
    let listener = new();
    bind(&listener, &address).expect("a name");
    // Room for one connection, which is taken: as with a frozen gateway and thousands of shims.
    listen(&listener, 0).expect("listening");
    let place = new();
    connect(&place, &address).expect("the one place");

    let mut client = home.client();
    let id = client.send("ping", &json!({}));
    let status = home.run(&["status"]);
    assert!(!matches!(status.code, Some(0 | 3)), "{status:?}");
    assert!(status.stderr.contains("frozen or very busy"), "{status:?}");
    let answer = client.answer_within(START_TIMEOUT + patience(), &id);
    let message = error_text(&answer, -32603);
    assert!(message.contains("timed out waiting for") && message.contains("frozen"), "{message}");
    assert!(home.socket().exists(), "the socket is not ours to delete");
}
