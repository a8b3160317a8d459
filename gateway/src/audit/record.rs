//! What a record says of a request.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::Duration;

use serde::Serialize;

use super::time::text_of;
use crate::backend::{Context, Rule};
use crate::os::user_name;
use crate::telemetry::{Asker, ExportFacts, Outcome, RequestEvent};

/// Users whose names are remembered, at most.
const USERS_MAX: usize = 1_000;

/// The names of the system's users, as far as it tells them.
#[derive(Debug, Default)]
pub(super) struct Users(HashMap<u32, Option<String>>);

impl Users {
    fn name_of(&mut self, uid: u32) -> Option<&str> {
        if self.0.len() >= USERS_MAX {
            self.0.clear();
        }
        self.0.entry(uid).or_insert_with(|| user_name(uid)).as_deref()
    }
}

/// What an outcome is called in the trail.
pub(super) fn word_of(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "allowed",
        Outcome::Refused => "denied",
        other => other.as_str(),
    }
}

/// Who has asked, in a record.
#[derive(Debug, Serialize)]
pub(super) struct Who<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    user: Option<&'a str>,
    uid: u32,
    client: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    cwd: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    shim_pid: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    key: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    roles: &'a [String],
    profile: &'a str,
    from: From,
    session: &'a str,
}

/// Where a request comes from.
#[derive(Debug, Serialize)]
#[serde(untagged)]
enum From {
    Address(IpAddr),
    Local(&'static str),
}

impl<'a> Who<'a> {
    pub(super) fn of(asker: &'a Asker, users: &'a mut Users) -> Self {
        Self {
            user: users.name_of(asker.uid),
            uid: asker.uid,
            client: asker.client.as_deref(),
            client_version: asker.client_version.as_deref(),
            parent: asker.parent_exe.as_deref(),
            cwd: asker.cwd.as_deref(),
            shim_pid: Some(asker.pid).filter(|pid| *pid > 0),
            key: asker.key.as_deref(),
            roles: &asker.roles,
            profile: &asker.profile,
            from: asker.address.map_or(From::Local("local"), From::Address),
            session: &asker.session,
        }
    }
}

/// A request's record.
#[derive(Debug, Serialize)]
struct RequestRecord<'a> {
    time: String,
    kind: &'static str,
    event: &'static str,
    #[serde(flatten)]
    who: Who<'a>,
    request: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    journal_number: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    replayed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    class: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    statement: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'a str>,
    #[serde(skip_serializing_if = "<[String]>::is_empty")]
    objects: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    context: Option<&'a Context>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<&'static str>,
    /// Whether a later gateway is to find out what became of it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    unsettled: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    changed: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    bytes: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    export: Option<&'a ExportFacts>,
    #[serde(skip_serializing_if = "Option::is_none")]
    wait_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    run_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    total_ms: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    query_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    traceparent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    tool_use: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    conversation: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    client_session: Option<&'a str>,
}

fn ms(time: Duration) -> f64 {
    (time.as_secs_f64() * 1e6).round() / 1e3
}

/// Which of the kinds of records it is.
fn kind_of(event: &RequestEvent) -> &'static str {
    match (event.rule, event.tool) {
        (Some(_), _) => "authorization",
        (None, Some("execute_query")) => "query_execution",
        // A saved question.
        (None, Some(_)) if event.statement.is_some() => "query_execution",
        (None, Some(_)) => "data_access",
        (None, None) => "error_event",
    }
}

/// The fields of the record of a call.
pub(super) fn of_request(event: &RequestEvent, users: &mut Users, has_text: bool) -> String {
    members(&record_of(event, users, has_text))
}

/// The fields of the record of a call that is about to run.
pub(super) fn draft_of(event: &RequestEvent, users: &mut Users, has_text: bool) -> String {
    let record = record_of(event, users, has_text);
    members(&RequestRecord {
        outcome: None,
        total_ms: None,
        journal_number: None,
        unsettled: false,
        ..record
    })
}

/// Whether its journal's entry says that it began, and its call was dropped before it could say more.
fn is_left(event: &RequestEvent) -> bool {
    event.journaled.is_some_and(|journaled| !journaled.is_settled) && event.outcome == Outcome::Cancelled
}

/// Whether nothing more is to be heard of it.
pub(super) fn is_final(event: &RequestEvent) -> bool {
    event.outcome != Outcome::Detached
        && (is_left(event) || event.journaled.is_none_or(|journaled| journaled.is_settled))
}

/// Whether the journal says that its outcome is not known: the gateway that ran it, or the next one, has told so.
fn is_told_unknown(event: &RequestEvent) -> bool {
    event.outcome == Outcome::Unknown && event.error.is_none() && event.journaled.is_none()
}

/// What became of it.
fn outcome_of(event: &RequestEvent) -> Outcome {
    if is_left(event) {
        Outcome::Unknown
    } else if is_told_unknown(event) {
        Outcome::AnsweredFromJournal
    } else {
        event.outcome
    }
}

fn record_of<'a>(event: &'a RequestEvent, users: &'a mut Users, has_text: bool) -> RequestRecord<'a> {
    let statement = event.statement.as_ref();
    let unsettled = !is_final(event);
    RequestRecord {
        time: text_of(event.at),
        kind: kind_of(event),
        event: "call",
        who: Who::of(&event.asker, users),
        request: event.number,
        journal_number: event.journaled.map(|journaled| journaled.number),
        replayed: event.replayed,
        tool: event.tool,
        class: event.class,
        statement: statement.map(|statement| statement.digest.in_full()),
        text: statement.and_then(|statement| statement.text.as_deref()).filter(|_| has_text),
        objects: statement.map_or(&[], |statement| &statement.objects),
        connection: event.connection.as_deref(),
        context: event.context.as_ref(),
        outcome: Some(word_of(outcome_of(event))),
        unsettled,
        rule: event.rule.map(Rule::as_str),
        error: event.error.or(is_told_unknown(event).then_some("outcome_unknown")),
        code: event.code.as_deref(),
        rows: event.rows,
        changed: event.changed,
        bytes: event.bytes,
        export: event.export.as_ref(),
        wait_ms: event.waited.map(ms),
        run_ms: event.ran.map(ms),
        total_ms: Some(ms(event.total)),
        query_id: event.query_id.as_deref(),
        traceparent: event.correlation.trace.as_ref().map(ToString::to_string),
        tool_use: event.correlation.tool_use.as_deref(),
        conversation: event.correlation.conversation.as_deref(),
        client_session: event.correlation.client_session.as_deref(),
    }
}

/// The members of what is written as a JSON object.
pub(super) fn members<T: Serialize>(record: &T) -> String {
    // Nothing in a record can fail to be written.
    let mut text = serde_json::to_string(record).unwrap_or_default();
    if text.len() < 2 {
        return String::new();
    }
    text.pop();
    text.remove(0);
    text
}
