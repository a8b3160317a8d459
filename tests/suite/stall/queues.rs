//! Attacks on the queue for connections, and on limits.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};
use snowgate_tests::{Client, Home, Received, until};

use super::witnesses::Witnesses;

/// Slots that a statement without an end holds each: as many as `connections_max` of these attacks.
const CONNECTIONS: usize = 2;

/// Small requests against a full queue.
const REQUESTS: usize = 100_000;

/// Calls of a session at once: `session_requests_max`.
const IN_FLIGHT: usize = 32;

/// How long the queue is kept full: so many times so many rounds of the witnesses, who pause 20 ms between two.
const STRETCHES: usize = 12;
const ROUNDS: usize = 500;

/// Sessions that keep it full.
const SESSIONS: usize = 8;

/// Clients that are refused, and how long: rounds of the witnesses.
const REFUSED: usize = 50;
const REFUSED_ROUNDS: usize = 200;

/// A look at whether it is over.
const LOOK: Duration = Duration::from_millis(50);

/// A full queue refuses at once; without the allocator, none waits.
pub(crate) const FULL_QUEUE: &[&str] = &[
    "[pool]\nconnections_max = 2\n[allocator]\nqueue_max = 8\nmax_wait_ms = 600000\nlane_slots = 0\n",
    "[pool]\nconnections_max = 2\nwait_timeout_ms = 1\n",
];

/// The queue of the default settings.
pub(crate) const LONG_QUEUE: &[&str] = &[
    "[pool]\nconnections_max = 2\n[allocator]\nmax_wait_ms = 600000\n",
    "[pool]\nconnections_max = 2\nwait_timeout_ms = 600000\n",
];

/// Those who are named so are refused almost everything, by a limit or, where there are none, by their profile.
pub(crate) const REFUSALS: &[&str] = &[
    "[profiles.refused]\nmatch = [{ client = 'refused*' }]\nrequests_per_minute = 1\n",
    "[profiles.refused]\nmatch = [{ client = 'refused*' }]\ntools = ['session_info']\n",
];

fn named(home: &Home, name: &str) -> Client {
    let mut client = home.client();
    client.initialize_as(name, "2025-11-25");
    client
}

/// Each different: two alike would share a run.
fn endless(client: &mut Client, at: usize) -> Value {
    client.send_query(&format!(
        "with recursive n(i) as (select 1 union all select i + 1 from n) select max(i), {at} from n"
    ))
}

/// A hundred thousand small statements of one client while its own hold every connection and its queue is full.
pub(crate) fn small_requests_against_a_full_queue(home: &Home, _: &Witnesses) {
    let mut holder = named(home, "greedy");
    let held: Vec<Value> = (0..CONNECTIONS).map(|at| endless(&mut holder, at)).collect();
    until("every connection is in use", || {
        let status = home.status().expect("a running gateway");
        let number = |name: &str| status[name].as_u64().expect("a number");
        number("connections_open") - number("connections_idle") == CONNECTIONS as u64
    });
    // Fills the queue; with a bound on it, of all but the first few the answer is that it is full.
    let mut queued = named(home, "greedy");
    for at in 0..IN_FLIGHT {
        endless(&mut queued, CONNECTIONS + at);
    }
    let mut client = named(home, "greedy");
    let mut answers: BTreeMap<bool, usize> = BTreeMap::new();
    let mut sent = 0;
    let mut send = |client: &mut Client| {
        if sent < REQUESTS {
            client.send_query(&format!("select {sent}"));
            sent += 1;
        }
    };
    (0..IN_FLIGHT).for_each(|_| send(&mut client));
    for _ in 0..REQUESTS {
        let answer = client.next_message();
        *answers.entry(answer["result"]["isError"] == true).or_default() += 1;
        send(&mut client);
    }
    println!("    refused: {}", answers.get(&true).copied().unwrap_or_default());
    for id in held {
        holder.notify("notifications/cancelled", &json!({"requestId": id}));
    }
}

/// One client keeps its queue as long as it may be, for minutes.
pub(crate) fn a_queue_that_is_kept_full(home: &Home, witnesses: &Witnesses) {
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for session in 0..SESSIONS {
            let is_over = &is_over;
            scope.spawn(move || {
                let mut client = named(home, "greedy");
                let scan = |client: &mut Client, at: usize| {
                    client.send_query(&format!(
                        "with recursive n(i) as (select 1 union all select i + 1 from n limit 100000) \
                         select max(i), {session}, {at} from n"
                    ));
                };
                (0..IN_FLIGHT).for_each(|at| scan(&mut client, at));
                let mut at = IN_FLIGHT;
                while !is_over.load(Ordering::Relaxed) {
                    if let Received::Line(_) = client.next_line(LOOK) {
                        scan(&mut client, at);
                        at += 1;
                    }
                }
            });
        }
        for _ in 0..STRETCHES {
            witnesses.rounds(ROUNDS);
        }
        is_over.store(true, Ordering::Relaxed);
    });
}

/// Fifty clients ask on and on, and are refused.
pub(crate) fn refused_clients(home: &Home, witnesses: &Witnesses) {
    let is_over = AtomicBool::new(false);
    let refusals: usize = thread::scope(|scope| {
        let clients: Vec<_> = (0..REFUSED)
            .map(|number| {
                let is_over = &is_over;
                scope.spawn(move || {
                    let mut client = named(home, &format!("refused-{number}"));
                    let mut refusals = 0;
                    while !is_over.load(Ordering::Relaxed) {
                        let answer = client.query("select 1");
                        let is_refused = answer.get("error").is_some() || answer["result"]["isError"] == true;
                        refusals += usize::from(is_refused);
                    }
                    refusals
                })
            })
            .collect();
        witnesses.rounds(REFUSED_ROUNDS);
        is_over.store(true, Ordering::Relaxed);
        clients.into_iter().map(|client| client.join().expect("a client's end")).sum()
    });
    println!("    refused: {refusals}");
    assert!(refusals > 0, "they are refused");
}
