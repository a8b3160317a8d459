//! Sessions, clients, and what they have used of their limits.

use super::{Family, Labels, count, counter, gauge, number, part};
use crate::telemetry::Outcome;

const NONE: Labels = &[];

pub(super) const FAMILIES: &[Family] = &[
    gauge("sessions", NONE, "Sessions that are open", |scrape, samples| {
        samples.set(count(scrape.status.sessions));
    }),
    gauge("sessions_max", NONE, "Sessions that may be open", |scrape, samples| {
        samples.set(count(scrape.status.sessions_max));
    }),
    counter(
        "sessions_resumed",
        NONE,
        "Sessions that went on after their connection or their gateway had ended",
        |scrape, samples| samples.set(number(scrape.status.resumed)),
    ),
    counter(
        "outcomes",
        &["outcome"],
        "Requests that have ended, by what became of them; each outcome is there from the start",
        |scrape, samples| {
            let totals = &scrape.status.totals;
            for (outcome, count) in [
                (Outcome::Ok, totals.ok),
                (Outcome::Failed, totals.failed),
                (Outcome::Refused, totals.refused),
                (Outcome::Cancelled, totals.cancelled),
                (Outcome::Unknown, totals.outcome_unknown),
                (Outcome::AnsweredFromJournal, totals.answered_from_journal),
                (Outcome::Detached, totals.detached),
            ] {
                samples.add(&[outcome.as_str()], number(count));
            }
        },
    ),
    gauge(
        "requests_running",
        NONE,
        "Requests that have been started and not answered, those that wait for a connection among them",
        |scrape, samples| {
            samples.set(count(scrape.clients.values().map(|client| client.running).sum()));
        },
    ),
    gauge(
        "clients",
        NONE,
        "Clients with open sessions, as far as metrics tell them apart",
        |scrape, samples| samples.set(count(scrape.clients.len())),
    ),
    gauge(
        "metrics_clients",
        NONE,
        "Names of clients that metrics tell apart (at most metrics.clients_max, and `other`)",
        |scrape, samples| samples.set(count(scrape.clients_known)),
    ),
    gauge("client_sessions", &["client"], "Sessions of a client that are open", |scrape, samples| {
        for (name, client) in &scrape.clients {
            samples.add(&[name], count(client.sessions));
        }
    }),
    gauge(
        "client_requests_running",
        &["client"],
        "Requests of a client that have been started and not answered",
        |scrape, samples| {
            for (name, client) in &scrape.clients {
                samples.add(&[name], count(client.running));
            }
        },
    ),
    gauge(
        "client_limit_used_ratio",
        &["client", "limit"],
        "The part of a limit that a client with open sessions has used; limit is the name of its setting",
        |scrape, samples| {
            for (name, client) in &scrape.clients {
                for (limit, used) in &client.limits {
                    samples.add(&[name, limit], *used);
                }
            }
        },
    ),
    gauge(
        "limit_used_ratio",
        &["limit"],
        "The part of a limit of all clients together that is used",
        |scrape, samples| {
            for limit in &scrape.status.limits {
                samples.add(&[&limit.limit], part(limit.used, limit.max));
            }
        },
    ),
    gauge("limited_clients", NONE, "Clients whose use is counted", |scrape, samples| {
        samples.set(count(scrape.status.limited_clients));
    }),
    counter("limit_refusals", NONE, "Calls that limits have refused", |scrape, samples| {
        samples.set(number(scrape.status.limit_refusals));
    }),
    counter(
        "slow_statements",
        NONE,
        "Statements that ran for queries.slow_ms or longer",
        |scrape, samples| {
            samples.set(number(scrape.queries.slow));
        },
    ),
    gauge(
        "statement_patterns",
        NONE,
        "Statements that are told apart, their literals left out",
        |scrape, samples| samples.set(count(scrape.queries.patterns)),
    ),
];
