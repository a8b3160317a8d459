//! `snowgate audit` and `snowgate history`: the audit trail, verified and searched. No gateway is needed; one may write meanwhile.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context as _, Result, bail};
use clap::{Args, Subcommand};
use serde_json::Value;

use super::control::{columns, print_json, print_text};
use super::queries::printable;
use crate::audit::{
    Expected, HeadKey, Report, SearchQuery, SearchResult, folder, kept_head, search, text_of_ms, verify,
};
use crate::config::{Paths, ProcessEnvironment};
use crate::shared::moments;
use crate::streams::escaped;

/// Records that are shown unless another number is asked for.
const LIMIT: usize = 100;
const HISTORY_LIMIT: usize = 50;

/// Bytes of a file with heads, at most.
const HEADS_BYTES_MAX: u64 = 1 << 20;

/// How often a trail is verified anew whose files are removed meanwhile.
const ATTEMPTS_MAX: usize = 5;

/// What is wanted of the audit trail.
#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Find out whether a record was changed, removed, moved or put in; exit code 1 if one was
    Verify(VerifyArgs),
    /// Find records: newest last, one a line
    Search(SearchArgs),
    /// Print the newest signed head: kept elsewhere, it shows later whether the trail up to it was touched
    Head,
    /// Print the public key that heads are signed with
    Key,
}

#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// A head that was kept elsewhere, or a file with such heads, one a line
    #[arg(long, value_name = "FILE|TEXT")]
    head: Vec<String>,

    /// The public key that must have signed the heads, instead of this gateway's
    #[arg(long, value_name = "HEX")]
    key: Option<String>,

    /// Files of a trail, or folders of them, instead of this gateway's
    #[arg(value_name = "PATH")]
    paths: Vec<PathBuf>,

    /// Print JSON, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct SearchArgs {
    /// Of clients with this in their name
    #[arg(long)]
    client: Option<String>,
    /// With this API key
    #[arg(long)]
    key: Option<String>,
    /// Of the session whose id begins so
    #[arg(long)]
    session: Option<String>,
    /// Not before: 24h, 30m, 2027-01-31, 2027-01-31T12:00:00Z
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<String>,
    /// Not after
    #[arg(long, value_name = "TIME", value_parser = parse_until)]
    until: Option<String>,
    /// Of statements that touch an object with this in its name
    #[arg(long)]
    object: Option<String>,
    /// allowed, denied, failed, cancelled, outcome_unknown, detached, answered_from_journal
    #[arg(long)]
    outcome: Option<String>,
    /// Of this tool
    #[arg(long)]
    tool: Option<String>,
    /// Refused by this rule
    #[arg(long)]
    rule: Option<String>,
    /// Of the statement whose SHA-256 begins so
    #[arg(long, value_name = "DIGEST")]
    statement: Option<String>,
    /// Of this kind (query_execution, admin_action ...), or this event (call, session_opened ...)
    #[arg(long)]
    kind: Option<String>,
    /// So many at most, the newest
    #[arg(long, default_value_t = LIMIT)]
    limit: usize,
    /// Print the records as they are, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Of clients with this in their name
    #[arg(long)]
    client: Option<String>,
    /// Since then: 24h, 30m, 2027-01-31
    #[arg(long, value_name = "TIME", value_parser = parse_since)]
    since: Option<String>,
    /// So many calls at most, the newest
    #[arg(short = 'n', long, default_value_t = HISTORY_LIMIT)]
    limit: usize,
    /// Print the records as they are, for scripts
    #[arg(long)]
    pub(super) json: bool,
}

/// A moment that is over, as records have it.
fn parse_since(text: &str) -> Result<String, String> {
    moments::parse_since(text).map(text_of_ms)
}

/// The same; of a day, its end.
fn parse_until(text: &str) -> Result<String, String> {
    moments::parse_until(text).map(text_of_ms)
}

