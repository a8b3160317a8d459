//! `snowgate queries`: which statements ran how often, and how long.

use std::process::ExitCode;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::{Result, bail};
use clap::Args;
use clap::builder::PossibleValue;

use super::Cli;
use super::control::{ask_now, columns, duration, no_gateway, print_json, print_text};
use super::serve::endpoint;
use crate::link::{Command, QueriesAsked, QueriesReply, Reply};
use crate::streams::must_be_escaped;
use crate::telemetry::{MINUTES_MAX, MinuteView, QueryOrder, QueryView};

/// Characters of a pattern that are shown.
const PATTERN_CHARS_MAX: usize = 160;

/// What is wanted of the statistics.
#[derive(Debug, Args)]
pub(crate) struct QueriesArgs {
    /// Which come first: those with the most of this
    #[arg(long, value_name = "COLUMN", value_enum, default_value_t = QueryOrder::Total)]
    sort: QueryOrder,

    /// Only statements that were slow (`queries.slow_ms`)
    #[arg(long)]
    slow: bool,

    /// Statements, at most
    #[arg(short = 'n', long = "lines", value_name = "N", default_value_t = 20)]
    lines: usize,

    /// The last three hours by minute, too
    #[arg(long)]
    minutes: bool,

    /// Print JSON, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

impl clap::ValueEnum for QueryOrder {
    fn value_variants<'a>() -> &'a [Self] {
        &Self::ALL
    }

    fn to_possible_value(&self) -> Option<PossibleValue> {
        Some(PossibleValue::new(self.name()))
    }
}

/// Shows the statistics.
pub(super) fn queries(cli: &Cli, args: &QueriesArgs) -> Result<ExitCode> {
    let endpoint = endpoint(cli)?;
    let asked = QueriesAsked {
        order: args.sort,
        only_slow: args.slow,
        patterns_max: args.lines,
        minutes: if args.minutes { MINUTES_MAX } else { 0 },
    };
    match ask_now(&endpoint, &Command::Queries(asked))? {
        Some(Reply::Queries(reply)) if args.json => print_json(&reply),
        Some(Reply::Queries(reply)) => print_text(&text(&reply, args.slow, SystemTime::now())),
        Some(_) => bail!("the gateway sent an unexpected reply"),
        None => no_gateway(&endpoint, args.json),
    }
}

/// The lines for people.
fn text(reply: &QueriesReply, only_slow: bool, now: SystemTime) -> String {
    let QueriesReply { uptime_ms, queries, minutes } = reply;
    let slow_from = duration(queries.slow_ms);
    let mut text = format!(
        "{} statements in {} since the gateway started, {} of them slow ({slow_from} or more), {} patterns kept",
        queries.statements,
        duration(*uptime_ms),
        queries.slow,
        queries.patterns
    );
    if queries.evicted > 0 {
        text.push_str(&format!(" ({} made room: `queries.patterns_max`)", queries.evicted));
    }
    text.push_str("\n\n");
    if queries.top.is_empty() {
        let what = if only_slow { "no statement was slow" } else { "no statement ran yet" };
        text.push_str(&format!("{what}\n"));
    } else {
        text.push_str(&table(&queries.top, now));
    }
    if !minutes.is_empty() {
        text.push_str(&format!("\n{}", minutes_text(minutes, now)));
    }
    text
}

fn table(top: &[QueryView], now: SystemTime) -> String {
    let mut rows = vec![
        ["COUNT", "TOTAL", "P50", "P95", "MAX", "ROWS", "ERRORS", "SLOW", "LAST", "CLIENTS", "STATEMENT"]
            .map(str::to_owned),
    ];
    rows.extend(top.iter().map(|query| {
        [
            query.count.to_string(),
            took(query.total_ms),
            took(query.p50_ms),
            took(query.p95_ms),
            took(query.max_ms),
            query.rows.to_string(),
            query.errors.to_string(),
            query.slow.to_string(),
            ago(query.last_ms, now),
            query.clients.iter().map(|client| printable(client)).collect::<Vec<_>>().join(","),
            cut(&printable(&query.pattern), PATTERN_CHARS_MAX),
        ]
    }));
    columns(&rows)
}

fn minutes_text(minutes: &[MinuteView], now: SystemTime) -> String {
    let mut rows = vec![
        [
            "MINUTE", "CALLS", "ERRORS", "REFUSED", "ROWS", "BYTES", "WAIT P50", "WAIT P95", "RUN P50",
            "RUN P95",
        ]
        .map(str::to_owned),
    ];
    // Those before the first request say nothing.
    let first = minutes.iter().position(|minute| minute.requests > 0).unwrap_or(minutes.len());
    rows.extend(minutes[first..].iter().map(|minute| {
        [
            ago(minute.at_s.saturating_mul(1_000), now),
            minute.calls.to_string(),
            minute.errors.to_string(),
            minute.refused.to_string(),
            minute.rows.to_string(),
            minute.bytes.to_string(),
            took(minute.wait_p50_ms),
            took(minute.wait_p95_ms),
            took(minute.run_p50_ms),
            took(minute.run_p95_ms),
        ]
    }));
    if rows.len() == 1 { "no request in the last hours\n".to_owned() } else { columns(&rows) }
}

/// How long something took, in a few characters.
pub(super) fn took(ms: f64) -> String {
    match ms {
        ms if ms < 0.05 => "0".to_owned(),
        ms if ms < 10.0 => format!("{ms:.1}ms"),
        ms if ms < 1_000.0 => format!("{ms:.0}ms"),
        ms if ms < 100_000.0 => format!("{:.1}s", ms / 1e3),
        ms if ms < 7_200_000.0 => format!("{:.0}m", ms / 60e3),
        ms => format!("{:.0}h", ms / 3_600e3),
    }
}

/// How long ago something was, `at_ms` since 1970.
fn ago(at_ms: u64, now: SystemTime) -> String {
    let at = UNIX_EPOCH + Duration::from_millis(at_ms);
    let passed = now.duration_since(at).unwrap_or_default();
    duration(u64::try_from(passed.as_millis()).unwrap_or(u64::MAX))
}

/// `text` with nothing in it that a terminal acts on, or that changes how the rest is read.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if must_be_escaped(c) { '\u{fffd}' } else { c }).collect()
}

