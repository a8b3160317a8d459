//! `snowgate status` for people.

use super::allocator_text;
use super::control::duration;
use crate::keys::KeysView;
use crate::multiplexer::{BreakerState, BreakerView, ClosedCounts, MetadataCounters};
use crate::observe::{ConnectionView, StatusView};
use crate::shared::{ClientBackendView, HttpView};
use crate::validator::ValidatorView;

/// Where values begin in a line.
const INDENT: &str = "\n             ";

/// The lines for `status`.
pub(super) fn status_text(status: &StatusView) -> String {
    let none = || "none".to_owned();
    let mut text = format!(
        "snowgate {} is running (pid {}, up {})\n",
        status.version,
        status.pid,
        duration(status.uptime_ms)
    );
    let mut line = |name: &str, value: String, more: &[Option<&str>]| {
        let more: String = more.iter().flatten().map(|more| indented(more)).collect();
        text.push_str(&format!("{name:<12} {value}{more}\n"));
    };
    line(
        "sessions",
        status.sessions.to_string(),
        &[status.limit_problem.as_deref(), status.settings_problem.as_deref()],
    );
    let default = status.connections.iter().find(|connection| connection.is_default);
    let breaker = default.and_then(|connection| breaker_text(&connection.breaker));
    let more = [&status.backend_target, &status.backend_wall, &breaker, &status.backend_problem];
    line("backend", backend(status), &more.map(|more| more.as_deref()));
    for other in status.connections.iter().filter(|connection| !connection.is_default) {
        let breaker = breaker_text(&other.breaker);
        let more = [&other.target, &breaker, &other.problem].map(|more| more.as_deref());
        line("connection", connection(other), &more);
    }
    let shares = allocator_text::lines(&status.allocator);
    if let [first, more @ ..] = shares.as_slice() {
        line("shares", first.clone(), &more.iter().map(|more| Some(more.as_str())).collect::<Vec<_>>());
    }
    if status.pool.leases > 0 {
        line("leases", leases(status), &[closed(&status.pool.closed).as_deref()]);
    }
    if let Some(metadata) = metadata(&status.metadata) {
        line("metadata", metadata, &[]);
    }
    for backend in &status.client_backends {
        line("", client_backend(backend), &[]);
    }
    for validator in &status.validators {
        line("validator", validator_text(validator), &[validator.problem.as_deref()]);
    }
    if status.limited_clients > 0 || !status.limits.is_empty() {
        line("limits", limits(status), &[]);
    }
    line("socket", status.socket.clone(), &[]);
    if let Some(view) = &status.http {
        line("http", http(view), &[view.problem.as_deref()]);
    }
    if let Some(view) = &status.keys {
        line("keys", keys(view), &[view.problem.as_deref(), view.warning.as_deref()]);
    }
    let warnings: Vec<Option<&str>> = status.config_warnings.iter().map(|text| Some(text.as_str())).collect();
    line("config", status.config_file.clone().unwrap_or_else(none), &warnings);
    line("data", status.data_dir.clone(), &[]);
    let problem = status.state_problem.as_ref().map(|problem| format!(" ({problem})")).unwrap_or_default();
    line("state", format!("{}{problem}", status.state_file), &[]);
    let problems = log_problems(status);
    let problems: Vec<Option<&str>> = problems.iter().map(|problem| Some(problem.as_str())).collect();
    line("log", status.log_file.clone().unwrap_or_else(none), &problems);
    if let Some(service) = &status.service {
        line("service", format!("{}; to stop it: {}", service.manager, service.stop), &[]);
    }
    text
}

/// What is wrong with the streams of the log.
fn log_problems(status: &StatusView) -> Vec<String> {
    let main = status.log_problem.clone();
    let others = status.logs.iter().filter(|log| log.problem != status.log_problem);
    let problems = others.filter_map(|log| log.problem.clone());
    let dropped = status.logs.iter().filter(|log| log.dropped > 0);
    let dropped = dropped.map(|log| format!("{} lines of `{}` were dropped", log.dropped, log.stream));
    main.into_iter().chain(problems).chain(dropped).collect()
}

fn backend(status: &StatusView) -> String {
    format!(
        "{}, {} of {} connections open, {} idle, {} requests waiting",
        status.backend,
        status.connections_open,
        status.connections_max,
        status.connections_idle,
        status.requests_waiting
    )
}

/// One of the connections besides the default one.
fn connection(connection: &ConnectionView) -> String {
    let ConnectionView { name, kind, open, idle, max, waiting, .. } = connection;
    format!("{name} ({kind}), {open} of {max} connections open, {idle} idle, {waiting} requests waiting")
}

/// A circuit breaker that has something to tell.
fn breaker_text(breaker: &BreakerView) -> Option<String> {
    let is_quiet = breaker.state == BreakerState::Closed && breaker.failures == 0 && breaker.opened == 0;
    (!is_quiet).then(|| format!("breaker {}", breaker_state(breaker)))
}

