//! `snowgate status` for people.

use super::allocator_text;
use super::control::duration;
use super::queries::{printable, took};
use crate::keys::KeysView;
use crate::multiplexer::{BreakerState, BreakerView, ClosedCounts, MetadataCounters};
use crate::observe::{ConnectionView, Problem, StatusView, problems};
use crate::results::ResultsView;
use crate::shared::{ClientBackendView, HttpView};
use crate::validator::ValidatorView;

/// Flows and requests that are shown of a pool, each.
const SHARES_MAX: usize = 2;

/// See `SHARES_MAX`.
const SHARES_ALL_MAX: usize = 8;

/// Characters of a pattern: what is left of 80 columns.
const PATTERN_CHARS_MAX: usize = 42;

/// Where values begin in a line.
const INDENT: &str = "\n             ";

/// The lines for `status`: problems first, then what fits on a screen where all is well; `all`: the rest, too.
pub(super) fn status_text(status: &StatusView, all: bool) -> String {
    let mut text = format!(
        "snowgate {} is running (pid {}, up {})\n",
        status.version,
        status.pid,
        duration(status.uptime_ms)
    );
    let mut line = |name: &str, value: &str, more: &[Option<&str>]| {
        let more: String = more.iter().flatten().map(|more| indented(more)).collect();
        text.push_str(&format!("{name:<12} {}{more}\n", value.replace('\n', INDENT)));
    };
    for Problem { severity, what, command } in problems(status) {
        line(severity.name(), &what, &[Some(&format!("run: {command}"))]);
    }
    line("sessions", &format!("{} of {}", status.sessions, status.sessions_max), &[]);
    line("calls", &calls(status), &[last_minute(status).as_deref()]);
    work(status, all, &mut line);
    slowest(status, &mut line);
    if all {
        line("socket", &status.socket, &[]);
    }
    if let Some(view) = &status.http {
        line("http", &http(view), &[]);
    }
    if let Some(view) = &status.keys {
        line("keys", &keys(view), &[]);
    }
    line("config", status.config_file.as_deref().unwrap_or("none"), &[]);
    if all {
        line("data", &status.data_dir, &[]);
        line("state", &status.state_file, &[]);
    }
    line("log", status.log_file.as_deref().unwrap_or("none"), &[]);
    for log in status.logs.iter().filter(|_| all) {
        let file = log.file.as_deref().unwrap_or("no file");
        line("", &format!("{}: {file}, {} bytes, {} lines dropped", log.stream, log.bytes, log.dropped), &[]);
    }
    if status.audit.on && all {
        let file = status.audit.file.as_deref().unwrap_or("no file");
        line("audit", &format!("{file}, {} records", status.audit.records), &[]);
    }
    if let Some(service) = &status.service {
        line("service", &format!("{}; to stop it: {}", service.manager, service.stop), &[]);
    }
    if !all {
        text.push_str("more: `snowgate status --all`, `snowgate top`, `snowgate queries`\n");
    }
    text
}

/// The connections and what runs on them.
fn work(status: &StatusView, all: bool, line: &mut impl FnMut(&str, &str, &[Option<&str>])) {
    let default = status.connections.iter().find(|connection| connection.is_default);
    let breaker = default.and_then(|connection| breaker_text(&connection.breaker));
    let more = [&status.backend_target, &status.backend_wall, &breaker];
    line("backend", &backend(status), &more.map(|more| more.as_deref()));
    for other in status.connections.iter().filter(|connection| !connection.is_default) {
        let breaker = breaker_text(&other.breaker);
        line("connection", &connection(other), &[&other.target, &breaker].map(|more| more.as_deref()));
    }
    let shares = allocator_text::lines(&status.allocator, if all { SHARES_ALL_MAX } else { SHARES_MAX });
    if let [first, more @ ..] = shares.as_slice() {
        line("shares", first, &more.iter().map(|more| Some(more.as_str())).collect::<Vec<_>>());
    }
    if status.pool.leases > 0 {
        line("leases", &leases(status), &[closed(&status.pool.closed).filter(|_| all).as_deref()]);
    }
    if let Some(metadata) = metadata(&status.metadata) {
        line("metadata", &metadata, &[]);
    }
    if let Some(results) = results(&status.results) {
        line("results", &results, &[]);
    }
    for backend in &status.client_backends {
        line("", &client_backend(backend), &[]);
    }
    for validator in &status.validators {
        line("validator", &validator_text(validator), &[]);
    }
    if !status.saved_questions.is_empty() {
        line("saved questions", &status.saved_questions.join(", "), &[]);
    }
    if status.limited_clients > 0 || !status.limits.is_empty() {
        line("limits", &limits(status), &[]);
    }
}

