//! A client that sends and does not read: memory stays bounded, and nothing is lost.

#[cfg(unix)]
mod unix;

use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use snowgate_tests::{Client, Home, kill, peak_kb, request_line, tool_text, until};

const REQUESTS: usize = 100_000;

/// What either process may grow by.
const GROWTH_KB_MAX: u64 = 100 * 1024;

/// Once nothing more was taken for this many looks, the pipe is full and everybody waits.
const STILL_LOOKS: usize = 100;

/// Writes this many requests from a thread of its own; gives how many were taken so far, and the thread.
fn flood(
    client: &mut Client,
    requests: usize,
) -> (Arc<AtomicUsize>, std::thread::JoinHandle<std::process::ChildStdin>) {
    let mut stdin = client.take_stdin();
    let taken = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&taken);
    let writer = std::thread::spawn(move || {
        for id in 0..requests {
            let line = request_line(&json!(format!("f{id}")), "ping", &json!({"padding": "x".repeat(40)}));
            stdin.write_all(line.as_bytes()).expect("the shim takes all requests in the end");
            counter.fetch_add(1, Ordering::Relaxed);
        }
        stdin
    });
    (taken, writer)
}

/// Reads the answers to a flood, none twice; `at` is called with the number of those before each.
fn each_once(client: &mut Client, requests: usize, mut at: impl FnMut(usize)) {
    let mut answered = BTreeSet::new();
    for number in 0..requests {
        at(number);
        let answer = client.next_message();
        assert_eq!(answer["result"], json!({}), "{answer}");
        let id = answer["id"].as_str().expect("an id").to_owned();
        assert!(answered.insert(id), "answered twice: {answer}");
    }
}

#[test]
fn a_hundred_thousand_requests_without_a_reader_cost_no_memory_and_are_all_answered_later() {
    let home = Home::new();
    let mut witness = home.client();
    witness.initialize();
    let mut client = home.launch().deaf().start();
    until("both have a session", || home.sessions().len() == 2);
    let pids = [client.pid(), home.gateway_pid()];
    let before = pids.map(peak_kb);

    let (taken, writer) = flood(&mut client, REQUESTS);
    let (mut seen, mut still) = (0, 0);
    until("the shim stops reading", || {
        let now = taken.load(Ordering::Relaxed);
        still = if now == seen { still + 1 } else { 0 };
        seen = now;
        still >= STILL_LOOKS
    });
    assert!(seen < REQUESTS, "all requests were taken though nobody reads the answers");
    assert_eq!(
        tool_text(&witness.query("select 1 as one")),
        "one\n1\n(1 row)",
        "others are served meanwhile"
    );

    client.listen();
    each_once(&mut client, REQUESTS, |_| {});
    let stdin = writer.join().expect("the writer ends well");
    client.return_stdin(stdin);
    for (name, (before, after)) in ["shim", "gateway"].iter().zip(before.into_iter().zip(pids.map(peak_kb))) {
        let growth = after.saturating_sub(before);
        println!("{name}: {before} kB before, at most {after} kB");
        assert!(growth < GROWTH_KB_MAX, "{name} grew by {growth} kB");
    }
    client.close_stdin();
    assert_eq!(client.rest().len(), 0, "each is answered once");
}

#[test]
fn a_flood_over_killed_gateways_is_answered_once_each() {
    const SOME: usize = 6_000;
    let home = Home::new();
    let mut client = home.client();
    let (_, writer) = flood(&mut client, SOME);
    each_once(&mut client, SOME, |number| {
        if number % (SOME / 4) == SOME / 8 {
            home.gateways().iter().for_each(|gateway| kill(gateway.pid));
        }
    });
    let stdin = writer.join().expect("the writer ends well");
    client.return_stdin(stdin);
    client.close_stdin();
    assert_eq!(client.rest().len(), 0, "each is answered once");
    until("gateways were killed", || home.log_lines("ready").len() > 1);
}