/// How a circuit breaker is, without its last error.
pub(super) fn breaker_state(breaker: &BreakerView) -> String {
    let BreakerView { failures, failures_max, waiting, opened, probes, refused, .. } = *breaker;
    let window = duration(breaker.window_ms);
    let mut parts = vec![format!("{} for {}", breaker.state.name(), duration(breaker.since_ms))];
    parts.extend(breaker.next_probe_ms.map(|ms| match ms {
        0 => "the next request tries".to_owned(),
        ms => format!("tried again in {}", duration(ms)),
    }));
    let of = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
    parts.push(format!("{failures} of {failures_max} failures in {window}"));
    parts.extend(of(waiting as u64, "waiting"));
    parts.extend(of(opened, "times opened"));
    parts.extend(of(probes, "probes"));
    parts.extend(of(refused, "requests refused"));
    parts.join(", ")
}

/// How well connections are shared.
fn leases(status: &StatusView) -> String {
    let pool = &status.pool;
    let percent = pool.reused * 100 / pool.leases.max(1);
    let mut parts = vec![
        format!("{} ({percent}% on a connection that was open)", pool.leases),
        format!("{} context switches", pool.switched),
    ];
    let of = |count: u64, what: &str| (count > 0).then(|| format!("{count} {what}"));
    parts.extend(of(pool.waited, "waited for a connection"));
    parts.extend(of(pool.coalesced, "answered by an identical one"));
    parts.extend(of(status.connections_pinned as u64, "connections held by sessions"));
    parts.join(", ")
}

/// How questions about the catalog were answered, where some need not be asked.
fn metadata(counters: &MetadataCounters) -> Option<String> {
    let MetadataCounters { hits, shared, asked, dropped, entries, bytes: _ } = counters;
    (hits + shared > 0).then(|| {
        format!(
            "{asked} asked, {shared} answered by an identical one, {hits} from the cache ({entries} answers kept, {dropped}              dropped)"
        )
    })
}

/// Which connections were closed other than for being unused.
fn closed(closed: &ClosedCounts) -> Option<String> {
    let of = |count: u64, why: &str| (count > 0).then(|| format!("{count} {why}"));
    let parts: Vec<String> = [
        of(closed.broken, "broken"),
        of(closed.unchecked, "silent"),
        of(closed.unreset, "not clean"),
        of(closed.unstopped, "whose statement did not stop"),
        of(closed.abandoned, "whose request was gone"),
    ]
    .into_iter()
    .flatten()
    .collect();
    (!parts.is_empty()).then(|| format!("connections closed: {}", parts.join(", ")))
}

fn client_backend(backend: &ClientBackendView) -> String {
    let ClientBackendView { connection, variables, sessions, connections_open, .. } = backend;
    format!(
        "{connection}: {sessions} sessions, {connections_open} connections open, for clients with their own {}",
        variables.join(", ")
    )
}

/// How many clients are counted, and what all together have used.
fn limits(status: &StatusView) -> String {
    let of_all = status.limits.iter().map(|limit| format!("{} {} of {}", limit.limit, limit.used, limit.max));
    let counted = format!(
        "{} clients counted, {} calls refused (`snowgate quota` shows them)",
        status.limited_clients, status.limit_refusals
    );
    of_all.chain([counted]).collect::<Vec<_>>().join("; ")
}

/// Where the HTTP front listens, and for whom.
fn keys(view: &KeysView) -> String {
    let locked = match view.locked_addresses {
        0 => String::new(),
        addresses => format!(", addresses locked for wrong keys: {addresses}"),
    };
    let keys = match (view.keys, &view.problem) {
        (0, None) => "none: `snowgate keys create --name NAME` makes one".to_owned(),
        (keys, _) => keys.to_string(),
    };
    format!("{keys}, requests refused: {}{locked}", view.refused)
}

fn http(view: &HttpView) -> String {
    let HttpView { address, auth, tls, connections, connections_max, connections_refused, .. } = view;
    let tls = if *tls { "TLS" } else { "no TLS" };
    let refused = match connections_refused {
        0 => String::new(),
        refused => format!(", {refused} refused"),
    };
    format!("{address}, {tls}, auth = {auth}, {connections} of {connections_max} connections{refused}")
}

fn validator_text(validator: &ValidatorView) -> String {
    let ValidatorView { command, pid, asked, denied, failed, .. } = validator;
    let pid = pid.map_or_else(|| "not running".to_owned(), |pid| format!("pid {pid}"));
    format!("{}: {pid}, {asked} asked, {denied} denied, {failed} without an answer", command.join(" "))
}

/// A line of its own, below the values.
fn indented(text: &str) -> String {
    format!("{INDENT}{}", text.replace('\n', INDENT))
}
