//! The gateway and its process, its log, its state file, its HTTP front.

use super::{Family, Labels, count, counter, flag, gauge, number, seconds};
use crate::observe::status::StatusView;
use crate::shared::{ALERT_NAMES, AlertState, AlertView};

const NONE: Labels = &[];

pub(super) const FAMILIES: &[Family] = &[
    gauge("build_info", &["version"], "1, with the version of the gateway", |scrape, samples| {
        samples.add(&[&scrape.status.version], 1.0);
    }),
    gauge("uptime_seconds", NONE, "For how long the gateway has run", |scrape, samples| {
        samples.set(seconds(scrape.status.uptime_ms));
    }),
    gauge(
        "healthy",
        NONE,
        "1 while `snowgate status` names no problem of the backend, the state file, the log, the limits, the front, the keys",
        |scrape, samples| samples.set(flag(problems(&scrape.status).iter().all(|(_, is_one)| !is_one))),
    ),
    gauge(
        "problem",
        &["of"],
        "1 while `snowgate status` names a problem of this; it says which, and what mends it",
        |scrape, samples| {
            for (of, is_one) in problems(&scrape.status) {
                samples.add(&[of], flag(is_one));
            }
        },
    ),
    gauge(
        "alert_firing",
        &["alert"],
        "1 while an alert of the gateway itself fires (`snowgate alerts`)",
        |scrape, samples| {
            for name in ALERT_NAMES {
                let fires = |alert: &AlertView| alert.alert == name && alert.state == AlertState::Firing;
                samples.add(&[name], flag(scrape.status.alerts.iter().any(fires)));
            }
        },
    ),
    counter(
        "alert_posts",
        &["result"],
        "Alerts for the webhook: `sent`, `failed` after all attempts, or `dropped`, because too many waited",
        |scrape, samples| {
            let webhook = &scrape.status.alert_webhook;
            samples.add(&["sent"], number(webhook.sent));
            samples.add(&["failed"], number(webhook.failed));
            samples.add(&["dropped"], number(webhook.dropped));
        },
    ),
    gauge("config_warnings", NONE, "What `snowgate config check` warns of", |scrape, samples| {
        samples.set(count(scrape.status.config_warnings.len()));
    }),
    gauge("process_resident_memory_bytes", NONE, "Memory of the gateway's process", |scrape, samples| {
        samples.set(scrape.status.process.memory_bytes.map(number));
    }),
    counter("process_cpu_seconds", NONE, "Processor time of the gateway's process", |scrape, samples| {
        samples.set(scrape.status.process.cpu_ms.map(seconds));
    }),
    gauge("process_open_fds", NONE, "Descriptors that are open", |scrape, samples| {
        samples.set(number(scrape.status.process.descriptors));
    }),
    gauge("process_max_fds", NONE, "Descriptors that may be open", |scrape, samples| {
        samples.set(scrape.status.process.descriptors_max.map(number));
    }),
    gauge("log_bytes", &["stream"], "Bytes of the files of a stream of the log", |scrape, samples| {
        for log in &scrape.status.logs {
            samples.add(&[&log.stream], number(log.bytes));
        }
    }),
    counter(
        "log_lines_dropped",
        &["stream"],
        "Lines of the log that were not written, because the disk was full or too slow",
        |scrape, samples| {
            for log in &scrape.status.logs {
                samples.add(&[&log.stream], number(log.dropped));
            }
        },
    ),
    counter("audit_records", NONE, "Records that the audit trail ever had", |scrape, samples| {
        samples.set(scrape.status.audit.on.then(|| number(scrape.status.audit.records)));
    }),
    counter(
        "audit_records_lost",
        NONE,
        "Records of the audit trail that could not be written",
        |scrape, samples| samples.set(scrape.status.audit.on.then(|| number(scrape.status.audit.lost))),
    ),
    gauge("http_connections", NONE, "Connections of the HTTP front that are open", |scrape, samples| {
        samples.set(scrape.status.http.as_ref().map(|http| count(http.connections)));
    }),
    gauge(
        "http_connections_max",
        NONE,
        "Connections of the HTTP front that may be open",
        |scrape, samples| samples.set(scrape.status.http.as_ref().map(|http| count(http.connections_max))),
    ),
    counter(
        "http_connections_refused",
        NONE,
        "Connections of the HTTP front that were refused, because there were too many",
        |scrape, samples| {
            samples.set(scrape.status.http.as_ref().map(|http| number(http.connections_refused)));
        },
    ),
    gauge(
        "http_certificate_expiry_timestamp_seconds",
        NONE,
        "When the certificate of the HTTP front expires, in seconds since 1970",
        |scrape, samples| {
            let expires = scrape.status.http.as_ref().and_then(|http| http.certificate_expires);
            samples.set(expires.and_then(|at| u64::try_from(at).ok()).map(number));
        },
    ),
    gauge("api_keys", NONE, "API keys that there are", |scrape, samples| {
        samples.set(scrape.status.keys.as_ref().map(|keys| count(keys.keys)));
    }),
    counter(
        "api_key_refusals",
        NONE,
        "Requests over HTTP that were not let in: without a key, or with one that is wrong, expired or not allowed there",
        |scrape, samples| samples.set(scrape.status.keys.as_ref().map(|keys| number(keys.refused))),
    ),
    gauge(
        "api_key_locked_addresses",
        NONE,
        "Addresses that are refused, because they sent wrong keys",
        |scrape, samples| samples.set(scrape.status.keys.as_ref().map(|keys| count(keys.locked_addresses))),
    ),
];

/// What can have a problem, and whether it has one.
pub(in crate::observe) fn problems(status: &StatusView) -> [(&'static str, bool); 9] {
    let http = status.http.as_ref().is_some_and(|http| http.problem.is_some());
    let keys = status.keys.as_ref().is_some_and(|keys| keys.problem.is_some());
    let backend = status.backend_problem.is_some()
        || status.connections.iter().any(|connection| connection.problem.is_some());
    [
        ("backend", backend),
        ("state_file", status.state_problem.is_some()),
        ("log", status.log_problem.is_some() || status.logs.iter().any(|log| log.problem.is_some())),
        ("metrics_file", status.metrics_problem.is_some()),
        ("audit", status.audit.on && status.audit.problem.is_some()),
        ("limit", status.limit_problem.is_some()),
        ("client_settings", status.settings_problem.is_some()),
        ("http", http),
        ("keys", keys),
    ]
}
