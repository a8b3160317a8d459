//! The closed loop: every connection has one request under way, and sends the next when the answer is there.
//!
//! One thread drives all connections with poll, the same way for everything that is measured and for one connection as for
//! fifty: so what the driver costs stands on both sides of every ratio.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};

use crate::connection::{ANSWER_LIMIT, Connection, Request, check_answer, readable};
use crate::stats::{Sample, percentile};

/// Drives `connections` for `duration` and gives what a call cost. Every answer that is under way at the end is waited
/// for and its connection's last answer checked.
pub(crate) fn drive(connections: &mut [Connection], request: &Request, duration: Duration) -> Result<Sample> {
    let begin = Instant::now();
    let end = begin + duration;
    let mut latencies: Vec<Duration> = Vec::with_capacity(1 << 16);
    let mut in_time = 0_u32;
    let mut sent_at = Vec::with_capacity(connections.len());
    for connection in connections.iter_mut() {
        sent_at.push(Some(Instant::now()));
        connection.send(request)?;
    }
    while sent_at.iter().any(Option::is_some) {
        let waiting = connections.iter().enumerate().filter(|(at, _)| sent_at[*at].is_some());
        for at in readable(waiting, Instant::now() + ANSWER_LIMIT)? {
            let connection = &mut connections[at];
            let Some(line) = connection.read()? else { continue };
            let now = Instant::now();
            let since = sent_at[at].take().context("an answer that nobody asked for")?;
            latencies.push(now - since);
            if now < end {
                in_time += 1;
                sent_at[at] = Some(now);
                connection.send(request)?;
            } else {
                check_answer(&line, connection.last_id())?;
            }
        }
    }
    latencies.sort_unstable();
    Ok(Sample {
        p50: percentile(&latencies, 50),
        p99: percentile(&latencies, 99),
        per_second: f64::from(in_time) / duration.as_secs_f64(),
        calls: latencies.len(),
    })
}
