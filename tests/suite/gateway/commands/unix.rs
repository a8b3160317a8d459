//! Gateways that are frozen by a signal.

use serde_json::{Value, json};
use snowgate_tests::{Signal, send_signal, until};

use super::*;

#[test]
fn a_stop_ends_a_frozen_gateway_and_says_how() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    let pid = home.gateway_pid();
    send_signal(pid, Signal::STOP);
    let output = home.run(&["stop"]);
    assert!(!home.is_running(pid), "{output:?}");
    assert_eq!(output.code, Some(0), "{output:?}");
    assert!(output.stdout.contains("SIGTERM") && output.stdout.contains(&pid.to_string()), "{output:?}");
    assert!(output.stderr.contains("did not answer within"), "{output:?}");
    // The client goes on with the next one.
    assert!(client.request("ping", &json!({}))["result"].is_object());
}

#[test]
fn a_stop_kills_a_gateway_that_nothing_else_ends() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    let pid = home.gateway_pid();
    client.leave();
    // Frozen again as soon as it continues.
    let ends = std::sync::atomic::AtomicBool::new(false);
    let output = std::thread::scope(|scope| {
        scope.spawn(|| {
            while !ends.load(std::sync::atomic::Ordering::Relaxed) {
                send_signal(pid, Signal::STOP);
            }
        });
        let output = home.run(&["stop"]);
        ends.store(true, std::sync::atomic::Ordering::Relaxed);
        output
    });
    until("it is gone", || !home.is_running(pid));
    assert_eq!(output.code, Some(0), "{output:?}");
    // It may have got through to its end between two signals.
    let said = &output.stdout;
    assert!(said.contains("SIGKILL") || said.contains("SIGTERM"), "{output:?}");
}

#[test]
fn who_asks_a_frozen_gateway_is_told_how_long_it_was_waited_for() {
    let home = Home::new();
    let mut client = home.client();
    client.initialize();
    let pid = home.gateway_pid();
    send_signal(pid, Signal::STOP);
    for command in ["status", "sessions", "restart"] {
        let since = std::time::Instant::now();
        let output = home.run(&[command]);
        let took = since.elapsed().as_secs_f64();
        assert_eq!(output.code, Some(70), "{output:?}");
        let (_, waited) = output.stderr.split_once("gave up after ").unwrap_or_else(|| panic!("{output:?}"));
        let waited: f64 = waited.split(' ').next().and_then(|text| text.parse().ok()).expect("seconds");
        assert!(waited <= took + 0.1 && waited > 1.0, "waited {waited} s of {took} s");
        assert!(output.stderr.contains("snowgate stop"), "{output:?}");
    }
    send_signal(pid, Signal::CONT);
}

/// The error of a command that was asked for JSON, and its exit code, which the error repeats.
#[track_caller]
fn json_error(home: &Home, arguments: &[&str], kind: &str) -> Value {
    let output = home.run(arguments);
    let error = output.json()["error"].clone();
    assert_eq!(error["kind"], kind, "{output:?}");
    assert_eq!(error["exit_code"], output.code.expect("it ends by itself"), "{output:?}");
    assert!(error["message"].is_string() && error["causes"].is_array(), "{error}");
    assert!(error.as_object().is_some_and(|error| error.contains_key("next_step")), "{error}");
    assert_eq!(output.stderr, "", "a script reads stdout alone");
    error
}

#[test]
fn with_json_every_error_is_json() {
    let home = Home::new();
    for command in ["status", "sessions"] {
        let error = json_error(&home, &[command, "--json"], "no_gateway");
        assert_eq!(error["exit_code"], 3);
    }
    assert_eq!(home.run(&["status", "--json"]).json()["running"], false);
    assert_eq!(json_error(&home, &["status", "--json", "--nonsense"], "usage")["exit_code"], 64);
    assert_eq!(json_error(&home, &["nonsense", "--json"], "usage")["exit_code"], 64);
    // The commands before have made the folder.
    std::fs::write(home.socket(), "precious").expect("writing");
    for command in ["status", "sessions"] {
        json_error(&home, &[command, "--json"], "internal");
    }
    home.configure("[limits]\nrows_maxx = 3\n");
    let error = json_error(&home, &["config", "show", "--json"], "config");
    assert_eq!(error["exit_code"], 78);
    assert!(error.to_string().contains("rows_maxx"), "{error}");
}
