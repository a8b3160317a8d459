//! Signals.

use std::os::unix::process::CommandExt;
use std::process::Command;

use snowgate_tests::{Launch, binaries, eventually, send_signal};

use super::*;

/// A client as a process between the test and the shim: it starts the shim and passes lines on to it. Only it
/// holds the other end of the shim's stdin.
const CLIENT: &str = r#"
mkfifo "$PIPE"
"$SHIM" < "$PIPE" & exec 3> "$PIPE"
while read -r line; do echo "$line" >&3; done
"#;

#[test]
fn a_shim_that_gets_sigterm_leaves_and_stops_its_statement() {
    leaves(|client| client.signal(Signal::TERM));
}

#[test]
fn a_shim_that_gets_sigint_leaves_and_stops_its_statement() {
    leaves(|client| client.signal(Signal::INT));
}

#[test]
fn a_shim_that_gets_sighup_leaves_and_stops_its_statement() {
    leaves(|client| client.signal(Signal::HUP));
}

#[test]
fn a_killed_client_s_shim_leaves_and_its_statement_is_stopped() {
    let home = Home::new();
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", CLIENT]).env("SHIM", &binaries().shim).env("PIPE", home.path().join("pipe"));
    shell.env("SNOWGATE_HOME", home.path());
    let mut client = Launch::new(shell).start();
    client.initialize();
    client.send_endless_query();
    let sessions = home.sessions_until("the statement runs", |sessions| {
        sessions.iter().any(|session| session["state"] == "running")
    });
    let shim = u32::try_from(sessions[0]["pid"].as_u64().expect("a pid")).expect("a pid");
    assert_ne!(shim, client.pid(), "the client is not the shim");

    client.signal(Signal::KILL);
    let took = until("the killed client's shim is gone", || !home.is_running(shim));
    println!("the shim has ended after {took:?}");
    nothing_runs(&home);
}

#[test]
fn the_gateway_stays_when_its_starter_s_whole_process_group_is_killed() {
    let home = Home::new();
    let mut command = home.shim();
    command.process_group(0);
    let mut first = Launch::new(command).start();
    first.initialize();
    let pid = home.gateway_pid();
    let group = rustix::process::Pid::from_raw(i32::try_from(first.pid()).expect("a pid")).expect("a pid");
    rustix::process::kill_process_group(group, Signal::KILL).expect("killing the group");
    first.wait();
    home.client().initialize();
    assert_eq!(home.gateway_pid(), pid);
}

#[test]
fn a_stop_ends_though_a_client_has_started_the_next_gateway_meanwhile() {
    let home = Home::new();
    home.configure("[gateway]\ndrain_timeout_ms = 500\n");
    let client = busy(&home);
    let first = home.gateway_pid();
    let mut stop = home.gateway().arg("stop").stdout(Stdio::null()).spawn().expect("snowgate stop starts");
    until("the gateway is shutting down", || home.log_lines("shutting down").len() == 1);
    // Not looking while the lock is free, as on a loaded machine.
    send_signal(stop.id(), Signal::STOP);
    until("the next gateway answers", || home.status().is_some_and(|status| status["pid"] != first));
    send_signal(stop.id(), Signal::CONT);
    let ended = eventually("the stop has ended", || stop.try_wait().expect("waiting for the stop"));
    assert!(ended.success(), "{ended}");
    drop(client);
}

#[test]
fn sigterm_lets_the_gateway_finish_what_runs() {
    let home = Home::new();
    home.configure("[gateway]\ndrain_timeout_ms = 15000\n[limits]\nstatement_timeout_ms = 3000\n");
    let mut client = busy(&home);
    let first = home.gateway_pid();
    send_signal(first, Signal::TERM);
    let answer = client.answer(&json!(2));
    assert!(tool_text(&answer).starts_with("Timed out"), "{answer}");
    until("the gateway is gone", || !home.is_running(first));
    assert!(!home.socket().exists() || home.status().is_some(), "it takes its socket away");
    home.log_until("stopped", 1);
    let ready = home.log_lines("ready");
    assert_eq!(tool_text(&client.query("select 1 as one")), "one\n1\n(1 row)");
    assert_eq!(ready.len(), 1, "the statement was answered by the gateway that had it");
    assert_ne!(home.gateway_pid(), first);
}