/// `text`, cut to so many characters.
fn cut(text: &str, chars_max: usize) -> String {
    match text.char_indices().nth(chars_max) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::telemetry::QueriesView;

    fn reply(top: Vec<QueryView>) -> QueriesReply {
        let queries = QueriesView { slow_ms: 5_000, statements: 3, slow: 1, patterns: 1, evicted: 2, top };
        QueriesReply { uptime_ms: 61_000, queries, minutes: Vec::new() }
    }

    #[test]
    fn each_statement_is_a_line_without_control_characters() {
        let query = QueryView {
            pattern: "SELECT \"\u{1b}[31m\u{202e}\" FROM t".to_owned(),
            count: 3,
            p50_ms: 1.25,
            p95_ms: 6_000.0,
            max_ms: 6_000.0,
            total_ms: 6_002.5,
            clients: vec!["a\n".to_owned(), "b".to_owned()],
            last_ms: 40_000,
            ..QueryView::default()
        };
        let now = UNIX_EPOCH + Duration::from_secs(100);
        let shown = text(&reply(vec![query]), false, now);
        let lines: Vec<&str> = shown.lines().collect();
        assert_eq!(lines.len(), 4, "{shown}");
        assert!(lines[0].contains("3 statements in 61 s") && lines[0].contains("2 made room"), "{shown}");
        let cells: Vec<&str> = lines[3].split_whitespace().collect();
        assert_eq!(cells[..10], ["3", "6.0s", "1.2ms", "6.0s", "6.0s", "0", "0", "0", "60", "s"], "{shown}");
        assert!(
            !shown.contains(|c: char| c.is_control() && c != '\n') && !shown.contains('\u{202e}'),
            "{shown:?}"
        );
    }

    #[test]
    fn where_there_is_nothing_that_is_said() {
        assert!(text(&reply(Vec::new()), false, UNIX_EPOCH).contains("no statement ran yet"));
        assert!(text(&reply(Vec::new()), true, UNIX_EPOCH).contains("no statement was slow"));
    }

    #[test]
    fn minutes_begin_with_the_first_request() {
        let minute = |at_s, requests| MinuteView { at_s, requests, calls: requests, ..MinuteView::default() };
        let shown = minutes_text(
            &[minute(0, 0), minute(60, 2), minute(120, 0)],
            UNIX_EPOCH + Duration::from_secs(130),
        );
        assert_eq!(shown.lines().count(), 3, "{shown}");
        assert!(shown.lines().nth(1).is_some_and(|line| line.starts_with("70 s")), "{shown}");
    }
}
