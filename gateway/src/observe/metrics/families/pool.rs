//! Connections of the pools.

use super::{Family, Labels, Samples, Scrape, count, counter, gauge, number};
use crate::multiplexer::PoolCounters;
use crate::observe::status::ConnectionView;

const CONNECTION: Labels = &["connection"];

pub(super) const FAMILIES: &[Family] = &[
    gauge("pool_connections_open", CONNECTION, "Pooled connections that are open", |scrape, samples| {
        each(scrape, samples, |pool| count(pool.open));
    }),
    gauge(
        "pool_connections_idle",
        CONNECTION,
        "Pooled connections that are open and not in use",
        |scrape, samples| each(scrape, samples, |pool| count(pool.idle)),
    ),
    gauge(
        "pool_connections_pinned",
        CONNECTION,
        "Pooled connections that a session has to itself, for what they hold of its state",
        |scrape, samples| each(scrape, samples, |pool| count(pool.pinned)),
    ),
    gauge("pool_connections_max", CONNECTION, "Pooled connections that may be open", |scrape, samples| {
        each(scrape, samples, |pool| count(pool.max));
    }),
    gauge(
        "pool_used_ratio",
        CONNECTION,
        "The part of the pooled connections that may be open which is in use",
        |scrape, samples| {
            each(scrape, samples, |pool| count(pool.open.saturating_sub(pool.idle)) / count(pool.max.max(1)));
        },
    ),
    counter("pool_leases", CONNECTION, "Uses of a pooled connection", |scrape, samples| {
        counted(scrape, samples, |pool| number(pool.leases));
    }),
    counter(
        "pool_leases_reused",
        CONNECTION,
        "Uses of a pooled connection that found it open",
        |scrape, samples| counted(scrape, samples, |pool| number(pool.reused)),
    ),
    counter(
        "pool_lease_seconds",
        CONNECTION,
        "For how long pooled connections were in use, all together",
        |scrape, samples| counted(scrape, samples, |pool| number(pool.lease_us) / 1e6),
    ),
    gauge(
        "pool_lease_longest_seconds",
        CONNECTION,
        "The longest use of a pooled connection since the start",
        |scrape, samples| counted(scrape, samples, |pool| number(pool.lease_us_max) / 1e6),
    ),
    counter(
        "pool_context_switches",
        CONNECTION,
        "Uses of a pooled connection that was in another database, schema, role or warehouse",
        |scrape, samples| counted(scrape, samples, |pool| number(pool.switched)),
    ),
    counter(
        "pool_waits",
        CONNECTION,
        "Requests that had to wait for a pooled connection",
        |scrape, samples| counted(scrape, samples, |pool| number(pool.waited)),
    ),
    counter(
        "pool_coalesced",
        CONNECTION,
        "Requests that were answered by an identical one of another session, which ran at the same time",
        |scrape, samples| counted(scrape, samples, |pool| number(pool.coalesced)),
    ),
    counter("pool_connections_opened", CONNECTION, "Connections that were opened", |scrape, samples| {
        counted(scrape, samples, |pool| number(pool.opened));
    }),
    counter(
        "pool_connections_failed",
        CONNECTION,
        "Connections that could not be opened, each attempt; a log-in that failed is one",
        |scrape, samples| counted(scrape, samples, |pool| number(pool.not_opened)),
    ),
    counter(
        "pool_retries",
        CONNECTION,
        "Requests and openings that were tried again, because the backend had not processed them",
        |scrape, samples| counted(scrape, samples, |pool| number(pool.retried)),
    ),
    counter(
        "pool_connections_closed",
        &["connection", "reason"],
        "Connections that were closed, by why",
        |scrape, samples| {
            for connection in &scrape.status.connections {
                for (reason, count) in reasons(&connection.counters) {
                    samples.add(&[&connection.name, reason], number(count));
                }
            }
        },
    ),
];

fn each(scrape: &Scrape, samples: &mut Samples, value: impl Fn(&ConnectionView) -> f64) {
    for connection in &scrape.status.connections {
        samples.add(&[&connection.name], value(connection));
    }
}

fn counted(scrape: &Scrape, samples: &mut Samples, value: impl Fn(&PoolCounters) -> f64) {
    each(scrape, samples, |connection| value(&connection.counters));
}

fn reasons(counters: &PoolCounters) -> [(&'static str, u64); 9] {
    let closed = &counters.closed;
    [
        ("idle", closed.idle),
        ("aged", closed.aged),
        ("broken", closed.broken),
        ("unchecked", closed.unchecked),
        ("unreset", closed.unreset),
        ("unstopped", closed.unstopped),
        ("abandoned", closed.abandoned),
        ("owned", closed.owned),
        ("ended", closed.ended),
    ]
}