fn state_folder() -> Result<PathBuf> {
    Ok(Paths::discover(&ProcessEnvironment)?.state_dir)
}

/// Does what is wanted.
pub(super) fn audit(command: &AuditCommand) -> Result<ExitCode> {
    let state = state_folder()?;
    match command {
        AuditCommand::Verify(args) => verify_trail(&state, args),
        AuditCommand::Search(args) => search_trail(&state, args),
        AuditCommand::Head => match kept_head(&state).context("cannot read the newest head")? {
            Some(head) => print_text(&format!("{}\n", printable(&head))),
            None => bail!(
                "there is no signed head yet: a gateway with `audit.enabled = true` writes the first one"
            ),
        },
        AuditCommand::Key => match HeadKey::open(&state).context("cannot read the key of the audit trail")? {
            Some(key) => print_text(&format!("{}\n", key.public())),
            None => bail!("there is no key yet: a gateway with `audit.enabled = true` makes it"),
        },
    }
}

fn verify_trail(state: &Path, args: &VerifyArgs) -> Result<ExitCode> {
    let is_own = args.paths.is_empty();
    let own_key = HeadKey::open(state).context("cannot read the key of the audit trail")?;
    let own_key = own_key.map(|key| key.public().to_owned()).filter(|_| is_own);
    // Before the files are read: a gateway that writes meanwhile keeps a head only once it is in a file.
    let mut heads: Vec<String> =
        kept_head(state).unwrap_or_default().filter(|_| is_own).into_iter().collect();
    for given in &args.head {
        heads.extend(heads_of(given)?);
    }
    let expected = Expected { key: args.key.clone().or(own_key), heads };
    let paths = if is_own { vec![folder(state)] } else { args.paths.clone() };
    if is_own && !paths[0].exists() && expected.heads.is_empty() {
        bail!(
            "there is no audit trail in {}: a gateway with `audit.enabled = true` writes it",
            paths[0].display()
        );
    }
    let report = verified(&paths, &expected)?;
    if args.json {
        print_json(&report)?;
    } else {
        print_text(&text_of(&report))?;
    }
    Ok(if report.fault.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// Once more where a file was removed meanwhile.
fn verified(paths: &[PathBuf], expected: &Expected) -> Result<Report> {
    let mut attempt = 0;
    loop {
        attempt += 1;
        match verify(paths, expected) {
            Err(error) if error.kind() == io::ErrorKind::NotFound && attempt < ATTEMPTS_MAX => {}
            done => return done.context("cannot read the audit trail"),
        }
    }
}

/// The heads in a file, or the one that is the text itself.
fn heads_of(given: &str) -> Result<Vec<String>> {
    let text = if given.trim_start().starts_with('{') {
        given.to_owned()
    } else {
        let file =
            std::fs::File::open(given).with_context(|| format!("cannot open the heads in {given:?}"))?;
        io::read_to_string(io::Read::take(file, HEADS_BYTES_MAX))?
    };
    let heads: Vec<String> =
        text.lines().map(str::trim).filter(|line| !line.is_empty()).map(str::to_owned).collect();
    match heads.iter().find(|head| !head.starts_with("{\"seq\":")) {
        Some(_) => {
            bail!(
                "{:?} holds something that is no head, as `snowgate audit head` prints it; give a file with one head a line",
                printable(given)
            )
        }
        None => Ok(heads),
    }
}

fn text_of(report: &Report) -> String {
    let mut lines = Vec::new();
    match &report.fault {
        Some(fault) => lines.push(format!("NOT as it was written: {fault}")),
        None => lines.push("as it was written".to_owned()),
    }
    let (first, last) = (report.first_seq.unwrap_or(0), report.last_seq.unwrap_or(0));
    let read = if report.fault.is_some() { "read until there" } else { "read" };
    lines.push(format!("{read}: {} records ({first} to {last}) in {} files", report.records, report.files));
    match (&report.signed_seq, &report.public_key) {
        (Some(seq), Some(key)) => {
            lines.push(format!("signed up to record {seq}, {} heads, key {key}", report.heads));
        }
        _ => lines.push("no signed head".to_owned()),
    }
    if report.fault.is_none() && report.signed_seq < report.last_seq {
        lines.push(format!(
            "records {} to {last} are behind the last signed head: whether some were cut off behind them is not known",
            report.signed_seq.unwrap_or(0) + 1
        ));
    }
    if let Some(torn) = &report.torn_end {
        lines.push(format!(
            "torn end: {} bytes behind the last record of {}, half-written when a gateway was killed, or being written; \
             the next gateway names them",
            torn.bytes, torn.file
        ));
    }
    if report.torn > 0 {
        lines.push(format!(
            "half-written ends of gateways that were killed, each named by a record: {}",
            report.torn
        ));
    }
    if report.lost > 0 {
        lines.push(format!("records that could not be written, as records `gap` say: {}", report.lost));
    }
    lines.iter().map(|line| format!("{}\n", printable(line))).collect()
}

fn search_trail(state: &Path, args: &SearchArgs) -> Result<ExitCode> {
    let query = SearchQuery {
        client: args.client.clone(),
        key: args.key.clone(),
        session: args.session.clone(),
        since: args.since.clone(),
        until: args.until.clone(),
        object: args.object.clone(),
        outcome: args.outcome.clone(),
        tool: args.tool.clone(),
        rule: args.rule.clone(),
        statement: args.statement.clone(),
        kind: args.kind.clone(),
        calls_only: false,
    };
    let found = search(&folder(state), &query, args.limit).context("cannot read the audit trail")?;
    if args.json { print_lines(&found) } else { print_found(&found, args.limit) }
}

/// What clients ran, how long it took and how many rows came of it.
pub(super) fn history(args: &HistoryArgs) -> Result<ExitCode> {
    let query = SearchQuery {
        client: args.client.clone(),
        since: args.since.clone(),
        calls_only: true,
        ..SearchQuery::default()
    };
    let found =
        search(&folder(&state_folder()?), &query, args.limit).context("cannot read the audit trail")?;
    if args.json {
        return print_lines(&found);
    }
    let mut rows =
        vec![["TIME (UTC)", "CLIENT", "WHAT", "OBJECTS", "OUTCOME", "TOOK", "ROWS"].map(str::to_owned)];
    rows.extend(found.records.iter().map(history_row));
    let mut text = if rows.len() > 1 { columns(&rows) } else { "no calls\n".to_owned() };
    if found.has_more {
        text.push_str(&format!(
            "there are more; these are the newest {} (-n shows another number)\n",
            args.limit
        ));
    }
    print_text(&text)
}

fn history_row(record: &Value) -> [String; 7] {
    let what = match (&record["tool"], &record["class"]) {
        (Value::String(tool), Value::String(class)) if tool == "execute_query" => class.clone(),
        (tool, _) => cell(tool),
    };
    let what = match record["text"].as_str() {
        Some(text) => format!("{what}: {}", cut(text, 60)),
        None => what,
    };
    let took = record["total_ms"].as_f64().map_or_else(|| "-".to_owned(), took);
    let rows = match (&record["changed"], &record["rows"]) {
        (Value::Number(changed), _) => format!("{changed} changed"),
        (_, Value::Number(rows)) => rows.to_string(),
        _ => "-".to_owned(),
    };
    [
        time(record),
        cut(&cell(&record["client"]), 24),
        printable(&what),
        objects(record),
        outcome(record),
        took,
        rows,
    ]
}

fn took(ms: f64) -> String {
    if ms < 1_000.0 { format!("{ms:.1} ms") } else { format!("{:.1} s", ms / 1_000.0) }
}

fn print_lines(found: &SearchResult) -> Result<ExitCode> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for record in &found.records {
        // JSON does not escape control characters beyond ASCII.
        writeln!(out, "{}", escaped(&record.to_string()))?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

fn print_found(found: &SearchResult, limit: usize) -> Result<ExitCode> {
    let mut rows =
        vec![["SEQ", "TIME (UTC)", "EVENT", "WHO", "WHAT", "OBJECTS", "OUTCOME"].map(str::to_owned)];
    rows.extend(found.records.iter().map(|record| {
        let who = [&record["client"], &record["key"]].into_iter().find(|who| who.is_string());
        let what = record["statement"].as_str().map(|digest| cut(digest, 12));
        let tool = record["tool"].as_str().map(str::to_owned);
        let what: Vec<String> = tool.into_iter().chain(what).collect();
        [
            record["seq"].to_string(),
            time(record),
            cell(&record["event"]),
            who.map_or_else(|| "-".to_owned(), |who| cut(&cell(who), 24)),
            if what.is_empty() { "-".to_owned() } else { printable(&what.join(" ")) },
            objects(record),
            outcome(record),
        ]
    }));
    let mut text = if rows.len() > 1 { columns(&rows) } else { "no records\n".to_owned() };
    if found.has_more {
        text.push_str(&format!(
            "there are more; these are the newest {limit} (--limit shows another number)\n"
        ));
    }
    if found.unread > 0 {
        let lines = found.unread;
        text.push_str(&format!("{lines} lines are no records: `snowgate audit verify` says why\n"));
    }
    print_text(&text)
}

fn time(record: &Value) -> String {
    let time = record["time"].as_str().unwrap_or("-");
    printable(&time.chars().take(19).collect::<String>().replace('T', " "))
}

fn objects(record: &Value) -> String {
    let objects = record["objects"].as_array().map_or(&[][..], Vec::as_slice);
    match objects {
        [] => "-".to_owned(),
        [one] => cut(&cell(one), 40),
        [one, rest @ ..] => format!("{} +{}", cut(&cell(one), 40), rest.len()),
    }
}

fn outcome(record: &Value) -> String {
    match (&record["outcome"], &record["rule"], &record["error"]) {
        (Value::String(outcome), Value::String(rule), _) => printable(&format!("{outcome}: {rule}")),
        (Value::String(outcome), _, Value::String(error)) if outcome != error => {
            printable(&format!("{outcome}: {error}"))
        }
        (outcome, ..) => cell(outcome),
    }
}

fn cell(value: &Value) -> String {
    value.as_str().map_or_else(|| "-".to_owned(), printable)
}

fn cut(text: &str, chars: usize) -> String {
    let text = printable(text);
    if text.chars().count() <= chars {
        return text;
    }
    format!("{}...", text.chars().take(chars.saturating_sub(3)).collect::<String>())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn names_cannot_steer_a_terminal() {
        let record = json!({"time": "2026-01-01T00:00:00.000Z\u{1b}[2J", "client": "\u{1b}]0;x\u{7}\u{202e}evil",
            "tool": "execute_query", "class": "read", "text": "select\n\u{9b}31m", "outcome": "allowed",
            "objects": ["a\rb"], "total_ms": 1234.5, "rows": 3});
        let row = history_row(&record).join(" ");
        assert!(!row.chars().any(|char| char.is_control() || char == '\u{202e}'), "{row:?}");
        assert!(row.contains("evil") && row.contains("1.2 s"), "{row}");
    }

    #[test]
    fn times_that_are_past_are_read() {
        assert_eq!(parse_since("2026-01-31").unwrap(), "2026-01-31T00:00:00.000Z");
        assert_eq!(parse_until("2026-01-31").unwrap(), "2026-02-01T00:00:00.000Z");
        assert!(parse_since("1h").unwrap() < text_of_ms(crate::keys::now_ms()));
        assert!(parse_since("yesterday").is_err());
    }
}
