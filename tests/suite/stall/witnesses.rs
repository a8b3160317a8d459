//! The other clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde_json::json;
use snowgate_tests::{Client, Home, tool_text, until};

/// How many there are.
const WITNESSES: usize = 20;

/// Between two requests of one: together they ask a few hundred times a second, which is no load by itself.
const PAUSE: Duration = Duration::from_millis(20);

/// Every so many requests, one is a tool call in place of a ping.
const CALL_EVERY: usize = 8;

/// Clients that ask on and on, each in a thread of its own.
pub(crate) struct Witnesses {
    threads: Vec<JoinHandle<Vec<Duration>>>,
    answered: Vec<Arc<AtomicUsize>>,
    is_over: Arc<AtomicBool>,
}

impl Witnesses {
    /// Starts them, and waits until each has been answered.
    pub(crate) fn start(home: &Home) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let clients: Vec<Client> = (0..WITNESSES).map(|_| home.client()).collect();
        let (mut threads, mut answered) = (Vec::new(), Vec::new());
        for client in clients {
            let (over, count) = (Arc::clone(&is_over), Arc::new(AtomicUsize::new(0)));
            answered.push(Arc::clone(&count));
            threads.push(thread::spawn(move || ask_on(client, &over, &count)));
        }
        let witnesses = Self { threads, answered, is_over };
        witnesses.rounds(CALL_EVERY);
        witnesses
    }

    /// Waits until each of them has been answered so many times more.
    pub(crate) fn rounds(&self, times: usize) {
        let count = |answered: &Arc<AtomicUsize>| answered.load(Ordering::Relaxed);
        let before: Vec<usize> = self.answered.iter().map(count).collect();
        until("every witness is answered", || {
            self.answered.iter().zip(&before).all(|(answered, before)| count(answered) >= before + times)
        });
    }

    /// Stops them; returns how long each answer took.
    pub(crate) fn stop(self) -> Waits {
        self.is_over.store(true, Ordering::Relaxed);
        let waits = self.threads.into_iter().flat_map(|thread| thread.join().expect("a witness's end"));
        let mut waits: Vec<Duration> = waits.collect();
        waits.sort_unstable();
        Waits(waits)
    }
}

fn ask_on(mut client: Client, is_over: &AtomicBool, answered: &AtomicUsize) -> Vec<Duration> {
    client.initialize();
    // Before it counts: the first call is registered, which is another matter.
    client.call("session_info", &json!({}));
    let mut waits = Vec::new();
    while !is_over.load(Ordering::Relaxed) {
        let begun = Instant::now();
        if waits.len() % CALL_EVERY == 0 {
            tool_text(&client.call("session_info", &json!({})));
        } else {
            assert_eq!(client.request("ping", &json!({}))["result"], json!({}));
        }
        waits.push(begun.elapsed());
        answered.fetch_add(1, Ordering::Relaxed);
        thread::sleep(PAUSE);
    }
    client.leave();
    waits
}

/// How long answers took, in order of size.
pub(crate) struct Waits(Vec<Duration>);

impl Waits {
    pub(crate) fn worst(&self) -> Duration {
        self.0.last().copied().unwrap_or_default()
    }

    pub(crate) fn median(&self) -> Duration {
        self.0.get(self.0.len() / 2).copied().unwrap_or_default()
    }

    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
