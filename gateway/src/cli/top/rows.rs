//! The rows of each pane, made of what the gateway says.

use super::super::control::duration;
use super::super::queries::{printable, took};
use crate::multiplexer::BreakerState;
use crate::observe::Overview;

/// A list on the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pane {
    /// Calls under way.
    Calls,
    /// Who shares the connections, and waits for them.
    Queue,
    /// Sessions.
    Sessions,
    /// Statements that are the same but for their literals.
    Queries,
    /// Connections, their breakers, limits.
    Pool,
}

/// What a row is about, where `snowgate kill` can stop it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Target {
    pub(super) session: String,
    pub(super) request: Option<u64>,
    /// For the question.
    pub(super) what: String,
}

/// One row.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    /// The same from one look to the next.
    pub(super) id: String,
    pub(super) cells: Vec<String>,
    pub(super) target: Option<Target>,
    /// Whether it is to catch the eye.
    pub(super) is_bad: bool,
    /// What it is sorted by, for each column; numbers fall, texts rise.
    keys: Vec<Key>,
}

#[derive(Clone, Debug, PartialEq)]
enum Key {
    Number(f64),
    Text(String),
}

/// A column: its title, and how wide it is; 0: what is left.
pub(super) type Column = (&'static str, u16);

impl Pane {
    pub(super) const ALL: [Self; 5] = [Self::Calls, Self::Queue, Self::Sessions, Self::Queries, Self::Pool];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::Calls => "Calls",
            Self::Queue => "Queue",
            Self::Sessions => "Sessions",
            Self::Queries => "Statements",
            Self::Pool => "Pool and limits",
        }
    }

    pub(super) fn columns(self) -> &'static [Column] {
        match self {
            Self::Calls => {
                &[("AGE", 6), ("PHASE", 7), ("CLIENT", 16), ("CALL", 13), ("TOOL", 14), ("STATEMENT", 0)]
            }
            Self::Queue => &[("WAIT", 5), ("RUN", 5), ("LAG", 8), ("BOUND", 8), ("WEIGHT", 6), ("CLIENT", 0)],
            Self::Sessions => &[
                ("CLIENT", 0),
                ("SESSION", 9),
                ("RUN", 4),
                ("CALLS", 7),
                ("ROWS", 8),
                ("ERR", 5),
                ("IDLE", 7),
                ("PROFILE", 10),
            ],
            Self::Queries => &[
                ("TOTAL", 7),
                ("COUNT", 7),
                ("P50", 7),
                ("P95", 7),
                ("MAX", 7),
                ("ERR", 5),
                ("STATEMENT", 0),
            ],
            Self::Pool => &[("WHAT", 22), ("USED", 8), ("MAX", 8), ("NOTE", 0)],
        }
    }

    /// The rows that have `filter` in them, sorted by column `sort`.
    pub(super) fn rows(self, overview: &Overview, filter: &str, sort: usize) -> Vec<Row> {
        let mut rows = match self {
            Self::Calls => calls(overview),
            Self::Queue => flows(overview),
            Self::Sessions => sessions(overview),
            Self::Queries => queries(overview),
            Self::Pool => pool(overview),
        };
        if !filter.is_empty() {
            let wanted = filter.to_lowercase();
            rows.retain(|row| row.cells.iter().any(|cell| cell.to_lowercase().contains(&wanted)));
        }
        if self != Self::Pool {
            rows.sort_by(|one, other| match (one.keys.get(sort), other.keys.get(sort)) {
                (Some(Key::Number(one)), Some(Key::Number(other))) => other.total_cmp(one),
                (Some(Key::Text(one)), Some(Key::Text(other))) => one.cmp(other),
                _ => std::cmp::Ordering::Equal,
            });
        }
        rows
    }
}

/// A cell and its key.
struct Cell(String, Key);

#[allow(clippy::cast_precision_loss, reason = "an order of what is shown")]
fn number(value: u64) -> Cell {
    Cell(short(value), Key::Number(value as f64))
}

fn text(value: &str) -> Cell {
    let shown = printable(value);
    Cell(shown.clone(), Key::Text(shown))
}

fn row(id: String, cells: Vec<Cell>) -> Row {
    let (cells, keys) = cells.into_iter().map(|Cell(shown, key)| (shown, key)).unzip();
    Row { id, cells, target: None, is_bad: false, keys }
}

/// A count in 6 characters.
pub(super) fn short(value: u64) -> String {
    match value {
        0..100_000 => value.to_string(),
        100_000..10_000_000 => format!("{}k", value / 1_000),
        10_000_000..10_000_000_000 => format!("{}M", value / 1_000_000),
        _ => format!("{}G", value / 1_000_000_000),
    }
}