/// What became of calls since the start.
fn calls(status: &StatusView) -> String {
    let totals = &status.totals;
    let mut parts = vec![format!("{} since the start", totals.calls)];
    let counted = [
        (totals.failed, "failed"),
        (totals.refused, "refused"),
        (totals.cancelled, "cancelled"),
        (totals.outcome_unknown, "of unknown outcome"),
    ];
    parts.extend(
        counted.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")),
    );
    parts.push(format!("{} rows", totals.rows));
    parts.join(", ")
}

/// What ended in the last whole minute.
fn last_minute(status: &StatusView) -> Option<String> {
    let [.., minute, _] = status.minutes.as_slice() else { return None };
    (minute.calls > 0).then(|| {
        format!(
            "last minute: {} calls, {} failed; p95: waited {}, ran {}",
            minute.calls,
            minute.errors,
            took(minute.wait_p95_ms),
            took(minute.run_p95_ms)
        )
    })
}

/// The statements that took longest.
fn slowest(status: &StatusView, line: &mut impl FnMut(&str, &str, &[Option<&str>])) {
    let mut name = "slowest";
    for query in &status.queries.top {
        let pattern: String = printable(&query.pattern).chars().take(PATTERN_CHARS_MAX).collect();
        let times = if query.count == 1 { "once".to_owned() } else { format!("{} times", query.count) };
        line(name, &format!("{} at most, {times}: {pattern}", took(query.max_ms)), &[]);
        name = "";
    }
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

/// Results that keep a handle, where there are any.
fn results(results: &ResultsView) -> Option<String> {
    let ResultsView { handles, bytes, bytes_max, running } = results;
    let mib = |bytes: &u64| format!("{:.1} MiB", *bytes as f64 / 1_048_576.0);
    let kept = format!("{handles} kept with a handle, {} of {}", mib(bytes), mib(bytes_max));
    let still = if *running > 0 { format!("; {running} still at work") } else { String::new() };
    (*handles > 0).then(|| format!("{kept}{still}"))
}

/// How questions about the catalog were answered, where some need not be asked.
fn metadata(counters: &MetadataCounters) -> Option<String> {
    let MetadataCounters { hits, shared, asked, dropped, entries, bytes: _ } = counters;
    (hits + shared > 0).then(|| {
        format!(
            "{asked} asked, {shared} answered by an identical one, {hits} from the cache ({entries} answers kept, {dropped} dropped)"
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::snapshot;
    use crate::shared::testing::TestGateway;
    use crate::telemetry::{MinuteView, QueryView};

    async fn status() -> StatusView {
        let gateway = TestGateway::new().await;
        let mut status = snapshot(&gateway.shared);
        let minute =
            MinuteView { calls: 1_234_567, errors: 12, run_p95_ms: 12_345.0, ..MinuteView::default() };
        let query = QueryView {
            pattern: "SELECT \u{1b}a ".repeat(20),
            count: 9,
            max_ms: 9e6,
            ..QueryView::default()
        };
        status.minutes = vec![minute.clone(), minute];
        status.queries.top = vec![query; 3];
        status.totals.calls = 123_456_789;
        status.config_warnings.clear();
        // A short home.
        status.log_file = Some("log".to_owned());
        status
    }

    #[tokio::test]
    async fn where_all_is_well_it_fits_on_a_screen() {
        let text = status_text(&status().await, false);
        assert!(text.lines().count() <= 24, "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
        assert!(!text.contains('\u{1b}') && text.contains("\nslowest "), "{text}");
    }

    #[tokio::test]
    async fn problems_come_first_with_their_commands() {
        let mut status = status().await;
        status.state_problem = Some("the disk is full\nof logs".to_owned());
        for all in [false, true] {
            let text = status_text(&status, all);
            let lines: Vec<&str> = text.lines().collect();
            let indent = INDENT.trim_start_matches('\n');
            assert_eq!(lines[1], "critical     the disk is full", "{text}");
            assert_eq!(
                lines[2..4],
                [format!("{indent}of logs"), format!("{indent}run: snowgate restart")],
                "{text}"
            );
            assert_eq!(text.contains("\nsocket "), all, "{text}");
        }
    }
}
