//! Backends: whether they work, their circuit breakers, what is kept of the catalog, and validators.

use super::{Family, Labels, Samples, Scrape, count, counter, flag, gauge, number};
use crate::multiplexer::{BreakerState, BreakerView};
use crate::validator::ValidatorView;

const NONE: Labels = &[];
const CONNECTION: Labels = &["connection"];

pub(super) const FAMILIES: &[Family] = &[
    gauge(
        "backend_up",
        CONNECTION,
        "0 while a connection of the configuration cannot be used: a log-in is needed or refused, or the server cannot be reached",
        |scrape, samples| {
            for connection in &scrape.status.connections {
                samples.add(&[&connection.name], flag(connection.problem.is_none()));
            }
        },
    ),
    gauge(
        "breaker_state",
        &["connection", "state"],
        "1 for the state that the circuit breaker is in",
        |scrape, samples| {
            for connection in &scrape.status.connections {
                for (state, name) in STATES {
                    samples.add(&[&connection.name, name], flag(connection.breaker.state == state));
                }
            }
        },
    ),
    gauge(
        "breaker_failures",
        CONNECTION,
        "Failed attempts in a row within the window of the circuit breaker",
        |scrape, samples| each(scrape, samples, |breaker| f64::from(breaker.failures)),
    ),
    gauge(
        "breaker_waiting",
        CONNECTION,
        "Requests that wait for the circuit breaker to close",
        |scrape, samples| each(scrape, samples, |breaker| count(breaker.waiting)),
    ),
    counter("breaker_opened", CONNECTION, "How often the circuit breaker opened", |scrape, samples| {
        each(scrape, samples, |breaker| number(breaker.opened));
    }),
    counter(
        "breaker_probes",
        CONNECTION,
        "Requests that tried whether the backend is back",
        |scrape, samples| each(scrape, samples, |breaker| number(breaker.probes)),
    ),
    counter(
        "breaker_refused",
        CONNECTION,
        "Requests that the circuit breaker has refused",
        |scrape, samples| each(scrape, samples, |breaker| number(breaker.refused)),
    ),
    counter(
        "catalog_answers",
        &["from"],
        "Questions about the catalog, by what answered them: `cache`, `shared` (an identical question under way) or `backend`",
        |scrape, samples| {
            let metadata = &scrape.status.metadata;
            samples.add(&["cache"], number(metadata.hits));
            samples.add(&["shared"], number(metadata.shared));
            samples.add(&["backend"], number(metadata.asked));
        },
    ),
    counter(
        "catalog_answers_dropped",
        NONE,
        "Answers that were dropped from the cache, because a statement may have changed the catalog",
        |scrape, samples| samples.set(number(scrape.status.metadata.dropped)),
    ),
    gauge("catalog_cache_entries", NONE, "Answers that the cache holds", |scrape, samples| {
        samples.set(number(scrape.status.metadata.entries));
    }),
    gauge("catalog_cache_bytes", NONE, "Bytes of the answers that the cache holds", |scrape, samples| {
        samples.set(number(scrape.status.metadata.bytes));
    }),
    counter(
        "validator_statements",
        &["result"],
        "Statements that programs of profiles were asked about: `allowed`, `denied`, or `failed`, without an answer",
        |scrape, samples| {
            let sum = |of: fn(&ValidatorView) -> u64| scrape.status.validators.iter().map(of).sum::<u64>();
            let (asked, denied, failed) =
                (sum(|view| view.asked), sum(|view| view.denied), sum(|view| view.failed));
            samples.add(&["allowed"], number(asked.saturating_sub(denied + failed)));
            samples.add(&["denied"], number(denied));
            samples.add(&["failed"], number(failed));
        },
    ),
];

const STATES: [(BreakerState, &str); 5] = [
    (BreakerState::Closed, "closed"),
    (BreakerState::Open, "open"),
    (BreakerState::HalfOpen, "half_open"),
    (BreakerState::ForcedOpen, "forced_open"),
    (BreakerState::ForcedClosed, "forced_closed"),
];

fn each(scrape: &Scrape, samples: &mut Samples, value: impl Fn(&BreakerView) -> f64) {
    for connection in &scrape.status.connections {
        samples.add(&[&connection.name], value(&connection.breaker));
    }
}
