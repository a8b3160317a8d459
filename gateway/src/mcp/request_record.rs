//! What is known of a request while it is served; dropped, it becomes one [`RequestEvent`] (`telemetry`).
//!
//! Its reason has no SQL text and no value: a backend's own message may quote the statement, so of an error that has a code
//! only the code is kept.

use std::borrow::{Borrow, Cow};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use super::facts::RequestFacts;
use super::tool_name::ToolName;
use crate::audit::AuditPlace;
use crate::backend::{BackendError, Context, ErrorKind, Estimate, Rule};
use crate::session::Session;
use crate::telemetry::{Correlation, ExportFacts, Journaled, Outcome, RequestEvent, StatementFacts};

/// A longer reason is cut to this many characters.
const REASON_CHARS_MAX: usize = 300;

/// A longer code of a backend is left out, in bytes.
const CODE_BYTES_MAX: usize = 64;

/// What becomes of a request that ends with an error of this kind.
fn outcome_of(kind: ErrorKind) -> Outcome {
    match kind {
        ErrorKind::Refused | ErrorKind::LimitReached => Outcome::Refused,
        ErrorKind::Cancelled => Outcome::Cancelled,
        ErrorKind::OutcomeUnknown => Outcome::Unknown,
        ErrorKind::Detached => Outcome::Detached,
        ErrorKind::Statement
        | ErrorKind::NoContext
        | ErrorKind::TimedOut
        | ErrorKind::Busy
        | ErrorKind::Exhausted
        | ErrorKind::StateLost
        | ErrorKind::Unavailable => Outcome::Failed,
    }
}

/// What is seen of a request while it is served.
#[derive(Debug, Default)]
pub(super) struct Seen {
    pub(super) tool: Option<ToolName>,
    pub(super) class: Option<&'static str>,
    pub(super) outcome: Option<Outcome>,
    pub(super) error: Option<&'static str>,
    pub(super) code: Option<String>,
    pub(super) reason: Option<String>,
    /// Waiting for a connection, and running on it: the sum where there were several questions.
    pub(super) waited: Option<Duration>,
    pub(super) ran: Option<Duration>,
    pub(super) rows: Option<u64>,
    pub(super) changed: Option<u64>,
    pub(super) bytes: Option<u64>,
    /// The file that it has written.
    pub(super) export: Option<ExportFacts>,
    pub(super) query_id: Option<String>,
    /// What it was estimated to cost.
    pub(super) estimate: Option<Estimate>,
    /// The rule that refused it.
    pub(super) rule: Option<Rule>,
    pub(super) statement: Option<StatementFacts>,
    /// Where it ran, or was to run.
    pub(super) context: Option<Context>,
    /// Where the journal has it.
    pub(super) journal: Option<JournalTrace>,
    /// Its place in the queue of the audit trail.
    pub(super) place: Option<AuditPlace>,
}

/// What is known of a request's entry in the journal.
#[derive(Debug)]
pub(super) struct JournalTrace {
    /// Its number there.
    pub(super) number: u64,
    /// Set once it is there, if it may change something.
    pub(super) is_begun: Arc<AtomicBool>,
    /// Whether what became of it is known for good.
    pub(super) is_settled: bool,
}

impl JournalTrace {
    fn journaled(&self) -> Option<Journaled> {
        let journaled = Journaled { number: self.number, is_settled: self.is_settled };
        self.is_begun.load(Ordering::Acquire).then_some(journaled)
    }
}

/// One request, from its start to its line.
#[derive(Debug)]
pub(super) struct RequestRecord {
    seen: Mutex<Seen>,
}

impl RequestRecord {
    pub(super) fn new() -> Self {
        Self { seen: Mutex::default() }
    }

    /// What is seen so far. Never held across an await.
    pub(super) fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The request ends with `error`.
    pub(super) fn note_error(&self, error: &BackendError) {
        let mut seen = self.seen();
        seen.outcome = Some(outcome_of(error.kind));
        seen.error = Some(name_of(error.kind));
        seen.rule = error.rule.or_else(|| rule_of(error.kind));
        seen.code = error.code.clone().filter(|code| is_plain_code(code));
        seen.reason = reason(error);
        seen.query_id = error.query_id.clone().or(seen.query_id.take());
        seen.estimate = error.estimate.as_deref().copied().or(seen.estimate);
    }

    /// The request is refused before it reaches a backend, because of `error`.
    pub(super) fn note_refusal(&self, error: &'static str) {
        let mut seen = self.seen();
        (seen.outcome, seen.error) = (Some(Outcome::Refused), Some(error));
    }

