//! The streams `access` (a line a request) and `sql` (the text of statements).
//!
//! A request's thread only passes its event on; the line is made by the stream's thread.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use serde::Serialize;

use super::correlation::Correlation;
use super::event::RequestEvent;
use crate::backend::Rule;
use crate::config::{LogFormat, LogsConfig};
use crate::streams::{Consumer, Line, Stream, StreamFile, StreamName, StreamState, Timestamp};

/// About what an event takes while it waits, in bytes, without its statement.
const EVENT_BYTES: usize = 512;

/// Where those go; without a file by default. Clones are the same streams.
#[derive(Clone, Debug, Default)]
pub struct RequestStreams {
    access: Option<Stream<Arc<RequestEvent>>>,
    sql: Option<Stream<Arc<RequestEvent>>>,
    states: Vec<Arc<StreamState>>,
}

impl RequestStreams {
    /// Opens those that `config` wants, in `folder`.
    ///
    /// # Errors
    /// There is no room for a thread.
    pub fn open(folder: &Path, config: &LogsConfig) -> std::io::Result<Self> {
        let mut states = Vec::new();
        let mut open = |name: StreamName, is_on: bool, line: fn(&RequestEvent, &mut Vec<u8>)| {
            if !is_on {
                StreamFile::tidy_unused(folder, name, config);
                return Ok(None);
            }
            let file = StreamFile::open(folder, name, config);
            states.push(file.state());
            Stream::start(name.thread(), Writer { file, line, lines: Vec::new() }).map(Some)
        };
        let access = open(StreamName::Access, config.access, access_line)?;
        let sql = open(StreamName::Sql, config.sql, sql_line)?;
        Ok(Self { access, sql, states })
    }

    pub(super) fn note(&self, event: &Arc<RequestEvent>) {
        if let Some(access) = &self.access {
            access.push(Arc::clone(event), EVENT_BYTES);
        }
        let text = event.statement.as_ref().and_then(|statement| statement.text.as_ref());
        if let (Some(sql), Some(text)) = (&self.sql, text) {
            sql.push(Arc::clone(event), EVENT_BYTES + text.len());
        }
    }

    /// Those that are open, as they are.
    pub fn states(&self) -> &[Arc<StreamState>] {
        &self.states
    }

    /// Writes what waits, for a second at most each; nothing is taken after it.
    pub fn close(&self) {
        [&self.access, &self.sql].into_iter().flatten().for_each(Stream::close);
    }
}

struct Writer {
    file: StreamFile,
    line: fn(&RequestEvent, &mut Vec<u8>),
    lines: Vec<u8>,
}

impl Consumer<Arc<RequestEvent>> for Writer {
    fn write(&mut self, items: &mut Vec<Arc<RequestEvent>>, dropped: u64) {
        self.lines.clear();
        for event in items.drain(..) {
            let begin = self.lines.len();
            (self.line)(&event, &mut self.lines);
            if self.file.format() == LogFormat::Text {
                let line =
                    std::str::from_utf8(&self.lines[begin..]).ok().and_then(Line::read).unwrap_or_default();
                self.lines.truncate(begin);
                self.lines.extend_from_slice(line.to_text(true).as_bytes());
                self.lines.push(b'\n');
            }
        }
        self.file.note_dropped(dropped);
        self.file.write(&self.lines);
    }

    fn tidy(&mut self) -> bool {
        self.file.tidy()
    }
}

/// What both lines say of a request.
#[derive(Serialize)]
struct About<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    client: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    session: &'a str,
    request: u64,
    method: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'a str>,
    outcome: &'a str,
}

/// By what other records find it.
#[derive(Serialize)]
struct Found<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    query_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_use_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_session: Option<&'a str>,
}

#[derive(Serialize)]
struct AccessLine<'a> {
    timestamp: String,
    level: &'static str,
    message: &'static str,
    #[serde(flatten)]
    about: About<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_ms: Option<f64>,
    total_ms: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    estimate: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    replayed: Option<bool>,
    #[serde(flatten)]
    found: Found<'a>,
    target: &'static str,
}

#[derive(Serialize)]
struct SqlLine<'a> {
    timestamp: String,
    level: &'static str,
    message: &'static str,
    #[serde(flatten)]
    about: About<'a>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    digest: String,
    statement: &'a str,
    #[serde(flatten)]
    found: Found<'a>,
    target: &'static str,
}

fn about(event: &RequestEvent) -> About<'_> {
    About {
        client: event.asker.client.as_deref(),
        key: event.asker.key.as_deref(),
        session: &event.asker.session,
        request: event.number,
        method: &event.method,
        tool: event.tool,
        class: event.class,
        outcome: event.outcome.as_str(),
    }
}

fn found(event: &RequestEvent) -> Found<'_> {
    let Correlation { trace, tool_use, conversation, client_session } = &event.correlation;
    Found {
        query_id: event.query_id.as_deref(),
        traceparent: trace.as_ref().map(ToString::to_string),
        tool_use_id: tool_use.as_deref(),
        conversation_id: conversation.as_deref(),
        client_session: client_session.as_deref(),
    }
}

fn access_line(event: &RequestEvent, lines: &mut Vec<u8>) {
    let line = AccessLine {
        timestamp: Timestamp(event.at).to_string(),
        level: "INFO",
        message: "request",
        about: about(event),
        error: event.error,
        rule: event.rule.map(Rule::as_str),
        code: event.code.as_deref(),
        reason: event.reason.as_deref(),
        wait_ms: event.waited.map(milliseconds),
        run_ms: event.ran.map(milliseconds),
        total_ms: milliseconds(event.total),
        rows: event.rows,
        changed: event.changed,
        bytes: event.bytes,
        estimate: event.estimate.as_deref(),
        replayed: event.replayed.then_some(true),
        found: found(event),
        target: "snowgate::requests",
    };
    push(&line, lines);
}

fn sql_line(event: &RequestEvent, lines: &mut Vec<u8>) {
    let Some(statement) = &event.statement else { return };
    let line = SqlLine {
        timestamp: Timestamp(event.at).to_string(),
        level: "INFO",
        message: "statement",
        about: about(event),
        run_ms: event.ran.map(milliseconds),
        rows: event.rows,
        digest: statement.digest.in_full(),
        statement: statement.text.as_deref().unwrap_or_default(),
        found: found(event),
        target: "snowgate::sql",
    };
    push(&line, lines);
}

fn push(line: &impl Serialize, lines: &mut Vec<u8>) {
    // Writing numbers and texts to memory does not fail.
    if serde_json::to_writer(&mut *lines, line).is_ok() {
        lines.push(b'\n');
    }
}

/// With three digits behind the point.
fn milliseconds(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}
