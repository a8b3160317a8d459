//! Signals, links and sockets.

use std::os::unix::fs::MetadataExt;
use std::os::unix::net::UnixStream;
use std::process::Stdio;

use snowgate_tests::{Signal, eventually, kill, send_signal};

use std::io::{BufRead, BufReader, Write};

use snowgate_tests::patience;

use super::*;

/// Of moments around a restart at which a stop may come: one after the other from the end of the socket on,
/// which is when the gateway begins to leave, to well after the next program has begun.
const STOP_TRIALS: u32 = 48;

const STOP_STEP: Duration = Duration::from_micros(250);

#[test]
fn a_stop_during_a_restart_is_a_stop() {
    let home = Home::new();
    // The stop must come before the restart is done, however slow the machine is.
    home.configure("[gateway]\ndrain_timeout_ms = 15000\n");
    let mut client = connected(&home);
    client.send_endless_query();
    home.sessions_until("it runs", |sessions| sessions[0]["running"] == 1);
    let pid = home.gateway_pid();
    let mut restart =
        home.gateway().arg("restart").stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("it starts");
    until("the gateway leaves", || home.status().is_none());
    send_signal(pid, Signal::TERM);
    // The client's shim is told to end, so that it brings no gateway back.
    client.signal(Signal::KILL);
    until("it has left for good", || !home.is_running(pid));
    assert!(!restart.wait().expect("it ends").success());
    until("no gateway is there", || home.gateways().is_empty());
}

#[test]
fn a_stop_at_any_moment_of_a_restart_is_a_stop() {
    let home = Home::new();
    for trial in 0..STOP_TRIALS {
        let mut gateway = home.gateway().arg("serve").stderr(Stdio::null()).spawn().expect("it starts");
        until("it serves", || home.socket().exists());
        let socket = |path: &std::path::Path| {
            std::fs::metadata(path).ok().map(|found| (found.ino(), found.ctime(), found.ctime_nsec()))
        };
        let before = socket(&home.socket());
        let mut restart = home.gateway();
        restart.arg("restart").stdout(Stdio::null()).stderr(Stdio::null());
        let mut restart = restart.spawn().expect("it starts");
        // Gone, or the next gateway's already where this test was not looking for a moment.
        let deadline = std::time::Instant::now() + patience();
        while socket(&home.socket()) == before {
            assert!(std::time::Instant::now() < deadline, "the gateway does not leave");
            std::hint::spin_loop();
        }
        let left = std::time::Instant::now();
        while left.elapsed() < STOP_STEP * trial {
            std::hint::spin_loop();
        }
        send_signal(gateway.id(), Signal::TERM);
        let what = format!("it has left, told {:?} after its socket was gone", STOP_STEP * trial);
        let status = eventually(&what, || gateway.try_wait().expect("waiting for a child"));
        assert!(status.success(), "{what}: {status}");
        // It waits for the gateway to come back.
        let _ = restart.kill();
        restart.wait().expect("waiting for a child");
    }
    until("no gateway is there", || home.gateways().is_empty());
}

#[test]
fn a_hang_up_ends_no_gateway_not_even_during_a_restart() {
    let home = Home::new();
    let mut client = connected(&home);
    let pid = home.gateway_pid();
    for _ in 0..5 {
        send_signal(pid, Signal::HUP);
        restart(&home);
        send_signal(pid, Signal::HUP);
    }
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
    assert_eq!(home.gateway_pid(), pid);
    until("the log says so", || home.log().contains("the config was read again"));
}

#[test]
fn a_subscription_that_no_gateway_has_acknowledged_is_acknowledged_by_the_next() {
    let home = Home::new();
    let mut client = home.client();
    list_tools(&mut client);
    let gateway = home.gateway_pid();
    send_signal(gateway, Signal::STOP);
    let params = stateless(json!({"notifications": {"toolsListChanged": true}}));
    client.send("subscriptions/listen", &params);
    kill(gateway);
    let acknowledged = client.next_message();
    assert_eq!(acknowledged["method"], "notifications/subscriptions/acknowledged", "{acknowledged}");
}

/// What a gateway answers to this hello, and the connection.
fn say_hello(home: &Home, hello: &Value) -> (Value, UnixStream) {
    let mut stream = UnixStream::connect(home.socket()).expect("a gateway listens");
    stream.set_read_timeout(Some(patience())).expect("a socket has a time-out");
    writeln!(stream, "{hello}").expect("it reads");
    let mut line = String::new();
    BufReader::new(&stream).read_line(&mut line).expect("it answers");
    (serde_json::from_str(&line).expect("a hello is JSON"), stream)
}

#[test]
fn a_gateway_makes_room_for_a_newer_build_once_nothing_runs() {
    let home = Home::new();
    home.configure("[limits]\nstatement_timeout_ms = 3000\n");
    let mut client = connected(&home);
    let first = home.gateway_pid();
    let endless = client.send_endless_query();
    home.sessions_until("it runs", |sessions| sessions[0]["running"] == 1);
    let newer = json!({"proto_min": 1, "proto_max": 7, "build": "99.1.0", "pid": 1});
    let (welcome, _newer) = say_hello(&home, &newer);
    assert_eq!(welcome["welcome"], 1, "{welcome}");
    assert!(tool_text(&client.answer(&endless)).starts_with("Timed out"), "it is not interrupted");
    until("the old gateway has left", || !home.is_running(first));
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
    until("the log says it", || !home.log_lines("making room for a newer build").is_empty());

    // The client's shim has started the old build again. Once in a while is enough.
    let (_, _newer) = say_hello(&home, &newer);
    until("it stays", || !home.log_lines("a newer build is in use beside this one").is_empty());
    let (_, _older) = say_hello(&home, &json!({"proto_min": 1, "proto_max": 1, "build": "0.0.1", "pid": 1}));
    assert_eq!(tool_text(&client.query("select 2 as n")), "n\n2\n(1 row)");
    assert_eq!(home.log_lines("making room for a newer build").len(), 1);
}

#[test]
fn protocols_without_a_common_version_are_both_named() {
    let home = Home::new();
    let _client = connected(&home);
    let (refusal, _) = say_hello(&home, &json!({"proto_min": 7, "proto_max": 9, "build": "0.0.2"}));
    let message = refusal["refused"].as_str().unwrap();
    assert!(
        message.contains("\"0.0.2\"") && message.contains("7..9") && message.contains("1..1"),
        "{message}"
    );
    assert!(refusal["next_step"].as_str().unwrap().contains("snowgate restart"), "{refusal}");
}

#[test]
fn a_session_that_is_another_s_is_lost_and_its_owner_does_not_notice() {
    let home = Home::new();
    let mut client = connected(&home);
    let id = client.call("session_info", &json!({}))["result"]["structuredContent"]["session"].clone();
    let thief = json!({"proto_min": 1, "proto_max": 1, "session": id, "secret": "0123456789abcdef"});
    let lost = |welcome: &Value| {
        assert_eq!(welcome["resume"], "lost", "{welcome}");
        assert_ne!(welcome["session"], id);
    };
    lost(&say_hello(&home, &thief).0);
    assert_eq!(tool_text(&client.query("select 1 as n")), "n\n1\n(1 row)");
    // Also by the gateway that has it from the state file only.
    home.stop();
    let _other = connected(&home);
    lost(&say_hello(&home, &thief).0);
    let info = client.call("session_info", &json!({}));
    assert_eq!(info["result"]["structuredContent"]["session"], id);
}
