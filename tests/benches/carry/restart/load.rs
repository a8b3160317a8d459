//! The closed loop again, but every single answer is looked at, and it goes on until it is told that it is
//! over.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;

use crate::common::connection::{Connection, Request, check_answer};
use crate::common::poller::Poller;
use crate::fleet;

/// What clients got.
#[derive(Debug, Default)]
pub(super) struct Load {
    pub(super) answers: Vec<Answer>,
    /// Why an answer was no good one.
    pub(super) failed: Vec<String>,
}

/// An answer.
#[derive(Clone, Copy, Debug)]
pub(super) struct Answer {
    at: Instant,
    took: Duration,
}

impl Load {
    /// The longest that a client waited for an answer that came in this time.
    pub(super) fn longest(&self, from: Instant, to: Instant) -> Option<Duration> {
        let within = self.answers.iter().filter(|answer| (from..to).contains(&answer.at));
        within.map(|answer| answer.took).max()
    }
}

/// Has every connection ask again whenever it is answered, until `is_over`; then waits for what is under way.
pub(super) fn drive_until(
    connections: &mut [Connection],
    request: &Request,
    is_over: &AtomicBool,
) -> Result<Load> {
    let poller = Poller::of(connections)?;
    let mut load = Load::default();
    let mut under_way = connections.len();
    let mut sent_at = Vec::with_capacity(connections.len());
    for connection in connections.iter_mut() {
        sent_at.push(Instant::now());
        connection.send(request)?;
    }
    while under_way > 0 {
        for at in poller.wait()? {
            let connection = &mut connections[at];
            let Some(line) = connection.read()? else { continue };
            let now = Instant::now();
            load.answers.push(Answer { at: now, took: now - sent_at[at] });
            let answer = check_answer(&line, connection.last_id()).and_then(|answer| fleet::check(&answer));
            load.failed.extend(answer.err().map(|error| error.to_string()));
            if is_over.load(Ordering::Relaxed) {
                under_way -= 1;
            } else {
                sent_at[at] = Instant::now();
                connection.send(request)?;
            }
        }
    }
    Ok(load)
}
