//! How long it takes until the slot of a request that is given up runs the next one.

use std::time::{Duration, Instant};

use serde_json::json;
use snowgate_tests::{Client, Home, Signal, tool_text, until};

use crate::{call, config, in_use, runs_at_once, status_number};

/// Times that each way is measured.
const ROUNDS: usize = 20;

/// A way to give up a request that runs.
type GiveUp = fn(&mut Client);

const WAYS: [(&str, GiveUp); 3] = [
    // The request behind the handshake.
    ("a cancel", |client| client.notify("notifications/cancelled", &json!({"requestId": 2}))),
    ("the client leaves", Client::close_stdin),
    ("the shim is killed", |client| client.signal(Signal::KILL)),
];

/// Printed, not tested: a busy machine breaks any bound. That the next request runs at all is the test.
#[test]
fn the_slot_of_a_request_that_is_given_up_runs_the_next_one() {
    let home = Home::new();
    home.configure(&config());
    let mut waiting = home.client();
    waiting.initialize_as("waiting", "2025-11-25");
    let at_once = runs_at_once(&home, &mut waiting);
    let mut holders: Vec<Client> = (0..at_once).map(|_| holder(&home)).collect();
    for (way, give_up) in WAYS {
        let mut times: Vec<Duration> = Vec::new();
        for round in 0..ROUNDS {
            until("every slot is in use", || in_use(&home) == at_once);
            let next = waiting.send_query(&format!("select {round}"));
            until("the next request waits", || status_number(&home, "requests_waiting") == 1);
            let mut holder = holders.remove(0);
            let since = Instant::now();
            give_up(&mut holder);
            tool_text(&waiting.answer(&next));
            times.push(since.elapsed());
            holders.push(self::holder(&home));
        }
        times.sort_unstable();
        println!(
            "{way}: the next request is answered within {:.1?} (median), {:.1?} (slowest)",
            times[ROUNDS / 2],
            times[ROUNDS - 1]
        );
    }
}

/// A client whose statement holds a slot.
fn holder(home: &Home) -> Client {
    let mut client = home.client();
    client.initialize_as("holder", "2025-11-25");
    client.send_query(&call::endless());
    client
}