#[allow(clippy::cast_precision_loss, reason = "an order of what is shown")]
fn calls(overview: &Overview) -> Vec<Row> {
    let mut rows = Vec::new();
    for session in &overview.sessions {
        let client = session.client.as_deref().unwrap_or("-");
        let id = session.id.get(..8).unwrap_or(&session.id);
        for call in &session.calls {
            let name = format!("{id}:{}", call.number);
            let ms = call.since_ms as f64;
            let cells = vec![
                Cell(took(ms), Key::Number(ms)),
                text(call.phase.as_deref().unwrap_or("-")),
                text(client),
                text(&name),
                text(call.tool.as_deref().unwrap_or("-")),
                text(call.pattern.as_deref().unwrap_or("")),
            ];
            let mut row = row(format!("{}:{}", session.id, call.number), cells);
            row.target = Some(Target {
                session: session.id.clone(),
                request: Some(call.number),
                what: format!("call {name} of {}", printable(client)),
            });
            row.is_bad = call.since_ms >= overview.queries.slow_ms.max(1);
            rows.push((call.since_ms, row));
        }
    }
    // The oldest first, of those that are alike in what they are sorted by.
    rows.sort_by_key(|(since_ms, _)| std::cmp::Reverse(*since_ms));
    rows.into_iter().map(|(_, row)| row).collect()
}

#[allow(clippy::cast_precision_loss, reason = "an order of what is shown")]
fn flows(overview: &Overview) -> Vec<Row> {
    let several = overview.status.connections.len() > 1;
    let all = overview.status.connections.iter().flat_map(|connection| {
        let unit = if connection.allocator.strategy == "round_robin" { "" } else { "s" };
        connection.allocator.flows.iter().map(move |flow| (connection, flow, unit))
    });
    all.map(|(connection, flow, unit)| {
        let name = match several {
            true => format!("{} on {}", flow.flow, connection.name),
            false => flow.flow.clone(),
        };
        let mut row = row(
            format!("{}\0{}", connection.name, flow.flow),
            vec![
                number(flow.waiting as u64),
                number(flow.running as u64),
                Cell(format!("{:.1}{unit}", flow.lag), Key::Number(flow.lag)),
                Cell(format!("{:.1}{unit}", flow.bound), Key::Number(flow.bound)),
                Cell(format!("{}", flow.weight), Key::Number(flow.weight)),
                text(&name),
            ],
        );
        row.is_bad = flow.lag > flow.bound;
        row
    })
    .collect()
}

#[allow(clippy::cast_precision_loss, reason = "an order of what is shown")]
fn sessions(overview: &Overview) -> Vec<Row> {
    let view = |session: &crate::session::SessionView| {
        let client = session.client.as_deref().unwrap_or("-");
        let key = session.key.as_ref().map(|key| format!("@{key}")).unwrap_or_default();
        let id = session.id.get(..8).unwrap_or(&session.id);
        let mut row = row(
            session.id.clone(),
            vec![
                text(&format!("{client}{key}")),
                text(id),
                number(session.running as u64),
                number(session.requests),
                number(session.rows),
                number(session.errors),
                Cell(duration(session.idle_ms), Key::Number(-(session.idle_ms as f64))),
                text(&session.profile),
            ],
        );
        row.target = Some(Target {
            session: session.id.clone(),
            request: None,
            what: format!("all calls of session {id} of {}", printable(client)),
        });
        row.is_bad = session.settings_refused || session.profile_problem.is_some();
        row
    };
    overview.sessions.iter().map(view).collect()
}

fn queries(overview: &Overview) -> Vec<Row> {
    let time = |ms: f64| Cell(took(ms), Key::Number(ms));
    let view = |query: &crate::telemetry::QueryView| {
        let mut row = row(
            query.id.clone(),
            vec![
                time(query.total_ms),
                number(query.count),
                time(query.p50_ms),
                time(query.p95_ms),
                time(query.max_ms),
                number(query.errors),
                text(&query.pattern),
            ],
        );
        row.is_bad = query.slow > 0;
        row
    };
    overview.queries.top.iter().map(view).collect()
}

fn pool(overview: &Overview) -> Vec<Row> {
    let mut rows = Vec::new();
    for connection in &overview.status.connections {
        let breaker = &connection.breaker;
        let is_bad = !matches!(breaker.state, BreakerState::Closed) || connection.problem.is_some();
        let note = format!(
            "{}: {} idle, {} waiting, breaker {} ({} of {} failures)",
            connection.kind,
            connection.idle,
            connection.waiting,
            breaker.state.name(),
            breaker.failures,
            breaker.failures_max
        );
        let cells = vec![
            text(&connection.name),
            number(connection.open as u64),
            number(connection.max as u64),
            text(&note),
        ];
        rows.push(Row { is_bad, ..row(format!("c{}", connection.name), cells) });
    }
    let limit = |client: &str, limit: &crate::limits::LimitView| {
        let note = match limit.free_in_s {
            Some(seconds) => format!("{client}: free again in {}", duration(seconds.saturating_mul(1_000))),
            None => format!("{client}: {} left", limit.left),
        };
        let cells = vec![text(&limit.limit), number(limit.used), number(limit.max), text(&note)];
        Row { is_bad: limit.left == 0, ..row(format!("l{client}{}", limit.limit), cells) }
    };
    rows.extend(overview.status.limits.iter().map(|one| limit("all clients", one)));
    // Clients share their limits: each is shown once.
    let mut shown: Vec<String> = Vec::new();
    for session in &overview.sessions {
        let client = printable(session.client.as_deref().unwrap_or("-"));
        if session.limits.iter().any(|limit| limit.used > 0) && !shown.contains(&client) {
            rows.extend(session.limits.iter().filter(|limit| limit.used > 0).map(|one| limit(&client, one)));
            shown.push(client);
        }
    }
    rows
}
