//! The closed loop: every connection has one request under way, and sends the next when the answer is there.
//!
//! One thread drives all connections with epoll, the same way for everything that is measured and for one
//! connection as for fifty: so what the driver costs stands on both sides of every ratio.

use std::time::{Duration, Instant};

use anyhow::Result;

use super::connection::{Converse, Request, check_answer};
use super::poller::Poller;
use super::stats::{Sample, percentile};

/// Drives `connections` for `duration` and gives what a call cost. Every answer that is under way at the end
/// is waited for and its connection's last answer checked.
pub(crate) fn drive(
    connections: &mut [impl Converse],
    request: &Request,
    duration: Duration,
) -> Result<Sample> {
    let poller = Poller::of(connections)?;
    let mut latencies: Vec<Duration> = Vec::with_capacity(1 << 16);
    let mut in_time = 0_u32;
    let mut under_way = connections.len();
    let end = Instant::now() + duration;
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
            latencies.push(now - sent_at[at]);
            if now < end {
                in_time += 1;
                sent_at[at] = now;
                connection.send(request)?;
            } else {
                under_way -= 1;
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