    /// What is known of the request before its statement runs in `context`.
    pub(super) fn draft(
        &self,
        session: &Session,
        facts: &RequestFacts,
        context: Option<&Context>,
    ) -> RequestEvent {
        let seen = self.seen();
        RequestEvent {
            at: SystemTime::now(),
            total: Duration::ZERO,
            asker: session.asker(),
            number: facts.number,
            replayed: facts.replayed,
            method: "tools/call".into(),
            tool: seen.tool.map(ToolName::as_str),
            class: seen.class,
            outcome: Outcome::Unknown,
            error: None,
            rule: None,
            code: None,
            reason: None,
            waited: None,
            ran: None,
            rows: None,
            changed: None,
            bytes: None,
            export: None,
            query_id: None,
            estimate: None,
            connection: Some(session.profile.connection.clone()),
            context: context.cloned(),
            statement: seen.statement.clone(),
            correlation: facts.correlation.clone(),
            journaled: None,
            has_audit_place: false,
        }
    }
}

/// The rule behind an error that names none.
fn rule_of(kind: ErrorKind) -> Option<Rule> {
    (kind == ErrorKind::LimitReached).then_some(Rule::Limit)
}

/// The name of a kind of failure: in the log, and for programs.
pub(super) fn name_of(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Statement => "statement",
        ErrorKind::NoContext => "no_context",
        ErrorKind::Refused => "refused",
        ErrorKind::LimitReached => "limit_reached",
        ErrorKind::Cancelled => "cancelled",
        ErrorKind::TimedOut => "timed_out",
        ErrorKind::Busy => "busy",
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::OutcomeUnknown => "outcome_unknown",
        ErrorKind::Exhausted => "exhausted",
        ErrorKind::StateLost => "state_lost",
        ErrorKind::Detached => "detached",
    }
}

/// Whether it is what a code can be: not some text that a server put there.
fn is_plain_code(code: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"_ ,()-".contains(&byte);
    code.len() <= CODE_BYTES_MAX && code.bytes().all(is_plain)
}

/// The error's message where it is ours or the transport's: those quote no statement. An error with a code is
/// the backend's own.
fn reason(error: &BackendError) -> Option<String> {
    let is_ours = match error.kind {
        ErrorKind::TimedOut
        | ErrorKind::LimitReached
        | ErrorKind::Busy
        | ErrorKind::Exhausted
        | ErrorKind::Unavailable
        | ErrorKind::OutcomeUnknown
        | ErrorKind::Detached => error.code.is_none(),
        // That of lost state names the session's objects.
        ErrorKind::Statement
        | ErrorKind::NoContext
        | ErrorKind::Refused
        | ErrorKind::Cancelled
        | ErrorKind::StateLost => false,
    };
    is_ours.then(|| error.message.chars().take(REASON_CHARS_MAX).collect())
}

/// Notes a request when it is dropped: also where the request's future is.
pub(super) struct RequestLine<S: Borrow<Session>, R: Borrow<RequestRecord>> {
    session: S,
    number: u64,
    replayed: bool,
    correlation: Correlation,
    method: Cow<'static, str>,
    record: R,
    began: Instant,
}

impl<S: Borrow<Session>, R: Borrow<RequestRecord>> RequestLine<S, R> {
    /// The line of the request that `facts` are about.
    pub(super) fn new(
        session: S,
        facts: Option<&RequestFacts>,
        method: Cow<'static, str>,
        record: R,
    ) -> Self {
        let (number, replayed) = facts.map_or((0, false), |facts| (facts.number, facts.replayed));
        let correlation = facts.map(|facts| facts.correlation.clone()).unwrap_or_default();
        Self { session, number, replayed, correlation, method, record, began: Instant::now() }
    }

    /// What is seen of the request.
    pub(super) fn record(&self) -> &RequestRecord {
        self.record.borrow()
    }
}

impl<S: Borrow<Session>, R: Borrow<RequestRecord>> Drop for RequestLine<S, R> {
    fn drop(&mut self) {
        let session: &Session = self.session.borrow();
        let seen = std::mem::take(&mut *self.record.borrow().seen());
        session.note_request(|asker| RequestEvent {
            at: SystemTime::now(),
            total: self.began.elapsed(),
            asker,
            number: self.number,
            replayed: self.replayed,
            method: std::mem::take(&mut self.method),
            tool: seen.tool.map(ToolName::as_str),
            class: seen.class,
            outcome: seen.outcome.unwrap_or(Outcome::Cancelled),
            error: seen.error,
            rule: seen.rule,
            code: seen.code,
            reason: seen.reason,
            waited: seen.waited,
            ran: seen.ran,
            rows: seen.rows,
            changed: seen.changed,
            bytes: seen.bytes,
            export: seen.export,
            query_id: seen.query_id,
            estimate: seen.estimate.map(|estimate| estimate.shown()),
            connection: seen.tool.map(|_| session.profile.connection.clone()),
            context: seen.context,
            statement: seen.statement,
            journaled: seen.journal.as_ref().and_then(JournalTrace::journaled),
            has_audit_place: seen.place.is_some(),
            correlation: std::mem::take(&mut self.correlation),
        });
    }
}

