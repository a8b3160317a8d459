//! What the page is sent of a session: what its columns show, and no field that has nothing to say. Times are points in time, not
//! durations: those would change all the time.

use serde_json::{Map, Value, json};

use crate::observe::Overview;
use crate::session::{CallView, SessionView};

/// Two readings of one point in time may differ by so much, in milliseconds.
const READING_MS: u64 = 1_500;

/// Where a client's program is, is for operators alone.
pub(super) fn hide_whereabouts(session: &mut SessionView) {
    (session.cwd, session.parent_exe) = (None, None);
}

/// The row of `view`; `before` is what was sent of it.
pub(super) fn session_row(view: &SessionView, at_ms: u64, before: Option<&Value>) -> Value {
    let active_at_ms = steady(at_ms.saturating_sub(view.idle_ms), before.map(|row| &row["active_at_ms"]));
    let calls: Vec<Value> = view.calls.iter().map(|call| call_row(call, at_ms, before)).collect();
    let limits: Vec<Value> = view
        .limits
        .iter()
        .filter(|limit| limit.used > 0)
        .map(|limit| json!([limit.limit, limit.used, limit.max]))
        .collect();
    let problem = view.profile_problem.as_ref().or(view.context_lost.as_ref());
    let row = json!({
        "client": view.client,
        "version": view.client_version,
        "name": view.name,
        "key": view.key,
        "role": view.role,
        "address": view.address,
        "profile": view.profile,
        "connection": view.connection,
        "database": view.context.database,
        "schema": view.context.schema,
        "pin": view.pin,
        "leases": view.leases,
        "calls": calls,
        "requests": view.requests,
        "rows": view.rows,
        "bytes": view.bytes,
        "errors": view.errors,
        "denials": view.denials,
        "limited": view.limited,
        "limits": limits,
        "problem": problem,
        "settings_refused": view.settings_refused,
        "started_at_ms": view.started_at_ms,
        "active_at_ms": active_at_ms,
    });
    without_empty(row)
}

/// `[number, since when, tool, phase, pattern]`
fn call_row(call: &CallView, at_ms: u64, before: Option<&Value>) -> Value {
    let known = before.and_then(|row| row["calls"].as_array());
    let known = known.and_then(|calls| calls.iter().find(|known| known[0] == call.number));
    let began_at_ms = steady(at_ms.saturating_sub(call.since_ms), known.map(|known| &known[1]));
    json!([call.number, began_at_ms, call.tool, call.phase, call.pattern])
}

fn steady(now_ms: u64, before: Option<&Value>) -> u64 {
    before.and_then(Value::as_u64).filter(|before| before.abs_diff(now_ms) < READING_MS).unwrap_or(now_ms)
}

fn without_empty(row: Value) -> Value {
    let is_empty = |value: &Value| match value {
        Value::Null => true,
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_u64() == Some(0),
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(_) => false,
    };
    match row {
        Value::Object(fields) => fields.into_iter().filter(|(_, value)| !is_empty(value)).collect(),
        other => other,
    }
}

/// What `status` says and the page shows, without what has a table of its own or changes all the time.
pub(super) fn facts(overview: &Overview) -> Map<String, Value> {
    let mut facts = match serde_json::to_value(&overview.status) {
        Ok(Value::Object(facts)) => facts,
        Ok(_) | Err(_) => Map::new(),
    };
    for left_out in ["uptime_ms", "queries", "minutes", "allocator"] {
        facts.remove(left_out);
    }
    let started_s = overview.at_ms.saturating_sub(overview.status.uptime_ms) / 1_000;
    facts.insert("started_at_ms".to_owned(), json!(started_s / 10 * 10_000));
    for connection in facts.get_mut("connections").and_then(Value::as_array_mut).into_iter().flatten() {
        if let Some(breaker) = connection.get_mut("breaker").and_then(Value::as_object_mut) {
            let since_ms = breaker.remove("since_ms").and_then(|since| since.as_u64()).unwrap_or(0);
            let since_at_s = overview.at_ms.saturating_sub(since_ms) / 1_000;
            breaker.insert("since_at_ms".to_owned(), json!(since_at_s / 10 * 10_000));
        }
    }
    let queries = &overview.queries;
    facts.insert(
        "statements".to_owned(),
        json!({ "slow_ms": queries.slow_ms, "statements": queries.statements, "slow": queries.slow,
            "patterns": queries.patterns, "evicted": queries.evicted }),
    );
    facts
}

#[cfg(test)]
mod tests {
    use super::*;

    fn view() -> SessionView {
        serde_json::from_value(json!({
            "id": "a", "state": "running", "client": "app", "client_version": null, "era": "unknown",
            "profile": "default", "name": null, "context": {}, "uid": 1, "pid": 2, "parent_exe": "/bin/x",
            "cwd": "/home/x", "requests": 1, "running": 1, "rows": 0, "bytes": 0, "errors": 0,
            "started_at_ms": 5, "idle_ms": 400, "calls": [{ "number": 3, "since_ms": 400 }],
        }))
        .unwrap()
    }

    #[test]
    fn a_session_that_does_nothing_new_has_the_same_row() {
        let first = session_row(&view(), 10_000, None);
        assert_eq!((&first["active_at_ms"], &first["calls"][0][1]), (&json!(9_600), &json!(9_600)));
        assert!(first.get("rows").is_none() && first.get("version").is_none(), "{first}");
        assert!(!first.to_string().contains("/home/x"), "{first}");
        let mut later = view();
        (later.idle_ms, later.calls[0].since_ms) = (1_390, 1_410);
        assert_eq!(session_row(&later, 11_000, Some(&first)), first);
        later.idle_ms = 0;
        assert_ne!(session_row(&later, 12_000, Some(&first)), first);
    }
}
