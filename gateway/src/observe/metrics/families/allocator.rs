//! Who gets the next connection, and who waits.

use super::{Family, Labels, Samples, Scrape, count, counter, gauge, number, seconds};
use crate::allocator::AllocatorView;

const CONNECTION: Labels = &["connection"];
const LANE: Labels = &["connection", "lane"];

pub(super) const FAMILIES: &[Family] = &[
    gauge(
        "slots",
        LANE,
        "Requests that may run at once; lane: `all`, or those among them that are for short requests (`short`)",
        |scrape, samples| lanes(scrape, samples, |view| (view.slots, view.lane_slots)),
    ),
    gauge("slots_used", LANE, "Requests that run", |scrape, samples| {
        lanes(scrape, samples, |view| (view.running, view.lane_running));
    }),
    gauge("queue_requests", LANE, "Requests that wait for a connection", |scrape, samples| {
        lanes(scrape, samples, |view| (view.waiting, view.lane_waiting));
    }),
    gauge(
        "queue_oldest_wait_seconds",
        CONNECTION,
        "For how long the request has waited that has waited longest",
        |scrape, samples| {
            let oldest = |view: &AllocatorView| view.requests.iter().map(|request| request.waited_ms).max();
            each(scrape, samples, |view| seconds(oldest(view).unwrap_or(0)));
        },
    ),
    gauge(
        "queue_lag_ratio",
        CONNECTION,
        "How far the flow that is furthest ahead of its share is ahead, in parts of the bound; over 1 is a fault, unless a session holds a connection for its state",
        |scrape, samples| each(scrape, samples, |view| view.lag_to_bound),
    ),
    gauge(
        "queue_flows",
        CONNECTION,
        "Flows (clients, by default) that wait, run, or are ahead of their share",
        |scrape, samples| each(scrape, samples, |view| count(view.flows.len() + view.flows_left_out)),
    ),
    gauge("queue_run_seconds_median", CONNECTION, "The median of the last run times", |scrape, samples| {
        each(scrape, samples, |view| view.run_ms_median / 1e3);
    }),
    counter("queue_granted", CONNECTION, "Requests that were given a slot", |scrape, samples| {
        each(scrape, samples, |view| number(view.granted));
    }),
    counter("queue_waited", CONNECTION, "Requests that had to wait for a slot", |scrape, samples| {
        each(scrape, samples, |view| number(view.waited));
    }),
    counter(
        "queue_refused",
        CONNECTION,
        "Requests that were refused, because too many wait",
        |scrape, samples| each(scrape, samples, |view| number(view.refused)),
    ),
    counter(
        "queue_timed_out",
        CONNECTION,
        "Requests that got no slot within allocator.max_wait_ms",
        |scrape, samples| each(scrape, samples, |view| number(view.timed_out)),
    ),
    counter(
        "queue_demoted",
        CONNECTION,
        "Requests that took longer than they may in the lane for short ones",
        |scrape, samples| each(scrape, samples, |view| number(view.demoted)),
    ),
];

fn each(scrape: &Scrape, samples: &mut Samples, value: impl Fn(&AllocatorView) -> f64) {
    for connection in &scrape.status.connections {
        samples.add(&[&connection.name], value(&connection.allocator));
    }
}

fn lanes(scrape: &Scrape, samples: &mut Samples, value: impl Fn(&AllocatorView) -> (usize, usize)) {
    for connection in &scrape.status.connections {
        let (all, short) = value(&connection.allocator);
        samples.add(&[&connection.name, "all"], count(all));
        samples.add(&[&connection.name, "short"], count(short));
    }
}