/// Writes the line of request `number`, which never reached a tool: `error` says why; `None`: the client
/// cancelled it while it waited.
pub fn log_unstarted(session: &Session, number: u64, method: &'static str, error: Option<i32>) {
    let record = RequestRecord::new();
    match error {
        Some(code) => record.note_refusal(protocol_error(code)),
        None => record.seen().outcome = Some(Outcome::Cancelled),
    }
    let mut line = RequestLine::new(session, None, method.into(), &record);
    line.number = number;
    drop(line);
}

/// The name of a JSON-RPC error.
pub(super) fn protocol_error(code: i32) -> &'static str {
    match code {
        -32700 => "parse_error",
        -32600 => "invalid_request",
        -32601 => "method_not_found",
        -32602 => "invalid_params",
        -32603 => "internal_error",
        _ => "protocol_error",
    }
}

/// What a statement does, as far as its first word tells: `read`, `write`, `ddl` or `other`.
pub(super) fn class_of(sql: &str) -> &'static str {
    const READS: [&str; 11] =
        ["select", "with", "values", "table", "show", "describe", "desc", "explain", "list", "ls", "pragma"];
    const WRITES: [&str; 8] = ["insert", "update", "delete", "merge", "replace", "copy", "call", "execute"];
    const DDL: [&str; 12] = [
        "create", "alter", "drop", "truncate", "comment", "grant", "revoke", "undrop", "vacuum", "reindex",
        "analyze", "rename",
    ];
    let text = skip_blank(sql);
    let word = text.split(|char: char| !char.is_ascii_alphabetic()).next().unwrap_or_default();
    let is_among = |words: &[&str]| words.iter().any(|known| word.eq_ignore_ascii_case(known));
    match () {
        () if is_among(&READS) => "read",
        () if is_among(&WRITES) => "write",
        () if is_among(&DDL) => "ddl",
        () => "other",
    }
}

/// The text behind blanks, comments and opening parentheses.
fn skip_blank(mut text: &str) -> &str {
    loop {
        text = text.trim_start_matches(|char: char| char.is_whitespace() || char == '(');
        let end = match text {
            line if line.starts_with("--") => line.find('\n'),
            block if block.starts_with("/*") => block.find("*/").map(|at| at + 2),
            _ => return text,
        };
        let Some(end) = end else { return "" };
        text = &text[end..];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_messages_that_cannot_quote_a_statement_are_said() {
        let noted = |error: &BackendError| {
            let record = RequestRecord::new();
            record.note_error(error);
            let seen = record.seen.into_inner().unwrap();
            (seen.outcome.unwrap().as_str(), seen.error.unwrap(), seen.code, seen.reason)
        };
        let statement =
            BackendError::new(ErrorKind::Statement, "near \"hush\"").with_code("SQLITE_ERROR (1)");
        let code = Some("SQLITE_ERROR (1)".to_owned());
        assert_eq!(noted(&statement), ("failed", "statement", code, None));
        let refused = BackendError::new(ErrorKind::Refused, "hush is refused");
        assert_eq!(noted(&refused), ("refused", "refused", None, None));
        let busy = BackendError::new(ErrorKind::Busy, "all 4 connections were busy");
        assert_eq!(noted(&busy).3.as_deref(), Some("all 4 connections were busy"));
        let odd = BackendError::new(ErrorKind::Unavailable, "hush").with_code("'hush'");
        assert_eq!(noted(&odd), ("failed", "unavailable", None, None));
    }

    #[test]
    fn the_class_is_that_of_the_first_word() {
        for (sql, class) in [
            ("select 1", "read"),
            ("-- a comment\n /* b */ ((SELECT 1))", "read"),
            ("With x as (select 1) select 1", "read"),
            ("insert into t values (1)", "write"),
            ("DROP TABLE t", "ddl"),
            ("frobnicate", "other"),
            ("/* open", "other"),
            ("-- only", "other"),
            ("", "other"),
        ] {
            assert_eq!(class_of(sql), class, "{sql}");
        }
    }
}
